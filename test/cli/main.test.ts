import { spawn, spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { constants, PerformanceObserver } from "node:perf_hooks";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import t from "tap";
import { errorTable } from "../../protocol/errors.ts";
import { Collector } from "../../src/cli/collector.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const bin = join(root, "bin/debugtap.js");
const runtime = mkdtempSync(join(tmpdir(), "dt-"));
t.teardown(() => rmSync(runtime, { recursive: true, force: true }));
const env = { ...process.env, XDG_RUNTIME_DIR: runtime, NO_COLOR: "1", NODE_OPTIONS: "" };

interface Run {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function debugtap(...words: string[]): Run {
  return spawnSync(process.execPath, [bin, ...words], { env, encoding: "utf8" });
}

/** Several command lines in one process, each as if it were alone: a start costs a second on a busy machine. */
function several(...lines: readonly (readonly string[])[]): Run[] {
  const script = `
    import { main } from ${JSON.stringify(new URL("../../src/cli/main.js", import.meta.url).href)};
    const streams = ["stdout", "stderr"].map((name) => [name, process[name], process[name].write]);
    const runs = [];
    for (const words of ${JSON.stringify(lines)}) {
      const run = { stdout: "", stderr: "" };
      for (const [name, stream] of streams) stream.write = (text) => (run[name] += text, true);
      process.exitCode = 0;
      await main(words);
      for (const [, stream] of streams) stream.removeAllListeners("error");
      runs.push({ ...run, status: process.exitCode });
    }
    for (const [, stream, write] of streams) stream.write = write;
    process.exitCode = 0;
    process.stdout.write(JSON.stringify(runs));
  `;
  const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", script], {
    env,
    encoding: "utf8",
  });
  if (stderr !== "") throw new Error(stderr);
  const runs: Run[] = JSON.parse(stdout);
  return runs;
}

t.test("help names every verb with an example, in groups, and says what the exit codes mean", async (t) => {
  const help = debugtap("--help");
  t.equal(help.status, 0);
  t.match(help.stdout, /^Usage: debugtap VERB \[options\]/);
  t.match(help.stdout, /\nRun:[^]*\n {2}ps [^]*\n {2}down [^]*\nExamples:\n[^]*\nExit codes: /);
  const verbs = [...help.stdout.matchAll(/^ {2}([a-z]+) (?:\[|<)/gm)].map(([, verb = ""]) => verb);
  t.ok(verbs.length >= 2);
  const helps = several(...verbs.map((verb) => [verb, "--help"]));
  for (const [index, verb] of verbs.entries()) {
    const { status, stdout = "" } = helps[index] ?? {};
    t.equal(status, 0, verb);
    t.match(stdout, new RegExp(`^Usage: debugtap ${verb}`));
    t.match(stdout, /--json/, `${verb} has --json`);
    t.match(stdout, new RegExp(`\\nExamples:\\n {2}\\$ debugtap ${verb}`), `${verb} shows an example`);
  }
  const [bare, version] = several([], ["--version"]);
  t.equal(bare?.status, 2);
  t.equal(bare?.stdout, help.stdout);
  t.match(version, { status: 0, stdout: /^\d+\.\d+\.\d+\n$/ });
});

t.test("a command line that cannot be understood: DT_USAGE, what was meant, exit 2", async (t) => {
  const cases: [string[], string][] = [
    [["pss"], "DT_USAGE: unknown command 'pss'\n  why: did you mean `ps`?\n  fix: debugtap ps\n"],
    [["frobnicate"], "DT_USAGE: unknown command 'frobnicate'\n  fix: debugtap --help\n"],
    [["ps", "--jsn"], "DT_USAGE: unknown option '--jsn'\n  why: did you mean `--json`?\n  fix: debugtap ps --json\n"],
    [
      ["ps", "x"],
      "DT_USAGE: too many arguments for 'ps'. Expected 0 arguments but got 1.\n  fix: debugtap ps --help\n",
    ],
    [["down", "--within"], "DT_USAGE: option '--within <seconds>' argument missing\n  fix: debugtap down --help\n"],
    [["down", "--within", "soon"], "DT_USAGE: `soon` is no number of seconds\n  fix: --within 15\n"],
  ];
  const runs = several(...cases.map(([words]) => words));
  for (const [index, [words, expected]] of cases.entries())
    t.strictSame(runs[index], { stdout: "", stderr: expected, status: 2 }, words.join(" "));
  const json = debugtap("ps", "--json", "--wrong");
  t.equal(json.status, 2);
  t.same(JSON.parse(json.stdout), {
    error: { code: "DT_USAGE", what: "unknown option '--wrong'", fix: "debugtap ps --help" },
  });
  t.equal(json.stderr, "");
});

t.test("without a relay, ps and down say so and exit 3", async (t) => {
  const text = "DT_RELAY_NOT_RUNNING: no debugtap is running for this user\n  fix: debugtap up\n";
  const [ps, down, json] = several(["ps"], ["down"], ["ps", "--json"]);
  t.strictSame(ps, { stdout: "", stderr: text, status: 3 });
  t.strictSame(down, ps);
  t.match(JSON.parse(json?.stdout ?? ""), { error: { code: "DT_RELAY_NOT_RUNNING" } });
  t.match(json, { stderr: "", status: 3 });
});

/** A process with a control socket and nothing else of a relay; `stop` is what it does when asked to, `busy` makes it deaf. */
async function fakeRelay(t: { teardown(action: () => void): void }, stop: string) {
  const server = new URL("../../src/control/server.js", import.meta.url).href;
  const script = `
    import { startControl } from ${JSON.stringify(server)};
    const service = { name: "api", wire: "dap", host: "local", state: "listening", since: 0, ide: "127.0.0.1:5711", vm: "127.0.0.1:5678", sessions: 0 };
    const view = () => ({ pid: process.pid, started: Date.now(), version: "1.2.3", hosts: [], services: [service], sessions: [] });
    const control = await startControl({ view, stop: () => { ${stop} }, retry: () => undefined, release: (name) => name === "svc" ? ["svc#1"] : [],
      drive: (name, client) => name === "svc" ? [{ session: "svc#1", client: { id: 2, name: client || "other", drives: true } }] : [], sources: async () => undefined });
    process.on("SIGUSR2", () => {
      console.log("busy");
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 30_000);
    });
    process.stdin.on("end", () => process.exit()).resume();
    console.log("ready");
  `;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
    env,
    // It ends with this process, however that ends: its stdin does.
    stdio: ["pipe", "pipe", "inherit"],
  });
  t.teardown(() => child.kill("SIGKILL"));
  await once(child.stdout, "data");
  const busy = async () => {
    child.kill("SIGUSR2");
    await once(child.stdout, "data");
  };
  return { pid: child.pid ?? 0, busy };
}

