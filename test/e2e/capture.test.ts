// A Capturer on real debuggees, over plain loopback: what it makes of debugpy's and of pydevd's answers, and what a value costs
// that hangs. The Exchange is the smallest there can be: one client, the test, and no more.
import { readFileSync } from "node:fs";
import type net from "node:net";
import t, { type Test } from "tap";
import { decodeDap, encodeDap, isEvent, isResponse } from "../../protocol/dap.ts";
import type { Answer, Ask, Exchange, Stop } from "../../protocol/exchange.ts";
import { FrameReader } from "../../protocol/frame-reader.ts";
import type { Frame } from "../../protocol/frame.ts";
import { captureLimits, type CaptureLimits, type Hit, type SnapshotVariable } from "../../protocol/hit.ts";
import { member } from "../../protocol/json.ts";
import { decodePydevd, encodePydevd } from "../../protocol/pydevd.ts";
import { Capturer } from "../../src/capturer.ts";
import { systemClock } from "../../src/transport/clock.ts";
import { debuggeeFile, python } from "../helpers/processes.ts";
import { connect, freePort, listen } from "../helpers/sockets.ts";

const file = debuggeeFile("values.py");
const stops = ["values", "hangs"].map((word) => lineOf(`# ${word}`));

function lineOf(text: string): number {
  return (
    readFileSync(file, "utf8")
      .split("\n")
      .findIndex((line) => line.endsWith(text)) + 1
  );
}

/** Takes hits in, and gives them to who waits. */
class Hits {
  readonly #hits: Hit[] = [];
  readonly #asking: ((hit: Hit) => void)[] = [];

  add(hit: Hit): void {
    const ask = this.#asking.shift();
    if (ask === undefined) this.#hits.push(hit);
    else ask(hit);
  }

  next(): Promise<Hit> {
    const hit = this.#hits.shift();
    return hit === undefined ? new Promise((resolve) => this.#asking.push(resolve)) : Promise.resolve(hit);
  }
}

/** One client that asks, and drives by hand. */
abstract class Driver implements Pick<Exchange, "stop" | "ask" | "hold" | "release"> {
  readonly hits = new Hits();
  readonly capturer: Capturer;
  readonly asked: string[] = [];
  stop: Stop | undefined;
  held = false;
  protected readonly socket: net.Socket;
  protected readonly answers = new Map<number, (answer: Answer) => void>();
  protected seq = 1;

  constructor(socket: net.Socket, wire: "dap" | "pydevd", limits: CaptureLimits) {
    this.socket = socket;
    this.capturer = new Capturer({
      exchange: this,
      limits,
      correlate: ["context.request_id", "kwargs['request_id']", "context.headers['X-Request-Id']", "nobody.id"],
      session: "values#1",
      service: "values",
      clock: systemClock,
      onHit: (hit) => this.hits.add(hit),
    });
    const reader = new FrameReader(wire);
    socket.on("data", (chunk: Buffer) => {
      for (const frame of reader.push(chunk)) this.see(frame);
    });
  }

  hold(): void {
    this.held = true;
  }

  release(): void {
    this.held = false;
  }

  close(): void {
    this.capturer.end();
    this.socket.destroy();
  }

  protected stoppedAt(frame: Frame, thread: string | number, reason: string): void {
    this.stop = { number: (this.stop?.number ?? 0) + 1, thread, reason, frame };
    this.capturer.stopped(this.stop);
  }

  abstract ask(ask: Ask, answered: (answer: Answer) => void): () => void;
  protected abstract see(frame: Frame): void;
}

class DapDriver extends Driver {
  ask(ask: Ask, answered: (answer: Answer) => void): () => void {
    if (ask.wire !== "dap") throw new Error("not of this wire");
    this.asked.push(ask.command);
    const seq = this.seq++;
    this.answers.set(seq, answered);
    this.socket.write(encodeDap({ seq, type: "request", command: ask.command, arguments: ask.arguments }));
    return () => this.answers.delete(seq);
  }

  async request(command: string, args: unknown): Promise<Answer> {
    return new Promise((resolve) => this.ask({ wire: "dap", command, arguments: args }, resolve));
  }

