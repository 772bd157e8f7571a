// The running program, and the only file that builds things: hosts become tunnels, services become open ports, the recorder
// becomes an observer. Everything else is handed what it needs.
//
// Order of a start: trace, hosts (all at once), services (all at once: forwards are pipelined). Order of a stop: ports,
// sessions, tunnels, trace, so that the last byte of every session is in the trace.
import { asDebugtapError, DebugtapError } from "../protocol/errors.ts";
import { childConnectNames, childConnectRewrite } from "../protocol/dap-endpoint.ts";
import type { RelayEvent, RelayView } from "../protocol/control.ts";
import { Recorder } from "./addons/recorder.ts";
import type { Config, HostConfig, ServiceConfig } from "./config.ts";
import type { Observer } from "./observer.ts";
import { Observers } from "./observers.ts";
import { Registry } from "./registry.ts";
import { Service, type ServicePlan } from "./service.ts";
import { TraceWriter } from "./trace/writer.ts";
import { dialTcp, hostPort, listenTcp } from "./transport/tcp.ts";
import { openTunnel, type Tunnel } from "./transport/tunnel.ts";

export interface RelayOptions {
  readonly config: Config;
  readonly version: string;
  readonly onEvent: (event: RelayEvent) => void;
  /** The trace's own directory; absent = a new one where the configuration says. */
  readonly traceDir?: string;
  /** Asks a question on the terminal; absent where there is none. */
  readonly prompt?: (question: string, options: { secret: boolean }) => Promise<string | undefined>;
}

export class Relay {
  readonly #options: RelayOptions;
  readonly #registry: Registry;
  readonly #started = Date.now();
  readonly #tunnels: Tunnel[] = [];
  readonly #aborted = new AbortController();
  #services: Service[] = [];
  #observers: Observers;
  #trace: TraceWriter | undefined;
  #stopping: Promise<void> | undefined;

  constructor(options: RelayOptions) {
    this.#options = options;
    this.#registry = new Registry(options.onEvent);
    this.#observers = this.#observe([]);
  }

  /**
   * Opens everything. A host or service that fails is told as an event with its reason and the rest goes on; rejects with
   * the first of those errors only when nothing at all could be opened.
   */
  async start(): Promise<void> {
    const { config } = this.#options;
    if (config.record.enabled) this.#observers = this.#observe([new Recorder(await this.#openTrace(config))]);
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

  /** Lets debuggees that wait for an IDE run on: one session by `service#ordinal`, or all of a service. Their names. */
  release(name: string): string[] {
    const named = this.#registry.sessions().filter(({ facts }) => facts.name === name || facts.service === name);
    return named.filter((session) => session.release("released by hand")).map(({ facts }) => facts.name);
  }

  /** Ends everything in order; the debuggees run on, the trace is complete. Safe to call twice. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    this.#aborted.abort();
    await Promise.all(this.#services.map((service) => service.close()));
    await Promise.all(this.#registry.sessions().map((session) => session.stop()));
    await Promise.all(this.#tunnels.map((tunnel) => tunnel.close()));
    if (this.#trace !== undefined) {
      const { dir } = this.#trace;
      await this.#trace.close();
      this.#registry.tell({ type: "trace", state: "closed", dir });
    }
  }

  /** The observers, and before them one that makes events of what the user should see. */
  #observe(observers: readonly Observer[]): Observers {
    const names = new Map<number, string>();
    const teller: Observer = {
      name: "events",
      sessionOpened: ({ id, name }) => names.set(id, name),
      note: (id, { kind, detail }) =>
        this.#registry.tell({ type: "note", session: names.get(id) ?? `${id}`, kind, detail }),
      sessionClosed: (id) => names.delete(id),
    };
    return new Observers([teller, ...observers], (observer, thrown) =>
      this.#registry.tell({ type: "error", error: switchedOff(observer, thrown).toJSON() }),
    );
  }

