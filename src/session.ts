// One debuggee connection of a service with its client, first byte to last.
//
// Who comes first is accepted, the other is dialled:
//   pydevd  the debuggee comes; the IDE is dialled in turn, again and again while none listens (held), until it is released
//   dap     the IDE comes; the service is dialled at its first byte, once; never as a probe
//   raw     either, at once: a debuggee that came is held like pydevd's, an IDE that came is refused like DAP's
// Rules
// - A pydevd debuggee that was not told to run (101) is never dropped: its IDE may leave (it is held again), the relay may
//   stop (it is released first).
// - The loss of the accepted end ends the session, in every state.
import type { Duplex } from "node:stream";
import type { SessionState, SessionView } from "../protocol/control.ts";
import { asDebugtapError, type DebugtapError } from "../protocol/errors.ts";
import type { Side } from "../protocol/frame.ts";
import { endWithin, reset, type Dial } from "./duplex.ts";
import { pause, reachIde } from "./hold.ts";
import { Inbox } from "./inbox.ts";
import type { Transform } from "./lane.ts";
import { Link } from "./link.ts";
import type { Observer, SessionEnd, SessionFacts, SessionNote } from "./observer.ts";
import { Prelude } from "./prelude.ts";
import { refuse } from "./refusal.ts";
import { release, releaseBytes } from "./release.ts";
import { Traffic } from "./traffic.ts";
import type { Turn, Turnstile } from "./turnstile.ts";

export interface SessionOptions {
  readonly facts: SessionFacts;
  /** The side that came. */
  readonly accepted: Side;
  readonly stream: Duplex;
  readonly dial: Dial;
  /** How long a debuggee without an IDE is held, ms; Infinity = for ever. Only where the debuggee was accepted. */
  readonly releaseAfter: number;
  /** The way of this service's debuggees to its IDE. */
  readonly turnstile: Turnstile;
  /** What is changed in what the debuggee sends; made anew for each session. */
  readonly rewrite: (() => Transform) | undefined;
  readonly observer: Required<Pick<Observer, "chunk" | "note">>;
  /** Called at each change of state. */
  readonly changed: (session: Session) => void;
  readonly ended: (session: Session, end: SessionEnd) => void;
}

/** An IDE that keeps leaving before 101 is dialled again at this pace, ms. */
const againAfter = 250;
/** An IDE that has accepted and says nothing for this long is busy with another, ms. PyDev speaks after a second. */
const silentAfter = 2000;
/** How long a stopping relay waits for the ends to take their last bytes, ms. */
const stopWithin = 1000;

