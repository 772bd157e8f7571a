// Real processes: a Python that dials us, looked up as `sh` here and through a real sshd.
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import t from "tap";
import { DebugtapError } from "../../protocol/errors.ts";
import { ThrowawaySshd } from "../../src/demo/throwaway-sshd.ts";
import type { Peer } from "../../src/duplex.ts";
import type { ProcessFacts } from "../../src/process.ts";
import { runLocal } from "../../src/transport/local-exec.ts";
import { lookupPid, lookupProcess, parseLookup } from "../../src/transport/process-lookup.ts";
import type { Run } from "../../src/transport/process-lookup.ts";
import { connectionCommand, pidCommand } from "../../src/transport/process-script.ts";
import { openTunnel } from "../../src/transport/ssh-tunnel.ts";
import { known, run, service, until } from "./vm.ts";
import type { Service } from "./vm.ts";

type Tap = Pick<typeof t, "teardown">;
const isRoot = process.getuid?.() === 0;
const pythonPath = "/usr/bin/python3";
/** A user that has no other process and no name. */
const nobodyElse = 54_321;

// Dials the port of its first argument; `fork`: only its child does; `share`: its child inherits the connection.
// Says the pid of the one that made the connection, and stays until its stdin ends.
const dialer = `
import os, socket, sys
port, mode = int(sys.argv[1]), sys.argv[2]
parent = os.getpid()
if mode == "fork" and os.fork():
    sys.stdin.read()
    os._exit(0)
s = socket.create_connection(("127.0.0.1", port))
s.set_inheritable(True)
made = os.getpid()
if mode == "share" and os.fork() == 0:
    s.sendall(b"%d" % made)
    sys.stdin.read()
    os._exit(0)
if mode != "share":
    s.sendall(b"%d" % made)
sys.stdin.read()
`;

interface Dialled {
  readonly child: ChildProcess;
  /** The pid that made the connection. */
  readonly pid: number;
  readonly srcPort: number;
}

function start(t: Tap, program: string, args: readonly string[], options: object = {}): ChildProcess {
  const child = spawn(program, args, { stdio: ["pipe", "pipe", "inherit"], ...options });
  t.teardown(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.stdin?.end();
    await once(child, "exit");
  });
  return child;
}

/** A Python that connects to a service of ours. */
async function dial(t: Tap, to: Service, args: readonly string[] = ["plain"], options: object = {}): Promise<Dialled> {
  const count = to.sockets.length;
  const child = start(t, pythonPath, ["-c", dialer, String(to.port), ...args], options);
  await until(() => to.sockets.length > count);
  const socket = known(to.sockets[count]);
  const [pid] = (await once(socket, "data")) as [Buffer];
  return { child, pid: Number(pid.toString()), srcPort: known(socket.remotePort) };
}

async function listening(t: Tap): Promise<Service> {
  const ours = await service(() => undefined);
  t.teardown(async () => await ours.close());
  return ours;
}

/** This machine, which other tests make slow. */
const here: Run = async (command) => await runLocal(command, { timeoutMs: 60_000 });

/** The programs that process-script.ts needs, and no other: without `ss` the same must be found. */
function withoutSs(t: Tap): Run {
  const dir = mkdtempSync(join(tmpdir(), "debugtap-path-"));
  t.teardown(() => rmSync(dir, { recursive: true }));
  for (const name of ["sh", "ls", "sed", "grep", "tr", "head", "sort", "readlink"])
    symlinkSync(`/usr/bin/${name}`, join(dir, name));
  return async (command) => await here(`PATH=${dir}; export PATH; ${command}`, {});
}

