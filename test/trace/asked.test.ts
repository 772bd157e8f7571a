// What clients had asked while a thread stood: found in the messages of the session, and given to a replay.
import { join } from "node:path";
import t from "tap";
import { contentLengthFrame } from "../../protocol/frame.ts";
import type { Side, Wire } from "../../protocol/frame.ts";
import type { Hit } from "../../protocol/hit.ts";
import { encodePydevd } from "../../protocol/pydevd.ts";
import type { Asked } from "../../protocol/replay-recording.ts";
import { openTrace, recordedStops, TraceWriter } from "../../src/trace/index.ts";
import type { Trace } from "../../src/trace/index.ts";
import { DapClient } from "../helpers/replayed.ts";
import { factsOf, hitOf } from "./recording.ts";

const facts = { version: "0.0.0" };

/** A session as it is recorded, message by message. */
class Session {
  readonly #writer: TraceWriter;
  readonly #id: number;
  #seq = 1;
  #hits = 0;

  constructor(writer: TraceWriter, id: number, wire: Wire = "dap") {
    this.#writer = writer;
    this.#id = id;
    writer.session(factsOf(id, wire));
  }

  bytes(side: Side, bytes: Uint8Array): void {
    this.#writer.chunk(this.#id, side, bytes);
  }

  dap(side: Side, message: object): void {
    this.bytes(side, contentLengthFrame(Buffer.from(JSON.stringify(message))));
  }

  /** A request and its answer; `body` in an Error: it fails. */
  ask(command: string, args: object, body?: unknown): void {
    const seq = this.#seq++;
    this.dap("client", { seq, type: "request", command, arguments: args });
    const failed = body instanceof Error;
    const rest = failed ? { message: "failed", body: { error: { id: 1, format: body.message } } } : { body };
    this.dap("debuggee", { seq, type: "response", request_seq: seq, command, success: !failed, ...rest });
  }

