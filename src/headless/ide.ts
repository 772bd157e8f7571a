// The IDE of all services of a recording, without a user: attaches, sets breakpoints, lets run.
//
//   dap      it attaches when the port opens, and again when the program has ended or was not there
//   pydevd   it is dialled for each debuggee that comes
//
// Rules
// - A DAP service is dialled before it has a session: one that does not listen yet has none.
// - It speaks to the relay as an IDE does, on streams in memory: what holds for IDEs (children, paths, captures) holds here.
// - A child that announces itself is attached to at once; its program waits for that before the first line of its own.
// - It is ready when each service is driven, and each session that there is or that was announced has settled: of processes that had been
//   forked before, too. Which others are still to come nobody can say; each waits before its first line until it has its breakpoints.
// - At the end children that are on their way are let run first.
import type { Duplex } from "node:stream";
import { asDebugtapError, DebugtapError } from "../../protocol/errors.ts";
import type { Hit } from "../../protocol/hit.ts";
import type { ServiceConfig } from "../config.ts";
import type { Dial, Listen, Peer } from "../duplex.ts";
import type { Ide } from "../ide.ts";
import { pause } from "../pause.ts";
import { DapDriver } from "./dap-driver.ts";
import type { Driver } from "./driver.ts";
import { streamPair } from "../pair.ts";
import type { Placed } from "../../protocol/placed.ts";
import { PydevdDriver } from "./pydevd-driver.ts";
import type { Tally } from "./tally.ts";

/** Which process a debuggee is becomes known soon after it has come; so long its files are looked for, ms. */
const placesAgain = [500, 500, 1000, 2000];
const firstAgain = 250;
const longestAgain = 2000;
/** How long children that are on their way may take at the end, ms. */
const childrenWithin = 2000;

export interface HeadlessOptions {
  /** Those that are driven: of wires that are debugged by. */
  readonly services: readonly ServiceConfig[];
  readonly tally: Tally;
  /** Where the breakpoints stand in a service; asked for at each session. */
  readonly placed: (service: string) => Promise<readonly Placed[]>;
  /** All breakpoints have a place in the service. */
  readonly isPlaced: (service: string) => boolean;
  /** A service is driven, for the first time. */
  readonly attached: (service: string) => void;
  readonly failed: (service: string, error: DebugtapError) => void;
}

interface Driven {
  readonly service: string;
  readonly driver: Driver;
  readonly isChild: boolean;
  isAttached: boolean;
}

export class HeadlessIde implements Ide {
  readonly policy: Tally;
  readonly #options: HeadlessOptions;
  readonly #over = new AbortController();
  readonly #driven = new Set<Driven>();
  /** Services of sessions that were announced, or are dialled; a session each. */
  readonly #coming = new Set<{ readonly service: string }>();
  readonly #accept = new Map<string, (stream: Duplex, peer: Peer) => void>();
  readonly #begun = new Set<string>();
  /** Those of them whose breakpoints stand as well as they will. */
  readonly #ready = new Set<string>();
  readonly #failures = new Map<string, DebugtapError>();
  /** SPECs that have had their `max`. */
  readonly #spent = new Set<number>();
  /** Services with threads that nobody started. */
  readonly #strange = new Set<string>();
  readonly #dials = new Map<string, Dial>();
  /** A connection to a service that waits for its session. */
  readonly #made = new Map<string, Duplex>();
  #onChange: () => void = () => undefined;
  #connections = 0;

  constructor(options: HeadlessOptions) {
    this.#options = options;
    this.policy = options.tally;
  }

