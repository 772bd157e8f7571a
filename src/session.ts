// One debuggee connection of a service with its client, first byte to last.
//
// Who comes first is accepted, the other is dialled:
//   pydevd  the debuggee comes; the IDE is dialled in turn, again and again while none listens (hold.ts), until it is released
//   dap     the IDE comes; the service is dialled at its first byte, once; never as a probe
//   raw     either, at once: a debuggee that came is held like pydevd's, an IDE that came is refused like DAP's
// Rules
// - A pydevd debuggee that was not told to run (101) is never dropped: its IDE may leave (it is held again), the relay may
//   stop (it is released first).
// - The loss of the accepted end ends the session, in every state.
import type { Duplex } from "node:stream";
import type { SessionState, SessionView } from "../protocol/control.ts";
import { asDebugtapError, type DebugtapError } from "../protocol/errors.ts";
import type { Frame, Side } from "../protocol/frame.ts";
import { identityNames, identityOf, type Identity } from "../protocol/identity.ts";
import { Rewriter } from "../protocol/rewriter.ts";
import { stopNames, Stops } from "../protocol/stops.ts";
import { endWithin, reset, type Dial } from "./duplex.ts";
import { Hold } from "./hold.ts";
import { Inbox } from "./inbox.ts";
import { Link } from "./link.ts";
import type { Observer, SessionEnd, SessionFacts, SessionNote } from "./observer.ts";
import { Prelude } from "./prelude.ts";
import { refuse } from "./refusal.ts";
import { release, releaseBytes } from "./release.ts";
import { Traffic } from "./traffic.ts";
import type { Turnstile } from "./turnstile.ts";

/** What is changed in what the debuggee sends: messages whose beginning holds one of the names. */
export interface Rewrite {
  readonly names: readonly string[];
  readonly frame: (frame: Frame) => Uint8Array | undefined;
}

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
  readonly rewrite: Rewrite | undefined;
  readonly observer: Required<Pick<Observer, "chunk" | "note">>;
  /** Called when the debuggee first says which process it is. */
  readonly identified: (who: Identity) => void;
  /** Called at each change of what the view shows. */
  readonly changed: (session: Session) => void;
  readonly ended: (session: Session, end: SessionEnd) => void;
}

/** How long a stopping relay waits for the ends to take their last bytes, ms. */
const stopWithin = 1000;

export class Session {
  readonly facts: SessionFacts;
  readonly #options: SessionOptions;
  readonly #over = new AbortController();
  readonly #traffic: Traffic;
  readonly #stops = new Stops();
  /** Where the debuggee came. */
  readonly #hold: Hold | undefined;
  #prelude: Prelude | undefined;
  #inbox: Inbox;
  #link: Link | undefined;
  #dialled: Duplex | undefined;
  #state: SessionState = "waiting";
  #since = Date.now();
  #reason: string | undefined;
  #process: string | undefined;
  #identified: boolean;
  #onBytes: () => void = () => undefined;

  constructor(options: SessionOptions) {
    const { facts, accepted, dial, turnstile, releaseAfter } = options;
    this.facts = facts;
    this.#process = facts.process;
    this.#identified = facts.process !== undefined;
    this.#options = options;
    this.#traffic = new Traffic(facts.wire);
    if (facts.wire === "pydevd") this.#prelude = new Prelude();
    if (accepted === "debuggee") {
      const onHeld = (reason: string): void => this.#held(reason);
      this.#hold = new Hold({ facts, dial, turnstile, releaseAfter, over: this.#over.signal, onHeld });
    }
    this.#inbox = this.#receive();
  }

  get state(): SessionState {
    return this.#state;
  }

