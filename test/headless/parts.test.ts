// The parts of the headless driver that need no debuggee: streams in memory, log expressions, whose a stop is.
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { fc } from "../helpers/property.ts";
import t from "tap";
import { parseSpec } from "../../protocol/breakpoint-spec.ts";
import { captureLimits, deepLimits, type Hit } from "../../protocol/hit.ts";
import { parseConfig } from "../../src/config.ts";
import { runCommand } from "../../src/headless/command.ts";
import { HeadlessIde } from "../../src/headless/ide.ts";
import { streamPair } from "../../src/pair.ts";
import { logExpression, setBreakText } from "../../protocol/placed.ts";
import { Tally } from "../../src/headless/tally.ts";

t.test("a pair of streams passes bytes both ways, an end, a loss, and a full reader's pressure", async (t) => {
  const [a, b] = streamPair();
  a.write("to b");
  b.write("to a");
  t.equal(String((await once(b, "data"))[0]), "to b");
  t.equal(String((await once(a, "data"))[0]), "to a");
  b.pause();
  let accepted = 0;
  const chunk = Buffer.alloc(16 * 1024);
  while (a.write(chunk) && accepted < 1000) accepted++;
  t.ok(accepted < 1000, "a reader that does not read stops the writer");
  let got = 0;
  b.on("data", (bytes: Buffer) => (got += bytes.length));
  b.resume();
  a.end();
  await once(b, "end");
  t.equal(got, (accepted + 1) * chunk.length, "everything came, then the end");
  t.notOk(a.destroyed, "the other way is still open");
  b.write("last");
  t.equal(String((await once(a, "data"))[0]), "last");
  b.destroy();
  await once(a, "close");
  t.pass("the loss of one is the loss of both");
});

t.test("DAP's log message as a Python expression gives the same text, whatever is in it", (t) => {
  const values = { x: 3, name: 'it\'s "so"', d: { a: 1 } } as const;
  const part = fc.oneof(
    fc.string({ unit: "grapheme", maxLength: 8 }).filter((text) => !/[{}\0]/.test(text)),
    fc.constantFrom("%", "%s", "%%", '"', "\\", "\n", "é", "日本"),
  );
  const template = fc.array(fc.tuple(part, fc.constantFrom("x", "name", "d['a']", "{'k': x}['k']")), { maxLength: 5 });
  const text: Record<string, string> = { x: "3", name: values.name, "d['a']": "1", "{'k': x}['k']": "3" };
  const cases = fc.sample(template, 200).map((parts) => ({
    expression: logExpression(parts.map(([said, value]) => `${said}{${value}}`).join("") + "!"),
    wanted: parts.map(([said, value]) => said + text[value]).join("") + "!",
  }));
  const script = `import json,sys
x=3; name="it's \\"so\\""; d={"a":1}
print(json.dumps([eval(e) for e in json.load(sys.stdin)]))`;
  const input = JSON.stringify(cases.map(({ expression }) => expression));
  const said: unknown = JSON.parse(execFileSync("/usr/bin/python3", ["-c", script], { input }).toString());
  t.strictSame(
    said,
    cases.map(({ wanted }) => wanted),
  );
  t.equal(evaluated("no values {"), "no values {", "braces that do not close are text");
  t.end();
});

function evaluated(template: string): string {
  return execFileSync("/usr/bin/python3", ["-c", `print(${logExpression(template)}, end="")`]).toString();
}

t.test("pydevd is told of conditions and counts in its own words", (t) => {
  const at = { spec: 4, path: "/opt/app.py", line: 12 };
  t.equal(setBreakText(1, at), "1\tpython-line\t/opt/app.py\t12\tNone\tNone\tNone\tNone\tFalse\tNONE");
  const all = { ...at, condition: "a\tb\nc", hits: { op: "%", count: 3 } as const, log: "x" };
  t.equal(
    setBreakText(2, all),
    '2\tpython-line\t/opt/app.py\t12\tNone\ta@_@TAB_CHAR@_@b@_@NEW_LINE_CHAR@_@c\t"[debugtap:4] x" % ()\t@HIT@ % 3 == 0\tTrue\tNONE',
  );
  t.end();
});

