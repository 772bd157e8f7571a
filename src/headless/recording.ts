// A recording without an IDE, from its start to its result: `debugtap record`.
//
//   open the services → drive them → (run the command) → until a time, a number of hits, the command's end or Ctrl-C → stop in order
//
// Rules
// - The command runs only when every DAP service is driven: what it sets off is to be seen. A pydevd service may be one that dials
//   only when it is used: it is waited for as long, and then the command runs all the same.
// - It runs when the processes that a service has forked by then have their breakpoints as well. One of them that does not answer is waited for
//   as long, told as `unsettled`, and the command runs all the same: the others are recorded.
// - In place of a command something may be sent to a service of wire `raw`, as its client.
// - A command has ended when its hits have settled: nothing stands, and nothing was hit for `settle`. Required breakpoints that
//   were not hit are waited for a little longer.
// - What was not driven, or not hit though required, is the recording's result; the trace is complete all the same.
import type { Duplex } from "node:stream";
import { DebugtapError } from "../../protocol/errors.ts";
import type { BreakpointSpec } from "../../protocol/breakpoint-spec.ts";
import type { RelayEvent } from "../../protocol/control.ts";
import type { Hit } from "../../protocol/hit.ts";
import type { Trigger } from "../../protocol/trigger.ts";
import type { Config } from "../config.ts";
import { pause } from "../pause.ts";
import { Relay } from "../relay.ts";
import { runCommand } from "./command.ts";
import { HeadlessIde } from "./ide.ts";
import { Places } from "./places.ts";
import { serviceFiles } from "./service-files.ts";
import { Tally, type BreakpointTally } from "./tally.ts";

const requiredWithin = 10_000;
const lookEvery = 50;

/** The name of one of them. */
export interface Through {
  readonly service?: string;
  readonly trigger?: string;
}

export interface RecordingOptions {
  readonly config: Config;
  readonly version: string;
  readonly specs: readonly BreakpointSpec[];
  readonly traceDir?: string;
  readonly command?: readonly string[];
  /** In place of a command: what sets it off goes through the relay to services of wire `raw`, or to triggers. */
  readonly send?: (connect: (to: Through) => Duplex, signal: AbortSignal) => Promise<void>;
  /** How long the first hit is waited for after the command's end, the second after the first, and so on, ms; then it is over all the same. */
  readonly patience?: readonly number[];
  /** Milliseconds from when the services are driven. */
  readonly duration?: number;
  /** Ends the recording. */
  readonly hits?: number;
  /** ms */
  readonly settle: number;
  readonly readyWithin: number;
  /** False: hits are counted, nothing is taken at them. */
  readonly capture: boolean;
  readonly stop: AbortSignal;
  /** The relay has started: it can be looked at from outside. */
  readonly started?: (relay: Relay) => Promise<void>;
  readonly on: (event: RecordingEvent) => void;
  readonly onOutput: (stream: "stdout" | "stderr", bytes: Uint8Array) => void;
  readonly prompt?: (question: string, options: { secret: boolean }) => Promise<string | undefined>;
}

export type RecordingEvent =
  | { readonly type: "relay"; readonly event: RelayEvent }
  | { readonly type: "driven"; readonly service: string }
  | { readonly type: "failed"; readonly service: string; readonly error: DebugtapError }
  | {
      readonly type: "ready";
      readonly services: readonly string[];
      readonly missing: readonly string[];
      /** Services with a process that has not acknowledged its breakpoints. */
      readonly unsettled: readonly string[];
    }
  | { readonly type: "hit"; readonly hit: Hit }
  | { readonly type: "trigger"; readonly trigger: Trigger };

export interface RecordingResult {
  /** Absent where nothing is recorded. */
  readonly trace?: string;
  readonly breakpoints: readonly BreakpointTally[];
  readonly hits: number;
  readonly trigger?: Trigger;
  /** What went wrong: DT_NOT_DRIVEN and its like before DT_NOT_HIT. */
  readonly error?: DebugtapError;
}

/** Rejects as `Relay.start`. */
export async function record(options: RecordingOptions): Promise<RecordingResult> {
  return await new Recording(options).run();
}

class Recording {
  readonly #options: RecordingOptions;
  readonly #relay: Relay;
  readonly #ide: HeadlessIde;
  readonly #tally: Tally;
  #lastHit = 0;
  #trigger: Trigger | undefined;

