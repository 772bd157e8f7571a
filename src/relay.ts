// The running program, and the only file that builds things: hosts become links, services become open ports, the recorder
// becomes an observer. Everything else is handed what it needs.
//
// Order of a start: trace, then hosts and ports all at once. Order of a stop: ports, sessions, what is read of their files, links, trace, so
// that the last byte of every session is in the trace.
import { dirname, resolve } from "node:path";
import type { Duplex } from "node:stream";
import { asDebugtapError, DebugtapError } from "../protocol/errors.ts";
import type { HttpView, RelayEvent, RelayView } from "../protocol/control.ts";
import { summarizeHit } from "../protocol/hit-summary.ts";
import type { Trigger } from "../protocol/trigger.ts";
import { PathMap } from "../protocol/path-map.ts";
import { Recorder } from "./addons/recorder.ts";
import { Sources } from "./addons/sources.ts";
import { HeldBreakpoints } from "./breakpoints/held.ts";
import type { Config, HostConfig } from "./config.ts";
import type { Peer } from "./duplex.ts";
import { OpenHost } from "./host.ts";
import { handOver, type HandedOver } from "./hand-over.ts";
import { serviceFiles } from "./headless/service-files.ts";
import type { Ide } from "./ide.ts";
import type { Observer } from "./observer.ts";
import { Observers } from "./observers.ts";
import { addressesOf, planPorts, planTrigger, shownTrigger } from "./plan.ts";
import { tunnelTo } from "./reach.ts";
import { Registry } from "./registry.ts";
import type { Session } from "./session.ts";
import type { Triggers } from "./triggers/triggers.ts";
// Not by way of the index: that has the reader as well, some 10 MB of it.
import { defaultParent } from "./trace/files.ts";
import { TraceWriter } from "./trace/writer.ts";
import { systemClock } from "./transport/clock.ts";
import { runLocal } from "./transport/local-exec.ts";
import { pidIn, questionOf, walkSources, type AskedSources, type WalkedSources } from "./transport/source-walk.ts";
import { superviseHost } from "./transport/supervisor.ts";

/** How long a stopping relay waits for the files that hits stand in, ms. */
const settleWithin = 1000;

export interface RelayOptions {
  readonly config: Config;
  readonly version: string;
  readonly onEvent: (event: RelayEvent) => void;
  /** The trace's own directory; absent = a new one where the configuration says. */
  readonly traceDir?: string;
  /** Takes the place of the IDEs. */
  readonly ide?: Ide;
  readonly observers?: readonly Observer[];
  /** Asks a question on the terminal; absent where there is none. */
  readonly prompt?: (question: string, options: { secret: boolean }) => Promise<string | undefined>;
}

/** A trace that is written, and who writes it. */
interface Recording {
  readonly trace: TraceWriter;
  readonly recorder: Recorder;
  readonly sources: Sources;
}

export class Relay {
  readonly #options: RelayOptions;
  readonly #registry: Registry;
  readonly #started = Date.now();
  #hosts: OpenHost[] = [];
  readonly #observers: Observers;
  /** Breakpoints of the relay's own. */
  readonly breakpoints: HeldBreakpoints;
  #recording: Recording | undefined;
  /** The trace that is written, or was when the relay stopped. */
  #dir: string | undefined;
  /** Of a change from recording to not, or back: one at a time. */
  #turning: Promise<void> = Promise.resolve();
  #triggers: Triggers | undefined;
  #removing: Promise<void> = Promise.resolve();
  #stopping: Promise<void> | undefined;

  constructor(options: RelayOptions) {
    this.#options = options;
    this.#registry = new Registry(options.onEvent, (session) => this.breakpoints.session(session));
    this.breakpoints = new HeldBreakpoints({
      services: options.config.services,
      sessions: (service) => this.#registry.sessions(service),
      files: ({ name }) => serviceFiles(this, name),
      cwd: process.cwd(),
    });
    this.#observers = this.#observe();
  }

