// A VM with services that can be restarted, for doctor: each has a command, a file of variables, and `sh ctl NAME` that starts it anew.
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Test } from "tap";
import type { Finding } from "../../src/doctor/finding.ts";
import { ThrowawaySshd } from "../../src/demo/throwaway-sshd.ts";
import { program } from "./relay-process.ts";

// Ends when the program has said so often that it is ready: by `ready.py`, in the master or in each worker. That the one before is gone
// shows by `alive`, which each of its processes has open.
const ctl = `name=$1; cd "$(dirname "$0")" || exit 1
if [ -p $name.alive ]; then
  exec 6<>$name.alive 5<$name.alive 6>&-
  kill -s TERM -- -$(cat $name.pid) 2>/dev/null; cat <&5; exec 5<&-
fi
rm -f $name.fifo $name.alive; mkfifo $name.fifo $name.alive; exec 3<>$name.fifo 4<>$name.alive
env $(grep -v '^#' $name.env) READY="$PWD/$name.fifo" setsid sh $name.cmd </dev/null >$name.log 2>&1 3>&- & echo $! >$name.pid
exec 4>&-; head -n $(cat $name.count) <&3 >/dev/null
`;
const ready = `import os
fd = os.open(os.environ["READY"], os.O_WRONLY | os.O_NONBLOCK)
os.write(fd, b"ready\\n")
os.close(fd)
`;

export interface DoctorStage {
  /** On the VM; its user may write there. */
  readonly there: string;
  readonly here: string;
  readonly sshd: ThrowawaySshd;
  readonly uid: number;
  /** Makes a service of the VM and starts it. `times` it says that it is ready. */
  readonly start: (name: string, command: string, times?: number) => Promise<void>;
  /** What debugtap.yml says of it. */
  readonly run: (name: string) => { readonly restart: string; readonly env_file: string };
  /** Writes a file of the VM. */
  readonly write: (name: string, text: string) => string;
  readonly doctor: (
    ...words: string[]
  ) => Promise<{ code: number | null; findings: Finding[]; stdout: string; stderr: string }>;
  /** Any other verb; rejects when it fails. */
  readonly debugtap: (...words: string[]) => Promise<string>;
  /** Runs a fix as it was printed. */
  readonly paste: (fix: string | undefined) => Promise<void>;
}

/** `vm`: the sshd of a VM that runs already; else one of its own, with these settings. */
export async function doctorStage(
  t: Test,
  { settings = {}, vm }: { readonly settings?: Readonly<Record<string, string>>; readonly vm?: ThrowawaySshd } = {},
): Promise<DoctorStage> {
  const sshd = vm ?? (await ThrowawaySshd.start({ settings }));
  if (vm === undefined) t.teardown(() => sshd.stop());
  const dir = mkdtempSync(join(tmpdir(), "dt-doctor-"));
  const names: string[] = [];
  t.teardown(() => {
    for (const name of names) {
      const pid = Number(existsSync(join(there, `${name}.pid`)) ? readFileSync(join(there, `${name}.pid`), "utf8") : 0);
      if (pid > 0) spawnSync("kill", ["-KILL", "--", `-${pid}`]);
    }
    rmSync(dir, { recursive: true, force: true });
  });
  const [there, here] = [join(dir, "vm"), join(dir, "me")];
  const uid = Number(spawnSync("id", ["-u", sshd.user], { encoding: "utf8" }).stdout);
  mkdirSync(there);
  mkdirSync(here);
  chmodSync(dir, 0o755);
  chownSync(there, uid, uid);
  const write = (name: string, text: string): string => {
    const file = join(there, name);
    writeFileSync(file, text);
    chownSync(file, uid, uid);
    return file;
  };
  write("ctl", ctl);
  write("ready.py", ready);
  const env = { ...process.env, NO_COLOR: "1", XDG_STATE_HOME: join(here, "state") };
  const call = async (command: string, words: readonly string[]) => {
    const child = spawn(command, words, { cwd: here, env, stdio: ["ignore", "pipe", "pipe"] });
    let [stdout, stderr] = ["", ""];
    child.stdout.on("data", (text: Buffer) => (stdout += text.toString()));
    child.stderr.on("data", (text: Buffer) => (stderr += text.toString()));
    const [code] = await once(child, "close");
    return { code: code as number | null, stdout, stderr };
  };
  const start = async (name: string, command: string, times = 1): Promise<void> => {
    names.push(name);
    for (const [ending, text] of [
      ["cmd", `exec ${command}\n`],
      ["env", ""],
      ["count", `${times}\n`],
    ] as const)
      write(`${name}.${ending}`, text);
    const { code, stderr } = await call("ssh", ["-F", sshd.sshConfig, sshd.alias, `sh ${there}/ctl ${name}`]);
    if (code !== 0)
      throw new Error(`${name} did not start: ${stderr}\n${readFileSync(join(there, `${name}.log`), "utf8")}`);
  };
  return {
    there,
    here,
    sshd,
    uid,
    write,
    start,
    run: (name) => ({ restart: `sh ${there}/ctl ${name}`, env_file: join(there, `${name}.env`) }),
    doctor: async (...words) => {
      const { code, stdout, stderr } = await call(process.execPath, [program, "doctor", "--json", ...words]);
      const { findings = [] } = JSON.parse(stdout === "" ? "{}" : stdout) as { findings?: Finding[] };
      return { code, findings, stdout, stderr };
    },
    debugtap: async (...words) => {
      const { code, stdout, stderr } = await call(process.execPath, [program, ...words]);
      if (code !== 0) throw new Error(`debugtap ${words.join(" ")}: exit ${code}\n${stdout}${stderr}`);
      return stdout;
    },
    paste: async (fix) => {
      const { code, stdout, stderr } = await call("sh", ["-c", fix ?? "echo there is no fix; false"]);
      if (code !== 0) throw new Error(`${fix}: exit ${code}\n${stdout}${stderr}`);
    },
  };
}

/** A program of the VM's user; ended with the test. */
export function asVm(t: Test, ...words: readonly string[]): ChildProcess {
  const user =
    process.getuid?.() === 0 ? ["setpriv", "--reuid=debugtap-vm", "--regid=debugtap-vm", "--clear-groups"] : ["env"];
  const child = spawn(user[0] ?? "", [...user.slice(1), ...words], { stdio: ["ignore", "pipe", "inherit"] });
  const ended = once(child, "exit");
  t.teardown(async () => {
    child.kill("SIGKILL");
    await ended;
  });
  return child;
}

/** Findings that are wrong, of a code and a subject; `text` is in what or why. */
export function wrongs(findings: readonly Finding[], code: string, subject: string, text = ""): Finding[] {
  return findings.filter(
    (each) =>
      each.status === "wrong" &&
      each.code === code &&
      each.subject === subject &&
      `${each.what} ${each.why}`.includes(text),
  );
}
