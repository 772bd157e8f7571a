// From found services to entries of debugtap.yml: wire, ports, and what is left to be done by hand.
//
// Rules
// - What is in the configuration stays: a service of the same name and host is left alone, and none of its ports is taken.
// - debugpy where it can be imported, since each IDE speaks it; pydevd where only that can, and for PyCharm, which listens for it.
// - Ports are the first that are free, there from 5678 on and here from 5711 on, in the order of the names: a second run finds the same.
import type { Config } from "../config.ts";
import { programAt, type FoundRun, type FoundService } from "./services.ts";

const firstPort = 5678;
const firstIdePort = 5711;
/** The oldest Python that debugpy of today runs on. */
const oldestPython = [3, 8] as const;
/** debugpy has a pydevd in it; imported from there by its own means, it would speak DAP. */
const vendored = `import sys, debugpy; sys.path.append(debugpy.__path__[0] + "/_vendored/pydevd"); `;

export interface ProposedService {
  readonly name: string;
  readonly wire: "dap" | "pydevd";
  /** On the host: `listens` of dap, `dials` of pydevd. */
  readonly port: number;
  /** Absent: loopback. */
  readonly address?: string;
  readonly ide: number;
  /** A debugger runs in it, on this port: there is nothing to inject. */
  readonly debugged?: true;
  /** Where services dial one port. */
  readonly match?: { readonly unit: string } | { readonly argv: string };
  /** With it nothing is left to be done by hand: `debugtap inject` does it. */
  readonly run?: FoundRun;
  /** For people, in one line. */
  readonly about: string;
  /** What is to be done on the host, each a line that can be pasted or a sentence. */
  readonly byHand: readonly string[];
}

/** What an IDE needs to know of a service. */
export type Attachable = Pick<ProposedService, "name" | "ide"> & { readonly wire: "dap" | "pydevd" | "raw" };

export interface Proposal {
  readonly host: string;
  readonly services: readonly ProposedService[];
  /** Names that the configuration has already. */
  readonly kept: readonly string[];
  /** What is no service, or cannot be one, and why. */
  readonly passedOver: readonly string[];
}

export interface ProposalOptions {
  readonly host: string;
  readonly isLocal: boolean;
  readonly config: Config | undefined;
  /** Ports that somebody listens on. */
  readonly portsThere: readonly number[];
  readonly portsHere: readonly number[];
  /** Services that dial get one port, told apart by `match`. */
  readonly onePort: boolean;
  /** pydevd rather than debugpy: where it is there, or debugpy is, which has it in it. Not in a container, which cannot dial out. */
  readonly pycharm: boolean;
  readonly user: string;
}

export function proposeServices(found: readonly FoundService[], options: ProposalOptions): Proposal {
  const { host, config, isLocal } = options;
  const here = new Set([...options.portsHere, 5700]);
  const there = isLocal ? here : new Set(options.portsThere);
  for (const service of config?.services ?? []) {
    here.add(service.ide);
    (service.host === "local" ? here : service.host === host ? there : new Set<number>()).add(
      service.dials ?? service.listens,
    );
  }
  for (const trigger of config?.triggers ?? []) here.add(trigger.listen);
  const taken = new Map(config?.services.map((service) => [service.name, service.host]));
  for (const { name } of config?.triggers ?? []) taken.set(name, "");
  /** Debug ports that are listened on there, and whose they are. */
  const listened = new Map<number, string>();
  for (const { name, host: on, listens } of config?.services ?? [])
    if (on === host && listens !== undefined) listened.set(listens, name);
  const services: ProposedService[] = [];
  const [kept, passedOver]: [string[], string[]] = [[], []];
  let shared: number | undefined;
  for (const service of found) {
    if (taken.get(service.name) === host) {
      kept.push(service.name);
      continue;
    }
    const name = taken.has(service.name) ? `${host}-${service.name}` : service.name;
    if (taken.has(name)) {
      kept.push(name);
      continue;
    }
    const refused = whyNot(service);
    if (refused !== undefined) {
      passedOver.push(`${name}: ${refused}`);
      continue;
    }
    const running = service.debugger;
    const other = running?.wire === "dap" ? listened.get(running.port) : undefined;
    if (running !== undefined && other !== undefined) {
      passedOver.push(`${name}: its debugger, at port ${running.port}, is that of ${other}`);
      continue;
    }
    const wire = running?.wire ?? wireOf(service, options.pycharm);
    const isShared = running === undefined && options.onePort && wire === "pydevd";
    if (running !== undefined) there.add(running.port);
    const port = running?.port ?? (isShared ? (shared ??= nextPort(firstPort, there)) : nextPort(firstPort, there));
    if (wire === "dap") listened.set(port, name);
    const ide = nextPort(firstIdePort, here);
    services.push({
      name,
      wire,
      port,
      ...(running === undefined || isLoopback(running.address) ? {} : { address: running.address }),
      ide,
      ...(running === undefined ? {} : { debugged: true as const }),
      ...(isShared || running?.wire === "pydevd" ? { match: matchOf(service) } : {}),
      ...(service.run === undefined ? {} : { run: service.run }),
      about: aboutOf(service),
      byHand: service.run === undefined && running === undefined ? byHand(service, wire, port, options.user) : [],
    });
  }
  return { host, services, kept, passedOver };
}

