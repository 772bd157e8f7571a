// The Capturer over a scripted Exchange: what it holds and lets go, and what comes of answers that are late, at once, or never.
import t from "tap";
import { decodeDap, encodeDap } from "../../protocol/dap.ts";
import type { Answer, Ask, Exchange, Stop } from "../../protocol/exchange.ts";
import { FrameReader } from "../../protocol/frame-reader.ts";
import { captureLimits, deepLimits, type Hit } from "../../protocol/hit.ts";
import { member } from "../../protocol/json.ts";
import { Capturer, type StopPolicy } from "../../src/capturer.ts";
import type { Clock } from "../../src/clock.ts";

/** Time that the test moves. */
class TestClock implements Clock {
  #now = 1000;
  #timers: { at: number; run: () => void }[] = [];

  now(): number {
    return this.#now;
  }

  wall(): number {
    return 1_700_000_000_000 + this.#now;
  }

  after(ms: number, run: () => void): () => void {
    const timer = { at: this.#now + ms, run };
    this.#timers.push(timer);
    return () => (this.#timers = this.#timers.filter((each) => each !== timer));
  }

  pass(ms: number): void {
    this.#now += ms;
    const due = this.#timers.filter(({ at }) => at <= this.#now);
    this.#timers = this.#timers.filter(({ at }) => at > this.#now);
    for (const { run } of due) run();
  }

  get timers(): number {
    return this.#timers.length;
  }
}

/** A debuggee with one frame `f` in which `n` is the number of the stop; answers at once, or when the test says so. */
class Script implements Pick<Exchange, "stop" | "ask" | "hold" | "release"> {
  readonly log: string[] = [];
  readonly clock = new TestClock();
  readonly hits: Hit[] = [];
  readonly capturer: Capturer;
  readonly open: { readonly ask: Ask; readonly answered: (answer: Answer) => void }[] = [];
  stop: Stop | undefined;
  atOnce = false;
  #stops = 0;

  constructor(onHit?: (hit: Hit) => void, evaluate = false, policy?: StopPolicy) {
    this.capturer = new Capturer({
      exchange: this,
      limits: captureLimits,
      correlate: ["n", "other"],
      evaluate,
      policy,
      session: "api#1",
      service: "api",
      process: () => "pid 7",
      clock: this.clock,
      onHit: (hit) => {
        this.log.push(`hit ${hit.number}`);
        this.hits.push(hit);
        onHit?.(hit);
      },
    });
  }

  stops(thread = 1): void {
    const body = { reason: "breakpoint", threadId: thread, text: "why" };
    const [frame] = new FrameReader("dap").push(encodeDap({ seq: 1, type: "event", event: "stopped", body }));
    if (frame === undefined || decodeDap(frame) === undefined) throw new Error("no frame");
    const named = thread === 1 ? { threadName: "MainThread" } : {};
    this.stop = { number: ++this.#stops, thread, ...named, reason: "breakpoint", frame };
    this.capturer.stopped(this.stop);
  }

  hold(): void {
    if (this.log.at(-1) !== "hold") this.log.push("hold");
  }

  release(): void {
    this.log.push("release");
  }

  ask(ask: Ask, answered: (answer: Answer) => void): () => void {
    if (this.atOnce) {
      answered(this.#answer(ask));
      return () => this.log.push("given up though answered");
    }
    const each = { ask, answered };
    this.open.push(each);
    return () => {
      this.log.push("given up");
      this.open.splice(this.open.indexOf(each), 1);
      answered({ wire: "none", why: "given up" });
    };
  }

  /** Answers so many of the questions, as they come. */
  answers(count = Infinity): void {
    for (let n = 0; n < count; n++) {
      const each = this.open.shift();
      if (each === undefined) return;
      each.answered(this.#answer(each.ask));
    }
  }

  #answer(ask: Ask): Answer {
    if (ask.wire !== "dap") throw new Error("not of this wire");
    if (ask.command === "evaluate") return { wire: "dap", success: false, message: "NameError" };
    const deep = { name: "deep", value: "{}", type: "dict", variablesReference: 2 };
    const n = { name: "n", value: String(this.#stops), type: "int", variablesReference: 0 };
    const isScope = member(ask.arguments, "variablesReference") === 1;
    const variables = isScope ? [n, ...Array.from({ length: 40 }, () => deep)] : Array.from({ length: 40 }, () => deep);
    const bodies: Record<string, unknown> = {
      stackTrace: { stackFrames: [{ id: 1, name: "f" }], totalFrames: 1 },
      scopes: { scopes: [{ name: "Locals", variablesReference: 1 }] },
      variables: { variables },
    };
    return { wire: "dap", success: true, body: bodies[ask.command] };
  }
}

t.test("a stop is held, captured and let go, and gives a Hit", async (t) => {
  const script = new Script();
  script.stops();
  t.ok(script.capturer.busy);
  t.strictSame(script.log, ["hold"]);
  t.equal(script.open.length, 1, "one question at a time");
  script.clock.pass(20);
  script.answers(3);
  script.clock.pass(30);
  script.answers();
  t.strictSame(script.log, ["hold", "hit 1", "release"]);
  t.notOk(script.capturer.busy);
  t.equal(script.clock.timers, 0);
  const [hit] = script.hits;
  const { snapshot, ...rest } = hit ?? {};
  t.strictSame(rest, {
    number: 1,
    session: "api#1",
    service: "api",
    at: 1_700_000_001_000,
    thread: { id: 1, name: "MainThread" },
    reason: "breakpoint",
    text: "why",
    process: "pid 7",
    correlated: { n: "1" },
  });
  t.equal(snapshot?.took, 50);
  t.equal(snapshot?.frames[0]?.scopes?.[0]?.variables.length, 41);
});

t.test("answers that come at once do not deepen the stack", async (t) => {
  const script = new Script();
  script.atOnce = true;
  script.stops();
  t.equal(script.hits.length, 1);
  t.strictSame(script.log, ["hold", "hit 1", "release"]);
});

t.test("a debuggee that does not answer costs no more than the time", async (t) => {
  const script = new Script();
  script.stops();
  script.answers(2);
  script.clock.pass(499);
  t.strictSame(script.log, ["hold"]);
  script.clock.pass(1);
  t.strictSame(script.log, ["hold", "given up", "hit 1", "release"]);
  t.match(script.hits[0]?.snapshot, { took: 0, frames: [{ name: "f", scopes: [{ cut: { by: "time" } }] }] });
  t.equal(script.open.length, 0);

  script.stops();
  script.answers();
  t.equal(script.hits[1]?.correlated?.["n"], "2", "the next stop is captured whole");
});

t.test("a thread that stops again ends its capture; the session's end ends them all", async (t) => {
  const script = new Script();
  script.stops();
  script.answers(2);
  script.stops();
  t.strictSame(script.log, ["hold", "given up", "hit 1"]);
  t.strictSame(script.hits[0]?.snapshot.frames[0]?.scopes?.[0]?.cut, { by: "gone" });
  script.answers(1);
  script.stops(2);
  script.stops(3);
  script.stops(2);
  t.strictSame(script.hits.map(({ number, snapshot }) => [number, snapshot.cut?.by]).slice(1), [[3, "gone"]]);
  script.capturer.end();
  t.strictSame(
    script.hits.map(({ number }) => number),
    [1, 3, 2, 4, 5],
  );
  t.equal(script.log.at(-3), "release", "nothing is held any more");
  t.strictSame(script.hits[3]?.snapshot, { frames: [], cut: { by: "gone" }, took: 0 });
  t.notOk(script.capturer.busy);
  t.equal(script.clock.timers, 0);
  script.stops();
  script.capturer.end();
  t.equal(script.hits.length, 5, "a stop after the end is none");
});

t.test("several threads that stop at once share the time, and are let go together", async (t) => {
  const script = new Script();
  for (const thread of [1, 2, 3]) script.stops(thread);
  script.answers(1);
  script.clock.pass(400);
  while (script.hits.length < 1) script.answers(1);
  t.equal(script.hits[0]?.correlated?.["n"], "3");
  t.notOk(script.log.includes("release"));
  script.answers(2);
  script.clock.pass(100);
  t.strictSame(script.log.slice(-5), ["hit 1", "given up", "hit 2", "hit 3", "release"]);
  t.strictSame(script.hits[1]?.snapshot.frames[0]?.scopes?.[0]?.cut, { by: "time" });
  t.strictSame(script.hits[2]?.snapshot, { frames: [], cut: { by: "time" }, took: 0 });

  const crowd = new Script();
  for (let thread = 1; thread <= 70; thread++) crowd.stops(thread);
  t.equal(crowd.hits.length, 5, "no more than 64 wait");
  t.notOk(crowd.log.includes("release"));
  crowd.clock.pass(500);
  t.equal(crowd.hits.length, 70);
  t.equal(crowd.log.filter((each) => each === "release").length, 1);
});

t.test(
  "a breakpoint may be worth more: its stack is asked for longer, its capture has more time and room",
  async (t) => {
    const script = new Script(undefined, false, {
      trigger: 1,
      frames: () => deepLimits.frames,
      place: () => ({ breakpoint: "a.py:1 deep", limits: deepLimits }),
      logs: false,
      logged: () => undefined,
    });
    script.stops();
    t.match(script.open[0]?.ask, { command: "stackTrace", arguments: { levels: 100 } });
    script.clock.pass(400);
    script.answers(1);
    script.clock.pass(4000);
    t.strictSame(script.log, ["hold"], "the usual time is over");
    script.answers(20);
    script.clock.pass(600);
    t.strictSame(script.log, ["hold", "given up", "hit 1", "release"]);
    const [top] = script.hits[0]?.snapshot.frames[0]?.scopes?.[0]?.variables.slice(1) ?? [];
    t.equal(top?.children?.length, 40);
    t.match(script.hits[0], { breakpoint: "a.py:1 deep", trigger: 1 });
    t.equal(script.clock.timers, 0);

    script.stops();
    script.answers();
    const bytes = Buffer.byteLength(JSON.stringify(script.hits[1]?.snapshot));
    t.ok(bytes > captureLimits.bytes && bytes <= deepLimits.bytes, `${bytes} bytes`);
  },
);

t.test("what is evaluated is in the hit, as is what could not be; the time is that of the capture", async (t) => {
  const script = new Script(undefined, true);
  script.atOnce = true;
  script.stops();
  t.same(script.hits[0]?.correlated, { n: "1" });
  t.same(script.hits[0]?.uncorrelated, { other: "NameError" });
  script.atOnce = false;
  script.stops();
  for (let { open } = script; open.length > 0 && member(open[0]?.ask, "command") !== "evaluate";) script.answers(1);
  t.notOk(script.log.includes("hit 2"));
  script.clock.pass(500);
  t.strictSame(script.log.slice(-3), ["given up", "hit 2", "release"], "an evaluation that does not end");
  t.same(script.hits[1]?.uncorrelated, undefined);
});

t.test("what a running debuggee answers is not taken", async (t) => {
  const script = new Script();
  script.stops();
  script.answers(2);
  script.stop = undefined;
  script.answers();
  t.strictSame(script.log, ["hold", "hit 1", "release"]);
  t.equal(script.hits[0]?.correlated, undefined);
  t.strictSame(script.hits[0]?.snapshot.frames[0]?.scopes?.[0]?.cut, { by: "gone" });
});

t.test("the clients are let go even when a hit cannot be taken", async (t) => {
  const script = new Script(() => {
    throw new Error("disk full");
  });
  script.stops();
  t.throws(() => script.answers(), { message: "disk full" });
  t.equal(script.log.at(-1), "release");
  t.notOk(script.capturer.busy);
});