t.test("who connected: with ss and without, whatever stands in the command line", async (t) => {
  const to = await listening(t);
  const cwd = mkdtempSync(join(tmpdir(), "debugtap a 'b'\n-"));
  t.teardown(() => rmSync(cwd, { recursive: true }));
  const odd = ["plain", "two words", "", "new\nline", "tab\t", "é\u0001", "\ndt.pid=1\n", "$(id)`id`'\"", ""];
  const env = { ...process.env, WANTED: "a=b\nc d", EMPTY: "", SECRET: "no", "ODD'NAME": "x" };
  const { pid, srcPort } = await dial(t, to, odd, { cwd, env });
  for (const [name, run] of [
    ["ss", here],
    ["/proc", withoutSs(t)],
  ] as const) {
    const facts = known(
      await lookupProcess(
        run,
        { srcPort, dstPort: to.port },
        { env: ["WANTED", "EMPTY", "MISSING", "ODD'NAME", "A|SECRET"] },
      ),
    );
    t.equal(facts.pid, pid, name);
    t.equal(facts.ppid, process.pid);
    t.same(facts.argv, [pythonPath, "-c", dialer, String(to.port), ...odd]);
    t.equal(facts.cwd, cwd);
    t.match(facts.exe, /^\/usr\/bin\/python3[\d.]*$/);
    t.same(facts.env, { WANTED: "a=b\nc d", EMPTY: "" }, "only what was asked for");
    t.equal(facts.uid, process.getuid?.());
    t.equal(facts.user, (await outputOf("id", "-un")).trim());
    t.ok((facts.started ?? 0) > 0);
    t.equal(facts.ancestors?.[0]?.pid, process.pid);
    t.ok((facts.ancestors?.length ?? 0) <= 5);
    t.match(facts.cgroup, /^\//);

    const { env: _, ...withoutEnv } = facts;
    t.same(await lookupPid(run, pid), withoutEnv, "the same by its pid");
    t.equal(
      await lookupProcess(run, { srcPort: to.port, dstPort: srcPort }).then((ours) => ours?.pid),
      process.pid,
      "our end is ours",
    );
  }
});

async function outputOf(program: string, ...args: string[]): Promise<string> {
  return (await run(program, args)).stdout;
}

t.test(
  "forks: the child that dialled with its parent above it; of those that share a socket the one that made it",
  async (t) => {
    const to = await listening(t);
    const forked = await dial(t, to, ["fork"]);
    const parent = known(await lookupPid(here, known(forked.child.pid)));
    const child = known(await lookupProcess(here, { srcPort: forked.srcPort, dstPort: to.port }));
    t.equal(child.pid, forked.pid);
    t.not(child.pid, parent.pid);
    t.same(child.ancestors?.[0], { pid: parent.pid, started: parent.started }, "pid and start time are its parent's");

    const shared = await dial(t, to, ["share"]);
    for (const run of [here, withoutSs(t)]) {
      t.equal((await lookupProcess(run, { srcPort: shared.srcPort, dstPort: to.port }))?.pid, shared.child.pid);
    }
  },
);

/** A host that must not be asked. */
const never: Run = async (command) => await Promise.reject(new Error(command));

t.test("nobody there: a process that has gone, ports that are none, a host that cannot be asked", async (t) => {
  const to = await listening(t);
  const { child, pid, srcPort } = await dial(t, to);
  child.kill("SIGKILL");
  await once(child, "exit");
  for (const run of [here, withoutSs(t)]) {
    t.equal(await lookupProcess(run, { srcPort, dstPort: to.port }), undefined);
    t.equal(await lookupPid(run, pid), undefined);
  }
  for (const port of [0, -1, 65_536, 1.5, Number.NaN, Number("1; id")]) {
    t.equal(await lookupProcess(never, { srcPort: port, dstPort: 1 }), undefined);
    t.equal(await lookupProcess(never, { srcPort: 1, dstPort: port }), undefined);
  }
  for (const none of [0, -1, 1.5, Number.NaN]) t.equal(await lookupPid(never, none), undefined);

  const lost = new DebugtapError("DT_LINK_LOST", "the tunnel is lost");
  await t.rejects(
    lookupProcess(async () => await Promise.reject(lost), { srcPort: 1, dstPort: 2 }),
    lost,
  );
  t.same(await runLocal("exit 3"), { code: 3, stdout: "", stderr: "" });
  t.same(await runLocal("echo out; echo err >&2"), { code: 0, stdout: "out\n", stderr: "err\n" });
  const slow = await runLocal("sleep 600 & sleep 600", { timeoutMs: 50 });
  t.equal(slow.code, undefined, "ended with what it started");
  t.equal((await runLocal("head -c 3000000 /dev/zero")).stdout.length, 1024 * 1024, "bounded");

  for (const output of ["", "\n", "\nm pid=x\n", "\nm pid=", "\nm ppid=1\n", "motd\nn pid=5\n"])
    t.equal(parseLookup(output, "m"), undefined);
  t.same(parseLookup("motd\nm pid=5\n\nm argv=a\0b", "m"), { pid: 5, argv: ["a", "b"], ancestors: [] }, "cut off");
});

t.test("the command is one line that any shell reads alike", async (t) => {
  for (const command of [connectionCommand("dt.0", 65_535, 1, ["HOME"]), pidCommand("dt.0", 1, [])]) {
    t.match(command, /^exec sh -c '[^'\n!]*'$/, "no quote, no newline, no history");
    t.notMatch(command, /\\\\/, "no double backslash, which fish reads as one");
    t.ok(command.length < 4000, `${command.length} characters`);
  }
});

t.test("over a real sshd: a process of the same user, and of another", async (t) => {
  const sshd = await ThrowawaySshd.start();
  t.teardown(async () => await sshd.stop());
  const tunnel = await openTunnel({ name: "devstack", destination: "vm", configFile: sshd.sshConfig });
  t.teardown(async () => await tunnel.close());
  const exec: Run = async (command) => await tunnel.exec(command, { timeoutMs: 60_000 });
  const arrived: { readonly peer: Peer; readonly pid: Promise<string> }[] = [];
  const listener = await tunnel.listen({ host: "127.0.0.1", port: 0 })((stream, peer) => {
    arrived.push({
      peer,
      pid: new Promise((resolve) => stream.once("data", (bytes: Buffer) => resolve(bytes.toString()))),
    });
  });
  const lookup = async (options: object, ...args: string[]): Promise<{ pid: number; facts: ProcessFacts }> => {
    const count = arrived.length;
    start(t, pythonPath, ["-c", dialer, String(listener.port), "plain", ...args], { cwd: "/", ...options });
    await until(() => arrived.length > count);
    const { peer, pid } = known(arrived[count]);
    const facts = await lookupProcess(exec, { srcPort: peer.port, dstPort: listener.port }, { env: ["SAID"] });
    return { pid: Number(await pid), facts: known(facts) };
  };

  // Without the same group too the kernel shows neither its files nor its environment.
  const [uid, gid] = [Number(await outputOf("id", "-u", sshd.user)), Number(await outputOf("id", "-g", sshd.user))];
  const same = await lookup({ env: { SAID: "yes" }, ...(isRoot ? { uid, gid } : {}) });
  t.match(same.facts, { pid: same.pid, uid, user: sshd.user, cwd: "/", env: { SAID: "yes" } });
  t.equal(same.facts.argv.at(-1), "plain");

  if (!isRoot) return; // only root can be several users
  const other = await lookup({ uid: nobodyElse, gid: nobodyElse }, "cinder-api");
  t.equal(other.facts.pid, other.pid, "the one Python of that user");
  t.equal(other.facts.uid, nobodyElse);
  t.equal(other.facts.argv.at(-1), "cinder-api");
  t.equal(other.facts.cwd, undefined, "which only its own user may see");
  const second = await lookup({ uid: nobodyElse, gid: nobodyElse }, "cinder-volume");
  t.same(
    { ...second.facts, cgroup: "" },
    { argv: [], uid: nobodyElse, cgroup: "" },
    "of two only what they have in common",
  );
  const unseen = parseLookup("\nm socket=110 cinder:x:110:1::/:/bin/sh\n", "m");
  t.same(unseen, { argv: [], user: "cinder", uid: 110 }, "at least its user");
});