  async start(): Promise<void> {
    await this.request("initialize", { adapterID: "debugpy", linesStartAt1: true, columnsStartAt1: true });
    await this.request("attach", { justMyCode: false });
  }

  protected see(frame: Frame): void {
    const message = decodeDap(frame);
    if (message === undefined) return;
    if (isResponse(message)) {
      const { request_seq, success, body } = message;
      const answered = this.answers.get(request_seq);
      this.answers.delete(request_seq);
      answered?.({ wire: "dap", success, body });
    } else if (isEvent(message) && message.event === "initialized") {
      const breakpoints = stops.map((line) => ({ line }));
      void this.request("setBreakpoints", { source: { path: file }, breakpoints }).then(() =>
        this.request("configurationDone", {}),
      );
    } else if (isEvent(message) && message.event === "stopped") {
      this.stoppedAt(frame, Number(member(message.body, "threadId")), String(member(message.body, "reason")));
    }
  }
}

class PydevdDriver extends Driver {
  ask(ask: Ask, answered: (answer: Answer) => void): () => void {
    if (ask.wire !== "pydevd") throw new Error("not of this wire");
    this.asked.push(String(ask.id));
    const seq = this.seq;
    this.answers.set(seq, answered);
    this.command(ask.id, ask.text);
    return () => this.answers.delete(seq);
  }

  command(id: number, text: string): void {
    this.socket.write(encodePydevd(id, this.seq, text, { side: "client" }));
    this.seq += 2;
  }

  start(): void {
    this.command(501, "1.1\tUNIX\tID");
    for (const line of stops) this.command(111, `${line}\tpython-line\t${file}\t${line}\tNone\tNone\tNone`);
    this.command(101, "");
  }

  protected see(frame: Frame): void {
    const message = decodePydevd(frame, "debuggee");
    if (message === undefined) return;
    const answered = this.answers.get(message.seq);
    this.answers.delete(message.seq);
    if (answered !== undefined) answered({ wire: "pydevd", id: message.id, text: message.text });
    else if (message.id === 105) {
      this.stoppedAt(frame, /<thread id="([^"]+)"/.exec(message.text)?.[1] ?? "", "breakpoint");
    }
  }
}

function locals(hit: Hit, frame: number): readonly SnapshotVariable[] {
  return hit.snapshot.frames[frame]?.scopes?.[0]?.variables ?? [];
}

function at(
  variables: readonly SnapshotVariable[] | undefined,
  ...[name, ...rest]: string[]
): SnapshotVariable | undefined {
  const found = variables?.find((each) => each.name === name);
  return rest.length === 0 ? found : at(found?.children, ...rest);
}

/** What both wires must tell of the first stop. */
function checkValues(t: Test, hit: Hit): void {
  t.match(hit, { number: 1, session: "values#1", service: "values", reason: "breakpoint" });
  const { snapshot } = hit;
  t.match(
    snapshot.frames.map(({ name, path }) => ({ name, path })),
    ["inner", "middle", "outer", "<module>"].map((name) => ({ name, path: file })),
  );
  t.equal(snapshot.frames[0]?.line, stops[0]);
  t.equal(snapshot.cut, undefined);
  t.strictSame(
    snapshot.frames.map((frame) => frame.scopes?.map(({ name }) => name)),
    [["Locals"], ["Locals"], ["Locals"], ["Locals"]],
    "globals are not captured",
  );
  const inner = locals(hit, 0);
  t.strictSame(
    inner.map(({ name }) => name),
    ["big", "context", "cycle", "numbers", "raises", "text"],
  );
  const big = at(inner, "big");
  t.ok((big?.value.length ?? 0) <= captureLimits.string && (big?.value.length ?? 0) > 900);
  t.strictSame(big?.cut, { by: "string" }, "a value of 50 MB is cut by the debuggee already");
  const numbers = at(inner, "numbers");
  t.equal(numbers?.children?.length, 50);
  t.strictSame(numbers?.cut, { by: "items", of: 100 });
  t.strictSame(at(inner, "cycle", "'self'", "'self'")?.cut, { by: "depth" });
  t.strictSame(
    at(inner, "context")?.children?.map(({ name }) => name),
    ["headers", "request_id"],
    "neither methods nor special names",
  );
  t.match(at(inner, "context", "headers", "'X-Request-Id'")?.value, /^'?req-5678'?$/);
  t.strictSame(at(inner, "context", "headers", "'nested'")?.cut, { by: "depth" });
  t.match(at(locals(hit, 1), "count"), { type: "int", value: "3" });
  t.match(at(locals(hit, 2), "kwargs", "7")?.value, /^'?seven'?$/);
  t.strictSame(hit.correlated, {
    "context.request_id": "req-1234",
    "kwargs['request_id']": "req-9999",
    "context.headers['X-Request-Id']": "req-5678",
  });
  t.ok(Buffer.byteLength(JSON.stringify(snapshot)) <= captureLimits.bytes);
}

