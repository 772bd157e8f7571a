// The running program, and the only file that builds things: hosts become tunnels, services become open ports, the recorder
// becomes an observer. Everything else is handed what it needs.
//
// Order of a start: trace, hosts (all at once), services (all at once: forwards are pipelined). Order of a stop: ports,
// sessions, tunnels, trace, so that the last byte of every session is in the trace.
import { asDebugtapError, DebugtapError } from "../protocol/errors.ts";
import { childConnectNames, childConnectRewrite } from "../protocol/dap-endpoint.ts";
import { Rewriter } from "../protocol/rewriter.ts";
import type { RelayEvent, RelayView } from "../protocol/control.ts";
import { Recorder } from "./addons/recorder.ts";
import type { Config, HostConfig, ServiceConfig } from "./config.ts";
import type { Dial, Listen } from "./duplex.ts";
import type { Observer, SessionNote } from "./observer.ts";
import { Observers } from "./observers.ts";
import { reasonOf, Registry } from "./registry.ts";
import { Service, type ServicePlan } from "./service.ts";
import { TraceWriter } from "./trace/writer.ts";
import { dialTcp, listenTcp } from "./transport/tcp.ts";
import { openTunnel, type Tunnel } from "./transport/tunnel.ts";

export interface RelayOptions {
  readonly config: Config;
  readonly version: string;
  readonly onEvent: (event: RelayEvent) => void;
  /** Asks a question on the terminal; absent where there is none. */
  readonly prompt?: (question: string, options: { secret: boolean }) => Promise<string | undefined>;
}

export class Relay {
  readonly #options: RelayOptions;
  readonly #registry: Registry;
  readonly #started = Date.now();
  readonly #tunnels = new Map<string, Tunnel>();
  readonly #names = new Map<number, string>();
  #services: Service[] = [];
  #observers: Observers | undefined;
  #trace: TraceWriter | undefined;
  #stopping: Promise<void> | undefined;

  constructor(options: RelayOptions) {
    this.#options = options;
    this.#registry = new Registry(options.onEvent);
  }

