// What the tests of `debugtap restart` and `logs` stand on: a VM with systemd and programs of services, and debugtap with its configuration.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Test } from "tap";
import { program } from "./relay-process.ts";
import { startSystemdVm, type SystemdVm } from "./systemd-vm.ts";

/** Waits for a client, then runs its first line of its own. */
const listens = `import os, sys, time
import debugpy
debugpy.listen(("127.0.0.1", int(sys.argv[1])))
debugpy.wait_for_client()
first = os.getpid()
print("runs", flush=True)
time.sleep(600)
`;
/** Listens and forks, and says so. */
export const serves = `import os, sys, time, socket
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
for _ in range(int(sys.argv[2])):
    if os.fork() == 0:
        time.sleep(600)
print("serves", os.getpid(), flush=True)
time.sleep(600)
`;

/** The same, deaf to Ctrl-C. */
const stubborn = `import runpy, signal
signal.signal(signal.SIGINT, signal.SIG_IGN)
runpy.run_path(__file__.replace("stubborn", "serves"))
`;

export interface Stage {
  readonly vm: SystemdVm;
  /** What the VM's user can read. */
  readonly there: string;
  readonly here: string;
  readonly env: NodeJS.ProcessEnv;
  /** Writes debugtap.yml. */
  readonly configure: (services: Record<string, object>) => void;
  readonly debugtap: (...words: string[]) => Promise<{ code: number | null; stdout: string; stderr: string }>;
}

export async function stage(t: Test, units: (there: string) => Record<string, string>, sudo: boolean): Promise<Stage> {
  const dir = mkdtempSync(join(tmpdir(), "dt-"));
  t.teardown(() => rmSync(dir, { recursive: true, force: true }));
  const [there, here] = [join(dir, "vm"), join(dir, "me")];
  for (const each of [there, here]) mkdirSync(each);
  chmodSync(dir, 0o755);
  chmodSync(there, 0o777);
  writeFileSync(join(there, "listens.py"), listens);
  writeFileSync(join(there, "serves.py"), serves);
  writeFileSync(join(there, "stubborn.py"), stubborn);
  writeFileSync(join(there, "plain.py"), "first = 1\nimport time\ntime.sleep(600)\n");
  writeFileSync(
    join(there, "web.py"),
    "import wsgiref.util\n\n\ndef application(environ, start_response):\n    return []\n",
  );
  const vm = await startSystemdVm(t, { units: units(there), sudo });
  // Of its own: a relay that another test runs is none of ours.
  const env = { XDG_RUNTIME_DIR: dir, XDG_STATE_HOME: join(dir, "state"), NODE_OPTIONS: "", NO_COLOR: "1" };
  return {
    vm,
    there,
    here,
    env,
    configure: (services) =>
      writeFileSync(
        join(here, "debugtap.yml"),
        JSON.stringify({
          hosts: { vm: { ssh: vm.sshd.alias, ssh_config: vm.sshd.sshConfig } },
          services: Object.fromEntries(Object.entries(services).map(([name, each]) => [name, { host: "vm", ...each }])),
        }),
      ),
    debugtap: debugtapIn(here, env),
  };
}

export function debugtapIn(cwd: string, more: NodeJS.ProcessEnv): Stage["debugtap"] {
  return async (...words) => {
    const env = { ...process.env, ...more };
    const child = spawn(process.execPath, [program, ...words], { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
    const ended = once(child, "close");
    let [stdout, stderr] = ["", ""];
    child.stdout.on("data", (text: Buffer) => (stdout += text.toString()));
    child.stderr.on("data", (text: Buffer) => (stderr += text.toString()));
    const [code] = await ended;
    return { code: code as number | null, stdout, stderr };
  };
}

export function unit(command: string, more = ""): string {
  return `[Service]\nUser=debugtap-vm\nExecStart=${command}\n${more}`;
}

export interface Restarted {
  readonly services: readonly {
    readonly service: string;
    readonly ok: boolean;
    readonly processes: readonly {
      readonly pid: number;
      readonly program: string;
      readonly state?: string;
      readonly forked?: boolean;
    }[];
    readonly before: number;
    readonly session?: string;
    readonly error?: { readonly code: string; readonly what: string; readonly why?: string; readonly fix?: string };
  }[];
}

export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 50));
}