  stopped(threadId: number, reason = "breakpoint"): void {
    awaitNext();
    this.dap("debuggee", { seq: this.#seq++, type: "event", event: "stopped", body: { reason, threadId } });
  }

  /** Of a thread that has just stopped, as the relay captures it. */
  hit(thread: string | number, more: Partial<Hit> = {}): void {
    // The relay's clock: whole milliseconds.
    const at = Date.now();
    this.#writer.hit(this.#id, {
      ...hitOf(this.#id, ++this.#hits),
      at,
      thread: { id: thread, name: "MainThread" },
      ...more,
    });
  }

  /** Frames with these ids, innermost first; `values`: its first scope by the reference. */
  stack(threadId: number, ids: readonly number[], startFrame?: number): void {
    const frames = ids.map((id) => ({ id, name: "f", line: 1, column: 1 }));
    this.ask("stackTrace", { threadId, ...(startFrame === undefined ? {} : { startFrame }) }, { stackFrames: frames });
  }

  scope(frameId: number, variablesReference: number): void {
    this.ask("scopes", { frameId }, { scopes: [{ name: "Locals", variablesReference, expensive: false }] });
  }

  variables(variablesReference: number, names: Readonly<Record<string, number>>, more: object = {}): void {
    const variables = Object.entries(names).map(([name, reference]) => ({
      name,
      value: `<${name}>`,
      type: name.startsWith("special") ? "" : "T",
      variablesReference: reference,
    }));
    this.ask("variables", { variablesReference, ...more }, { variables });
  }

  pydevd(side: Side, id: number, seq: number, text: string): void {
    this.bytes(side, encodePydevd(id, seq, text, { side }));
  }
}

/** Stops are some milliseconds apart: a capture takes that long. */
function awaitNext(): void {
  for (const until = Date.now() + 3; Date.now() < until;);
}

/** What is told of each hit. */
async function told(writer: TraceWriter): Promise<readonly Asked[]> {
  await writer.close();
  return using(writer.dir, async (trace) => {
    const stops = await recordedStops(trace, {});
    const all = await Promise.all(Array.from({ length: stops.count }, (_, place) => stops.asked(place)));
    stops.index.close();
    return all;
  });
}

async function using<Result>(dir: string, run: (trace: Trace) => Promise<Result>): Promise<Result> {
  const trace = await openTrace(dir);
  try {
    return await run(trace);
  } finally {
    trace.close();
  }
}

const nothing = { expressions: [], values: [] };

t.test("DAP: expressions with their frame, without one, and failing; each of its own stop", async (t) => {
  const writer = await TraceWriter.open({ dir: join(t.testdir(), "trace"), facts });
  const session = new Session(writer, 1);
  session.ask("initialize", {}, {});
  session.ask("evaluate", { expression: "early" }, { result: "0", variablesReference: 0 });
  session.stopped(7);
  session.hit(7);
  session.stack(7, [11, 12]);
  session.stack(7, [13], 2);
  session.ask("evaluate", { expression: "a", frameId: 11 }, { result: "1", type: "int", variablesReference: 0 });
  session.ask("evaluate", { expression: "a", frameId: 13 }, { result: "3", variablesReference: 0 });
  session.ask("evaluate", { expression: "b" }, { result: "2", variablesReference: 0 });
  session.ask("evaluate", { expression: "c", frameId: 12 }, new Error("NameError: c"));
  session.ask("evaluate", { expression: "unknown frame", frameId: 99 }, { result: "9", variablesReference: 0 });
  session.ask("evaluate", { expression: 5 }, { result: "9" });
  session.ask("evaluate", { expression: "no result", frameId: 11 }, {});
  session.dap("debuggee", {
    seq: 1,
    type: "response",
    request_seq: 999,
    command: "evaluate",
    success: true,
    body: { result: "9" },
  });
  session.ask("continue", { threadId: 7 }, {});
  session.ask("evaluate", { expression: "between" }, { result: "9", variablesReference: 0 });
  // The next stop follows at once.
  session.stopped(7);
  session.hit(7);
  session.ask("evaluate", { expression: "second" }, { result: "5", variablesReference: 0 });
  session.ask("evaluate", { expression: "a", frameId: 11 }, { result: "old id", variablesReference: 0 });
  session.dap("debuggee", { seq: 1, type: "event", event: "continued", body: { threadId: 7 } });
  session.ask("evaluate", { expression: "late" }, { result: "9", variablesReference: 0 });
  session.stopped(7);
  session.hit(7);
  const [first, second, third] = await told(writer);
  t.strictSame(first, {
    expressions: [
      { expression: "a", frame: 0, value: "1", type: "int" },
      { expression: "a", frame: 2, value: "3" },
      { expression: "b", value: "2" },
      { expression: "c", frame: 1, failure: "NameError: c" },
      { expression: "no result", frame: 0, failure: "it failed" },
    ],
    values: [],
  });
  t.strictSame(second, { expressions: [{ expression: "second", value: "5" }], values: [] });
  t.strictSame(third, nothing);
});

t.test("DAP: of two threads that stand at once each has its own", async (t) => {
  const writer = await TraceWriter.open({ dir: join(t.testdir(), "trace"), facts });
  const session = new Session(writer, 1);
  session.stopped(7);
  session.hit(7);
  session.stack(7, [11]);
  session.stopped(8, "exception");
  session.hit(8, { reason: "exception", text: "ValueError: x" });
  session.stack(8, [21]);
  session.ask("evaluate", { expression: "who", frameId: 11 }, { result: "seven", variablesReference: 0 });
  session.ask("evaluate", { expression: "who", frameId: 21 }, { result: "eight", variablesReference: 0 });
  session.ask(
    "exceptionInfo",
    { threadId: 8 },
    { exceptionId: "ValueError", description: "x", breakMode: "always", details: { stackTrace: "at f" } },
  );
  session.scope(21, 31);
  session.variables(31, { y: 0 });
  const other = new Session(writer, 2);
  other.ask("evaluate", { expression: "elsewhere" }, { result: "9", variablesReference: 0 });
  const [seven, eight] = await told(writer);
  t.strictSame(seven, { expressions: [{ expression: "who", frame: 0, value: "seven" }], values: [] });
  t.strictSame(eight, {
    expressions: [{ expression: "who", frame: 0, value: "eight" }],
    values: [{ frame: 0, path: ["Locals"], variables: [{ name: "y", value: "<y>", type: "T" }] }],
    exception: { id: "ValueError", description: "x", stack: "at f" },
  });
});

t.test("DAP: values that a client opened beyond the snapshot, by pages too, are shown in a replay", async (t) => {
  const writer = await TraceWriter.open({ dir: join(t.testdir(), "trace"), facts });
  const session = new Session(writer, 1);
  session.stopped(7);
  const variables = [
    { name: "deep", type: "T", value: "<deep>", cut: { by: "depth" as const } },
    {
      name: "long",
      type: "T",
      value: "<long>",
      children: [{ name: "0", value: "<0>", type: "T" }],
      cut: { by: "items" as const, of: 5 },
    },
  ];
  const frames = [
    { name: "create", path: "/opt/app/app.py", line: 12, scopes: [{ name: "Locals", variables }] },
    { name: "handle" },
  ];
  session.hit(7, { snapshot: { frames, took: 1 } });
  session.stack(7, [11, 12]);
  session.scope(11, 21);
  session.variables(21, { deep: 31, long: 32 });
  session.variables(31, { "'a'": 41, "special variables": 42, "len()": 0 });
  session.variables(41, { x: 0 });
  session.variables(32, { "1": 0, "2": 0 }, { filter: "indexed", start: 1, count: 2 });
  session.variables(32, { "3": 0 }, { filter: "indexed", start: 3, count: 1 });
  session.scope(12, 51);
  session.variables(51, { request: 0 });
  session.variables(51, { request: 0, again: 0 });
  session.variables(99, { nothing: 0 });
  await writer.close();
  await using(writer.dir, async (trace) => {
    const stops = await recordedStops(trace, {});
    const client = new DapClient(stops);
    await client.begin();
    const locals = await client.locals();
    const [deep, long] = locals;
    const inDeep = await client.variables(deep?.variablesReference ?? 0);
    t.match(inDeep, [{ name: "'a'", value: "<'a'>", evaluateName: "deep['a']" }]);
    t.equal(inDeep.length, 1, "without what debugpy adds");
    t.match(await client.variables(inDeep[0]?.variablesReference ?? 0), [{ name: "x", value: "<x>" }]);
    t.match(await client.variables(long?.variablesReference ?? 0), [
      { name: "0" },
      { name: "1" },
      { name: "2" },
      { name: "3" },
      { value: "4 of 5 recorded" },
    ]);
    t.match((await client.ask("evaluate", { expression: "deep['a'].x" })).body, { result: "<x>" });
    const [, caller] = await client.stack();
    const [scope] = await client.scopes(caller?.id ?? 0);
    t.match(await client.variables(scope?.variablesReference ?? 0), [{ name: "request" }, { name: "again" }]);
    stops.index.close();
  });
});

t.test("pydevd: 113 with its answers, by the frames of the stop; on both framings", async (t) => {
  const writer = await TraceWriter.open({ dir: join(t.testdir(), "trace"), facts });
  const session = new Session(writer, 1, "pydevd");
  const stop = (thread: string, ...ids: number[]): void => {
    const frames = ids.map((id) => `<frame id="${id}" name="f" file="/a.py" line="1"></frame>`).join("");
    awaitNext();
    session.pydevd("debuggee", 105, 2, `<xml><thread id="${thread}" stop_reason="111">${frames}</thread></xml>`);
  };
  const value = (text: string, more = ""): string =>
    `<xml><var name="x" type="int" value="int: ${text}"${more} /></xml>`;
  stop("pid_1_id_1", 101, 102);
  session.hit("pid_1_id_1");
  session.pydevd("client", 113, 5, "pid_1_id_1\t101\tFRAME\tn + 1\t1");
  session.pydevd("client", 113, 7, "pid_1_id_1\t102\tFRAME\tn\t1");
  session.pydevd("debuggee", 113, 7, value("7"));
  session.pydevd("debuggee", 113, 5, value("5"));
  session.pydevd("client", 113, 9, "pid_1_id_1\t101\tFRAME\tnope\t1");
  session.pydevd("debuggee", 113, 9, value("bad", ' isErrorOnEval="True"'));
  session.pydevd("client", 113, 11, "pid_1_id_1\t101\tFRAME\tgone\t1");
  session.pydevd("debuggee", 901, 11, "frame not found");
  session.pydevd("client", 113, 13, "pid_1_id_1\t999\tFRAME\tother frame\t1");
  session.pydevd("debuggee", 113, 13, value("9"));
  session.pydevd("debuggee", 113, 77, value("not asked"));
  stop("pid_1_id_10", 201);
  session.hit("pid_1_id_10");
  session.pydevd("debuggee", 106, 4, "pid_1_id_10\t106");
  session.pydevd("client", 113, 15, "pid_1_id_1\t101\tFRAME\tstill\t1");
  session.pydevd("debuggee", 113, 15, value("8"));
  session.pydevd("debuggee", 106, 4, "pid_1_id_1\t106");
  session.pydevd("client", 113, 17, "pid_1_id_1\t101\tFRAME\tlate\t1");
  session.pydevd("debuggee", 113, 17, value("9"));
  const [first, second] = await told(writer);
  t.strictSame(first, {
    expressions: [
      { expression: "n", frame: 1, value: "7", type: "int" },
      { expression: "n + 1", frame: 0, value: "5", type: "int" },
      { expression: "nope", frame: 0, failure: "bad" },
      { expression: "gone", frame: 0, failure: "frame not found" },
      { expression: "still", frame: 0, value: "8", type: "int" },
    ],
    values: [],
  });
  t.strictSame(second, nothing);
});

t.test("what is no message ends the search, and a stop that stood for long is not read to its end", async (t) => {
  const writer = await TraceWriter.open({ dir: join(t.testdir(), "trace"), facts });
  const broken = new Session(writer, 1);
  broken.stopped(7);
  broken.hit(7);
  broken.ask("evaluate", { expression: "a" }, { result: "1", variablesReference: 0 });
  broken.bytes("client", Buffer.from("this is no DAP\r\n\r\n"));
  broken.bytes("client", Buffer.from("nor is this"));
  broken.ask("evaluate", { expression: "b" }, { result: "2", variablesReference: 0 });
  const raw = new Session(writer, 2, "raw");
  raw.bytes("client", Buffer.from("x"));
  raw.hit(7);
  raw.bytes("client", Buffer.from("y"));
  const long = new Session(writer, 3);
  long.stopped(7);
  long.hit(7);
  long.ask("evaluate", { expression: "first" }, { result: "1", variablesReference: 0 });
  for (let i = 0; i < 6000; i++)
    long.dap("debuggee", { seq: i, type: "event", event: "output", body: { output: `${i}` } });
  long.ask("evaluate", { expression: "last" }, { result: "1", variablesReference: 0 });
  const found = await told(writer);
  t.match(found[0]?.expressions[0], { expression: "a", value: "1" });
  t.strictSame(found[1], nothing);
  t.strictSame(
    found[2]?.expressions.map(({ expression }) => expression),
    ["first"],
  );
});

t.test("on both sides of a gap what was asked is found", async (t) => {
  const writer = await TraceWriter.open({ dir: join(t.testdir(), "trace"), facts, limits: { inFlight: 1024 * 1024 } });
  const session = new Session(writer, 1);
  session.stopped(7);
  session.hit(7);
  session.ask("evaluate", { expression: "before" }, { result: "1", variablesReference: 0 });
  // Twice as much as the memory holds, faster than the worker looks.
  const output = "x".repeat(1000);
  for (let i = 0; i < 2000; i++) session.dap("debuggee", { seq: i, type: "event", event: "output", body: { output } });
  await writer.flush();
  session.stopped(7);
  session.hit(7);
  session.ask("evaluate", { expression: "behind" }, { result: "2", variablesReference: 0 });
  const found = await told(writer);
  await using(writer.dir, async (trace) => t.ok((trace.sessions()[0]?.debuggee.lostBytes ?? 0) > 0, "there is a gap"));
  t.strictSame(
    found.map(({ expressions }) => expressions),
    [[{ expression: "before", value: "1" }], [{ expression: "behind", value: "2" }]],
  );
});