export class Session {
  readonly facts: SessionFacts;
  readonly #options: SessionOptions;
  readonly #over = new AbortController();
  readonly #released = new AbortController();
  readonly #traffic: Traffic;
  #prelude: Prelude | undefined;
  #inbox: Inbox;
  #link: Link | undefined;
  /** Until the IDE has spoken to this debuggee, no other goes to it. */
  #turn: Turn | undefined;
  #dialled: Duplex | undefined;
  #patience: NodeJS.Timeout | undefined;
  #state: SessionState = "waiting";
  #since = Date.now();
  #reason: string | undefined;
  #onBytes: () => void = () => undefined;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.facts = options.facts;
    const { wire } = options.facts;
    this.#traffic = new Traffic(wire);
    if (wire === "pydevd") this.#prelude = new Prelude();
    this.#inbox = this.#receive();
  }

  get state(): SessionState {
    return this.#state;
  }

  view(): SessionView {
    return {
      ...this.facts,
      ...this.#traffic.view(),
      state: this.#state,
      since: this.#since,
      ...(this.#reason === undefined ? {} : { reason: this.#reason }),
    };
  }

  /** Joins the two ends, and joins again when an IDE left before the debuggee ran. Returns when that is settled. */
  async run(): Promise<void> {
    try {
      if (this.#options.accepted === "client") await this.#reachDebuggee();
      else await this.#reachClient();
    } catch (thrown) {
      this.#giveUp(asDebugtapError(thrown));
    }
  }

  /** Lets a debuggee that waits for an IDE run on without one; false when this one does not wait. */
  release(why: string): boolean {
    const waits = this.#prelude === undefined ? this.#link === undefined : !this.#prelude.running;
    const late = this.#over.signal.aborted || this.#released.signal.aborted;
    if (this.#options.accepted !== "debuggee" || !waits || late) return false;
    this.#released.abort(why);
    this.#link?.drop("client", { by: "relay", how: "released" });
    return true;
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
    await Promise.all(ends.map((end) => endWithin(end, stopWithin)));
  }

  async #reachDebuggee(): Promise<void> {
    if (this.facts.wire === "dap") await this.#firstByte();
    const { signal } = this.#over;
    if (signal.aborted) return;
    this.#become("attaching");
    const stream = await this.#options.dial(signal);
    if (signal.aborted) reset(stream);
    else await this.#join(stream);
  }

  async #reachClient(): Promise<void> {
    const { dial, turnstile } = this.#options;
    const { signal } = this.#over;
    const { client, ordinal, service } = this.facts;
    this.#become("attaching");
    while (!signal.aborted && !this.#released.signal.aborted) {
      const reached = await reachIde({
        dial,
        turnstile,
        order: ordinal,
        signal,
        release: this.#released.signal,
        onHeld: (why) =>
          this.#held(
            "behind" in why
              ? `the IDE at ${client} has not answered ${service}#${why.behind} yet`
              : `${why.code}: ${why.message}`,
          ),
      });
      if (reached === undefined) break;
      // Only pydevd's IDE speaks first.
      if (this.#prelude === undefined) reached.turn.done();
      else this.#turn = reached.turn;
      await this.#join(reached.stream);
      await pause(againAfter, AbortSignal.any([signal, this.#released.signal]));
    }
    if (!signal.aborted) this.#letGo(String(this.#released.signal.reason));
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
      this.#over.signal.addEventListener("abort", () => resolve(), { once: true });
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
          this.#dialled = undefined;
          this.#turn?.done();
          this.#turn = undefined;
          if (survivor === undefined) this.#finish(end);
          else this.#holdAgain();
          resolve();
        },
      });
      if (this.#turn === undefined) this.#attached();
      else this.#listenFor(this.#turn);
      this.#link.start();
    });
  }

  #attached(): void {
    this.#become("open");
    this.#note({ kind: "attached", detail: `${this.facts.client} and ${this.facts.debuggee} are joined` });
  }

  /** Connected is not answered: until the IDE speaks, the debuggee may stand in its backlog. */
  #listenFor(turn: Turn): void {
    const { client } = this.facts;
    const silent = setTimeout(
      () => this.#held(`the IDE at ${client} has accepted but says nothing: it is busy with another`),
      silentAfter,
    );
    this.#turn = {
      done: () => {
        clearTimeout(silent);
        turn.done();
      },
    };
  }

  /** The IDE left before it let the debuggee run. */
  #holdAgain(): void {
    this.#prelude = new Prelude();
    // Answers to the IDE that has left are not for the next one.
    this.#onBytes = () => {
      for (const chunk of this.#inbox.clear()) this.#chunk("debuggee", chunk);
    };
    this.#inbox = this.#receive();
    if (!this.#released.signal.aborted) this.#held("the IDE left before it let the debuggee run (101)");
  }

  #held(reason: string): void {
    this.#become("held", reason);
    this.#note({ kind: "held", detail: reason });
    const { releaseAfter } = this.#options;
    if (releaseAfter !== Infinity) this.#patience ??= setTimeout(() => this.release("no IDE in time"), releaseAfter);
  }

  /** The debuggee runs on without an IDE; one that is not pydevd's cannot be told to, and is let go. */
  #letGo(why: string): void {
    const { stream } = this.#options;
    const early = this.#inbox.take();
    if (this.facts.wire !== "pydevd") {
      for (const bytes of early) this.#chunk("debuggee", bytes);
      void endWithin(stream, stopWithin);
      this.#finish({ by: "relay", how: "released", detail: why });
      return;
    }
    this.#prelude = undefined;
    release({
      debuggee: stream,
      early,
      chunk: (bytes) => this.#chunk("debuggee", bytes),
      over: (how, detail) => this.#finish({ by: "debuggee", how, ...(detail === undefined ? {} : { detail }) }),
    });
    this.#become("released", why);
    this.#note({ kind: "released", detail: why });
  }

  /** The service cannot be reached: its IDE is told why, in its own words where the wire has some. */
  #giveUp(error: DebugtapError): void {
    if (this.#state === "closed") return;
    const { stream, accepted } = this.#options;
    const early = this.#inbox.take();
    for (const bytes of early) this.#chunk(accepted, bytes);
    refuse(stream, this.facts.wire, early, error);
    this.#finish({ by: "relay", how: "failed", detail: error.format() });
  }

  /** On the hot path, after the bytes were forwarded. */
  #chunk(side: Side, bytes: Uint8Array): void {
    if (this.#turn !== undefined && side === "client") this.#answered();
    const failure = this.#traffic.count(side, bytes);
    if (failure !== undefined) this.#opaque(side, failure);
    this.#options.observer.chunk(this.facts.id, side, bytes);
  }

  /** The IDE has spoken: the next debuggee may go to it. */
  #answered(): void {
    this.#turn?.done();
    this.#turn = undefined;
    this.#attached();
  }

  #opaque(side: Side, failure: DebugtapError): void {
    this.#note({ kind: "opaque", side, detail: failure.format() });
    this.#options.changed(this);
  }

  #note(note: SessionNote): void {
    this.#options.observer.note(this.facts.id, note);
  }

  #become(state: SessionState, reason?: string): void {
    if (state !== "held") {
      clearTimeout(this.#patience);
      this.#patience = undefined;
    }
    this.#state = state;
    this.#since = Date.now();
    this.#reason = reason;
    this.#options.changed(this);
  }

  #finish(end: SessionEnd): void {
    if (this.#state === "closed") return;
    this.#become("closed", `${end.how} by ${end.by}${end.detail === undefined ? "" : `: ${end.detail}`}`);
    this.#over.abort();
    this.#turn?.done();
    this.#options.ended(this, end);
  }
}
