// One host while the relay runs: its link, its ports, and what is told of both.
//
// Rules
// - Ports here are open from the start and stay open through an outage; a port on the VM comes back with the link.
// - A service is `listening` when its port is open and its host is reachable, `waiting` while its host is not, `failed` when its
//   port cannot be had.
import type { Duplex } from "node:stream";
import { asDebugtapError, type DebugtapError } from "../protocol/errors.ts";
import type { HostConfig } from "./config.ts";
import type { Peer } from "./duplex.ts";
import type { SessionFacts } from "./observer.ts";
import type { Registry, ShownTrigger } from "./registry.ts";
import type { ServicePlan } from "./service.ts";
import { runLocal } from "./transport/local-exec.ts";
import type { Run } from "./transport/process-lookup.ts";
import type { HostLink, LinkState, SupervisorOptions } from "./transport/host-link.ts";
import { localFiles, type RemoteFiles } from "./transport/remote-files.ts";
import { hostPort } from "./transport/tcp.ts";

type Shown = Pick<ServicePlan, "name" | "wire" | "host" | "ide" | "vm">;

/** A port: of services, or of a trigger, whose names are one's alone. */
export interface Openable {
  readonly names: readonly string[];
  readonly isOpen: boolean;
  /** Rejects with a DebugtapError. */
  open(): Promise<void>;
  close(): Promise<void>;
  /** Takes the stream of an IDE that came another way; false where it is not for the service of this name. */
  attach?(name: string, stream: Duplex, peer: Peer): boolean;
}

export interface OpenHostOptions {
  readonly host: HostConfig;
  readonly services: readonly Shown[];
  readonly triggers: readonly ShownTrigger[];
  readonly registry: Registry;
  /** Absent: this machine. */
  readonly connect: ((told: LinkEvents) => HostLink) | undefined;
  readonly ports: (link: HostLink | undefined) => readonly Openable[];
}

export type LinkEvents = Pick<SupervisorOptions, "onState" | "onForward">;

/** What is known of a port, of a service or a trigger. */
type PortState = "opening" | "open" | DebugtapError;

export class OpenHost {
  readonly name: string;
  readonly #options: OpenHostOptions;
  readonly #link: HostLink | undefined;
  readonly #ports: readonly Openable[];
  readonly #portStates = new Map<string, PortState>();
  readonly #told = new Map<string, string>();
  #state: LinkState | undefined;
  #wasUp = false;
  #onSettled: (() => void)[] = [];

