// One debuggee connection of a service with its client, first byte to last.
//
// Who comes first is accepted, the other is dialled:
//   pydevd  the debuggee comes; the IDE is dialled, again and again while none listens (held), until `releaseAfter` is over
//   dap     the IDE comes; the service is dialled at its first byte, once; never as a probe
//   raw     either, at once: a debuggee that came is held like pydevd's, an IDE that came is refused like DAP's
// Rules
// - A pydevd debuggee that was not told to run (101) is never dropped: its IDE may leave (it is held again), the relay may
//   stop (it is released first).
// - The loss of the accepted end ends the session, in every state.
import type { Duplex } from "node:stream";
import type { SessionState, SessionView } from "../protocol/control.ts";
import { DebugtapError } from "../protocol/errors.ts";
import type { Side } from "../protocol/frame.ts";
import { Framer } from "../protocol/framer.ts";
import { reset, type Dial } from "./duplex.ts";
import { dialHeld, pause } from "./hold.ts";
import { Inbox } from "./inbox.ts";
import type { Transform } from "./lane.ts";
import { Link } from "./link.ts";
import type { Observer, SessionEnd, SessionFacts, SessionNote } from "./observer.ts";
import { Prelude } from "./prelude.ts";
import { refusal } from "./refusal.ts";
import { release, releaseBytes } from "./release.ts";

export interface SessionOptions {
  readonly facts: SessionFacts;
  /** The side that came. */
  readonly accepted: Side;
  readonly stream: Duplex;
  readonly dial: Dial;
  /** How long a debuggee without an IDE is held, ms; Infinity = for ever. Only where the debuggee was accepted. */
  readonly releaseAfter: number;
  /** What is changed in what the debuggee sends; made anew for each session. */
  readonly rewrite: (() => Transform) | undefined;
  readonly observer: Required<Pick<Observer, "chunk" | "note">>;
  /** Called at each change of state. */
  readonly changed: (session: Session) => void;
  readonly ended: (session: Session, end: SessionEnd) => void;
}

/** An IDE that keeps leaving before 101 is dialled again at this pace, ms. */
const againAfter = 250;
/** How long a stopping relay waits for the ends to take their last bytes, ms. */
const stopWithin = 1000;

