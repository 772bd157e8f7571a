// Captures every stop of one session, over its Exchange, and gives a Hit for each.
//
// Rules
// - What a stop may cost is bounded: `limits.time` from the stop on, whatever the debuggee does (a policy may give a breakpoint more). Until then the clients'
//   execution requests are held; they are let go when all captures have ended, however they ended.
// - Stops of several threads at once are captured one after the other, each within its own time: the last may get little.
// - A thread that stops again while it is captured has run on in between: that capture is worth what it had, cut `gone`.
//   So is that of a session that ends.
// - Every stop gives one Hit, in the order of the stops of its thread.
import { capture, type Capture } from "../protocol/capture.ts";
import { correlate } from "../protocol/correlate.ts";
import type { Answer, Ask, Exchange, Stop } from "../protocol/exchange.ts";
import type { CaptureLimits, Hit, SnapshotFrame } from "../protocol/hit.ts";
import type { Clock } from "./clock.ts";

/** Stops that wait for their turn; one more has its Hit at once, without values. */
const maxWaiting = 64;

/** What a breakpoint that does not stop has said. */
export type LogHit = Pick<Hit, "thread" | "reason" | "text" | "breakpoint" | "trigger" | "snapshot">;

/** Says of each stop what it belongs to, and what it is worth. */
export interface StopPolicy {
  /** Id of the command that runs, or ran last. */
  readonly trigger: number | undefined;
  /** Frames of a stack that are asked for at a stop of this service, before its place is known. */
  readonly frames: (service: string, usual: CaptureLimits) => number;
  /** Called once for each stop whose stack came: its breakpoint, and the limits that it is to be captured within. */
  readonly place: (
    service: string,
    top: Pick<SnapshotFrame, "path" | "line">,
    limits: CaptureLimits,
  ) => { readonly breakpoint?: string; readonly limits: CaptureLimits };
  /** Whether there are breakpoints that do not stop, and the hit of what one of them has said. */
  readonly logs: boolean;
  readonly logged: (service: string, said: { readonly mark: number; readonly text: string }) => LogHit | undefined;
}

export interface CapturerOptions {
  readonly exchange: Pick<Exchange, "stop" | "ask" | "hold" | "release">;
  readonly limits: CaptureLimits;
  /** Paths into the captured values, see protocol/correlate.ts. */
  readonly correlate: readonly string[];
  readonly policy?: StopPolicy | undefined;
  /** The debuggee is asked for those of them that were not captured: that runs code in it. */
  readonly evaluate?: boolean;
  /** `cinder-api#2` */
  readonly session: string;
  readonly service: string;
  /** The debuggee's process, once it is known. */
  readonly process?: () => string | undefined;
  readonly clock: Clock;
  /** `sources`: as {@link Capture.sources}. */
  readonly onHit: (hit: Hit, sources: ReadonlyMap<string, number>) => void;
}

/** One stop on its way to a Hit. */
interface Job {
  readonly stop: Stop;
  readonly capture: Capture;
  /** By the two clocks. */
  readonly at: number;
  readonly since: number;
  /** When its capture is to end, by the clock of `since`. */
  until: number;
  readonly trigger: number | undefined;
  readonly breakpoint: () => string | undefined;
  took: number;
}

export class Capturer {
  readonly #options: CapturerOptions;
  readonly #waiting: Job[] = [];
  #job: Job | undefined;
  #cancelDeadline: () => void = nothing;
  #giveUp: () => void = nothing;
  #ended = false;

  constructor(options: CapturerOptions) {
    this.#options = options;
  }

  /** A capture is under way. */
  get busy(): boolean {
    return this.#job !== undefined;
  }