  async #openTrace(config: Config): Promise<TraceWriter> {
    const { traceDir } = this.#options;
    const { dir } = config.record;
    const trace = await TraceWriter.open({
      ...(traceDir === undefined ? {} : { dir: traceDir }),
      ...(dir === undefined ? {} : { parent: dir }),
      facts: { version: this.#options.version, ...(config.file === undefined ? {} : { config: config.file }) },
      onEvent: (event) =>
        this.#registry.tell({
          type: "trace",
          state: event.type,
          dir: trace.dir,
          ...(event.type === "resumed" ? {} : { reason: event.error.toJSON() }),
        }),
    });
    this.#trace = trace;
    this.#registry.tell({ type: "trace", state: "open", dir: trace.dir });
    return trace;
  }

  async #openHost(host: HostConfig): Promise<void> {
    const services = this.#options.config.services.filter((service) => service.host === host.name);
    if (services.length === 0) return;
    for (const service of services) this.#registry.service({ ...identity(service), state: "starting" });
    const tunnel = host.ssh === undefined ? undefined : await this.#openTunnel(host, host.ssh, services);
    this.#registry.host({ name: host.name, target: targetOf(host), state: tunnel === undefined ? "local" : "up" });
    const opened = await Promise.allSettled(services.map((service) => this.#openService(service, tunnel)));
    const failed = opened.find((result) => result.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  }

  async #openTunnel(host: HostConfig, ssh: string, services: readonly ServiceConfig[]): Promise<Tunnel> {
    const { prompt } = this.#options;
    const lose = (error: DebugtapError): void => {
      const reason = error.toJSON();
      this.#registry.host({ name: host.name, target: targetOf(host), state: "down", reason });
      for (const service of services) this.#registry.service({ ...identity(service), state: "failed", reason });
    };
    this.#registry.host({ name: host.name, target: targetOf(host), state: "connecting" });
    try {
      const tunnel = await openTunnel(
        {
          name: host.name,
          destination: ssh,
          ...(host.sshConfig === undefined ? {} : { configFile: host.sshConfig }),
        },
        { signal: this.#aborted.signal, ...(prompt === undefined ? {} : { prompt }) },
      );
      this.#tunnels.push(tunnel);
      void tunnel.closed.then((error) =>
        error === undefined || this.#stopping !== undefined ? undefined : lose(error),
      );
      return tunnel;
    } catch (thrown) {
      const error = asDebugtapError(thrown);
      lose(error);
      throw error;
    }
  }

  async #openService(config: ServiceConfig, tunnel: Tunnel | undefined): Promise<void> {
    const service = new Service(planOf(config, tunnel), this.#registry, this.#observers);
    try {
      await service.open();
    } catch (thrown) {
      const error = asDebugtapError(thrown);
      this.#registry.service({ ...identity(config), state: "failed", reason: error.toJSON() });
      throw error;
    }
    this.#services.push(service);
    this.#registry.service({ ...identity(config), state: "listening" });
  }
}

/** A service's ports as functions. `dials`: the service comes and the IDE is dialled; `listens`: the other way round. */
function planOf(config: ServiceConfig, tunnel: Tunnel | undefined): ServicePlan {
  const ide = { host: config.bind, port: config.ide };
  const vm = { host: config.address, port: config.dials ?? config.listens };
  const dials = config.dials !== undefined;
  const listenVm = tunnel === undefined ? listenTcp(vm) : tunnel.listen(vm);
  const dialVm = tunnel === undefined ? dialTcp(vm) : tunnel.dial(vm);
  // debugpy tells its client the address of a child session: its own, which is not where this machine reaches it.
  const childAddress = config.wire === "dap" && vm.port !== ide.port;
  const rewriteChild = { names: childConnectNames, frame: childConnectRewrite({ from: vm, to: ide }) };
  return {
    ...identity(config),
    comes: dials ? "debuggee" : "client",
    listen: dials ? listenVm : listenTcp(ide),
    dial: dials ? dialTcp(ide) : dialVm,
    releaseAfter: config.hold,
    rewrite: childAddress ? rewriteChild : undefined,
  };
}

function identity(config: ServiceConfig): Pick<ServicePlan, "name" | "wire" | "host" | "ide" | "vm"> {
  const { name, wire, host, bind, ide, address, dials, listens } = config;
  return { name, wire, host, ide: hostPort(bind, ide), vm: hostPort(address, dials ?? listens) };
}

function targetOf(host: HostConfig): string {
  return host.ssh ?? "local";
}

function switchedOff(observer: Observer, thrown: unknown): DebugtapError {
  return new DebugtapError("DT_INTERNAL", `the ${observer.name} was switched off after a failure`, {
    why: thrown instanceof Error ? thrown.message : String(thrown),
    fix: "the sessions go on without it; start debugtap again to have it back, and please report this",
    cause: thrown,
  });
}
