// Whether a relay records, and into which trace: turned on and off while its sessions go on.
//
// Rules
// - One change at a time. Sessions that are open belong to the trace that begins; what they have said before is a gap in it.
// - When it ends, files that hits stand in are still read, for `settleWithin`.
import { dirname, resolve } from "node:path";
import type { RelayView } from "../protocol/control.ts";
import { DebugtapError } from "../protocol/errors.ts";
import { PathMap } from "../protocol/path-map.ts";
import { Recorder } from "./addons/recorder.ts";
import { Sources, type Files } from "./addons/sources.ts";
import type { Config } from "./config.ts";
import type { SessionFacts } from "./observer.ts";
import type { Observers } from "./observers.ts";
import type { Registry } from "./registry.ts";
// Not by way of the index: that has the reader as well, some 10 MB of it.
import { defaultParent } from "./trace/files.ts";
import { TraceWriter } from "./trace/writer.ts";
import { systemClock } from "./transport/clock.ts";

/** How long a stopping relay waits for the files that hits stand in, ms. */
const settleWithin = 1000;

export interface RelayRecordingOptions {
  readonly config: Config;
  readonly version: string;
  /** The first trace's own directory; the next ones lie beside it. Undefined: new ones where the configuration says. */
  readonly traceDir: string | undefined;
  readonly registry: Registry;
  readonly observers: Observers;
  /** The files of the machine that the session's debuggee runs on. */
  readonly files: (session: SessionFacts) => Files | undefined;
  /** A trace begins. */
  readonly began: () => void;
}

export class RelayRecording {
  readonly #options: RelayRecordingOptions;
  /** What is written, and who writes it. */
  #on: { readonly trace: TraceWriter; readonly recorder: Recorder; readonly sources: Sources } | undefined;
  /** The trace that is written, or was when the relay stopped. */
  #dir: string | undefined;
  /** Of a change from recording to not, or back. */
  #turning: Promise<void> = Promise.resolve();
  #removing: Promise<void> = Promise.resolve();
  #frozen = false;

  constructor(options: RelayRecordingOptions) {
    this.#options = options;
  }

  /** Undefined while nothing is recorded. */
  get trace(): TraceWriter | undefined {
    return this.#on?.trace;
  }

  view(): Pick<RelayView, "trace" | "recorder"> {
    const recorder = this.#on?.trace.trouble;
    return {
      ...(this.#dir === undefined ? {} : { trace: this.#dir }),
      ...(recorder === undefined ? {} : { recorder }),
    };
  }

  /** With the first trace, where the configuration is for it. */
  async start(): Promise<void> {
    const { config, traceDir } = this.#options;
    if (config.record.enabled) await this.#begin(traceDir);
  }

  /** As {@link Relay.record}. */
  turn(on: boolean): Promise<void> {
    const turned = this.#turning.then(() => this.#turn(on));
    this.#turning = turned.catch(() => undefined);
    return turned;
  }

  /** From now on it stays on, or off, until {@link stop}. */
  freeze(): void {
    this.#frozen = true;
  }

  /** What is under way has ended: a change, files that are read, old traces that are removed. */
  async settle(): Promise<void> {
    await this.#turning;
    await this.#on?.sources.settle(settleWithin);
    await this.#removing;
  }

  /** Resolves when the trace is complete. */
  async stop(): Promise<void> {
    if (this.#on === undefined) return;
    const { observers, registry } = this.#options;
    const { trace, recorder, sources } = this.#on;
    this.#on = undefined;
    observers.remove(recorder);
    await sources.settle(settleWithin);
    observers.remove(sources);
    const { dir, missed } = await trace.close();
    const complete = Object.values(missed).every((count) => count === 0);
    registry.tell({ type: "trace", state: "closed", dir, ...(complete ? {} : { missed }) });
  }

  async #turn(on: boolean): Promise<void> {
    if (this.#frozen || on === (this.#on !== undefined)) return;
    if (!on) {
      this.#dir = undefined;
      await this.stop();
    } else if (this.#options.config.record.enabled) await this.#begin();
    else
      throw new DebugtapError("DT_BOARD_REFUSED", "nothing is recorded in this run", {
        why: "--no-record, or `record: { enabled: false }`: its sessions are not captured",
        fix: "debugtap up",
      });
  }

  /** `own`: the trace's directory. */
  async #begin(own?: string): Promise<void> {
    const { config, registry, observers, began } = this.#options;
    const trace = await this.#open(own);
    const recorder = new Recorder(trace);
    const sources = this.#keepSources(trace);
    // What a session has said before is not here: its next message is looked for.
    for (const { facts } of registry.sessions()) {
      for (const observer of [recorder, sources]) observer.sessionOpened(facts);
      for (const side of ["client", "debuggee"] as const)
        recorder.note(facts.id, { kind: "gap", side, detail: "the recording begins here" });
    }
    observers.add(recorder, sources);
    began();
    this.#on = { trace, recorder, sources };
    this.#dir = trace.dir;
    registry.tell({ type: "trace", state: "open", dir: trace.dir });
    if (config.record.secrets === "keep")
      registry.tell({ type: "trace", state: "unmasked", dir: trace.dir, reason: unmasked(trace.dir).toJSON() });
  }

  async #open(own: string | undefined): Promise<TraceWriter> {
    const { config, version, traceDir, registry } = this.#options;
    const { dir, maxSize, maxAge, secrets } = config.record;
    const parent = traceDir === undefined ? dir : dirname(resolve(traceDir));
    const trace = await TraceWriter.open({
      ...(own === undefined ? {} : { dir: own }),
      ...(parent === undefined ? {} : { parent }),
      secrets,
      facts: { version, ...(config.file === undefined ? {} : { config: config.file }) },
      keep: { maxSize, maxAge },
      onEvent: (event) =>
        registry.tell({
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

  #keepSources(trace: TraceWriter): Sources {
    const { config, files } = this.#options;
    const maps = new Map(config.services.map(({ name, source }) => [name, new PathMap(source)]));
    return new Sources({
      store: (session, about, bytes) => trace.source(session, about, bytes),
      files,
      there: ({ service }, path) => maps.get(service)?.toRemote(path) ?? path,
      after: (ms, run) => systemClock.after(ms, run),
    });
  }

  /** Beside the start: nobody waits for it but a stop. */
  async #removeOld(parent: string, maxAge: number, own: string): Promise<void> {
    const { removeOldTraces } = await import("./trace/old-traces.ts");
    const { traces, bytes } = await removeOldTraces(parent, maxAge, own);
    if (traces > 0) this.#options.registry.tell({ type: "trace", state: "removed", dir: parent, traces, bytes });
  }
}

function unmasked(dir: string): DebugtapError {
  return new DebugtapError("DT_TRACE_SECRETS", "passwords, tokens and keys are recorded as they are", {
    why: "--keep-secrets, or `record: { secrets: { mask: false } }`",
    fix: `rm -r ${dir}    # when it is not needed any more; hand it to nobody`,
  });
}
