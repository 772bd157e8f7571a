// The founding scenario without any IDE: `debugtap record` sets the three breakpoints, sends the request, and keeps what it sees.
//
// Everything is real, as in scenario.ts: OpenSSH plays the VM, the services run under Debian's pydevd and debugpy.
import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { randomBytes } from "node:crypto";
import { DebugtapError } from "../../protocol/errors.ts";
import type { Hit } from "../../protocol/hit.ts";
import { summarizeHit } from "../../protocol/hit-summary.ts";
import type { RecordingEvent } from "../headless/recording.ts";
import { freePorts } from "./ports.ts";
import { RelayState } from "./relay-state.ts";
import { cli, sources, startServices, type Outcome, type Tell } from "./scenario.ts";
import { configText, planServices, type DemoService } from "./services.ts";
import type { Child, Stage } from "./stage.ts";
import { Vm } from "./vm.ts";

const correlated = "context['request_id']";

/** What is there before anything is recorded: the VM, its services (not started yet), the configuration that names them, the request. */
export interface HeadlessScene {
  readonly vm: Vm;
  readonly services: readonly DemoService[];
  /** debugtap.yml */
  readonly config: string;
  readonly request: readonly string[];
  /** The secret in it. */
  readonly token: string;
}

/** Plays the scenario; `stage` holds what must be ended afterwards. Traces go to `traces`. */
export async function playHeadless(stage: Stage, traces: string, tell: Tell): Promise<Outcome> {
  return await recordScene(stage, await setScene(stage, traces, tell), tell);
}

export async function setScene(stage: Stage, traces: string, tell: Tell): Promise<HeadlessScene> {
  const [busPort = 0, apiPort = 0, ...ports] = await freePorts(8);
  const services = await planServices(sources, ports);
  const vm = await Vm.start(stage, sources, [busPort, apiPort]);
  tell(`The VM: an sshd on 127.0.0.1:${vm.sshd.port} plays it, as the user ${vm.sshd.user}.`, [
    `The services were copied to ${vm.dir} over ssh. They know nothing of debugtap.`,
  ]);

  const dir = await mkdtemp(join(tmpdir(), "debugtap-demo-"));
  stage.deferRemoval(dir);
  const config = join(dir, "debugtap.yml");
  await writeFile(config, configText(services, vm.sshd.sshConfig, traces));
  const url = `http://127.0.0.1:${apiPort}/v3/volumes`;
  const token = randomBytes(16).toString("hex");
  const request = ["curl", "-sS", "-H", `X-Auth-Token: ${token}`, url, "-d", '{"volume":{"name":"demo","size":1}}'];
  return { vm, services, config, request, token };
}

/** Records the request; `running`: the services by name, which run on. */
export async function recordScene(
  stage: Stage,
  { vm, services, config, request }: HeadlessScene,
  tell: Tell,
): Promise<Outcome & { readonly running: ReadonlyMap<string, Child> }> {
  const required = services.flatMap((service) => ["--require", specOf(service, vm.dir)]);
  const relay = new RelayState();
  const hits: Hit[] = [];
  const done: { result?: { readonly trace: string }; error?: { readonly what: string } } = {};
  const recorder = stage.start({
    name: "debugtap record",
    command: process.execPath,
    args: [cli, "record", "--config", config, ...required, "--json", "--", ...request],
    onLine: (line) => {
      const said: Said = JSON.parse(line);
      if (said.type === "relay") relay.read(JSON.stringify(said.event));
      else if (said.type === "hit") hits.push(said.hit);
      else if (said.type === "result") done.result = said;
      else if ("error" in said && said.type === undefined) done.error = said.error;
    },
    end: "SIGINT",
  });
  await stage.until("debugtap record listened for all services", () => {
    if (relay.problems.length > 0)
      throw new DebugtapError("DT_DEMO_FAILED", "debugtap record did not start", { why: relay.problems.join("\n") });
    return services.every(({ name }) => relay.services.get(name)?.state === "listening") || undefined;
  });
  tell("The recorder: `debugtap record` reaches the VM over SSH and is the IDE of all three. No IDE is here.", [
    `$ debugtap record ${required.map((word) => (word.includes(" ") ? `'${word}'` : word)).join(" ")} -- curl -sS … ${request.find((word) => word.startsWith("http"))}`,
  ]);

  const running = await startServices(stage, vm, services);
  tell("The services: started on the VM by ssh; each has its breakpoint before its first request.");

  await recorder.finished(stage);
  if (done.result === undefined)
    throw new DebugtapError("DT_DEMO_FAILED", "debugtap record ended without a result", { why: recorder.tail() });
  const ids = new Set(hits.map((hit) => hit.correlated?.[correlated]));
  tell("The request: sent by curl, which debugtap ran; the breakpoints that it hit, in order:", [
    ...hits.map((hit) => lineOf(hit)),
    ...(ids.size === 1 ? [`all under one request id: ${[...ids].join("")}`] : [`request ids: ${[...ids].join(", ")}`]),
  ]);
  const missed = services
    .filter(({ name }) => !hits.some((hit) => hit.service === name))
    .map(({ name, breakpoint: { line } }) => `${name} did not stop at line ${line}. ${done.error?.what ?? ""}`);
  const isOne = ids.size === 1 && !ids.has(undefined);
  return {
    services: services.map(({ name }) => ({ name, hits: hits.filter((hit) => hit.service === name).length })),
    seen: [],
    trace: done.result.trace,
    running,
    missed: missed.length > 0 || isOne ? missed : [`the hits have ${ids.size} request ids`],
  };
}

type Said =
  | RecordingEvent
  | ({ readonly type: "result" } & { readonly trace: string })
  | { readonly type?: undefined; readonly error: { readonly what: string } };

function specOf({ source, breakpoint: { line }, name }: DemoService, dir: string): string {
  return `${dir}/${source}:${line} in ${name}`;
}

function lineOf(hit: Hit): string {
  const { where = "?" } = summarizeHit(hit);
  const count = hit.snapshot.frames[0]?.scopes?.[0]?.variables.length ?? 0;
  return `${hit.session.padEnd(19)} ${where.padEnd(32)} ${count} variables`;
}
