// From the configuration of a host's services to its open ports: who comes, who is dialled, who shares a port with whom.
//
//   dials     the VM's port is opened (ssh -R, or here without SSH); the IDE is dialled. Services may share that port
//   listens   a port for the IDE is opened here; the VM's port is dialled (ssh -L, or directly)
import { DebugtapError } from "../protocol/errors.ts";
import { childConnectNames, childConnectRewrite } from "../protocol/dap-endpoint.ts";
import type { StopPolicy } from "./capturer.ts";
import type { Config, ServiceConfig, TriggerConfig } from "./config.ts";
import type { Clock } from "./clock.ts";
import { loopback } from "./config-checks.ts";
import { Dispatcher } from "./dispatch.ts";
import type { Dial, Listen } from "./duplex.ts";
import type { Ide } from "./ide.ts";
import { Labeller } from "./labeller.ts";
import type { Observers } from "./observers.ts";
import { Port } from "./port.ts";
import { matchedVariables } from "./process.ts";
import type { Registry, ShownTrigger } from "./registry.ts";
import { Service, type ServicePlan } from "./service.ts";
import { systemClock } from "./transport/clock.ts";
import { lookupPid, lookupProcess, type Run } from "./transport/process-lookup.ts";
import { localFiles, type RemoteFiles } from "./transport/remote-files.ts";
import { realPathHere, sourceComparer } from "./transport/source-compare.ts";
import type { HostLink } from "./transport/host-link.ts";
import { dialTcp, hostPort, listenTcp } from "./transport/tcp.ts";

/** A trigger with its two ends as functions. */
export interface TriggerPlan {
  readonly name: string;
  readonly host: string;
  /** For people: `127.0.0.1:8776`. */
  readonly to: string;
  readonly listen: Listen;
  readonly dial: Dial;
  readonly timeout: number;
  readonly clock: Clock;
  readonly requestIds: readonly string[];
  /** Bytes kept of each body. */
  readonly body: number;
}

export interface PlanOptions {
  readonly services: readonly ServiceConfig[];
  readonly record: Config["record"];
  readonly clients: Config["clients"];
  /** Absent: the services run on this machine. */
  readonly link: HostLink | undefined;
  /** Runs a command on the host. */
  readonly run: Run;
  readonly registry: Registry;
  readonly observers: Observers;
  /** Takes the place of the IDEs. */
  readonly ide: Ide | undefined;
  /** Where there is no such: whose a stop is. */
  readonly policy: StopPolicy;
}

/** The ports of one host, closed as yet. */
export function planPorts(options: PlanOptions): Port[] {
  const labeller = new Labeller();
  const shared = new Map<string, ServiceConfig[]>();
  for (const service of options.services) {
    const key = service.dials === undefined ? service.name : hostPort(service.address, service.dials);
    shared.set(key, [...(shared.get(key) ?? []), service]);
  }
  return Array.from(shared.values(), (services) => portOf(services, options, labeller));
}

/** `link`: of its host; undefined: it is this machine's. */
export function planTrigger(config: TriggerConfig, link: HostLink | undefined): TriggerPlan {
  const { name, host, to, listen, timeout, requestIdHeaders, body } = config;
  return {
    name,
    host,
    to: hostPort(to.host, to.port),
    listen: listenTcp({ host: loopback, port: listen }),
    dial: link === undefined ? dialTcp(to) : link.dial(to),
    timeout,
    clock: systemClock,
    requestIds: requestIdHeaders,
    body,
  };
}

/** How a trigger is shown. */
export function shownTrigger({ name, host, to, listen }: TriggerConfig): ShownTrigger {
  return { name, host, to: hostPort(to.host, to.port), listen: hostPort(loopback, listen) };
}

/** How a service is shown. */
export function addressesOf(config: ServiceConfig): Pick<ServicePlan, "name" | "wire" | "host" | "ide" | "vm"> {
  const { name, wire, host, bind, ide, address, dials, listens } = config;
  return { name, wire, host, ide: hostPort(bind, ide), vm: hostPort(address, dials ?? listens) };
}

function portOf(configs: readonly ServiceConfig[], options: PlanOptions, labeller: Labeller): Port {
  const { link, run, registry, observers, ide } = options;
  const services = configs.map((config) => new Service(planOf(config, options, labeller), registry, observers));
  const [first] = configs;
  if (first === undefined || first.dials === undefined) {
    const port = { host: first?.bind ?? "", port: first?.ide ?? 0 };
    const listen = first === undefined || ide === undefined ? listenTcp(port) : ide.listen(first.name);
    return new Port({ listen, services, dispatcher: undefined, unmatched: never });
  }
  const vm = { host: first.address, port: first.dials };
  const env = matchedVariables(configs.map(({ match }) => match));
  return new Port({
    listen: link === undefined ? listenTcp(vm) : link.listen(vm),
    services,
    dispatcher: new Dispatcher({
      services: configs,
      lookup: ({ port }) => lookupProcess(run, { srcPort: port, dstPort: vm.port }, { env }),
    }),
    unmatched: (why) => {
      const shown = { ...addressesOf(first), name: "unmatched", ide: "no IDE" };
      registry.service({ ...shown, state: "listening" });
      const releaseAfter = Math.min(...configs.map(({ hold }) => hold));
      const plan = { ...planOf(first, options, labeller), ...shown, dial: () => Promise.reject(why), releaseAfter };
      return new Service(plan, registry, observers);
    },
  });
}

function planOf(config: ServiceConfig, options: PlanOptions, labeller: Labeller): ServicePlan {
  const { link, run, record, clients, ide: instead } = options;
  const ide = { host: config.bind, port: config.ide };
  const vm = { host: config.address, port: config.dials ?? config.listens };
  const dials = config.dials !== undefined;
  // debugpy tells its client the address of a child session: its own, which is not where this machine reaches it.
  const childAddress = config.wire === "dap" && vm.port !== ide.port;
  const dialVm = link === undefined ? dialTcp(vm) : link.dial(vm);
  return {
    ...addressesOf(config),
    ...(instead === undefined ? {} : { ide: "no IDE" }),
    comes: dials ? "debuggee" : "client",
    dial: dials ? (instead?.dial(config.name) ?? dialTcp(ide)) : (instead?.dialled(config.name, dialVm) ?? dialVm),
    releaseAfter: config.hold,
    rewrite: childAddress ? { names: childConnectNames, frame: childConnectRewrite({ from: vm, to: ide }) } : undefined,
    capture:
      record.enabled && record.capture
        ? {
            limits: record,
            correlate: config.correlate,
            evaluate: config.evaluate,
            policy: instead?.policy ?? options.policy,
            clock: systemClock,
          }
        : undefined,
    source: sourcesOf(config.source, link?.files ?? localFiles),
    clients: { drive: clients.drive, onLeave: config.onLeave, reattach: config.reattach },
    labeller,
    lookupPid: (pid) => lookupPid(run, pid),
  };
}

function sourcesOf(mappings: ServiceConfig["source"], files: RemoteFiles): ServicePlan["source"] {
  return {
    mappings,
    realPath: realPathHere,
    remoteRealPath: async (path) => await files.realPath(path),
    compare: sourceComparer(localFiles, files),
  };
}

function never(why: DebugtapError): never {
  throw why;
}
