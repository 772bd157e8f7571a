// The founding scenario: three services on a VM, a breakpoint in each, one HTTP request that passes through all of them.
//
// Everything is real: OpenSSH plays the VM, the relay is `debugtap up` as a process of its own, the services run under
// Debian's pydevd and debugpy. Only the IDEs are scripted (examples/ide-*.mjs), since nobody is there to press Resume.
import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { DebugtapError } from "../../protocol/errors.ts";
import { hitLines, parseHit } from "./hits.ts";
import type { Hit } from "./hits.ts";
import { freePorts } from "./ports.ts";
import { RelayState } from "./relay-state.ts";
import { configText, planServices } from "./services.ts";
import type { DemoService } from "./services.ts";
import type { Child, Stage } from "./stage.ts";
import { awaitHits } from "./verdict.ts";
import { Vm } from "./vm.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));
export const cli = join(root, "bin", "debugtap.js");
export const sources = join(root, "examples", "services");

export interface Outcome {
  readonly services: readonly { readonly name: string; readonly hits: number }[];
  /** What the IDEs saw, in the order in which they did; nothing where there are none. */
  readonly seen: readonly Hit[];
  /** The directory of the trace; it stays. */
  readonly trace: string;
  /** What was missed and why, as text for a user; empty when all was as it should be. */
  readonly missed: readonly string[];
}

/** What the API says of a volume, as far as it is looked at. */
interface Volume {
  readonly id: string;
  readonly status: string;
  readonly host: string;
}

/** Tells a step: a title and lines under it. */
export type Tell = (title: string, lines?: readonly string[]) => void;

/** Plays the scenario; `stage` holds what must be ended afterwards. Traces go to `traces`. */
export async function playScenario(stage: Stage, traces: string, tell: Tell): Promise<Outcome> {
  const [busPort = 0, apiPort = 0, ...ports] = await freePorts(8);
  const services = await planServices(sources, ports);
  const vm = await Vm.start(stage, sources, [busPort, apiPort]);
  tell(`The VM: an sshd on 127.0.0.1:${vm.sshd.port} plays it, as the user ${vm.sshd.user}.`, [
    `The services were copied to ${vm.dir} over ssh. They know nothing of debugtap.`,
  ]);

  const relay = new RelayState();
  await startRelay(stage, relay, services, configText(services, vm.sshd.sshConfig, traces));
  tell(
    "The relay: `debugtap up` reaches the VM over SSH. On this machine and on the VM it needs loopback only:",
    services.map(portsLine),
  );

  const hits: Hit[] = [];
  const attach = (service: DemoService): Child => startIde(stage, service, vm.dir, (hit) => hits.push(hit));
  const listeners = services.filter(({ wire }) => wire === "pydevd").map(attach);
  await stage.until("the IDEs listened", () => every(listeners, (ide) => ide.said("listening on")));
  tell(
    "The IDEs: a scripted one for each service (examples/ide-*.mjs), with one breakpoint each:",
    breakpoints(services),
  );

  const logs = await startServices(stage, vm, services);
  const attached = services.filter(({ wire }) => wire === "dap").map(attach);
  await stage.until("the IDE was attached", () => every(attached, (ide) => ide.said(": attached")));
  const sessions = await stage.until("all sessions were open", () => allOpen(services, relay));
  tell("The services: started on the VM by ssh; each debugger found its IDE through the tunnel:", sessions);

  const url = `http://127.0.0.1:${apiPort}/v3/volumes`;
  tell(`The request: POST ${url}, sent directly, since the VM's loopback is this machine's.`);
  const body = JSON.stringify({ volume: { name: "demo", size: 1 } });
  const posted = request(url, { method: "POST", body, signal: stage.signal });
  posted.catch(() => undefined); // it is awaited below, when the hits are there
  const missed = await awaitHits(stage, { services, hits, relay, logs });
  tell(
    "The breakpoints, in the order in which they were hit:",
    hits.flatMap((hit) => linesOf(hit, services)),
  );
  if (missed.length === 0) {
    const volume = await checkVolume(stage, `${url}/${(await posted).id}`, logs);
    tell(`The volume: all three have gone on, and GET says that it is ${volume.status}, on ${volume.host}.`);
  }
  return {
    services: services.map(({ name }) => ({ name, hits: hits.filter((hit) => hit.service === name).length })),
    seen: hits,
    trace: relay.trace ?? traces,
    missed,
  };
}

/** What `debugtap show` or `debugtap hits` says of the trace. */
export async function listTrace(stage: Stage, verb: "show" | "hits", trace: string): Promise<string[]> {
  const text = await stage.run(`debugtap ${verb}`, process.execPath, [cli, verb, trace]);
  return text.toString().trimEnd().split("\n");
}