  constructor(options: OpenHostOptions) {
    this.#options = options;
    this.name = options.host.name;
    const { host, services, triggers, registry, connect, ports } = options;
    for (const { name } of [...services, ...triggers]) this.#portStates.set(name, "opening");
    if (connect === undefined) registry.host({ name: host.name, target: "local", state: "local" });
    this.#tellServices();
    this.#link = connect?.({
      onState: (state) => this.#linked(state),
      onForward: (at, problem) => this.#bound(hostPort(at.host, at.port), problem),
    });
    this.#ports = ports(this.#link);
    for (const port of this.#ports) void this.#open(port);
  }

  /**
   * Resolves when its first attempts have ended: with the error when nothing of it can be had and trying again would not
   * change that, else with undefined.
   */
  async settled(): Promise<DebugtapError | undefined> {
    while (!this.#isSettled()) await new Promise<void>((resolve) => this.#onSettled.push(resolve));
    if (this.#state?.state === "down" && this.#state.retryAt === undefined) return this.#state.reason;
    const states = [...this.#portStates.values()];
    const failed = states.filter((state) => typeof state !== "string");
    return failed.length === states.length ? failed[0] : undefined;
  }

  /** The files of a debuggee's machine: this one's where there is no SSH and it came from here. */
  filesFor({ debuggee }: Pick<SessionFacts, "debuggee">): RemoteFiles | undefined {
    if (this.#link !== undefined) return this.#link.files;
    return this.#options.connect === undefined && isLoopback(debuggee) ? localFiles : undefined;
  }

  /** Its files. */
  get files(): RemoteFiles {
    return this.#link?.files ?? localFiles;
  }

  /** Runs a command on it. */
  readonly run: Run = async (command, options) =>
    this.#link === undefined ? await runLocal(command, options) : await this.#link.exec(command, options);

  poke(why: string): void {
    this.#link?.poke(why);
  }

  /** As {@link Port.attach}, of one of its services. */
  attach(name: string, stream: Duplex, peer: Peer): boolean {
    return this.#ports.some((port) => port.attach?.(name, stream, peer) === true);
  }

  async closePorts(): Promise<void> {
    await Promise.all(this.#ports.map((port) => port.close()));
  }

  async close(): Promise<void> {
    await this.#link?.close();
  }

  /** A link that is down has had its attempt; one that is up has opened, or failed to open, every port. */
  #isSettled(): boolean {
    if (this.#options.connect !== undefined && (this.#state?.state ?? "connecting") === "connecting") return false;
    return this.#state?.state === "down" || ![...this.#portStates.values()].includes("opening");
  }

  async #open(port: Openable): Promise<void> {
    const become = (state: PortState): void => {
      for (const name of port.names) this.#portStates.set(name, state);
      this.#changed();
    };
    try {
      await port.open();
      become("open");
    } catch (thrown) {
      become(asDebugtapError(thrown));
    }
  }

  #linked(state: LinkState): void {
    const { host, registry } = this.#options;
    const came = state.state === "up" && this.#state?.state !== "degraded";
    this.#wasUp ||= came;
    this.#state = state;
    // What could not be had while the link was down for good may be had now.
    if (came) for (const port of this.#ports ?? []) if (this.#hasFailed(port) && !port.isOpen) void this.#open(port);
    registry.host({
      name: host.name,
      target: host.ssh ?? "local",
      state: state.state,
      ...("rtt" in state && state.rtt !== undefined ? { rtt: state.rtt } : {}),
      ...(state.state === "down" ? { reason: state.reason.toJSON() } : {}),
      ...(state.state === "down" && state.retryAt !== undefined ? { retryAt: state.retryAt } : {}),
    });
    this.#changed();
  }

  /** A remote forward was lost, or is back. */
  #bound(vm: string, problem: DebugtapError | undefined): void {
    for (const service of this.#options.services)
      if (service.vm === vm) this.#portStates.set(service.name, problem ?? "open");
    this.#changed();
  }

  #hasFailed(port: Openable): boolean {
    return port.names.some((name) => typeof this.#portStates.get(name) !== "string");
  }

  #changed(): void {
    this.#tellServices();
    const waiting = this.#onSettled;
    this.#onSettled = [];
    for (const resolve of waiting) resolve();
  }

  #tellServices(): void {
    const { services, registry } = this.#options;
    for (const service of services) {
      const { state, reason, isNew } = this.#news(service.name);
      if (isNew) registry.service({ ...service, state, ...reason });
    }
    for (const trigger of this.#options.triggers) {
      const { state, reason, isNew } = this.#news(trigger.name);
      if (isNew) registry.trigger({ ...trigger, state: state === "starting" ? "waiting" : state, ...reason });
    }
  }

  #news(name: string) {
    const { state, reason } = this.#serviceState(name);
    const told = `${state} ${reason?.code} ${reason?.message}`;
    const isNew = this.#told.get(name) !== told;
    this.#told.set(name, told);
    return { state, reason: reason === undefined ? {} : { reason: reason.toJSON() }, isNew };
  }

  #serviceState(name: string): { state: "starting" | "listening" | "waiting" | "failed"; reason?: DebugtapError } {
    const port = this.#portStates.get(name);
    if (port !== undefined && typeof port !== "string") return { state: "failed", reason: port };
    if (this.#state?.state === "down") return { state: "waiting", reason: this.#state.reason };
    const isUp = this.#options.connect === undefined || (this.#state?.state ?? "connecting") !== "connecting";
    if (port === "open" && isUp) return { state: "listening" };
    return { state: this.#wasUp ? "waiting" : "starting" };
  }
}

/** Of `address:port`. */
function isLoopback(address: string): boolean {
  return /^(?:\[?(?:::ffff:)?127(?:\.\d+){3}\]?|\[?::1\]?|localhost):\d+$/.test(address);
}