const hitAt = (session: number, breakpoint: string | undefined, more: object = {}): [number, Hit] => [
  session,
  {
    number: 1,
    session: `api#${session}`,
    service: "api",
    at: 0,
    thread: { id: 1 },
    reason: "breakpoint",
    ...(breakpoint === undefined ? {} : { breakpoint }),
    snapshot: { frames: [{ name: "f", scopes: [] }], took: 1 },
    ...more,
  },
];

t.test("whose a stop is: line and the longest common end of the path, or the line that it was moved to", (t) => {
  const specs = ["a/app.py:3", "b/app.py:3", "lib/x.py:9"].map((text) => parseSpec(text));
  const tally = new Tally({ specs, capture: true, now: () => 0, spent: () => undefined });
  tally.setPlaces("api", [
    { spec: 0, path: "/src/a/app.py", line: 3 },
    { spec: 1, path: "/src/b/app.py", line: 3 },
    { spec: 2, path: "C:\\src\\lib\\x.py", line: 9 },
  ]);
  const at = (path: string, line: number, service = "api") =>
    tally.place(service, { path, line }, captureLimits).breakpoint;
  t.equal(at("/opt/b/app.py", 3), "b/app.py:3");
  t.equal(at("/opt/a/app.py", 3), "a/app.py:3");
  t.equal(at("/opt/lib/x.py", 9), "lib/x.py:9");
  t.equal(at("/opt/a/app.py", 4), undefined);
  t.equal(at("/opt/a/app.py", 3, "other"), undefined);
  tally.bound("api", { spec: 0, path: "/src/a/app.py", line: 3 }, { verified: true, line: 4 });
  t.equal(at("/opt/a/app.py", 4), "a/app.py:3", "the debuggee moved it");
  t.end();
});

t.test("max takes a breakpoint away, rate leaves values out, both are counted", (t) => {
  let now = 0;
  const spent: number[] = [];
  const specs = ["a.py:1 max 2", "a.py:2 rate 2/s"].map((text) => parseSpec(text));
  const tally = new Tally({ specs, capture: true, now: () => now, spent: (spec) => spent.push(spec) });
  tally.setPlaces("api", [
    { spec: 0, path: "/a.py", line: 1 },
    { spec: 1, path: "/a.py", line: 2 },
  ]);
  const stop = (line: number) => tally.place("api", { path: "/a.py", line }, captureLimits).limits.locals;
  t.equal(stop(1), captureLimits.locals);
  t.strictSame(spent, []);
  stop(1);
  t.strictSame(spent, [0], "told once, at the last that is wanted");
  stop(1);
  t.strictSame(spent, [0]);
  t.equal(stop(2), captureLimits.locals, "the first has values");
  now = 400;
  t.equal(stop(2), 0, "the next comes too soon");
  now = 500;
  t.equal(stop(2), captureLimits.locals);
  tally.hit(...hitAt(1, "a.py:2 rate 2/s"));
  tally.resumed(1, "1", 30);
  tally.resumed(1, "1", 30);
  tally.hit(...hitAt(1, "a.py:2 rate 2/s", { snapshot: { frames: [{ name: "f" }], took: 0 } }));
  tally.hit(...hitAt(2, undefined));
  t.match(tally.breakpoints[1], { hits: 2, captured: 1, stopped: 30 });
  t.equal(tally.hits, 2, "a stop that is no breakpoint's is not counted");
  t.end();
});

t.test("a deep breakpoint is captured within higher limits, the others of its service as ever", (t) => {
  const specs = ["a.py:1 deep rate 1/s", "a.py:2"].map((text) => parseSpec(text));
  const tally = new Tally({ specs, capture: true, now: () => 0, spent: () => undefined });
  tally.setPlaces("one", [
    { spec: 0, path: "/a.py", line: 1 },
    { spec: 1, path: "/a.py", line: 2 },
  ]);
  tally.setPlaces("two", [{ spec: 1, path: "/a.py", line: 2 }]);
  t.equal(tally.frames("one", captureLimits), deepLimits.frames, "the stack is asked for before its place is known");
  t.equal(tally.frames("two", captureLimits), captureLimits.frames);
  const usual = { ...captureLimits, depth: 9 };
  const at = (line: number) => tally.place("one", { path: "/a.py", line }, usual).limits;
  t.strictSame(at(1), { ...deepLimits, depth: 9 }, "of each the higher one");
  t.strictSame(at(2), usual);
  t.strictSame(at(1), { ...deepLimits, depth: 9, locals: 0 }, "`rate` holds for it too");
  t.end();
});

