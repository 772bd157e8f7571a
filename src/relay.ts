// The running program. It and its parts are the only files that build things: hosts become links and services open ports
// (relay-hosts.ts), the recorder becomes an observer (relay-recording.ts). Everything else is handed what it needs.
//
// Order of a start: trace, then hosts and ports all at once. Order of a stop: ports, sessions, what is read of their files, links, trace, so
// that the last byte of every session is in the trace.
import type { Duplex } from "node:stream";
import { asDebugtapError, DebugtapError } from "../protocol/errors.ts";
import type { HttpView, RelayEvent, RelayView } from "../protocol/control.ts";
import type { Trigger } from "../protocol/trigger.ts";
import { HeldBreakpoints } from "./breakpoints/held.ts";
import type { Config } from "./config.ts";
import type { Peer } from "./duplex.ts";
import type { OpenHost } from "./host.ts";
import { handOver, type HandedOver } from "./hand-over.ts";
import { serviceFiles } from "./headless/service-files.ts";
import type { Ide } from "./ide.ts";
import type { Observer } from "./observer.ts";
import { Observers } from "./observers.ts";
import { Registry } from "./registry.ts";
import { RelayHosts } from "./relay-hosts.ts";
import { RelayRecording } from "./relay-recording.ts";
import type { Session } from "./session.ts";
import { tellerOf } from "./teller.ts";
import type { Triggers } from "./triggers/triggers.ts";
import type { AskedSources, WalkedSources } from "./transport/source-walk.ts";

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

export class Relay {
  readonly #options: RelayOptions;
  readonly #registry: Registry;
  readonly #started = Date.now();
  readonly #observers: Observers;
  readonly #recording: RelayRecording;
  readonly #hosts: RelayHosts;
  /** Breakpoints of the relay's own. */
  readonly breakpoints: HeldBreakpoints;
  #triggers: Triggers | undefined;
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
    this.#observers = new Observers(
      [tellerOf(this.#registry), this.breakpoints, ...(options.observers ?? [])],
      (observer, thrown) => this.#registry.tell({ type: "error", error: switchedOff(observer, thrown).toJSON() }),
    );
    const { config, version, traceDir, ide, prompt } = options;
    const common = { config, registry: this.#registry, observers: this.#observers };
    this.#recording = new RelayRecording({
      ...common,
      version,
      traceDir,
      files: (session) => this.#hosts.filesFor(session),
      began: () => this.#triggers?.begin(),
    });
    this.#hosts = new RelayHosts({
      ...common,
      ide,
      policy: this.breakpoints,
      trigger: (plan) => this.#withTriggers().add(plan),
      prompt,
    });
  }

  /**
   * Opens everything. A host or service that cannot be had now is told as an event, and what can be had goes on; rejects with
   * the first of those errors only when there is nothing that trying again could bring.
   */
  async start(): Promise<void> {
    await this.#recording.start();
    if (this.#options.config.triggers.length > 0) {
      this.#triggers = await this.#makeTriggers();
      this.#observers.add(this.#triggers.observer);
    }
    await this.#hosts.open();
  }

  view(): RelayView {
    const { config, version } = this.#options;
    return {
      pid: process.pid,
      started: this.#started,
      version,
      ...(config.file === undefined ? {} : { config: config.file }),
      ...this.#recording.view(),
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
    this.#hosts.attach(name, stream, peer);
  }

  /** Throws as {@link attach}. */
  mayAttach(name: string): void {
    this.#hosts.mayAttach(name);
  }

  /**
   * Stops the recording, or begins a new trace, to which the sessions that are open belong from now on; nothing where it is so
   * already. Rejects with DT_TRACE_DISK, or DT_BOARD_REFUSED where the configuration is against it.
   */
  record(on: boolean): Promise<void> {
    return this.#recording.turn(on);
  }

  /**
   * The source files that a service runs on its host; undefined when it is none of this relay's. Rejects as `walkSources`.
   * `asked`: the process or the directories to look at, in place of those that can be found.
   */
  async sources(name: string, asked: AskedSources = {}): Promise<WalkedSources | undefined> {
    return await this.#hosts.sources(name, asked);
  }

  /** The machine of a service: its files, and what runs a command on it. */
  machine(name: string): Pick<OpenHost, "run" | "files"> | undefined {
    return this.#hosts.hostOf(name);
  }

  /** A command that sets off what is recorded has begun, or has ended. */
  trigger(trigger: Trigger): void {
    this.#recording.trace?.trigger(trigger);
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
    this.#hosts.poke(why);
  }

  /** Ends everything in order; the debuggees run on, the trace is complete. Safe to call twice. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    this.#recording.freeze();
    await this.#hosts.closePorts();
    await Promise.all(this.#registry.sessions().map((session) => session.stop()));
    await this.#recording.settle();
    await this.#hosts.close();
    await this.#recording.stop();
  }

  #named(name: string): Session[] {
    return this.#registry.sessions().filter(({ facts }) => facts.name === name || facts.service === name);
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
      record: (call) => this.#recording.trace?.http(call),
      tell: (http) => this.#registry.tell({ type: "http", http }),
      stopped: () => this.#registry.sessions().some((session) => session.view().stopped !== undefined),
      requests: (trigger, open) => this.#registry.requests(trigger, open),
    });
  }
}

function switchedOff(observer: Observer, thrown: unknown): DebugtapError {
  return new DebugtapError("DT_INTERNAL", `the ${observer.name} was switched off after a failure`, {
    why: asDebugtapError(thrown).message,
    fix: "the sessions go on without it; start debugtap again to have it back, and please report this",
    cause: thrown,
  });
}