/** What both wires must tell of a value whose repr takes longer than the budget. */
function checkHang(t: Test, hit: Hit, elapsed: number, limits: CaptureLimits): void {
  t.match(hit, { number: 2, snapshot: { cut: undefined } });
  t.ok(elapsed < limits.time + 400, `the client is let go after ${Math.round(elapsed)} ms`);
  t.equal(hit.snapshot.frames[0]?.line, stops[1]);
  t.strictSame(
    hit.snapshot.frames.map(({ cut, scopes }) => cut ?? scopes?.[0]?.cut),
    ["hang", "outer", "<module>"].map(() => ({ by: "time" })),
    "the stack is there, and says what has no values",
  );
}

/** Time enough for all of it, where debugpy needs 45 ms for an answer. */
const patient = { ...captureLimits, time: 10_000 };
const brief = { ...captureLimits, time: 300 };

t.test("debugpy", async (t) => {
  const port = await freePort();
  const debuggee = python("values.py", "dap", String(port));
  t.teardown(() => debuggee.child.kill("SIGKILL"));
  await debuggee.prints("listening");
  let limits: CaptureLimits = patient;
  const driver = new DapDriver(
    await connect(port),
    "dap",
    changing(() => limits),
  );
  t.teardown(() => driver.close());
  await driver.start();
  const first = await driver.hits.next();
  checkValues(t, first);
  t.equal(driver.held, false);
  t.same(at(locals(first, 0), "raises")?.type, "Raises");
  t.match(at(locals(first, 0), "text")?.value, /quoted/);
  t.comment(`${driver.asked.length} requests, ${Math.round(first.snapshot.took)} ms`);

  limits = brief;
  const continued = performance.now();
  await driver.request("continue", { threadId: first.thread.id });
  const second = await driver.hits.next();
  checkHang(t, second, performance.now() - continued, limits);
  t.equal(driver.held, false);
});

t.test("pydevd", async (t) => {
  const ide = await listen();
  t.teardown(() => ide.close());
  const debuggee = python("values.py", "pydevd", String(ide.port));
  t.teardown(() => debuggee.child.kill("SIGKILL"));
  let limits: CaptureLimits = patient;
  const driver = new PydevdDriver(
    await ide.next(),
    "pydevd",
    changing(() => limits),
  );
  t.teardown(() => driver.close());
  driver.start();
  const first = await driver.hits.next();
  checkValues(t, first);
  t.match(at(locals(first, 0), "raises"), { type: "Raises", failed: true });
  t.match(at(locals(first, 0), "text"), { value: 'é "quoted" \u{1f600}\n', type: "str" });
  t.comment(`${driver.asked.length} requests, ${Math.round(first.snapshot.took)} ms`);

  limits = brief;
  const continued = performance.now();
  driver.command(106, String(first.thread.id));
  const second = await driver.hits.next();
  checkHang(t, second, performance.now() - continued, limits);
});

/** Limits that are read anew at every stop. */
function changing(now: () => CaptureLimits): CaptureLimits {
  return new Proxy(captureLimits, { get: (_, name: keyof CaptureLimits) => now()[name] });
}
