// `debugtap demo` as a user runs it: what it ends with, and that it leaves nothing behind, however it ends.
import { execFile, spawn } from "node:child_process";
import { chmod, mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import t, { type Test } from "tap";
import type { Hit } from "../../protocol/hit.ts";
import { recordScene, setScene } from "../../src/demo/headless.ts";
import { parseHit } from "../../src/demo/hits.ts";
import { freePorts } from "../../src/demo/ports.ts";
import { RelayState } from "../../src/demo/relay-state.ts";
import { startServices } from "../../src/demo/scenario.ts";
import type { DemoService } from "../../src/demo/services.ts";
import { Stage } from "../../src/demo/stage.ts";
import { awaitHits } from "../../src/demo/verdict.ts";
import { openTrace } from "../../src/trace/index.ts";
import { allText, plain } from "../helpers/all-text.ts";
import { again } from "../helpers/recorder.ts";
import { program } from "../helpers/relay-process.ts";

const run = promisify(execFile);

interface Played {
  readonly code: number | null;
  readonly stdout: string[];
  readonly stderr: string[];
  /** What is left in the demo's TMPDIR. */
  readonly left: string[];
  /** Processes and ports of the demo that are left. */
  readonly running: string[];
  readonly tmp: string;
  readonly vmDir: string;
  readonly ports: readonly string[];
}

/** Plays the demo with a TMPDIR of its own; `onLine` sees each line of the story and may act on the demo. */
async function play(
  t: Test,
  onLine: (line: string, demo: { pid: number; vmDir: string }) => void | Promise<void>,
  { killed = false } = {},
): Promise<Played> {
  const tmp = await mkdtemp(join(tmpdir(), "debugtap-test-"));
  const runtime = await mkdtemp(join(tmpdir(), "debugtap-test-"));
  await chmod(tmp, 0o755); // the VM's user has its files below
  t.teardown(() => Promise.all([tmp, runtime].map((dir) => rm(dir, { recursive: true, force: true }))));
  const demo = spawn(process.execPath, [program, "demo", "--json"], {
    // Without tap's NODE_OPTIONS, whose loaders would triple the time of each of the demo's processes.
    env: { ...process.env, NODE_OPTIONS: "", TMPDIR: tmp, XDG_RUNTIME_DIR: runtime },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const stdout: string[] = [];
  const stderr: string[] = [];
  createInterface({ input: demo.stdout }).on("line", (line) => stdout.push(line));
  const vmDir = (): string => /copied to (\S+)/.exec(stderr.join("\n"))?.[1] ?? "";
  createInterface({ input: demo.stderr }).on("line", (line) => {
    stderr.push(line);
    void onLine(line, { pid: demo.pid ?? 0, vmDir: vmDir() });
  });
  const code = await new Promise<number | null>((resolve) => demo.once("close", resolve));
  t.match(vmDir(), /^\/tmp\/debugtap-vm-/);
  if (!killed) t.notOk(existsSync(vmDir()), "the services' directory is gone");
  const ports = [...stderr.join("\n").matchAll(/(?:port |127\.0\.0\.1:)(\d+)/g)].map(([, port]) => port ?? "");
  t.ok(ports.length >= 7, "the story names the ports");
  const running = await findRunning([tmp, vmDir()], ports);
  return { code, stdout, stderr, left: await readdir(tmp), running, tmp, vmDir: vmDir(), ports };
}

/** In the order of their stops. */
async function hitsOf(dir: string): Promise<Hit[]> {
  const trace = await openTrace(dir);
  const hits: Hit[] = [];
  for await (const { hit } of trace.hits()) hits.push(hit);
  trace.close();
  return hits.sort((a, b) => a.at - b.at);
}

/** Command lines with one of the words in them, and listeners on one of the ports. */
async function findRunning(words: readonly string[], ports: readonly string[]): Promise<string[]> {
  const found = [...(await processes((line) => words.some((word) => line.includes(word)))).values()];
  const { stdout } = await run("ss", ["-Htln"]);
  return [...found, ...stdout.split("\n").filter((line) => ports.some((port) => line.includes(`:${port} `)))];
}

/** The processes whose command line is accepted: pid -> command line. */
async function processes(accepts: (line: string) => boolean): Promise<Map<number, string>> {
  const found = new Map<number, string>();
  for (const pid of await readdir("/proc")) {
    if (!/^\d+$/.test(pid)) continue;
    const line = (await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")).replaceAll("\0", " ");
    if (accepts(line)) found.set(Number(pid), line);
  }
  return found;
}

t.test("a port that was drawn is not drawn again, here or by another process, until this one ends", async (t) => {
  const count = 150;
  const code = `import { freePorts } from "${new URL("../../src/demo/ports.js", import.meta.url).href}";
    console.log(JSON.stringify(await freePorts(${count})));`;
  const [here, again] = [await freePorts(count), await freePorts(count)];
  const { stdout } = await run(process.execPath, ["--input-type=module", "--eval", code]);
  const there: unknown = JSON.parse(stdout);
  const all = new Set([...here, ...again, ...(Array.isArray(there) ? there : [])]);
  t.equal(all.size, 3 * count);
});

t.test("three services are stopped once each, in the order of the request", async (t) => {
  const { code, stdout, stderr, left, running } = await play(t, () => undefined);
  if (code !== 0) t.comment(stderr.join("\n"));
  t.equal(code, 0);
  const last: { services: unknown; trace: string } = JSON.parse(stdout.at(-1) ?? "{}");
  t.equal(stdout.length, 1, "with --json the story goes to stderr");
  t.same(last.services, [
    { name: "cinder-api", hits: 1 },
    { name: "cinder-scheduler", hits: 1 },
    { name: "cinder-volume", hits: 1 },
  ]);
  const stops = stderr
    .map((line) => /(\S+) stopped in (\w+)/.exec(line)?.slice(1))
    .filter((stop) => stop !== undefined);
  t.same(stops, [
    ["cinder-api", "create"],
    ["cinder-scheduler", "create_volume"],
    ["cinder-volume", "create_volume"],
  ]);
  t.match(stderr.join("\n"), /GET says that it is available/);
  t.match(stderr.join("\n"), /The trace: .*cinder-api#1.*cinder-api#2.*cinder-volume#1/s, "show lists the sessions");
  t.ok(existsSync(last.trace), "the trace stays");
  t.equal(left.length, 1, `nothing else stays: ${left.join(" ")}`);
  t.same(running, []);
});

t.test(
  "headless: three hits in causal order under one request id, and the token of its request is nowhere in the trace",
  async (t) => {
    const dir = await mkdtemp(join(tmpdir(), "debugtap-test-"));
    t.teardown(() => rm(dir, { recursive: true, force: true }));
    // The demo draws its token anew each time: a curl before curl writes down what it was given.
    const asked = join(dir, "asked");
    const { stdout: curl } = await run("sh", ["-c", "command -v curl"]);
    await writeFile(join(dir, "curl"), `#!/bin/sh\nprintf '%s\\n' "$@" > '${asked}'\nexec ${curl.trim()} "$@"\n`, {
      mode: 0o755,
    });
    const { stdout } = await run(
      process.execPath,
      [program, "demo", "--headless", "--json", "--trace", join(dir, "traces")],
      {
        env: { ...process.env, NODE_OPTIONS: "", PATH: `${dir}:${process.env["PATH"]}` },
      },
    );
    const { trace }: { trace: string } = JSON.parse(stdout);
    const token = /X-Auth-Token: (\S{20,})/.exec(await readFile(asked, "utf8"))?.[1] ?? "";
    t.match(token, /^\w{20,}$/);
    const hits = await hitsOf(trace);
    t.strictSame(
      hits.map(({ service }) => service),
      ["cinder-api", "cinder-scheduler", "cinder-volume"],
    );
    t.equal(new Set(hits.map(({ correlated = {} }) => Object.values(correlated)[0])).size, 1);
    t.match(Object.values(hits[0]?.correlated ?? {})[0], /^req-/);
    const text = await allText(trace);
    t.ok(text.includes("redacted"), "the header was there");
    t.notOk(plain(text).includes(token), "but not its token");
  },
);

t.test(
  "headless, and again with the services of the demo: 3 of 3 hits recur, and the token is in neither trace",
  async (t) => {
    const dir = await mkdtemp(join(tmpdir(), "debugtap-test-"));
    t.teardown(() => rm(dir, { recursive: true, force: true }));
    const stage = new Stage(AbortSignal.timeout(120_000));
    t.teardown(() => stage.close());
    const scene = await setScene(stage, join(dir, "traces"), () => undefined);
    const { trace, running, missed } = await recordScene(stage, scene, () => undefined);
    t.strictSame(missed, []);
    const target = join(dir, "again");
    const repeated = again(t, [trace, "--yes", "--settle", "500ms", "-o", target], {
      DEBUGTAP_SECRET_X_AUTH_TOKEN: scene.token,
    });
    const listens = (name: string): Promise<unknown> =>
      repeated.until((said) => {
        const event = said.type === "relay" && said.event.type === "service" ? said.event : undefined;
        return event?.service.name === name && event.service.state === "listening";
      });
    // pydevd dials its debugger once, when it starts; the queue remembers who was there.
    for (const child of running.values()) await child.stop();
    for (const { name } of scene.services) await listens(name);
    await startServices(stage, scene.vm, scene.services);
    t.equal(await repeated.exit, 0, repeated.stderr());
    const { recurring, differing, missing } = repeated.result;
    t.strictSame(
      recurring,
      [1, 2, 3].map((number) => [number, number]),
    );
    t.strictSame([differing, missing], [[], []], "ids and ports have other names");
    t.notOk(plain(await allText(target)).includes(scene.token));
  },
);

t.test("Ctrl-C in the middle: everything is ended and removed", async (t) => {
  const { code, left, running, stdout } = await play(t, (line, { pid }) => {
    if (line.startsWith("3. ")) process.kill(pid, "SIGINT");
  });
  t.equal(code, 130);
  t.same(stdout, []);
  t.same(
    left.filter((name) => !name.startsWith("debugtap-trace-")),
    [],
  );
  t.same(running, []);
});

t.test("kill -9 in the middle: everything is ended and removed all the same", async (t) => {
  const { tmp, vmDir, ports } = await play(
    t,
    (line, { pid }) => {
      if (line.startsWith("4. ")) process.kill(pid, "SIGKILL");
    },
    { killed: true },
  );
  while ((await findRunning([tmp, vmDir], ports)).length > 0) await pause(100);
  t.pass("no process, no port");
  while ((await readdir(tmp)).some((name) => !name.startsWith("debugtap-trace-")) || existsSync(vmDir))
    await pause(100);
  t.pass("no file but the trace");
});

t.test("a process that falls is named, and the rest is ended", async (t) => {
  const { code, stdout, running } = await play(t, async (line, { vmDir }) => {
    if (!line.startsWith("3. ")) return;
    const ides = await processes(
      (command) => command.includes("ide-pydevd.mjs") && command.includes(`${vmDir}/scheduler.py`),
    );
    t.equal(ides.size, 1);
    for (const pid of ides.keys()) process.kill(pid, "SIGKILL");
  });
  t.equal(code, 1);
  t.match(stdout.at(-1), /"DT_DEMO_FAILED","what":"the IDE of cinder-scheduler ended with SIGKILL before /);
  t.same(running, []);
});

t.test("a breakpoint that is missed is told with the sessions and the end of the log of its service", async (t) => {
  const stage = new Stage(AbortSignal.timeout(60_000));
  t.teardown(() => stage.close());
  const start = (name: string, said: string) =>
    stage.start({ name, command: "sh", args: ["-c", `echo ${said} >&2; read line`], end: "stdin" });
  const breakpoint = { line: 7, text: "pass" };
  const services = ["api", "scheduler"].map((name): DemoService => {
    return { name, wire: "pydevd", source: "a.py", breakpoint, vmPort: 1, idePort: 2, sessions: 1 };
  });
  const logs = new Map(services.map(({ name }) => [name, start(name, `hello from ${name}`)]));
  const relay = new RelayState();
  relay.read(
    '{"type":"session","session":{"id":1,"service":"scheduler","ordinal":1,"name":"scheduler#1","state":"held"}}',
  );
  const hits = [parseHit('{"service":"api","file":"a.py","line":7,"function":"f","stack":[],"locals":{}}')];
  await stage.until("both had logged", () => [...logs.values()].every((log) => log.said("hello")) || undefined);
  t.same(await awaitHits(stage, { services, hits, relay, logs }, 1), [
    "waited 0.001 s in vain until all breakpoints were hit",
    "scheduler did not stop at line 7. Its sessions: scheduler#1 held. The end of its log:\nhello from scheduler",
  ]);
});
