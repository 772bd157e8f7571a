// The hosts of a relay with all their ports, of services and of triggers: opened at once, found by the name of a service.
import type { Duplex } from "node:stream";
import { DebugtapError } from "../protocol/errors.ts";
import type { StopPolicy } from "./capturer.ts";
import type { Config, HostConfig, ServiceConfig } from "./config.ts";
import type { Peer } from "./duplex.ts";
import { OpenHost, type Openable } from "./host.ts";
import type { Ide } from "./ide.ts";
import type { SessionFacts } from "./observer.ts";
import type { Observers } from "./observers.ts";
import { addressesOf, planPorts, planTrigger, shownTrigger, type TriggerPlan } from "./plan.ts";
import { tunnelTo } from "./reach.ts";
import type { Registry } from "./registry.ts";
import { runLocal } from "./transport/local-exec.ts";
import type { RemoteFiles } from "./transport/remote-files.ts";
import { pidIn, questionOf, walkSources, type AskedSources, type WalkedSources } from "./transport/source-walk.ts";
import { superviseHost } from "./transport/supervisor.ts";

export interface RelayHostsOptions {
  readonly config: Config;
  readonly registry: Registry;
  readonly observers: Observers;
  readonly ide: Ide | undefined;
  readonly policy: StopPolicy;
  /** The port of a trigger. */
  readonly trigger: (plan: TriggerPlan) => Openable;
  /** Asks a question on the terminal; absent where there is none. */
  readonly prompt: ((question: string, options: { secret: boolean }) => Promise<string | undefined>) | undefined;
}

export class RelayHosts {
  readonly #options: RelayHostsOptions;
  #open: OpenHost[] = [];

  constructor(options: RelayHostsOptions) {
    this.#options = options;
  }

  /** Opens those that services or triggers are of. Rejects with the first error only when there is nothing that trying again could bring. */
  async open(): Promise<void> {
    const { hosts, services, triggers } = this.#options.config;
    const named = new Set([...services, ...triggers].map(({ host }) => host));
    this.#open = hosts.filter(({ name }) => named.has(name)).map((host) => this.#openHost(host));
    const errors = await Promise.all(this.#open.map((host) => host.settled()));
    const [first] = errors;
    if (first !== undefined && errors.every((error) => error !== undefined)) throw first;
    if (this.#open.length === 0) throw new DebugtapError("DT_CONFIG_INVALID", "there is no service and no trigger");
  }

  /** As {@link Relay.attach}. */
  attach(name: string, stream: Duplex, peer: Peer): void {
    this.mayAttach(name);
    if (this.hostOf(name)?.attach(name, stream, peer) !== true) stream.destroy();
  }

  /** As {@link Relay.mayAttach}. */
  mayAttach(name: string): void {
    const service = this.#service(name);
    if (service === undefined)
      throw new DebugtapError("DT_SERVICE_UNKNOWN", `there is no service ${name}`, { fix: "debugtap ps" });
    if (service.listens !== undefined) return;
    throw new DebugtapError("DT_BOARD_REFUSED", `no IDE can attach to ${name}`, {
      why: "it dials its IDE, which has to listen",
      fix: `listen on ${addressesOf(service).ide}`,
    });
  }

  /** As {@link Relay.sources}. */
  async sources(name: string, asked: AskedSources): Promise<WalkedSources | undefined> {
    const service = this.#service(name);
    const host = this.hostOf(name);
    if (service === undefined || host === undefined) return undefined;
    const sessions = this.#options.registry.sessions(name);
    const pids = sessions.flatMap((session) => pidIn(session.view().process) ?? []);
    return await walkSources(host.run, name, questionOf(service, { pids, ...asked }));
  }

  /** The host of a service. */
  hostOf(name: string): OpenHost | undefined {
    const service = this.#service(name);
    return this.#open.find((each) => each.name === service?.host);
  }

  /** The files of a session's debuggee. */
  filesFor(session: SessionFacts): RemoteFiles | undefined {
    return this.#open.find(({ name }) => name === session.host)?.filesFor(session);
  }

  poke(why: string): void {
    for (const host of this.#open) host.poke(why);
  }

  async closePorts(): Promise<void> {
    await Promise.all(this.#open.map((host) => host.closePorts()));
  }

  async close(): Promise<void> {
    await Promise.all(this.#open.map((host) => host.close()));
  }

  #service(name: string): ServiceConfig | undefined {
    return this.#options.config.services.find((each) => each.name === name);
  }

  #openHost(host: HostConfig): OpenHost {
    const { config, registry, observers, ide, policy, prompt, trigger } = this.#options;
    const services = config.services.filter((service) => service.host === host.name);
    const triggers = config.triggers.filter((each) => each.host === host.name);
    const live = (): boolean =>
      registry.sessions().some(({ facts }) => services.some(({ name }) => name === facts.service));
    const target = tunnelTo(host);
    return new OpenHost({
      host,
      services: services.map((service) => addressesOf(service)),
      triggers: triggers.map((each) => shownTrigger(each)),
      registry,
      connect:
        target === undefined
          ? undefined
          : (told) => superviseHost(target, { ...told, busy: live, ...(prompt === undefined ? {} : { prompt }) }),
      ports: (link) => [
        ...triggers.map((each) => trigger(planTrigger(each, link))),
        ...planPorts({
          services,
          record: config.record,
          clients: config.clients,
          link,
          run: link?.exec.bind(link) ?? runLocal,
          registry,
          observers,
          ide,
          policy,
        }),
      ],
    });
  }
}