  /**
   * Opens everything. A host or service that fails is told as an event with its reason and the rest goes on; rejects with
   * the first of those errors only when nothing at all could be opened.
   */
  async start(): Promise<void> {
    const { config } = this.#options;
    this.#observers = new Observers(await this.#openObservers(), (observer, thrown) =>
      this.#registry.tell({ type: "error", error: reasonOf(named(observer, thrown)) }),
    );
    const failures: DebugtapError[] = [];
    await Promise.all(
      config.hosts.map((host) =>
        this.#openHost(host).catch((thrown: unknown) => {
          failures.push(asDebugtapError(thrown));
        }),
      ),
    );
    if (this.#services.length === 0) throw failures[0] ?? new DebugtapError("DT_CONFIG_INVALID", "there is no service");
  }

  view(): RelayView {
    const { config, version } = this.#options;
    return {
      pid: process.pid,
      started: this.#started,
      version,
      ...(config.file === undefined ? {} : { config: config.file }),
      ...(this.#trace === undefined ? {} : { trace: this.#trace.dir }),
      ...this.#registry.views(),
    };
  }

  /** Ends everything in order; the debuggees run on, the trace is complete. Safe to call twice. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    await Promise.all(this.#services.map((service) => service.close()));
    const drained = this.#registry.sessions().map((session) => session.stop());
    await Promise.all(drained);
    await Promise.all([...this.#tunnels.values()].map((tunnel) => tunnel.close()));
    if (this.#trace !== undefined) {
      const { dir } = this.#trace;
      await this.#trace.close();
      this.#registry.tell({ type: "trace", state: "closed", dir });
    }
  }

  async #openObservers(): Promise<Observer[]> {
    const { config, version } = this.#options;
    const teller: Observer = {
      name: "events",
      sessionOpened: (session) => this.#names.set(session.id, session.name),
      note: (session, { kind, detail }: SessionNote) =>
        this.#registry.tell({ type: "note", session: this.#names.get(session) ?? String(session), kind, detail }),
      sessionClosed: (session) => this.#names.delete(session),
    };
    if (!config.record.enabled) return [teller];
    this.#trace = await TraceWriter.open({
      ...(config.record.dir === undefined ? {} : { parent: config.record.dir }),
      facts: { version, ...(config.file === undefined ? {} : { config: config.file }) },
      onEvent: (event) =>
        this.#registry.tell({ type: "trace", state: event.type, dir: this.#trace?.dir ?? "", reason: reasonOf(event.error) }),
    });
    this.#registry.tell({ type: "trace", state: "open", dir: this.#trace.dir });
    return [teller, new Recorder(this.#trace)];
  }

  async #openHost(host: HostConfig): Promise<void> {
    const services = this.#options.config.services.filter((service) => service.host === host.name);
    const target = host.ssh ?? "local";
    for (const service of services) this.#registry.service({ ...addresses(service), state: "starting" });
    let tunnel: Tunnel | undefined;
    if (host.ssh !== undefined) {
      this.#registry.host({ name: host.name, target, state: "connecting" });
      try {
        tunnel = await openTunnel(
          {
            name: host.name,
            destination: host.ssh,
            ...(host.sshConfig === undefined ? {} : { configFile: host.sshConfig }),
          },
          this.#options.prompt === undefined ? {} : { prompt: this.#options.prompt },
        );
      } catch (thrown) {
        this.#lose(host, services, asDebugtapError(thrown));
        throw thrown;
      }
      this.#tunnels.set(host.name, tunnel);
      void tunnel.closed.then((error) => {
        if (this.#stopping === undefined && error !== undefined) this.#lose(host, services, error);
      });
    }
    this.#registry.host({ name: host.name, target, state: host.ssh === undefined ? "local" : "up" });
    const opened = await Promise.allSettled(services.map((service) => this.#openService(service, tunnel)));
    const failed = opened.find((result) => result.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  }

  async #openService(config: ServiceConfig, tunnel: Tunnel | undefined): Promise<void> {
    const service = new Service(plan(config, tunnel), this.#registry, this.#observers ?? new Observers([], () => undefined));
    try {
      await service.open();
    } catch (thrown) {
      this.#registry.service({ ...addresses(config), state: "failed", reason: reasonOf(asDebugtapError(thrown)) });
      throw thrown;
    }
    this.#services.push(service);
    this.#registry.service({ ...addresses(config), state: "listening" });
  }

  #lose(host: HostConfig, services: readonly ServiceConfig[], error: DebugtapError): void {
    const reason = reasonOf(error);
    this.#registry.host({ name: host.name, target: host.ssh ?? "local", state: "down", reason });
    for (const service of services) this.#registry.service({ ...addresses(service), state: "failed", reason });
  }
}

/** A service's ports as functions. `dials`: the service comes and the IDE is dialled; `listens`: the other way round. */
function plan(config: ServiceConfig, tunnel: Tunnel | undefined): ServicePlan {
  const ide = { host: config.bind, port: config.ide };
  const vm = { host: config.address, port: config.dials ?? config.listens ?? 0 };
  const vmListen: Listen = tunnel === undefined ? listenTcp(vm) : tunnel.listen(vm);
  const vmDial: Dial = tunnel === undefined ? dialTcp(vm) : tunnel.dial(vm);
  const comes = config.dials === undefined ? "client" : "debuggee";
  const childPort = config.wire === "dap" && vm.port !== ide.port;
  return {
    ...addresses(config),
    comes,
    listen: comes === "debuggee" ? vmListen : listenTcp(ide),
    dial: comes === "debuggee" ? dialTcp(ide) : vmDial,
    releaseAfter: config.hold,
    rewrite: childPort
      ? () =>
          new Rewriter({
            wire: "dap",
            names: childConnectNames,
            rewrite: childConnectRewrite({ from: { port: vm.port }, to: ide }),
          })
      : undefined,
  };
}

function addresses(config: ServiceConfig): { name: string; wire: ServiceConfig["wire"]; host: string; ide: string; vm: string } {
  return {
    name: config.name,
    wire: config.wire,
    host: config.host,
    ide: `${config.bind}:${config.ide}`,
    vm: `${config.address}:${config.dials ?? config.listens ?? 0}`,
  };
}

function named(observer: Observer, thrown: unknown): DebugtapError {
  const why = thrown instanceof Error ? thrown.message : String(thrown);
  return new DebugtapError("DT_INTERNAL", `the ${observer.name} was switched off after a failure`, {
    why,
    fix: "the sessions go on without it; restart debugtap to switch it on again, and please report this",
    cause: thrown,
  });
}
