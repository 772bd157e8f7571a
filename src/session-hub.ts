// A session whose messages are read and joined by a hub: which process it is, which of its threads stand, what is captured, which of its sources
// differ from those here.
import type { ClientView, SessionView } from "../protocol/control.ts";
import type { Exchange, ExchangeOutput, OwnState } from "../protocol/exchange.ts";
import type { Frame } from "../protocol/frame.ts";
import { identityNames, identityOf } from "../protocol/identity.ts";
import { PathMap } from "../protocol/path-map.ts";
import type { Placed } from "../protocol/placed.ts";
import { stopNames, Stops } from "../protocol/stops.ts";
import { Hub, type HubOptions } from "./hub.ts";
import { Look } from "./look.ts";
import type { SessionEnd } from "./observer.ts";
import { Session, type SessionOptions } from "./session.ts";
import { SessionHits } from "./session-hits.ts";
import { SourceCheck } from "./source-check.ts";

/** What each wire has its own way with. */
type OwnHubOptions<E extends Exchange> = Pick<
  HubOptions<E>,
  "debuggee" | "whole" | "diverts" | "diverted" | "clientGone" | "debuggeeGone"
>;

/** An exchange that lets run what stands. */
type Resuming = Exchange & { resume(thread?: string): readonly string[] };

export abstract class HubSession<E extends Resuming> extends Session {
  /** Undefined: there is no debuggee yet. */
  protected abstract readonly hub: Hub<E> | undefined;
  #stops = this.#newStops();
  readonly #hits: SessionHits | undefined;
  #check: SourceCheck | undefined;

  constructor(options: SessionOptions) {
    super(options);
    const { capture, facts, observer } = options;
    this.#hits = capture && new SessionHits({ capture, facts, observer, process: () => this.process });
  }

  /** The IDEs that are attached, where several can be. */
  protected get clients(): readonly ClientView[] {
    return [];
  }

  protected override read(): Pick<SessionView, "clients" | "stopped" | "differs"> {
    const { threads } = this.#stops;
    const { clients } = this;
    const differs = this.#check?.differing ?? [];
    return {
      ...(clients.length === 0 ? {} : { clients }),
      ...(threads.size === 0 ? {} : { stopped: { threads: threads.size, since: Math.min(...threads.values()) } }),
      ...(differs.length === 0 ? {} : { differs }),
    };
  }

  override resume(thread?: string): readonly string[] {
    return this.hub?.exchange.use((exchange) => exchange.resume(thread)) ?? [];
  }

  override setOwn(placed: readonly Placed[]): void {
    this.hub?.exchange.use((exchange) => exchange.setOwn(placed));
  }

  override stateOf(placed: Placed): OwnState | undefined {
    return this.hub?.exchange.use((exchange) => exchange.stateOf(placed));
  }

  /** Joins what comes through an exchange, which `make` makes. From now on stops are captured, and files with breakpoints are compared. */
  protected newHub(wire: "dap" | "pydevd", make: (output: ExchangeOutput) => E, own: OwnHubOptions<E>): Hub<E> {
    const map = this.#newMap();
    const look = new Look({
      wire,
      watched: [...stopNames(wire), ...identityNames(wire), ...(this.#hits?.logNames ?? [])],
      watch: (frame) => this.watch(frame),
      rewrite: this.options.rewrite,
      map,
    });
    const hub = new Hub<E>({
      ...own,
      wire,
      framer: this.traffic.lend("debuggee"),
      exchange: (output) =>
        make({
          ...output,
          toDebuggee: (bytes) => output.toDebuggee(look.toDebuggee(bytes)),
          stopped: (stop) => this.#hits?.stopped(stop),
          breakpoints: (path) => this.#check?.breakpoints(path),
        }),
      names: look.names,
      see: look.fromDebuggee,
      offer: (side, bytes) => this.chunk(side, bytes),
    });
    this.#hits?.captureThrough(hub.exchange);
    this.#check = this.#newCheck(map, (path, text) => hub.exchange.remark(path, text));
    return hub;
  }

  /** Looks at a message of the debuggee that may say which process it is, or that a thread stands or runs on. */
  protected watch(frame: Frame): void {
    this.#identify(frame);
    if (this.#stops.see(frame, Date.now())) this.options.changed(this);
    this.#hits?.logged(frame);
  }

  /** The debuggee's connection is lost: what was known of it may not hold for the next one. */
  protected forget(): void {
    this.#stops = this.#newStops();
    this.identified = false;
  }

  protected override finish(end: SessionEnd): void {
    if (this.state === "closed") return;
    this.#hits?.end();
    const { threads } = this.#stops;
    super.finish(end, threads.size === 0 || end.how === "end" ? "" : `; ${threads.size} stopped threads run on`);
  }

  #newStops(): Stops {
    return new Stops((thread, ms) => this.options.observer.resumed(this.facts.id, thread, ms));
  }

  /** Frames may have a path through a symlink or its target, as they were imported. */
  #newMap(): PathMap {
    const { mappings, realPath, remoteRealPath } = this.options.source;
    const map = new PathMap(mappings, realPath);
    const follow = async (remote: string): Promise<void> => {
      const real = await remoteRealPath(remote).catch(() => undefined);
      if (real !== undefined) map.follow(remote, real);
    };
    for (const { remote } of mappings) void follow(remote);
    return map;
  }

  /** By `remark` the clients are told what differs. */
  #newCheck(map: PathMap, remark: (path: string, text: string | undefined) => void): SourceCheck {
    return new SourceCheck({
      map,
      compare: this.options.source.compare,
      differs: (path, text) => {
        if (this.state === "closed") return;
        remark(path, text);
        this.note({ kind: "source", detail: text ?? `${path} is the host's by now` });
        this.options.changed(this);
      },
      failed: (detail) => {
        if (this.state !== "closed") this.note({ kind: "source", detail });
      },
    });
  }

  #identify(frame: Frame): void {
    if (this.identified) return;
    const who = identityOf(frame, this.facts.wire);
    if (who?.pid === undefined) return;
    this.identified = true;
    this.options.identified(who, this);
  }
}
