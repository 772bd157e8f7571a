// One named thing to debug: its open port, and the sessions that come to it.
import type { Wire, Side } from "../protocol/frame.ts";
import type { Dial, Listen, Listener } from "./duplex.ts";
import type { Observers } from "./observers.ts";
import type { Registry } from "./registry.ts";
import { Session, type Rewrite } from "./session.ts";
import { Turnstile } from "./turnstile.ts";

/** A service with its ports as functions: `listen` is where one side comes, `dial` opens the other. */
export interface ServicePlan {
  readonly name: string;
  readonly wire: Wire;
  readonly host: string;
  /** The side that comes to the open port. */
  readonly comes: Side;
  /** Addresses for display: the IDE's, and the service's on its host. */
  readonly ide: string;
  readonly vm: string;
  readonly listen: Listen;
  readonly dial: Dial;
  readonly releaseAfter: number;
  readonly rewrite: Rewrite | undefined;
}

export class Service {
  readonly plan: ServicePlan;
  readonly #registry: Registry;
  readonly #observers: Observers;
  readonly #turnstile = new Turnstile();
  #listener: Listener | undefined;

  constructor(plan: ServicePlan, registry: Registry, observers: Observers) {
    this.plan = plan;
    this.#registry = registry;
    this.#observers = observers;
  }

  /** Opens the port; rejects with the DebugtapError of `listen`. */
  async open(): Promise<void> {
    this.#listener = await this.plan.listen((stream, peer) => {
      const { plan } = this;
      const identity = this.#registry.identify(plan.name);
      const came = `${peer.address}:${peer.port}`;
      const on = plan.host === "local" ? "" : `${plan.host} `;
      const session = new Session({
        facts: {
          ...identity,
          service: plan.name,
          wire: plan.wire,
          debuggee: `${on}${plan.comes === "debuggee" ? came : plan.vm}`,
          client: plan.comes === "client" ? came : plan.ide,
        },
        accepted: plan.comes,
        stream,
        dial: plan.dial,
        releaseAfter: plan.releaseAfter,
        turnstile: this.#turnstile,
        rewrite: plan.rewrite,
        observer: this.#observers,
        changed: (changed) => this.#registry.session(changed),
        ended: (ended, end) => this.#observers.sessionClosed(ended.facts.id, end),
      });
      this.#observers.sessionOpened(session.facts);
      this.#registry.session(session);
      void session.run();
    });
  }

  /** Closes the port; sessions go on. */
  async close(): Promise<void> {
    await this.#listener?.close();
    this.#listener = undefined;
  }
}