t.test("ps shows what runs, down ends it and waits until it is gone", async (t) => {
  const { pid: first } = await fakeRelay(t, "void control.close().then(() => process.exit())");
  const { pid: second } = await fakeRelay(t, "void control.close().then(() => setTimeout(() => process.exit(), 300))");
  const [ps, json, wrong] = several(["ps"], ["ps", "--json"], ["down", "1"]);
  t.match(ps, { status: 0, stderr: "" });
  for (const pid of [first, second]) t.match(ps?.stdout, new RegExp(`^debugtap 1.2.3 {2}pid ${pid} {2}up \\d+s$`, "m"));
  t.match(ps?.stdout, /^api {6}dap {5}attaches 5711 {2}local:5678 {3}listening {2}-$/m);
  t.match(JSON.parse(json?.stdout ?? ""), [{ services: [{ name: "api" }] }, { version: "1.2.3" }]);
  t.match(wrong, {
    status: 3,
    stderr: /no debugtap runs with the process id 1\n {2}why: running: \d+, \d+\n {2}fix: debugtap down \d+ \d+\n/,
  });

  const [released, nothing, retried, driven, named, nobody] = several(
    ["release", "svc"],
    ["release", "svc#9"],
    ["retry"],
    ["drive", "svc"],
    ["drive", "svc", "--client", "nvim", "--json"],
    ["drive", "svc#9"],
  );
  t.match(driven, { status: 0, stdout: /^other drives svc#1$/m });
  t.match(JSON.parse(named?.stdout ?? ""), { driving: [{ session: "svc#1", client: { id: 2, name: "nvim" } }] });
  t.match(nobody, { status: 4, stderr: /^DT_DRIVE: there is no session svc#9/ });
  t.match(retried, { status: 0, stdout: `debugtap ${second} tries again` });
  t.match(released, { status: 0, stdout: /^svc#1 runs on$/m });
  t.match(nothing, { status: 4, stderr: /^DT_NOT_HELD: no debuggee waits under the name svc#9/ });

  const [one, left, all, none] = several(["down", String(first), "--json"], ["ps", "--json"], ["down"], ["ps"]);
  t.same(JSON.parse(one?.stdout ?? ""), { stopped: [first] });
  t.match(JSON.parse(left?.stdout ?? ""), [{ pid: second }]);
  t.equal(all?.stdout, `stopped debugtap ${second}\n`);
  t.equal(none?.status, 3);
});

t.test("a relay that does not stop, or does not answer, is told", async (t) => {
  const { pid: deaf, busy } = await fakeRelay(t, "");
  const [down] = several(["down", "--within", "0.2"]);
  t.strictSame(down, {
    stdout: "",
    stderr: `DT_STOP_TIMEOUT: debugtap ${deaf} still runs\n  why: it was asked to stop 0.2 s ago\n  fix: kill ${deaf}\n`,
    status: 3,
  });
  await busy();
  const [ps, again] = several(["ps"], ["down"]);
  t.match(ps, {
    stdout: `debugtap ${deaf} does not answer\n`,
    stderr: /^DT_RELAY_NOT_RUNNING: .* does not answer/,
    status: 3,
  });
  t.match(again?.stderr, /why: it does not answer/);
});

t.test("a reader that leaves ends it quietly", async (t) => {
  await fakeRelay(t, "process.exit()");
  const child = spawn(process.execPath, [bin, "ps"], { env, stdio: ["ignore", "pipe", "pipe"] });
  child.stdout.destroy();
  let stderr = "";
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  const [status]: unknown[] = await once(child, "close");
  t.equal(stderr, "");
  t.equal(status, 0);
});

t.test("bin: an old Node and a missing build are told, with codes of the table", async (t) => {
  const source = readFileSync(bin, "utf8").replace(/^.*\/[/*].*$/gm, "");
  t.notMatch(
    source,
    /=>|`|\?\.|\b(?:const|let|class|async|await)\b|^import\b/m,
    "nothing that an old Node cannot parse",
  );
  t.equal(statSync(bin).mode & 0o111, 0o111);
  const old =
    "data:text/javascript,Object.defineProperty(process,'versions',{value:{...process.versions,node:'18.20.4'}})";
  const { status, stderr, stdout } = spawnSync(process.execPath, ["--import", old, bin, "ps"], {
    env,
    encoding: "utf8",
  });
  t.equal(status, 2);
  t.equal(stdout, "");
  t.equal(
    stderr,
    "DT_NODE_TOO_OLD: Node 18.20.4 is too old\n  why: debugtap needs Node 20.19 or newer\n  fix: nvm install 22 && nvm use 22\n",
  );
  const json = spawnSync(process.execPath, ["--import", old, bin, "ps", "--json"], { env, encoding: "utf8" });
  t.match(JSON.parse(json.stdout), { error: { code: "DT_NODE_TOO_OLD" } });

  const dir = t.testdir({ "package.json": '{"type":"module"}', bin: {} });
  cpSync(bin, join(dir, "bin/debugtap.js"));
  const unbuilt = spawnSync(process.execPath, [join(dir, "bin/debugtap.js"), "ps"], { env, encoding: "utf8" });
  t.equal(unbuilt.status, 2);
  t.match(unbuilt.stderr, /^DT_NOT_BUILT: [^]*\n {2}fix: npm run build\n$/);
  for (const [, code = ""] of source.matchAll(/"(DT_[A-Z_]+)"/g)) t.ok(Object.hasOwn(errorTable, code), code);
});

t.test("what was forwarded is collected every 2 MB, by a small collection", async (t) => {
  const collector = new Collector();
  const kinds: number[] = [];
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      const { kind, flags } = Reflect.get(entry, "detail") as { readonly kind: number; readonly flags: number };
      if (flags === constants.NODE_PERFORMANCE_GC_FLAGS_FORCED) kinds.push(kind);
    }
  });
  observer.observe({ entryTypes: ["gc"] });
  t.teardown(() => observer.disconnect());
  const chunk = new Uint8Array(64 * 1024);
  for (let count = 1; count < 32; count++) collector.chunk(1, "client", chunk);
  for (let count = 0; count < 33; count++) collector.chunk(1, "debuggee", chunk);
  for (const began = performance.now(); kinds.length < 2 && performance.now() - began < 5000;) await pause(10);
  await pause(50);
  t.equal(kinds.length, 2, "64 chunks of 64 KB");
  // In the midst of a whole collection V8 ends that in place of a small one.
  const { NODE_PERFORMANCE_GC_MAJOR: major, NODE_PERFORMANCE_GC_MINOR: minor } = constants;
  t.ok(kinds.includes(minor) && kinds.every((kind) => kind === minor || kind === major), kinds.join());
  t.equal(Reflect.has(globalThis, "gc"), false);
});
