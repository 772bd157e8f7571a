// `debugtap inject` and `eject` of systemd units, by the real program over a real sshd, in a VM with a real systemd: of the user who logs
// in, of another user, with directories hidden; without sudo; two debugtaps; by hand; cut off at any point.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import t, { type Test } from "tap";
import { debugtapId } from "../../src/inject/folder.ts";
import { program } from "../helpers/relay-process.ts";
import { startSystemdVm, type SystemdVm } from "../helpers/systemd-vm.ts";

interface Laptop {
  readonly dir: string;
  readonly id: string;
  readonly debugtap: (...words: string[]) => Promise<{ code: number | null; stdout: string; stderr: string }>;
}

/** A directory with a debugtap.yml, and a state directory of its own. */
function laptop(t: Test, { sshd }: SystemdVm, services: Readonly<Record<string, string>>): Laptop {
  const dir = mkdtempSync(join(tmpdir(), "dti-"));
  t.teardown(() => rmSync(dir, { recursive: true, force: true }));
  const file = join(dir, "debugtap.yml");
  const lines = Object.entries(services).map(
    ([name, run], index) =>
      `  ${name}: { host: vm, wire: dap, listens: ${15678 + index}, ide: ${15711 + index}, run: { ${run} } }`,
  );
  writeFileSync(file, `hosts:\n  vm: { ssh: vm, ssh_config: ${sshd.sshConfig} }\nservices:\n${lines.join("\n")}\n`);
  const id = debugtapId(file);
  // The VM has this machine's /var/lib.
  t.teardown(() => rmSync(`/var/lib/debugtap/${id}`, { recursive: true, force: true }));
  return {
    dir,
    id,
    debugtap: async (...words) => {
      const child = spawn(process.execPath, [program, ...words], {
        cwd: dir,
        env: { ...process.env, NO_COLOR: "1", XDG_STATE_HOME: join(dir, "state") },
        stdio: ["ignore", "pipe", "pipe"],
      });
      const closed = once(child, "close");
      let [stdout, stderr] = ["", ""];
      child.stdout.on("data", (text: Buffer) => (stdout += text.toString()));
      child.stderr.on("data", (text: Buffer) => (stderr += text.toString()));
      const [code] = await closed;
      return { code: code as number | null, stdout, stderr };
    },
  };
}

/** Names, kinds, modes, owners, links and hashes of all that inject may touch. */
function tree({ run }: SystemdVm): string {
  const script = `for top in /home /etc/systemd/system /srv/app /var/lib/debugtap /var/tmp/debugtap-* /tmp/debugtap-9*; do
    [ -e "$top" ] && find "$top" ! -name .bash_history -printf '%y %m %u:%g %p %l\\n' | sort && find "$top" -type f -exec sha256sum {} + | sort -k2
  done; :`;
  return run(["sh", "-c", script]).stdout;
}

const serve = "import time, os\nprint('runs', flush=True)\ntime.sleep(600)\n";
const unit = (lines: string) =>
  `[Service]\nExecStart=/usr/bin/python3 -u -c "${serve.trim().replaceAll("\n", "; ")}"\n${lines}\n`;

t.test("units of this user and of another, and all as before", async (t) => {
  const vm = await startSystemdVm(t, {
    sudo: true,
    units: {
      "own.service": unit("User=debugtap-vm\nEnvironment=PYTHONPATH=/opt/mine OTHER=1"),
      "nobody.service": unit("User=nobody\nProtectSystem=strict\nProtectHome=yes"),
    },
  });
  const { id, debugtap } = laptop(t, vm, { own: "unit: own", nobody: "unit: nobody" });
  const before = tree(vm);
  const dry = await debugtap("inject", "--dry-run");
  t.equal(dry.code, 0, dry.stderr);
  t.match(dry.stdout, "zz-debugtap");
  t.equal(tree(vm), before, "a dry run writes nothing");
  const { code, stdout, stderr } = await debugtap("inject", "--yes");
  t.equal(code, 0, stderr);
  console.log(stdout, tree(vm));
  const again = await debugtap("inject", "--yes");
  console.log(again.stdout);
  const ejected = await debugtap("eject");
  console.log(ejected);
  t.equal(tree(vm), before, "all as it was");
});