t.test("without values a stack is asked for only where it tells which breakpoint it was", (t) => {
  const specs = ["a.py:1", "a.py:2", 'a.py:3 log "x"'].map((text) => parseSpec(text));
  const tally = new Tally({ specs, capture: false, now: () => 0, spent: () => undefined });
  const log = { spec: 2, path: "/a.py", line: 3, log: "x" };
  tally.setPlaces("one", [{ spec: 0, path: "/a.py", line: 1 }, log]);
  tally.setPlaces("two", [
    { spec: 0, path: "/a.py", line: 1 },
    { spec: 1, path: "/a.py", line: 2 },
  ]);
  t.equal(tally.frames("one", captureLimits), 0);
  t.equal(tally.frames("two", captureLimits), 1);
  t.match(tally.place("two", { path: "/a.py", line: 2 }, captureLimits), {
    breakpoint: "a.py:2",
    limits: { frames: 1, locals: 0 },
  });
  t.equal(tally.place("one", {}, captureLimits).breakpoint, "a.py:1");
  t.equal(tally.place("two", {}, captureLimits).breakpoint, undefined);
  t.match(tally.logged("one", { mark: 2, text: "x" }), { reason: "log", text: "x", breakpoint: 'a.py:3 log "x"' });
  t.equal(tally.logged("two", { mark: 9, text: "x" }), undefined);
  t.end();
});

t.test("services are waited for no longer than was said, though garbage is collected meanwhile", async (t) => {
  setFlagsFromString("--expose-gc");
  const collect: unknown = runInNewContext("gc");
  if (typeof collect !== "function") throw new Error("no gc");
  const [service] = parseConfig(
    JSON.stringify({ services: { api: { wire: "dap", listens: 1, ide: 2 } } }),
    "x",
  ).services;
  if (service === undefined) throw new Error("no service");
  const tally = new Tally({ specs: [], capture: true, now: () => 0, spent: () => undefined });
  const ide = new HeadlessIde({
    services: [service],
    tally,
    placed: () => Promise.resolve([]),
    isPlaced: () => true,
    attached: () => undefined,
    failed: () => undefined,
  });
  const collecting = setInterval(() => void collect(), 5);
  t.teardown(() => clearInterval(collecting));
  t.equal(await ide.ready(100, new AbortController().signal), false);
  const stop = new AbortController();
  const stopped = ide.ready(60_000, stop.signal);
  stop.abort();
  t.equal(await stopped, false, "or until it is over");
});

t.test(
  "a command's output, exit code and time; one that cannot be started says why; one that is stopped ends",
  async (t) => {
    const signal = new AbortController().signal;
    const said: string[] = [];
    const run = (argv: readonly string[], stop = signal) =>
      runCommand({ id: 1, argv, signal: stop, onOutput: (stream, bytes) => said.push(`${stream} ${String(bytes)}`) });
    const done = await run(["sh", "-c", "echo out; echo err >&2; exit 3"]);
    t.match(done, { id: 1, exit: 3, stdout: "out\n", stderr: "err\n" });
    t.ok(done.ended !== undefined && done.ended >= done.at);
    t.strictSame(said.toSorted(), ["stderr err\n", "stdout out\n"]);
    const long = await run(["sh", "-c", "yes é | head -c 300000"]);
    t.equal(long.cut, true);
    t.ok((long.stdout?.length ?? 0) <= 65_536);
    const none = await run(["/no/such/program"]);
    t.equal(none.exit, undefined);
    t.match(none.stderr, /ENOENT/);
    const stop = new AbortController();
    const stopped = run(["sleep", "60"], stop.signal);
    stop.abort();
    t.match(await stopped, { signal: "SIGTERM" });
  },
);
