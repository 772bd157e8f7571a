// One debuggee connection of a service with those who debug it, first byte to last: what sessions of all wires have in common.
//
//   pydevd  session-pydevd.ts   the debuggee comes, the IDE is dialled
//   dap     session-dap.ts      the IDE comes, the service is dialled
//   raw     session-raw.ts      either; bytes only
//
// What it is to read the messages of a session, of the first two, is session-hub.ts.
import type { Duplex } from "node:stream";
import type { SessionState, SessionView } from "../protocol/control.ts";
import type { DebugtapError } from "../protocol/errors.ts";
import type { OwnState } from "../protocol/exchange.ts";
import type { Side } from "../protocol/frame.ts";
import type { Identity } from "../protocol/identity.ts";
import type { RealPath, SourceMapping } from "../protocol/path-map.ts";
import type { Placed } from "../protocol/placed.ts";
import { endWithin, type Dial } from "./duplex.ts";
import { Inbox } from "./inbox.ts";
import type { Rewrite } from "./look.ts";
import type { Observer, SessionEnd, SessionFacts, SessionNote } from "./observer.ts";
import { refuse } from "./refusal.ts";
import type { CaptureOptions } from "./session-hits.ts";
import type { CompareSource } from "./source-check.ts";
import { Traffic } from "./traffic.ts";
import type { Turnstile } from "./turnstile.ts";

/** What clients may do, and what happens when the last one leaves. */
export interface ClientPolicy {
  readonly drive: "first" | "any" | "ask";
  readonly onLeave: "keep" | "resume" | "end";
  /** A DAP service whose connection was lost is attached again. */
  readonly reattach: boolean;
}

/** The sources here and on the host. */
export interface Sources {
  readonly mappings: readonly SourceMapping[];
  /** Follows the symlinks of a path here. */
  readonly realPath: RealPath;
  /** The same on the host; undefined also when that cannot be known. */
  readonly remoteRealPath: (path: string) => Promise<string | undefined>;
  readonly compare: CompareSource;
}

export interface SessionOptions {
  readonly source: Sources;
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
  /** What a client has said already whose `initialize` was answered elsewhere (see dap-child.ts). */
  readonly said?: readonly Uint8Array[];
  /** Takes a client that is not this session's: as one that has just come, or, with `said`, as above. */
  readonly diverted: (stream: Duplex, said?: readonly Uint8Array[]) => void;
  readonly clients: ClientPolicy;
  /** Undefined: nothing is captured. */
  readonly capture: CaptureOptions | undefined;
  readonly observer: Required<Pick<Observer, "chunk" | "note" | "hit" | "resumed" | "source">>;
  /** Called when the debuggee first says which process it is. */
  readonly identified: (who: Identity, session: Session) => void;
  /** Called at each change of what the view shows. */
  readonly changed: (session: Session) => void;
  readonly ended: (session: Session, end: SessionEnd) => void;
}

/** How long a stopping relay waits for the ends to take their last bytes, ms. */
export const stopWithin = 1000;

export abstract class Session {
  readonly facts: SessionFacts;
  protected readonly options: SessionOptions;
  /** Aborted when the session is over. */
  protected readonly over = new AbortController();
  protected readonly traffic: Traffic;
  /** It is known which process the debuggee is. */
  protected identified: boolean;
  #state: SessionState = "waiting";
  #since = Date.now();
  #reason: string | undefined;
  #process: string | undefined;

  constructor(options: SessionOptions) {
    const { facts } = options;
    this.facts = facts;
    this.options = options;
    this.traffic = new Traffic(facts.wire);
    this.#process = facts.process;
    this.identified = facts.process !== undefined;
  }

  get state(): SessionState {
    return this.#state;
  }