  /** To be called by the Exchange's `stopped`. */
  stopped(stop: Stop): void {
    if (this.#ended) return;
    const { clock, exchange, correlate: expressions, evaluate, policy, service } = this.#options;
    const usual = this.#options.limits;
    const frames = policy?.frames(service, usual) ?? usual.frames;
    let breakpoint: string | undefined;
    const refine = (top: Pick<SnapshotFrame, "path" | "line">): CaptureLimits => {
      const placed = policy?.place(service, top, usual);
      breakpoint = placed?.breakpoint;
      if (placed !== undefined) this.#endsWithin(job, placed.limits.time);
      return placed?.limits ?? usual;
    };
    const asked = capture(stop, { ...usual, frames }, evaluate === true ? expressions : [], refine);
    const job: Job = {
      stop,
      capture: asked,
      at: clock.wall(),
      since: clock.now(),
      until: 0,
      trigger: policy?.trigger,
      breakpoint: () => breakpoint,
      took: 0,
    };
    const isSameThread = (other: Job): boolean => other.stop.thread === stop.thread;
    exchange.hold();
    const stale = this.#waiting.filter(isSameThread);
    if (this.#waiting.length - stale.length >= maxWaiting) return this.#untaken(job, "time");
    this.#waiting.splice(0, Infinity, ...this.#waiting.filter((other) => !isSameThread(other)), job);
    try {
      for (const each of stale) this.#untaken(each, "gone");
      if (this.#job !== undefined && isSameThread(this.#job)) this.#finish(this.#job, "gone");
    } finally {
      this.#next();
    }
  }

  /** The session is over. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    const waiting = this.#waiting.splice(0);
    if (this.#job !== undefined) this.#finish(this.#job, "gone");
    for (const job of waiting) this.#untaken(job, "gone");
  }

  #next(): void {
    if (this.#job !== undefined) return;
    const job = this.#waiting.shift();
    if (job === undefined) {
      this.#options.exchange.release();
      return;
    }
    this.#job = job;
    const { clock, limits } = this.#options;
    this.#endsWithin(job, limits.time);
    const first = job.capture.begin();
    if (job.until <= clock.now()) return this.#finish(job, "time");
    this.#ask(job, first);
  }

  /** Its capture ends by this many milliseconds from its stop on. */
  #endsWithin(job: Job, time: number): void {
    const { clock } = this.#options;
    job.until = job.since + time;
    if (this.#job !== job) return;
    this.#cancelDeadline();
    this.#cancelDeadline = clock.after(Math.max(0, job.until - clock.now()), () => this.#finish(job, "time"));
  }

  /** Asks until an answer has to be waited for: what is answered at once must not deepen the stack. */
  #ask(job: Job, first: Ask | undefined): void {
    let ask = first;
    while (ask !== undefined) {
      const at: { once: boolean; answer?: Answer } = { once: true };
      const giveUp = this.#options.exchange.ask(ask, (answer) => {
        if (at.once) at.answer = answer;
        else if (this.#job === job) this.#ask(job, this.#taken(job, answer));
      });
      at.once = false;
      // The stop may be over by what was asked.
      if (this.#job !== job) return giveUp();
      this.#giveUp = giveUp;
      if (at.answer === undefined) return;
      ask = this.#taken(job, at.answer);
    }
    this.#finish(job, undefined);
  }

  #taken(job: Job, answer: Answer): Ask | undefined {
    this.#giveUp = nothing;
    // Whatever is answered by a debuggee that runs is none of that stop's: pydevd says so, debugpy gives other values.
    if (this.#options.exchange.stop === undefined) return job.capture.take({ wire: "none", why: "it ran on" });
    job.took = this.#options.clock.now() - job.since;
    return job.capture.take(answer);
  }

  /** Ends the capture under way, whatever it waits for, and goes on to the next; does nothing for one that has ended. */
  #finish(job: Job, cut: "time" | "gone" | undefined): void {
    if (this.#job !== job) return;
    const giveUp = this.#giveUp;
    this.#job = undefined;
    this.#giveUp = nothing;
    this.#cancelDeadline();
    this.#cancelDeadline = nothing;
    try {
      giveUp();
      this.#hit(job, cut);
    } finally {
      this.#next();
    }
  }

  /** A Hit of what the stop itself tells. */
  #untaken(job: Job, cut: "time" | "gone"): void {
    job.capture.begin();
    this.#hit(job, cut);
  }

  #hit({ stop, capture, at, took, trigger, breakpoint: placed }: Job, cut: "time" | "gone" | undefined): void {
    const { session, service, process, correlate: expressions, onHit } = this.#options;
    const snapshot = { ...capture.snapshot(cut), took };
    const { thread: id, threadName: name } = stop;
    const pid = process?.();
    const breakpoint = placed();
    const { values, failures } = capture.evaluation;
    const correlated = Object.fromEntries([...Object.entries(correlate(expressions, snapshot)), ...values]);
    const uncorrelated = Object.fromEntries(
      [...failures].filter(([expression]) => !Object.hasOwn(correlated, expression)),
    );
    const hit = {
      number: stop.number,
      session,
      service,
      at,
      thread: name === undefined ? { id } : { id, name },
      reason: stop.reason,
      ...(capture.text === undefined ? {} : { text: capture.text }),
      ...(pid === undefined ? {} : { process: pid }),
      ...(breakpoint === undefined ? {} : { breakpoint }),
      ...(trigger === undefined ? {} : { trigger }),
      ...(Object.keys(correlated).length === 0 ? {} : { correlated }),
      ...(Object.keys(uncorrelated).length === 0 ? {} : { uncorrelated }),
      snapshot,
    };
    onHit(hit, capture.sources);
  }
}

function nothing(): void {}