  readonly listen =
    (service: string): Listen =>
    (onStream) => {
      this.#accept.set(service, onStream);
      if (this.#options.services.some(({ name }) => name === service)) void this.#keepAttached(service);
      const close = (): Promise<void> => {
        this.#accept.delete(service);
        return Promise.resolve();
      };
      return Promise.resolve({ address: "headless", port: 0, close });
    };

  readonly dial =
    (service: string): Dial =>
    async () => {
      const placed = await this.#placed(service);
      const [near, far] = streamPair();
      this.#drive(service, near, false, (events, send) => {
        const patched = (what: string): void => this.#fail(service, patchedError(service, what));
        const strange = (): void => void this.#strange.add(service);
        return new PydevdDriver({ ...events, send, placed, patched, strange, after, now: () => performance.now() });
      });
      return far;
    };

  /** The connection that was made before there was a session for it; else, for a child, a new one. */
  readonly dialled = (service: string, dial: Dial): Dial => {
    this.#dials.set(service, dial);
    return async (signal) => {
      const made = this.#made.get(service);
      this.#made.delete(service);
      return made === undefined || made.destroyed ? await dial(signal) : made;
    };
  };

  /** A client of a service that is not driven. */
  connect(service: string): Duplex {
    const [near, far] = streamPair();
    const accept = this.#accept.get(service);
    if (accept === undefined) near.destroy();
    else accept(far, { address: "headless", port: ++this.#connections });
    return near;
  }

  /** Services that were never driven. */
  get missing(): readonly string[] {
    return this.#options.services.map(({ name }) => name).filter((name) => !this.#ready.has(name));
  }

  /** Services with a session that has not settled, or has yet to begin. */
  get unsettled(): readonly string[] {
    const open = [...this.#coming, ...[...this.#driven].filter(({ driver }) => !driver.isSettled)];
    return [...new Set(open.map(({ service }) => service))];
  }

  /** Why a service is not driven, as far as that is known. */
  failure(service: string): DebugtapError | undefined {
    return this.#failures.get(service);
  }

  /** Resolves when every service was driven and has settled, or the time is over, ms; true in the first case. */
  async ready(within: number, signal: AbortSignal): Promise<boolean> {
    // Not AbortSignal.any with a timeout: nothing holds that one, and once it is collected it never fires.
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, within);
      const look = (): void => {
        if (!this.#isReady && !signal.aborted) return;
        clearTimeout(timer);
        resolve();
      };
      this.#onChange = look;
      signal.addEventListener("abort", look, { once: true });
      look();
    });
    return this.#isReady;
  }

  get #isReady(): boolean {
    return this.missing.length + this.unsettled.length === 0;
  }

  /** A hit whose values the debuggee was asked for in vain, in a service with strange threads, is the other symptom of a patched pydevd. */
  saw({ service, snapshot }: Hit): void {
    const [top] = snapshot.frames;
    const isUnanswered = top?.scopes === undefined && (top?.cut?.by === "time" || top?.cut?.by === "gone");
    if (isUnanswered && this.#strange.has(service))
      this.#fail(service, patchedError(service, "it stopped, and did not say what its variables are"));
  }

  /** Takes this breakpoint away everywhere. */
  spend(spec: number): void {
    this.#spent.add(spec);
    for (const { service, driver } of this.#driven) void this.#placed(service).then((placed) => driver.place(placed));
  }

  /** Nobody is attached any more from now on; resolves when children that were on their way run. */
  async stop(): Promise<void> {
    this.#over.abort();
    const until = AbortSignal.timeout(childrenWithin);
    while ([...this.#driven].some(({ isChild, isAttached }) => isChild && !isAttached) && !until.aborted)
      await pause(20, until);
  }

  async #placed(service: string): Promise<readonly Placed[]> {
    const placed = (await this.#options.placed(service)).filter(({ spec }) => !this.#spent.has(spec));
    this.policy.setPlaces(service, placed);
    return placed;
  }

  async #keepAttached(service: string): Promise<void> {
    const { signal } = this.#over;
    for (let wait = firstAgain; !signal.aborted; wait = Math.min(wait * 2, longestAgain)) {
      if (await this.#connects(service)) {
        const isDriven = await new Promise<boolean>((resolve) => {
          void this.#attach(service, { justMyCode: false, ...this.#argumentsOf(service) }, false, resolve);
        });
        this.#made.get(service)?.destroy();
        this.#made.delete(service);
        if (isDriven) wait = firstAgain;
      }
      await pause(wait, signal);
    }
  }

  /** A service that does not listen yet is to have no session for each time that it was tried. */
  async #connects(service: string): Promise<boolean> {
    try {
      const made = await this.#dials.get(service)?.(this.#over.signal);
      if (made === undefined) return false;
      made.on("error", () => undefined);
      this.#made.set(service, made);
      return true;
    } catch (thrown) {
      const { message, why } = asDebugtapError(thrown);
      this.#fail(service, notDriven(service, why === undefined ? message : `${message}: ${why}`));
      return false;
    }
  }

  #argumentsOf(service: string): Readonly<Record<string, unknown>> {
    return this.#options.services.find(({ name }) => name === service)?.attach ?? {};
  }

  /** `over` is told whether it was driven. */
  async #attach(
    service: string,
    attach: Readonly<Record<string, unknown>>,
    isChild: boolean,
    over: (isDriven: boolean) => void,
  ): Promise<void> {
    const coming = { service };
    this.#coming.add(coming);
    const placed = await this.#placed(service);
    this.#coming.delete(coming);
    const accept = this.#accept.get(service);
    if (accept === undefined) return over(false);
    const [near, far] = streamPair();
    const child = (given: Readonly<Record<string, unknown>>): void =>
      void this.#attach(service, given, true, () => undefined);
    this.#drive(
      service,
      near,
      isChild,
      (events, send) => new DapDriver({ ...events, send, placed, attach, child }),
      over,
    );
    accept(far, { address: "headless", port: ++this.#connections });
  }

  #drive(
    service: string,
    stream: Duplex,
    isChild: boolean,
    make: (
      events: Pick<ConstructorParameters<typeof DapDriver>[0], "attached" | "settled" | "bound" | "ended">,
      send: (bytes: Uint8Array) => void,
    ) => Driver,
    over: (isDriven: boolean) => void = () => undefined,
  ): void {
    const send = (bytes: Uint8Array): void => {
      if (stream.writable) stream.write(bytes);
    };
    const driver = make(
      {
        attached: () => {
          driven.isAttached = true;
          this.#failures.delete(service);
          if (!this.#begun.has(service)) void this.#begin(service);
        },
        settled: () => this.#onChange(),
        bound: (placed, bound) => this.policy.bound(service, placed, bound),
        ended: (failed) => {
          this.#driven.delete(driven);
          if (failed !== undefined && !isChild) this.#fail(service, notDriven(service, failed));
          stream.end();
          over(driven.isAttached);
          this.#onChange();
        },
      },
      send,
    );
    const driven: Driven = { service, driver, isChild, isAttached: false };
    this.#driven.add(driven);
    stream.on("data", (chunk: Uint8Array) => driver.push(chunk));
    stream.on("end", () => driver.end());
    stream.on("error", () => undefined);
    stream.on("close", () => driver.end());
    driver.begin();
  }

  async #begin(service: string): Promise<void> {
    const { isPlaced, attached } = this.#options;
    this.#begun.add(service);
    for (const wait of placesAgain) {
      if (isPlaced(service) || this.#over.signal.aborted) break;
      await pause(wait, this.#over.signal);
      const placed = await this.#placed(service);
      for (const driven of this.#driven) if (driven.service === service) driven.driver.place(placed);
    }
    this.#ready.add(service);
    this.#onChange();
    attached(service);
  }

  #fail(service: string, error: DebugtapError): void {
    if (this.#over.signal.aborted) return;
    const before = this.#failures.get(service);
    this.#failures.set(service, error);
    if (before?.message !== error.message || before.why !== error.why) this.#options.failed(service, error);
    this.#onChange();
  }
}

function after(ms: number, run: () => void): () => void {
  const timer = setTimeout(run, ms).unref();
  return () => clearTimeout(timer);
}

function notDriven(service: string, why: string): DebugtapError {
  return new DebugtapError("DT_NOT_DRIVEN", `${service} is not driven`, {
    why,
    fix: "start the service with its debugger listening; it is tried again until then",
  });
}

/** reference: eventlet's monkey_patch turns the locks that pydevd holds into green ones, and its threads die or wait for ever. */
function patchedError(service: string, what: string): DebugtapError {
  return new DebugtapError("DT_PATCHED_PYDEVD", `pydevd in ${service} is connected but does not work`, {
    why: `${what}: so it is when eventlet.monkey_patch() has replaced its locks`,
    fix: "GEVENT_SUPPORT=True in the environment of the service, before pydevd is imported",
  });
}
