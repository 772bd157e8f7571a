// One debuggee connection of a service with those who debug it, first byte to last: what sessions of all wires have in common.
//
//   pydevd  session-pydevd.ts   the debuggee comes, the IDE is dialled
//   dap     session-dap.ts      the IDE comes, the service is dialled
//   raw     session-raw.ts      either; bytes only
import type { Duplex } from "node:stream";
import type { ClientView, SessionState, SessionView } from "../protocol/control.ts";
import type { OwnState, Stop } from "../protocol/exchange.ts";
import type { Frame, Side } from "../protocol/frame.ts";
import { identityNames, identityOf, type Identity } from "../protocol/identity.ts";
import { PathMap, type RealPath, type SourceMapping } from "../protocol/path-map.ts";
import type { Placed } from "../protocol/placed.ts";
import { loggedIn, logNames } from "../protocol/log-marks.ts";
import { stopNames, Stops } from "../protocol/stops.ts";
import { Capturer, type CapturerOptions } from "./capturer.ts";
import { endWithin, type Dial } from "./duplex.ts";
import type { Paths } from "./hub.ts";
import type { Observer, SessionEnd, SessionFacts, SessionNote } from "./observer.ts";
import { SourceCheck, type CompareSource } from "./source-check.ts";
import { SourceAsker } from "./source-asker.ts";
import { Traffic } from "./traffic.ts";
import type { Turnstile } from "./turnstile.ts";

/** What is changed in what the debuggee sends: messages with one of the names. */
export interface Rewrite {
  readonly names: readonly string[];
  readonly frame: (frame: Frame) => Uint8Array | undefined;
}