  view(): SessionView {
    const { threads } = this.#stops;
    return {
      ...this.facts,
      ...this.#traffic.view(),
      state: this.#state,
      since: this.#since,
      ...(this.#process === undefined ? {} : { process: this.#process }),
      ...(threads.size === 0 ? {} : { stopped: { threads: threads.size, since: Math.min(...threads.values()) } }),
      ...(this.#reason === undefined ? {} : { reason: this.#reason }),
    };
  }

  /** Joins the two ends, and joins again when an IDE left before the debuggee ran. Returns when that is settled. */
  async run(): Promise<void> {
    if (this.#hold !== undefined) await this.#reachClient(this.#hold);
    else await this.#reachDebuggee().catch((thrown: unknown) => this.#giveUp(asDebugtapError(thrown)));
  }

  /** Names the debuggee's process, as far as it is known. */
  label(process: string): void {
    this.#identified = true;
    if (process === this.#process || this.#state === "closed") return;
    this.#process = process;
    this.#options.changed(this);
  }

  /** Lets a debuggee that waits for an IDE run on without one; false when this one does not wait. */
  release(why: string): boolean {
    const waits = this.#prelude === undefined ? this.#link === undefined : !this.#prelude.running;
    if (this.#hold === undefined || this.#hold.released !== undefined || !waits || this.#over.signal.aborted)
      return false;
    this.#hold.release(why);
    this.#link?.drop("client", { by: "relay", how: "released" });
    return true;
  }

  /**
   * Ends the session because the relay stops: clean ends both ways; a debuggee that waits for its IDE is released first.
   * Resolves when both ends have taken their last bytes, or did not in time.
   */
  async stop(): Promise<void> {
    if (this.#state === "closed") return;
    const { stream } = this.#options;
    this.#link?.release({ by: "relay", how: "stopped" });
    if (this.#hold !== undefined && this.#state !== "released" && this.#prelude?.running === false) {
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
    else await this.#join({ client: this.#options.stream, debuggee: stream }, stream);
  }

  async #reachClient(hold: Hold): Promise<void> {
    this.#become("attaching");
    for (let stream = await hold.reach(); stream !== undefined; stream = await hold.reach()) {
      // Only pydevd's IDE speaks first.
      if (this.facts.wire === "raw") this.#answered(hold);
      await this.#join({ client: stream, debuggee: this.#options.stream }, stream);
    }
    if (hold.released !== undefined && !this.#over.signal.aborted) this.#letGo(hold.released);
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
  #join(ends: Record<Side, Duplex>, dialled: Duplex): Promise<void> {
    const early = this.#inbox.take();
    const watch = this.#watch();
    this.#dialled = dialled;
    return new Promise((resolve) => {
      this.#link = new Link({
        ends,
        early: { client: [], debuggee: [], [this.#options.accepted]: early },
        transforms: {
          ...(this.#prelude === undefined ? {} : { client: this.#prelude }),
          ...(watch === undefined ? {} : { debuggee: watch }),
        },
        chunk: (side, bytes) => this.#chunk(side, bytes),
        mayEnd: (side) => side === "debuggee" || this.#prelude?.running !== false,
        over: (end, survivor) => {
          this.#link = undefined;
          this.#dialled = undefined;
          this.#hold?.left();
          if (survivor === undefined) this.#finish(end);
          else this.#holdAgain();
          resolve();
        },
      });
      if (this.#hold === undefined) this.#attached();
      this.#link.start();
    });
  }

  /** Looks at the few messages of the debuggee that stop a thread, or that are to be changed. */
  #watch(): Rewriter | undefined {
    const { wire } = this.facts;
    const { rewrite } = this.#options;
    if (wire === "raw") return undefined;
    return new Rewriter({
      wire,
      names: [...stopNames(wire), ...identityNames(wire), ...(rewrite?.names ?? [])],
      rewrite: (frame) => {
        this.#identify(frame);
        if (this.#stops.see(frame, Date.now())) this.#options.changed(this);
        return rewrite?.frame(frame);
      },
    });
  }

  #identify(frame: Frame): void {
    if (this.#identified) return;
    const who = identityOf(frame, this.facts.wire);
    if (who?.pid === undefined) return;
    this.#identified = true;
    this.#options.identified(who);
  }

  /** The IDE left before it let the debuggee run. */
  #holdAgain(): void {
    this.#prelude = new Prelude();
    // Answers to the IDE that has left are not for the next one.
    this.#onBytes = () => {
      for (const chunk of this.#inbox.clear()) this.#chunk("debuggee", chunk);
    };
    this.#inbox = this.#receive();
    this.#hold?.held("the IDE left before it let the debuggee run (101)");
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
    const { stream } = this.#options;
    const early = this.#inbox.take();
    for (const bytes of early) this.#chunk("client", bytes);
    refuse(stream, this.facts.wire, early, error);
    this.#finish({ by: "relay", how: "failed", detail: error.format() });
  }

  /** On the hot path, after the bytes were forwarded. */
  #chunk(side: Side, bytes: Uint8Array): void {
    if (this.#state !== "open" && side === "client" && this.#hold !== undefined) this.#answered(this.#hold);
    const failure = this.#traffic.count(side, bytes);
    if (failure !== undefined) {
      this.#note({ kind: "opaque", side, detail: failure.format() });
      this.#options.changed(this);
    }
    this.#options.observer.chunk(this.facts.id, side, bytes);
  }

  #answered(hold: Hold): void {
    if (hold.answered()) this.#attached();
  }

  #attached(): void {
    this.#become("open");
    this.#note({ kind: "attached", detail: `${this.facts.client} and ${this.facts.debuggee} are joined` });
  }

  #held(reason: string): void {
    this.#become("held", reason);
    this.#note({ kind: "held", detail: reason });
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
    const { threads } = this.#stops;
    const stopped = threads.size === 0 || end.how === "end" ? "" : `; ${threads.size} stopped threads run on`;
    this.#become("closed", `${end.how} by ${end.by}${end.detail === undefined ? "" : `: ${end.detail}`}${stopped}`);
    this.#over.abort();
    this.#options.ended(this, end);
  }
}