  /**
   * Opens everything. A host or service that cannot be had now is told as an event, and what can be had goes on; rejects with
   * the first of those errors only when there is nothing that trying again could bring.
   */
  async start(): Promise<void> {
    const { config } = this.#options;
    if (config.record.enabled) await this.#startRecording(this.#options.traceDir);
    if (config.triggers.length > 0) {
      this.#triggers = await this.#makeTriggers();
      this.#observers.add(this.#triggers.observer);
    }
    const named = new Set([...config.services, ...config.triggers].map(({ host }) => host));
    this.#hosts = config.hosts.filter(({ name }) => named.has(name)).map((host) => this.#openHost(host));
    const errors = await Promise.all(this.#hosts.map((host) => host.settled()));
    const [first] = errors;
    if (first !== undefined && errors.every((error) => error !== undefined)) throw first;
    if (this.#hosts.length === 0) throw new DebugtapError("DT_CONFIG_INVALID", "there is no service and no trigger");
  }

  view(): RelayView {
    const { config, version } = this.#options;
    const recorder = this.#recording?.trace.trouble;
    return {
      pid: process.pid,
      started: this.#started,
      version,
      ...(config.file === undefined ? {} : { config: config.file }),
      ...(this.#dir === undefined ? {} : { trace: this.#dir }),
      ...(recorder === undefined ? {} : { recorder }),
      ...this.#registry.views(),
    };
  }

  /** Lets debuggees that wait for an IDE run on: one session by `service#ordinal`, or all of a service. Their names. */
  release(name: string): string[] {
    const released = this.#named(name).filter((session) => session.release("released by hand"));
    return released.map(({ facts }) => facts.name);
  }

  /**
   * Lets another IDE drive, in one session or in all of a service; `client` is its number or name, or empty for the one that does
   * not. None where there is no such session; throws DT_DRIVE.
   */
  drive(name: string, client: string): readonly HandedOver[] {
    return handOver(this.#named(name), client);
  }

  /**
   * Lets stopped threads run on: one by its id on the wire, or all, of a session or of all of a service. The sessions in which some do;
   * none where there is no such session.
   */
  resume(name: string, thread?: string): string[] {
    const resumed = this.#named(name).filter((session) => session.resume(thread).length > 0);
    return resumed.map(({ facts }) => facts.name);
  }

  /** Whether there is a session of this name, or one of a service of this name. */
  knows(name: string): boolean {
    return this.#named(name).length > 0;
  }

  /** Takes an IDE's stream as the port of a service does. Throws DT_SERVICE_UNKNOWN, or DT_BOARD_REFUSED where the IDE is dialled. */
  attach(name: string, stream: Duplex, peer: Peer): void {
    this.mayAttach(name);
    const { host } = this.#options.config.services.find((each) => each.name === name) ?? {};
    if (this.#hosts.find((each) => each.name === host)?.attach(name, stream, peer) !== true) stream.destroy();
  }

  /** Throws as {@link attach}. */
  mayAttach(name: string): void {
    const service = this.#options.config.services.find((each) => each.name === name);
    if (service === undefined)
      throw new DebugtapError("DT_SERVICE_UNKNOWN", `there is no service ${name}`, { fix: "debugtap ps" });
    if (service.listens !== undefined) return;
    throw new DebugtapError("DT_BOARD_REFUSED", `no IDE can attach to ${name}`, {
      why: "it dials its IDE, which has to listen",
      fix: `listen on ${addressesOf(service).ide}`,
    });
  }

  /**
   * Stops the recording, or begins a new trace, to which the sessions that are open belong from now on; nothing where it is so
   * already. Rejects with DT_TRACE_DISK, or DT_BOARD_REFUSED where the configuration is against it.
   */
  record(on: boolean): Promise<void> {
    const turned = this.#turning.then(() => this.#turn(on));
    this.#turning = turned.catch(() => undefined);
    return turned;
  }

  async #turn(on: boolean): Promise<void> {
    if (this.#stopping !== undefined || on === (this.#recording !== undefined)) return;
    if (!on) {
      this.#dir = undefined;
      await this.#stopRecording();
    } else if (this.#options.config.record.enabled) await this.#startRecording();
    else
      throw new DebugtapError("DT_BOARD_REFUSED", "nothing is recorded in this run", {
        why: "--no-record, or `record: { enabled: false }`: its sessions are not captured",
        fix: "debugtap up",
      });
  }

  #named(name: string): Session[] {
    return this.#registry.sessions().filter(({ facts }) => facts.name === name || facts.service === name);
  }

  /**
   * The source files that a service runs on its host; undefined when it is none of this relay's. Rejects as `walkSources`.
   * `asked`: the process or the directories to look at, in place of those that can be found.
   */
  async sources(name: string, asked: AskedSources = {}): Promise<WalkedSources | undefined> {
    const service = this.#options.config.services.find((each) => each.name === name);
    const host = this.#hosts.find((each) => each.name === service?.host);
    if (service === undefined || host === undefined) return undefined;
    const pids = this.#registry.sessions(name).flatMap((session) => pidIn(session.view().process) ?? []);
    return await walkSources(host.run, name, questionOf(service, { pids, ...asked }));
  }

  /** The machine of a service: its files, and what runs a command on it. */
  machine(name: string): Pick<OpenHost, "run" | "files"> | undefined {
    const service = this.#options.config.services.find((each) => each.name === name);
    return this.#hosts.find((each) => each.name === service?.host);
  }

  /** A command that sets off what is recorded has begun, or has ended. */
  trigger(trigger: Trigger): void {
    this.#recording?.trace.trigger(trigger);
  }

  /** A client of a trigger, in memory. Throws DT_SERVICE_UNKNOWN. */
  connect(trigger: string): Duplex {
    return this.#withTriggers().connect(trigger);
  }

  /**
   * Sends a request again that went through a trigger, as it was, and resolves with the number of the new one. `yes`: also where it may
   * change something. Rejects with DT_NOTHING_TO_SEND or DT_UNSAFE.
   */
  async again(id: number, yes: boolean): Promise<number> {
    return await this.#withTriggers().again(id, yes);
  }

  /** The requests of late that went through triggers, as they began. */
  http(): readonly HttpView[] {
    return this.#triggers?.views() ?? [];
  }

  /** Tries links that are down now, and sees whether the others are still there. */
  poke(why: string): void {
    for (const host of this.#hosts) host.poke(why);
  }

  /** Ends everything in order; the debuggees run on, the trace is complete. Safe to call twice. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    await Promise.all(this.#hosts.map((host) => host.closePorts()));
    await Promise.all(this.#registry.sessions().map((session) => session.stop()));
    await this.#turning;
    await this.#recording?.sources.settle(settleWithin);
    await this.#removing;
    await Promise.all(this.#hosts.map((host) => host.close()));
    await this.#stopRecording();
  }

  /** `dir`: the trace's own; the next ones lie beside it. */
  async #startRecording(dir?: string): Promise<void> {
    const trace = await this.#openTrace(this.#options.config, dir);
    const sources = this.#keepSources(trace, this.#options.config);
    const recorder = new Recorder(trace);
    // What a session has said before is not here: its next message is looked for.
    for (const { facts } of this.#registry.sessions()) {
      for (const observer of [recorder, sources]) observer.sessionOpened(facts);
      for (const side of ["client", "debuggee"] as const)
        recorder.note(facts.id, { kind: "gap", side, detail: "the recording begins here" });
    }
    this.#observers.add(recorder, sources);
    this.#triggers?.begin();
    this.#recording = { trace, recorder, sources };
    this.#dir = trace.dir;
    this.#registry.tell({ type: "trace", state: "open", dir: trace.dir });
    if (this.#options.config.record.secrets === "keep")
      this.#registry.tell({ type: "trace", state: "unmasked", dir: trace.dir, reason: unmasked(trace.dir).toJSON() });
  }

  async #stopRecording(): Promise<void> {
    if (this.#recording === undefined) return;
    const { trace, recorder, sources } = this.#recording;
    this.#recording = undefined;
    this.#observers.remove(recorder);
    await sources.settle(settleWithin);
    this.#observers.remove(sources);
    const { dir, missed } = await trace.close();
    const complete = Object.values(missed).every((count) => count === 0);
    this.#registry.tell({ type: "trace", state: "closed", dir, ...(complete ? {} : { missed }) });
  }

  #withTriggers(): Triggers {
    if (this.#triggers !== undefined) return this.#triggers;
    throw new DebugtapError("DT_SERVICE_UNKNOWN", "there is no trigger", {
      why: "none is configured",
      fix: "triggers: { api: { to: 127.0.0.1:8776, listen: 5780 } }",
    });
  }

  /** Its packages are needed by nobody else. */
  async #makeTriggers(): Promise<Triggers> {
    const { Triggers } = await import("./triggers/triggers.ts");
    return new Triggers({
      record: (call) => this.#recording?.trace.http(call),
      tell: (http) => this.#registry.tell({ type: "http", http }),
      stopped: () => this.#registry.sessions().some((session) => session.view().stopped !== undefined),
      requests: (trigger, open) => this.#registry.requests(trigger, open),
    });
  }

  #openHost(host: HostConfig): OpenHost {
    const { prompt } = this.#options;
    const services = this.#options.config.services.filter((service) => service.host === host.name);
    const triggers = this.#options.config.triggers.filter((trigger) => trigger.host === host.name);
    const live = (): boolean =>
      this.#registry.sessions().some(({ facts }) => services.some(({ name }) => name === facts.service));
    const target = tunnelTo(host);
    return new OpenHost({
      host,
      services: services.map((service) => addressesOf(service)),
      triggers: triggers.map((trigger) => shownTrigger(trigger)),
      registry: this.#registry,
      connect:
        target === undefined
          ? undefined
          : (told) => superviseHost(target, { ...told, busy: live, ...(prompt === undefined ? {} : { prompt }) }),
      ports: (link) => [
        ...triggers.flatMap((trigger) => this.#triggers?.add(planTrigger(trigger, link)) ?? []),
        ...planPorts({
          services,
          record: this.#options.config.record,
          clients: this.#options.config.clients,
          link,
          run: link?.exec.bind(link) ?? runLocal,
          registry: this.#registry,
          observers: this.#observers,
          ide: this.#options.ide,
          policy: this.breakpoints,
        }),
      ],
    });
  }

  /** The observers, and before them one that makes events of what the user should see. */
  #observe(): Observers {
    const names = new Map<number, string>();
    const teller: Observer = {
      name: "events",
      sessionOpened: ({ id, name }) => names.set(id, name),
      note: (id, { kind, detail }) =>
        this.#registry.tell({ type: "note", session: names.get(id) ?? `${id}`, kind, detail }),
      hit: (id, hit) =>
        this.#registry.tell({ type: "hit", session: names.get(id) ?? hit.session, hit: summarizeHit(hit) }),
      sessionClosed: (id) => names.delete(id),
    };
    return new Observers([teller, this.breakpoints, ...(this.#options.observers ?? [])], (observer, thrown) =>
      this.#registry.tell({ type: "error", error: switchedOff(observer, thrown).toJSON() }),
    );
  }

  #keepSources(trace: TraceWriter, config: Config): Sources {
    const maps = new Map(config.services.map(({ name, source }) => [name, new PathMap(source)]));
    return new Sources({
      store: (session, about, bytes) => trace.source(session, about, bytes),
      files: (session) => this.#hosts.find(({ name }) => name === session.host)?.filesFor(session),
      there: ({ service }, path) => maps.get(service)?.toRemote(path) ?? path,
      after: (ms, run) => systemClock.after(ms, run),
    });
  }

  async #openTrace(config: Config, own: string | undefined): Promise<TraceWriter> {
    const { traceDir } = this.#options;
    const { dir, maxSize, maxAge, secrets } = config.record;
    const parent = traceDir === undefined ? dir : dirname(resolve(traceDir));
    const trace = await TraceWriter.open({
      ...(own === undefined ? {} : { dir: own }),
      ...(parent === undefined ? {} : { parent }),
      secrets,
      facts: { version: this.#options.version, ...(config.file === undefined ? {} : { config: config.file }) },
      keep: { maxSize, maxAge },
      onEvent: (event) =>
        this.#registry.tell({
          type: "trace",
          state: event.type,
          dir: trace.dir,
          ...("error" in event ? { reason: event.error.toJSON() } : {}),
          ...("missed" in event ? { missed: event.missed } : {}),
          ...("by" in event ? { by: event.by } : {}),
        }),
    });
    if (maxAge < Infinity) this.#removing = this.#removeOld(dir ?? defaultParent(), maxAge, trace.dir);
    return trace;
  }

  /** Beside the start: nobody waits for it but a stop. */
  async #removeOld(parent: string, maxAge: number, own: string): Promise<void> {
    const { removeOldTraces } = await import("./trace/old-traces.ts");
    const { traces, bytes } = await removeOldTraces(parent, maxAge, own);
    if (traces > 0) this.#registry.tell({ type: "trace", state: "removed", dir: parent, traces, bytes });
  }
}

function unmasked(dir: string): DebugtapError {
  return new DebugtapError("DT_TRACE_SECRETS", "passwords, tokens and keys are recorded as they are", {
    why: "--keep-secrets, or `record: { secrets: { mask: false } }`",
    fix: `rm -r ${dir}    # when it is not needed any more; hand it to nobody`,
  });
}

function switchedOff(observer: Observer, thrown: unknown): DebugtapError {
  return new DebugtapError("DT_INTERNAL", `the ${observer.name} was switched off after a failure`, {
    why: asDebugtapError(thrown).message,
    fix: "the sessions go on without it; start debugtap again to have it back, and please report this",
    cause: thrown,
  });
}
