// One named thing to debug, and the sessions that are its.
import type { Duplex } from "node:stream";
import type { Wire, Side } from "../protocol/frame.ts";
import type { Identity } from "../protocol/identity.ts";
import type { Dial, Peer } from "./duplex.ts";
import type { Labeller } from "./labeller.ts";
import type { Observers } from "./observers.ts";
import { describeProcess, type ProcessFacts } from "./process.ts";
import type { Rewrite } from "./look.ts";
import type { Registry } from "./registry.ts";
import type { ClientPolicy, Session, SessionOptions, Sources } from "./session.ts";
import { DapSession } from "./session-dap.ts";
import type { CaptureOptions } from "./session-hits.ts";
import { PydevdSession } from "./session-pydevd.ts";
import { RawSession } from "./session-raw.ts";
import { Turnstile } from "./turnstile.ts";

/** A service with its other end as a function: `dial` opens it. */
export interface ServicePlan {
  readonly name: string;
  readonly wire: Wire;
  readonly host: string;
  /** The side that comes to the open port. */
  readonly comes: Side;
  /** Addresses for display: the IDE's, and the service's on its host. */
  readonly ide: string;
  readonly vm: string;
  readonly dial: Dial;
  readonly releaseAfter: number;
  readonly rewrite: Rewrite | undefined;
  readonly capture: CaptureOptions | undefined;
  readonly clients: ClientPolicy;
  readonly source: Sources;
  readonly labeller: Labeller;
  /** Finds out more about a debuggee than it says of itself. */
  readonly lookupPid: (pid: number) => Promise<ProcessFacts | undefined>;
}

export class Service {
  readonly plan: ServicePlan;
  readonly #registry: Registry;
  readonly #observers: Observers;
  readonly #turnstile = new Turnstile();

  constructor(plan: ServicePlan, registry: Registry, observers: Observers) {
    this.plan = plan;
    this.#registry = registry;
    this.#observers = observers;
  }

  /**
   * Begins a session with a stream that came, or lets it join one: an IDE attaches to what is debugged already. `process` is the
   * debuggee's, where it is known.
   */
  accept(stream: Duplex, peer: Peer, process?: ProcessFacts): Session {
    return this.#joined(stream) ?? this.#begin(stream, peer, { process });
  }

  #begin(
    stream: Duplex,
    peer: Peer,
    { process, said }: { readonly process?: ProcessFacts | undefined; readonly said?: readonly Uint8Array[] },
  ): Session {
    const { plan } = this;
    const identity = this.#registry.identify(plan.name);
    const came = `${peer.address}:${peer.port}`;
    const on = plan.host === "local" ? "" : `${plan.host} `;
    const session = this.#make({
      facts: {
        ...identity,
        service: plan.name,
        host: plan.host,
        wire: plan.wire,
        debuggee: `${on}${plan.comes === "debuggee" ? came : plan.vm}`,
        client: plan.comes === "client" ? came : plan.ide,
        ...(process === undefined ? {} : { process: describeProcess(process) }),
      },
      accepted: plan.comes,
      stream,
      dial: plan.dial,
      releaseAfter: plan.releaseAfter,
      turnstile: this.#turnstile,
      rewrite: plan.rewrite,
      observer: this.#observers,
      capture: plan.capture,
      clients: plan.clients,
      source: plan.source,
      ...(said === undefined ? {} : { said }),
      diverted: (diverted, words) => {
        if (words === undefined) this.accept(diverted, peer);
        else if (this.#joined(diverted, words) === undefined) this.#begin(diverted, peer, { said: words });
      },
      changed: (changed) => this.#registry.session(changed),
      identified: (who, changed) => this.#label(changed, who),
      ended: (ended, end) => this.#observers.sessionClosed(ended.facts.id, end),
    });
    this.#observers.sessionOpened(session.facts);
    this.#registry.session(session);
    void session.run();
    return session;
  }

  #make(options: SessionOptions): Session {
    if (options.facts.wire === "raw") return new RawSession(options);
    return options.facts.wire === "dap" ? new DapSession(options) : new PydevdSession(options);
  }

  /** The session that this IDE is one more client of. */
  #joined(stream: Duplex, said?: readonly Uint8Array[]): Session | undefined {
    return this.#registry
      .sessions(this.plan.name)
      .find((session) => session instanceof DapSession && session.join(stream, said));
  }

  /** What the debuggee says of itself names it at once; what its host knows of that process replaces it. */
  #label(session: Session, { pid, name }: Identity): void {
    if (pid === undefined) return;
    session.label(describeProcess({ pid, argv: name === undefined ? [] : [name] }));
    this.plan.labeller.name(session, () => this.plan.lookupPid(pid));
  }
}