  view(): SessionView {
    return {
      ...this.facts,
      ...this.traffic.view(),
      state: this.#state,
      since: this.#since,
      ...(this.#process === undefined ? {} : { process: this.#process }),
      ...this.read(),
      ...(this.#reason === undefined ? {} : { reason: this.#reason }),
    };
  }

  /** Joins the two ends. */
  abstract run(): Promise<void>;

  /** Lets a debuggee that waits for an IDE run on without one; false when this one does not wait. */
  abstract release(why: string): boolean;

  /** What is known of the debuggee's process. */
  get process(): string | undefined {
    return this.#process;
  }

  /** From now on these are debugtap's own breakpoints in this session, beside those of IDEs. */
  setOwn(_placed: readonly Placed[]): void {}

  /** What has become of one of them; undefined: the debuggee has been asked. */
  stateOf(_placed: Placed): OwnState | undefined {
    return { state: "failed", why: `there are no breakpoints on the wire ${this.facts.wire}` };
  }

  /** The debuggee has answered all that was said of them. */
  get ownSettled(): boolean {
    return true;
  }

  /** What its messages say of it, where they are read. */
  protected read(): Pick<SessionView, "clients" | "stopped" | "differs"> {
    return {};
  }

  /** Lets this IDE of the session drive; false when it is not here, or the configuration is against it. */
  drive(_client: number): boolean {
    return false;
  }

  /** Lets run what stands, this thread (by its id on the wire) or all; the threads that are let go. */
  resume(_thread?: string): readonly string[] {
    return [];
  }

  /** Called by {@link stop} first: takes the streams off what joins them, a waiting debuggee is let go. Gives all that are open. */
  protected abstract detach(): readonly Duplex[];

  /**
   * Ends the session because the relay stops: clean ends for all. Resolves when they have taken their last bytes, or did not in time.
   */
  async stop(): Promise<void> {
    if (this.#state === "closed") return;
    const ends = this.detach();
    this.finish({ by: "relay", how: "stopped" });
    await Promise.all(ends.map((end) => endWithin(end, stopWithin)));
  }

  /** Names the debuggee's process, as far as it is known. */
  label(process: string): void {
    this.identified = true;
    if (process === this.#process || this.#state === "closed") return;
    this.#process = process;
    this.options.changed(this);
  }

  /** Reads the side that came while the other is not there; when it goes, the session is over. */
  protected inbox(onBytes: () => void): Inbox {
    const { accepted, stream } = this.options;
    return new Inbox(stream, onBytes, (how, detail) => {
      if (how === "end") stream.end();
      this.finish({ by: accepted, how, detail });
    });
  }

  /** The service cannot be reached: its IDE is told why, in its own words. `said`: what it has said elsewhere. */
  protected refuse(inbox: Inbox, error: DebugtapError, said: readonly Uint8Array[] = []): void {
    if (this.over.signal.aborted) return;
    const early = inbox.take();
    for (const bytes of early) this.chunk("client", bytes);
    refuse(this.options.stream, this.facts.wire, [...said, ...early], error);
    this.finish({ by: "relay", how: "failed", detail: error.format() });
  }

  /** On the hot path, after the bytes were forwarded. */
  protected chunk(side: Side, bytes: Uint8Array): void {
    const failure = this.traffic.count(side, bytes);
    if (failure !== undefined) {
      this.note({ kind: "opaque", side, detail: failure.format() });
      queueMicrotask(() => this.unreadable());
      this.options.changed(this);
    }
    this.options.observer.chunk(this.facts.id, side, bytes);
  }

  /** Its bytes are not its wire's, or no longer: they only pass. */
  protected unreadable(): void {}

  protected note(note: SessionNote): void {
    this.options.observer.note(this.facts.id, note);
  }

  protected become(state: SessionState, reason?: string): void {
    if (this.#state === "closed") return;
    this.#state = state;
    this.#since = Date.now();
    this.#reason = reason;
    this.options.changed(this);
  }

  protected attached(): void {
    this.become("open");
    this.note({ kind: "attached", detail: `${this.facts.client} and ${this.facts.debuggee} are joined` });
  }

  /** `left`: what it leaves behind. */
  protected finish(end: SessionEnd, left = ""): void {
    if (this.#state === "closed") return;
    this.become("closed", `${end.how} by ${end.by}${end.detail === undefined ? "" : `: ${end.detail}`}${left}`);
    this.over.abort();
    this.options.ended(this, end);
  }
}