export class Session {
  readonly facts: SessionFacts;
  readonly #options: SessionOptions;
  readonly #stop = new AbortController();
  readonly #framers: Partial<Record<Side, Framer>>;
  readonly #bytes = { client: 0, debuggee: 0 };
  #prelude: Prelude | undefined;
  #inbox: Inbox;
  #link: Link | undefined;
  #dialled: Duplex | undefined;
  #state: SessionState = "waiting";
  #since = Date.now();
  #reason: string | undefined;
  #onBytes: () => void = () => undefined;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.facts = options.facts;
    const { wire } = options.facts;
    this.#framers = wire === "raw" ? {} : { client: new Framer(wire), debuggee: new Framer(wire) };
    if (wire === "pydevd") this.#prelude = new Prelude();
    this.#inbox = this.#receive();
  }

  get state(): SessionState {
    return this.#state;
  }

  view(): SessionView {
    const { client, debuggee } = this.#framers;
    const opaque = client === undefined || client.failure !== undefined || debuggee?.failure !== undefined;
    return {
      ...this.facts,
      state: this.#state,
      since: this.#since,
      mode: opaque ? "opaque" : "cut-through",
      bytes: { ...this.#bytes },
      frames: { client: client?.frames ?? 0, debuggee: debuggee?.frames ?? 0 },
      ...(this.#reason === undefined ? {} : { reason: this.#reason }),
    };
  }

  /** Joins the two ends, and joins again when an IDE left before the debuggee ran. Returns when that is settled. */
  async run(): Promise<void> {
    const { signal } = this.#stop;
    if (this.facts.wire === "dap") await this.#firstByte();
    while (!signal.aborted) {
      if (this.#state !== "held") this.#become("attaching");
      const stream = await dialHeld({
        dial: this.#options.dial,
        signal,
        releaseAfter: this.#options.accepted === "debuggee" ? this.#options.releaseAfter : 0,
        onHeld: (error) => this.#held(`${error.code}: ${error.message}`),
      });
      if (stream === undefined) return;
      if (stream instanceof DebugtapError) {
        this.#giveUp(stream);
        return;
      }
      if (signal.aborted) reset(stream);
      else await this.#join(stream);
      await pause(againAfter, signal);
    }
  }

  /**
   * Ends the session because the relay stops: clean ends both ways; a debuggee that waits for its IDE is released first.
   * Resolves when both ends have taken their last bytes, or did not in time.
   */
  async stop(): Promise<void> {
    if (this.#state === "closed") return;
    const { stream, accepted } = this.#options;
    this.#link?.release({ by: "relay", how: "stopped" });
    if (accepted === "debuggee" && this.#state !== "released" && this.#prelude?.running === false) {
      stream.write(releaseBytes);
      this.#note({ kind: "released", detail: "the relay stops" });
    }
    const ends = this.#dialled === undefined ? [stream] : [stream, this.#dialled];
    this.#finish({ by: "relay", how: "stopped" });
    await Promise.all(ends.map((end) => endWithin(end)));
  }

  #receive(): Inbox {
    return new Inbox(
      this.#options.stream,
      () => this.#onBytes(),
      (how, detail) => {
        if (how === "end") this.#options.stream.end();
        this.#finish({ by: this.#options.accepted, how, detail });
      },
    );
  }

  /** Resolves at the first byte of the accepted end, or when it has left. */
  #firstByte(): Promise<void> {
    return new Promise((resolve) => {
      this.#onBytes = resolve;
      this.#stop.signal.addEventListener("abort", () => resolve(), { once: true });
    });
  }

  /** Resolves when the link is over; the session then is too, unless the debuggee is held again. */
  #join(dialled: Duplex): Promise<void> {
    const { accepted, stream, rewrite } = this.#options;
    const early = this.#inbox.take();
    const debuggeeCame = accepted === "debuggee";
    const transform = rewrite?.();
    this.#dialled = dialled;
    return new Promise((resolve) => {
      this.#link = new Link({
        ends: debuggeeCame ? { client: dialled, debuggee: stream } : { client: stream, debuggee: dialled },
        early: debuggeeCame ? { client: [], debuggee: early } : { client: early, debuggee: [] },
        transforms: {
          ...(this.#prelude === undefined ? {} : { client: this.#prelude }),
          ...(transform === undefined ? {} : { debuggee: transform }),
        },
        chunk: (side, bytes) => this.#chunk(side, bytes),
        mayEnd: (side) => side === "debuggee" || this.#prelude?.running !== false,
        over: (end, survivor) => {
          this.#link = undefined;
          if (survivor === undefined) this.#finish(end);
          else this.#holdAgain();
          resolve();
        },
      });
      this.#become("open");
      this.#note({ kind: "attached", detail: `${this.facts.client} and ${this.facts.debuggee} are joined` });
      this.#link.start();
    });
  }

  #holdAgain(): void {
    this.#dialled = undefined;
    this.#prelude = new Prelude();
    // Answers to the IDE that has left are not for the next one.
    this.#onBytes = () => {
      for (const chunk of this.#inbox.clear()) this.#chunk("debuggee", chunk);
    };
    this.#inbox = this.#receive();
    this.#held("the IDE left before it let the debuggee run (101)");
  }

  #held(reason: string): void {
    this.#become("held", reason);
    this.#note({ kind: "held", detail: reason });
  }

  /** The other side cannot be had: a debuggee runs on without it, an IDE is told why in its own words. */
  #giveUp(error: DebugtapError): void {
    const { stream, accepted } = this.#options;
    const { wire } = this.facts;
    const early = this.#inbox.take();
    if (accepted === "debuggee" && wire === "pydevd") {
      release({
        debuggee: stream,
        early,
        chunk: (bytes) => this.#chunk("debuggee", bytes),
        over: (how, detail) => this.#finish({ by: "debuggee", how, ...(detail === undefined ? {} : { detail }) }),
      });
      this.#become("released", `no IDE listens at ${this.facts.client}`);
      this.#note({ kind: "released", detail: error.message });
      return;
    }
    for (const bytes of early) this.#chunk(accepted, bytes);
    const answer = wire === "dap" ? refusal(early, error) : undefined;
    stream.on("error", () => undefined);
    if (answer === undefined) reset(stream);
    else void endWithin(stream.resume(), answer);
    this.#finish({ by: "relay", how: "failed", detail: error.format() });
  }

  /** On the hot path, after the bytes were forwarded. */
  #chunk(side: Side, bytes: Uint8Array): void {
    this.#bytes[side] += bytes.length;
    const framer = this.#framers[side];
    if (framer !== undefined && framer.failure === undefined) {
      framer.follow(bytes);
      if (framer.failure !== undefined) this.#opaque(side, framer.failure);
    }
    this.#options.observer.chunk(this.facts.id, side, bytes);
  }

  #opaque(side: Side, failure: DebugtapError): void {
    this.#note({ kind: "opaque", side, detail: failure.format() });
    this.#options.changed(this);
  }

  #note(note: SessionNote): void {
    this.#options.observer.note(this.facts.id, note);
  }

  #become(state: SessionState, reason?: string): void {
    this.#state = state;
    this.#since = Date.now();
    this.#reason = reason;
    this.#options.changed(this);
  }

  #finish(end: SessionEnd): void {
    if (this.#state === "closed") return;
    this.#become("closed", `${end.how} by ${end.by}${end.detail === undefined ? "" : `: ${end.detail}`}`);
    this.#stop.abort();
    this.#options.ended(this, end);
  }
}

/** Ends a stream and waits until it is closed; after `stopWithin` it is reset. */
function endWithin(stream: Duplex, last?: Uint8Array): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => reset(stream), stopWithin);
    stream.on("error", () => undefined);
    stream.once("close", () => {
      clearTimeout(timer);
      resolve();
    });
    stream.resume();
    if (last === undefined) stream.end();
    else stream.end(last);
    if (stream.destroyed) stream.emit("close");
  });
}