/** What is captured at each stop. */
export type CaptureOptions = Pick<CapturerOptions, "limits" | "correlate" | "evaluate" | "policy" | "clock">;

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
  /** What a client has said already whose `initialize` was answered elsewhere (see session-dap.ts). */
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
  #stops: Stops;
  #hits = 0;
  #state: SessionState = "waiting";
  #since = Date.now();
  #reason: string | undefined;
  #process: string | undefined;
  #identified: boolean;
  #capturer: Capturer | undefined;
  readonly #map: PathMap;
  #check: SourceCheck | undefined;

  constructor(options: SessionOptions) {
    const { facts } = options;
    this.facts = facts;
    this.options = options;
    this.traffic = new Traffic(facts.wire);
    this.#stops = this.#newStops();
    this.#map = new PathMap(options.source.mappings, options.source.realPath);
    this.#process = facts.process;
    this.#identified = facts.process !== undefined;
  }

  get state(): SessionState {
    return this.#state;
  }

  view(): SessionView {
    const { threads } = this.#stops;
    const { clients } = this;
    const differs = this.#check?.differing ?? [];
    return {
      ...this.facts,
      ...this.traffic.view(),
      state: this.#state,
      since: this.#since,
      ...(this.#process === undefined ? {} : { process: this.#process }),
      ...(clients.length === 0 ? {} : { clients }),
      ...(threads.size === 0 ? {} : { stopped: { threads: threads.size, since: Math.min(...threads.values()) } }),
      ...(differs.length === 0 ? {} : { differs }),
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

  /** The IDEs that are attached, where several can be. */
  protected get clients(): readonly ClientView[] {
    return [];
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
    this.#identified = true;
    if (process === this.#process || this.#state === "closed") return;
    this.#process = process;
    this.options.changed(this);
  }

  /** Names of the messages of the debuggee that {@link see} is to be shown. */
  protected get names(): ReadonlySet<string> {
    const { wire } = this.facts;
    return wire === "raw"
      ? new Set()
      : new Set([
          ...stopNames(wire),
          ...identityNames(wire),
          ...(this.options.rewrite?.names ?? []),
          ...this.#logNames(),
        ]);
  }

  /** How names of files are rewritten, for the hub; nothing where no directories are mapped. */
  protected paths(
    names: Paths["names"],
    rewrite: (frame: Frame, map: PathMap, from: Side) => Uint8Array | undefined,
  ): { readonly paths?: Paths } {
    const map = this.#map;
    for (const { remote } of this.options.source.mappings) void this.#follow(remote);
    return map.empty ? {} : { paths: { names, rewrite: (frame, from) => rewrite(frame, map, from) } };
  }

  /** Looks at a message of the debuggee; gives the bytes to use in its place, if any. */
  protected see(frame: Frame): Uint8Array | undefined {
    this.#identify(frame);
    if (this.#stops.see(frame, Date.now())) this.options.changed(this);
    this.#logged(frame);
    return this.options.rewrite?.frame(frame);
  }

  /** From now on every stop is captured, if that is wanted. */
  protected captureThrough(exchange: CapturerOptions["exchange"]): void {
    const { capture, facts, observer } = this.options;
    if (capture === undefined) return;
    const asker = new SourceAsker({
      exchange,
      clock: capture.clock,
      onSource: (source) => observer.source(facts.id, source),
    });
    this.#capturer = new Capturer({
      ...capture,
      exchange,
      session: facts.name,
      service: facts.service,
      process: () => this.#process,
      onHit: (hit, sources) => {
        observer.hit(facts.id, { ...hit, number: ++this.#hits });
        asker.want(sources, hit.at);
      },
    });
  }

  /** From now on files that breakpoints are set in are compared with the host's; the clients are told what differs. */
  protected checkThrough(exchange: { readonly remark: (path: string, text: string | undefined) => void }): void {
    this.#check = new SourceCheck({
      map: this.#map,
      compare: this.options.source.compare,
      differs: (path, text) => {
        if (this.#state === "closed") return;
        exchange.remark(path, text);
        this.note({ kind: "source", detail: text ?? `${path} is the host's by now` });
        this.options.changed(this);
      },
      failed: (detail) => {
        if (this.#state !== "closed") this.note({ kind: "source", detail });
      },
    });
  }

  protected breakpoints(path: string): void {
    this.#check?.breakpoints(path);
  }

  /** The debuggee's connection is lost: what was known of it may not hold for the next one. */
  protected forget(): void {
    this.#stops = this.#newStops();
    this.#identified = false;
  }

  protected stopped(stop: Stop): void {
    this.#capturer?.stopped(stop);
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

  protected finish(end: SessionEnd): void {
    if (this.#state === "closed") return;
    this.#capturer?.end();
    const { threads } = this.#stops;
    const stopped = threads.size === 0 || end.how === "end" ? "" : `; ${threads.size} stopped threads run on`;
    this.become("closed", `${end.how} by ${end.by}${end.detail === undefined ? "" : `: ${end.detail}`}${stopped}`);
    this.over.abort();
    this.options.ended(this, end);
  }

  /** Frames may have the path through a symlink or its target, as they were imported. */
  async #follow(remote: string): Promise<void> {
    const real = await this.options.source.remoteRealPath(remote).catch(() => undefined);
    if (real !== undefined) this.#map.follow(remote, real);
  }

  #newStops(): Stops {
    return new Stops((thread, ms) => this.options.observer.resumed(this.facts.id, thread, ms));
  }

  #logNames(): readonly string[] {
    const { capture, facts } = this.options;
    return capture?.policy?.logs === true ? logNames(facts.wire) : [];
  }

  /** A message of a breakpoint that does not stop is a hit too. */
  #logged(frame: Frame): void {
    const { capture, facts, observer } = this.options;
    if (capture?.policy?.logs !== true) return;
    for (const said of loggedIn(frame)) {
      const hit = capture.policy.logged(facts.service, said);
      if (hit === undefined) continue;
      const { name: session, service } = facts;
      observer.hit(facts.id, {
        number: ++this.#hits,
        session,
        service,
        at: capture.clock.wall(),
        ...(this.#process === undefined ? {} : { process: this.#process }),
        ...hit,
      });
    }
  }

  #identify(frame: Frame): void {
    if (this.#identified) return;
    const who = identityOf(frame, this.facts.wire);
    if (who?.pid === undefined) return;
    this.#identified = true;
    this.options.identified(who, this);
  }
}