  constructor(options: RecordingOptions) {
    this.#options = options;
    const { config, version, specs, traceDir, capture, on, prompt } = options;
    this.#tally = new Tally({ specs, capture, now: () => Date.now(), spent: (spec) => this.#ide.spend(spec) });
    const places = new Places({
      specs,
      cwd: process.cwd(),
      files: ({ name }) => serviceFiles(this.#relay, name),
      unplaced: (service, spec, why) => this.#tally.unplaced(service, spec, why),
    });
    const named = new Map(config.services.map((service) => [service.name, service]));
    this.#ide = new HeadlessIde({
      services: config.services.filter(({ wire }) => wire !== "raw"),
      tally: this.#tally,
      placed: async (name) => {
        const service = named.get(name);
        return service === undefined ? [] : await places.of(service);
      },
      isPlaced: (name) => {
        const service = named.get(name);
        return service === undefined || places.isComplete(service);
      },
      attached: (service) => on({ type: "driven", service }),
      failed: (service, error) => on({ type: "failed", service, error }),
    });
    this.#relay = new Relay({
      config,
      version,
      onEvent: (event) => on({ type: "relay", event }),
      ...(traceDir === undefined ? {} : { traceDir }),
      ide: this.#ide,
      observers: [this.#tally, { name: "hits", hit: (_, hit) => this.#hit(hit) }],
      ...(prompt === undefined ? {} : { prompt }),
    });
  }

  async run(): Promise<RecordingResult> {
    const { on, config, stop, readyWithin } = this.#options;
    let error: DebugtapError | undefined;
    try {
      await this.#relay.start();
      await this.#options.started?.(this.#relay);
      await this.#ide.ready(readyWithin, stop);
      const { missing, unsettled } = this.#ide;
      on({
        type: "ready",
        services: config.services.map(({ name }) => name).filter((name) => !missing.includes(name)),
        missing,
        unsettled: unsettled.filter((name) => !missing.includes(name)),
      });
      const undriven = missing.filter((name) =>
        config.services.some((each) => each.name === name && each.wire === "dap"),
      );
      if (undriven.length === 0 || this.#setsOff === undefined) await this.#record();
      error = this.#failure();
    } finally {
      await this.#ide.stop();
      await this.#relay.stop();
    }
    const { trace } = this.#relay.view();
    return {
      ...(trace === undefined ? {} : { trace }),
      breakpoints: this.#tally.breakpoints,
      hits: this.#tally.hits,
      ...(this.#trigger === undefined ? {} : { trigger: this.#trigger }),
      ...(error === undefined ? {} : { error }),
    };
  }

  /** Until it is over. */
  async #record(): Promise<void> {
    const { duration, hits, stop } = this.#options;
    const over = new AbortController();
    const end = (): void => over.abort();
    stop.addEventListener("abort", end, { once: true });
    if (stop.aborted) end();
    const timer = duration === undefined ? undefined : setTimeout(end, duration);
    const running = this.#setsOff?.(over.signal).finally(end);
    running?.catch(() => undefined); // it is awaited below
    const isEnough = (): boolean => hits !== undefined && this.#tally.hits >= hits;
    while (!over.signal.aborted && !isEnough()) await pause(lookEvery, over.signal);
    end();
    clearTimeout(timer);
    await running;
  }

  /** What sets off the hits, until they have settled. */
  get #setsOff(): ((signal: AbortSignal) => Promise<void>) | undefined {
    const { command, send } = this.#options;
    if (command === undefined && send === undefined) return undefined;
    return async (signal) => {
      if (command !== undefined) await this.#run(command, signal);
      await send?.(
        ({ service = "", trigger }) =>
          trigger === undefined ? this.#ide.connect(service) : this.#relay.connect(trigger),
        signal,
      );
      await this.#settled(Date.now(), signal);
    };
  }

  async #run(argv: readonly string[], signal: AbortSignal): Promise<void> {
    const id = 1;
    this.#tally.trigger = id;
    this.#relay.trigger({ id, argv, at: Date.now() });
    this.#trigger = await runCommand({ id, argv, signal, onOutput: this.#options.onOutput });
    this.#relay.trigger(this.#trigger);
    this.#options.on({ type: "trigger", trigger: this.#trigger });
  }

  /** Nothing stands, and nothing has happened for a while. */
  async #settled(ended: number, signal: AbortSignal): Promise<void> {
    const { settle, patience = [] } = this.#options;
    while (!signal.aborted) {
      const now = Date.now();
      const quiet = now - Math.max(this.#lastHit, ended);
      const stands = this.#relay.view().sessions.some(({ stopped }) => stopped !== undefined);
      const waits = this.#unhit.length > 0 && now - ended < requiredWithin;
      if (quiet >= Math.max(settle, patience[this.#tally.hits] ?? 0) && !stands && !waits) return;
      await pause(lookEvery, signal);
    }
  }

  get #unhit(): readonly BreakpointTally[] {
    return this.#tally.breakpoints.filter(({ spec, hits }) => spec.required === true && hits === 0);
  }

  #failure(): DebugtapError | undefined {
    const { missing } = this.#ide;
    const [first] = missing;
    if (first !== undefined) {
      const host = this.#options.config.services.find(({ name }) => name === first)?.host;
      const link = this.#relay.view().hosts.find(({ name, state }) => name === host && state === "down")?.reason;
      if (link !== undefined) return new DebugtapError(link.code, link.what, link);
      const known = this.#ide.failure(first);
      if (known !== undefined) return known;
      return new DebugtapError("DT_NOT_DRIVEN", `${missing.join(", ")} did not come to be driven`, {
        why: "no debuggee has connected",
        fix: "restart the service, with its settrace() in place: debugtap record first, then the service",
      });
    }
    const [broken] = this.#options.config.services.flatMap(({ name }) => this.#ide.failure(name) ?? []);
    if (broken?.code === "DT_PATCHED_PYDEVD") return broken;
    const unhit = this.#unhit;
    if (unhit.length === 0) return undefined;
    return new DebugtapError("DT_NOT_HIT", `never hit: ${unhit.map(({ spec }) => spec.text).join("; ")}`, {
      why:
        unhit.flatMap(({ unbound }) => Object.values(unbound))[0] ??
        "the program did not come there while it was recorded",
      fix: "debugtap hits latest",
    });
  }

  #hit(hit: Hit): void {
    this.#lastHit = Date.now();
    this.#ide.saw(hit);
    this.#options.on({ type: "hit", hit });
  }
}