/** Also where it listens on every address. */
function isLoopback(address: string): boolean {
  return /^(?:127\.\d+\.\d+\.\d+|localhost|0\.0\.0\.0|::|)$/.test(address);
}

function nextPort(from: number, used: Set<number>): number {
  let port = from;
  while (used.has(port)) port++;
  used.add(port);
  return port;
}

function wireOf({ interpreter, where }: FoundService, pycharm: boolean): "dap" | "pydevd" {
  const has = interpreter?.has ?? [];
  if (!has.includes("debugpy")) return has.includes("pydevd") ? "pydevd" : "dap";
  return pycharm && where !== "compose" ? "pydevd" : "dap";
}

function whyNot(service: FoundService): string | undefined {
  const { interpreter, where } = service;
  if (interpreter?.version === undefined) {
    const which = interpreter === undefined || interpreter.path === "" ? "no Python" : interpreter.path;
    return `${which} answered for it in 5 s: what it can import is not known`;
  }
  const { version, has } = interpreter;
  if (where === "compose" && wireOf(service, false) === "pydevd") {
    return "it has pydevd only, which cannot dial out of a container's network: put debugpy into the image";
  }
  return isTooOld(version) && !has.includes("debugpy") && !has.includes("pydevd")
    ? `Python ${version} is too old for the debugpy of today (${oldestPython.join(".")} or newer), and has no debugger`
    : undefined;
}

function isTooOld(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major < oldestPython[0] || (major === oldestPython[0] && minor < oldestPython[1]);
}

function matchOf({ where, place, argv, name }: FoundService): { unit: string } | { argv: string } {
  if (where === "unit") return { unit: place.replace(/\.service$/, "") };
  return { argv: argv[programAt(argv)] ?? name };
}

function aboutOf({ place, interpreter, green, workers, forking, hidden, debugger: running }: FoundService): string {
  const has = (interpreter?.has ?? []).filter((name) => name === "debugpy" || name === "pydevd");
  const parts = [
    place,
    `Python ${interpreter?.version ?? "?"} ${has.length === 0 ? "without debugger" : `with ${has.join(" and ")}`}`,
    ...(running === undefined
      ? []
      : [running.wire === "dap" ? "debugpy listens in it already" : "pydevd dials in it already"]),
    ...(green === undefined ? [] : [green.sure ? green.name : `${green.name} perhaps`]),
    ...(forking === undefined
      ? []
      : [`${forking === "forks" ? "" : `${forking}, `}${workers} worker${workers === 1 ? "" : "s"}`]),
    ...(hidden ? ["another user's"] : []),
  ];
  return parts.join("; ").replace(/[\p{Cc}\u2028\u2029]+/gu, " ");
}

function byHand(service: FoundService, wire: "dap" | "pydevd", port: number, user: string): string[] {
  const { interpreter, green, gevent, forking, hidden, where, place } = service;
  const has = interpreter?.has ?? [];
  const path = interpreter?.path ?? "python3";
  const isIn = where === "compose";
  const install = `${isIn ? `docker exec ${place} ` : ""}${path} -m pip install debugpy`;
  const line =
    wire === "dap"
      ? `import debugpy; debugpy.listen(("${isIn ? "0.0.0.0" : "127.0.0.1"}", ${port}))`
      : `${has.includes("pydevd") ? "" : vendored}import pydevd; pydevd.settrace("127.0.0.1", port=${port}, suspend=False, patch_multiprocessing=True)`;
  return [
    ...(has.includes("debugpy") || has.includes("pydevd") ? [] : [install]),
    `first lines of its program${green === undefined ? "" : `, before ${green.name} patches anything`}:  ${line}`,
    ...(isIn ? [`in its compose file:  ports: ["127.0.0.1:${port}:${port}"]`] : []),
    ...(green === undefined || gevent ? [] : [`${green.sure ? "" : `if it uses ${green.name}: `}${geventBy(service)}`]),
    ...(forking === undefined
      ? []
      : wire === "dap"
        ? ["it forks: the line must run once, in the master, before it forks; its workers follow by themselves"]
        : ["it forks: the line may run in the master, or in each worker"]),
    ...(hidden ? [`it is another user's: what ${user} cannot see (directory, environment) was done without`] : []),
    restartBy(service),
  ];
}

/** `GEVENT_SUPPORT=True` must be there before pydevd is imported. */
function geventBy({ where, place }: FoundService): string {
  if (where === "unit") {
    return `sudo systemctl edit ${place}  and there  [Service] Environment=GEVENT_SUPPORT=True  in two lines`;
  }
  if (where === "compose") return 'in its compose file:  environment: { GEVENT_SUPPORT: "True" }';
  return "export GEVENT_SUPPORT=True  before it starts";
}

function restartBy({ where, place }: FoundService): string {
  if (where === "unit") return `sudo systemctl restart ${place}`;
  if (where === "compose") return "docker compose up -d --force-recreate";
  return "start it again";
}