async function startRelay(
  stage: Stage,
  relay: RelayState,
  services: readonly DemoService[],
  config: string,
): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), "debugtap-demo-"));
  stage.deferRemoval(dir);
  const file = join(dir, "debugtap.yml");
  await writeFile(file, config);
  stage.start({
    name: "debugtap up",
    command: process.execPath,
    args: [cli, "up", "--config", file, "--json"],
    onLine: (line) => relay.read(line),
    end: "SIGINT",
  });
  await stage.until("the relay listened for all services", () => {
    if (relay.problems.length > 0) {
      throw new DebugtapError("DT_DEMO_FAILED", "the relay did not start", { why: relay.problems.join("\n") });
    }
    return every(services, ({ name }) => relay.services.get(name)?.state === "listening") && relay.trace;
  });
}

function breakpoints(services: readonly DemoService[]): string[] {
  return services.map(
    ({ name, source, breakpoint: { line, text } }) => `${name.padEnd(17)} ${source}:${line}  ${text}`,
  );
}

function portsLine({ name, wire, vmPort, idePort }: DemoService): string {
  const onVm = wire === "pydevd" ? `it dials port ${vmPort} of the VM` : `it listens on port ${vmPort} of the VM`;
  const here =
    wire === "pydevd" ? `the IDE listens on port ${idePort} here` : `the IDE attaches to port ${idePort} here`;
  return `${name.padEnd(17)} ${wire.padEnd(7)} ${onVm.padEnd(34)} ${here}`;
}

function startIde(stage: Stage, service: DemoService, dir: string, onHit: (hit: Hit) => void): Child {
  const { name, wire, source, breakpoint, idePort } = service;
  const [script, way] = wire === "pydevd" ? ["ide-pydevd.mjs", "--listen"] : ["ide-dap.mjs", "--attach"];
  const at = `${dir}/${source}:${breakpoint.line}`;
  return stage.start({
    name: `the IDE of ${name}`,
    command: process.execPath,
    args: [join(root, "examples", script), way, String(idePort), "--break", at, "--service", name, "--json"],
    onLine: (line) => onHit(parseHit(line)),
    end: "SIGTERM",
  });
}

/** Starts the queue, then the services all at once, and waits until they are ready. Gives them by name, the queue as `queue`. */
export async function startServices(
  stage: Stage,
  vm: Vm,
  services: readonly DemoService[],
): Promise<ReadonlyMap<string, Child>> {
  const queue = vm.startQueue();
  await stage.until("the queue was ready", () => every([queue], (child) => child.said("ready:")));
  const children = new Map(services.map((service) => [service.name, vm.start(service)]));
  await stage.until("the services were ready", () => every([...children.values()], (child) => child.said("ready:")));
  return children.set("queue", queue);
}

/** A line a service, once all sessions of all services are joined with an IDE. */
function allOpen(services: readonly DemoService[], relay: RelayState): string[] | undefined {
  const lines: string[] = [];
  for (const { name, sessions } of services) {
    const open = relay.open(name);
    if (open.length < sessions) return undefined;
    const forked = sessions > 1 ? "  (the second is the worker that it forked)" : "";
    lines.push(`${name.padEnd(17)} ${open.map((session) => session.name).join(", ")}${forked}`);
  }
  return lines;
}

/** Sends a request to the API. A POST is answered when the API's breakpoint has been resumed. */
async function request(url: string, init: RequestInit): Promise<Volume> {
  const response = await fetch(url, init);
  const text = await response.text();
  if (!response.ok) throw new DebugtapError("DT_DEMO_FAILED", `the API answered ${response.status}`, { why: text });
  const { volume }: { volume: Volume } = JSON.parse(text);
  return volume;
}

function linesOf(hit: Hit, services: readonly DemoService[]): string[] {
  const service = services.find(({ name }) => name === hit.service);
  return service === undefined ? [] : hitLines(hit, service.breakpoint);
}

async function checkVolume(stage: Stage, url: string, logs: ReadonlyMap<string, Child>): Promise<Volume> {
  await stage.until("the volume was available", () => logs.get("cinder-volume")?.said("is available") || undefined);
  const volume = await request(url, { signal: stage.signal });
  if (volume.status === "available") return volume;
  throw new DebugtapError("DT_DEMO_FAILED", `the volume is ${volume.status}, not available`);
}

function every<T>(things: readonly T[], test: (thing: T) => boolean): true | undefined {
  return things.every(test) || undefined;
}
