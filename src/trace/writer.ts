// The recorder as the forwarding thread sees it: it copies chunks into memory that a worker shares. It never blocks.
//
// Rules
// - A chunk is handed over at once (see slots.ts): a killed process loses what the worker had not written, some 20 ms of it.
// - When no memory is free, payload is left out, counted, and a gap record says so as soon as there is room again (see backlog.ts).
//   The relay's own records wait, hits among them, and go before all payload.
// - A chunk that is longer than a slot becomes several records: a reader joins a side's chunks anyway.
import { basename } from "node:path";
import { Worker } from "node:worker_threads";
import { DebugtapError } from "../../protocol/errors.ts";
import type { Missed, RecorderView } from "../../protocol/control.ts";
import type { Side } from "../../protocol/frame.ts";
import type { Hit } from "../../protocol/hit.ts";
import type { HttpCall } from "../../protocol/http.ts";
import { defaultSecretRules } from "../../protocol/redact.ts";
import type { SecretRules } from "../../protocol/redact.ts";
import type { Trigger } from "../../protocol/trigger.ts";
import type { SessionEnd, SessionFacts, SessionNote } from "../observer.ts";
import { Backlog } from "./backlog.ts";
import { Behind } from "./behind.ts";
import { jsonPayload, kinds } from "./batch.ts";
import type { Kind, PackedRecord } from "./batch.ts";
import { behindError, diskError, makeDirectory } from "./directory.ts";
import type { DropReason } from "./format.ts";
import { hitPayload } from "./hits.ts";
import { httpPayload } from "./http.ts";
import type { Limits } from "./retention.ts";
import type { FromWorker, ToWorker, TraceSummary, WorkerOptions, SourceFacts } from "./messages.ts";
import { secretKey } from "./secret-key.ts";
import { maxPayload, SlotFiller, slotMemory } from "./slots.ts";

const encoder = new TextEncoder();
const handOverMost = 32 * 1024 * 1024;
const segmentMost = 256 * 1024 * 1024;
/** A segment takes at most this part of what a trace may. */
const partOfSize = 16;
/** How often room is looked for while something waits for it, ms. */
const lookForRoomEvery = 5;
/** Bytes of hits that wait for room; what is over it waits without its values. */
const mostWaiting = 16 * 1024 * 1024;
const mostWithoutValues = 16 * 1024;
/** Bytes of sources that the worker has not written yet, and how many a trace may say something of. */
const mostSourceBytes = 16 * 1024 * 1024;
const mostSources = 10_000;

/**
 * behind: something is left out from now on. caught-up: no more, with what was (see behind.ts).
 * failed: the disk refuses. resumed: it takes again. dropped: the oldest segments go from now on, told once for each reason.
 */
export type TraceEvent =
  | { readonly type: "behind"; readonly missed: Missed; readonly error: DebugtapError }
  | { readonly type: "caught-up"; readonly missed: Missed }
  | { readonly type: "failed"; readonly error: DebugtapError }
  | { readonly type: "resumed" }
  | { readonly type: "dropped"; readonly by: DropReason };

export interface TraceOptions {
  /** The trace's own directory; it is made, and must not hold a trace yet. */
  readonly dir?: string;
  /** Where to make one with a name of its own; the default is `$XDG_STATE_HOME/debugtap/traces`. */
  readonly parent?: string;
  readonly facts: { readonly version: string; readonly config?: string; readonly command?: readonly string[] };
  readonly onEvent?: (event: TraceEvent) => void;
  /** What is masked beside what is known; `keep`: secrets are recorded as they are. */
  readonly secrets?: SecretRules | "keep";
  /** `inFlight`: bytes handed over that are not written yet. */
  readonly limits?: { readonly inFlight?: number; readonly segmentBytes?: number };
  /** What is kept of it; default: all. */
  readonly keep?: Partial<Limits>;
}

export class TraceWriter {
  readonly dir: string;
  readonly #worker: Worker;
  readonly #slots: SlotFiller;
  readonly #onEvent: (event: TraceEvent) => void;
  readonly #backlog = new Backlog();
  readonly #lookForRoom: NodeJS.Timeout;
  readonly #flushes = new Map<number, { resolve: () => void; reject: (error: DebugtapError) => void }>();
  #sources = 0;
  /** On their way. */
  #sourceBytes = 0;
  readonly #behind: Behind;
  #failed: { readonly since: number; readonly error: DebugtapError } | undefined;
  #flushId = 0;
  #taking = true;
  #closed: Promise<TraceSummary> | undefined;
  #onClosed: ((summary: TraceSummary) => void) | undefined;
  #dead: DebugtapError | undefined;

  /** Makes the directory and starts the worker. Rejects with DT_TRACE_DISK, or DT_USAGE when `dir` holds a trace already. */
  static async open(options: TraceOptions): Promise<TraceWriter> {
    const started = Date.now();
    const dir = await makeDirectory(options.dir, options.parent, started);
    const keep = { maxSize: Infinity, maxAge: Infinity, ...options.keep };
    const { secrets: rules = defaultSecretRules } = options;
    const workerData: WorkerOptions = {
      dir,
      ...(rules === "keep" ? {} : { secrets: { key: secretKey(dir), rules } }),
      id: basename(dir),
      ...options.facts,
      timeOrigin: performance.timeOrigin,
      hrtimeOrigin: process.hrtime.bigint() - BigInt(Math.round(performance.now() * 1e6)),
      started,
      segmentBytes: options.limits?.segmentBytes ?? Math.min(segmentMost, keep.maxSize / partOfSize),
      keep,
      memory: slotMemory(options.limits?.inFlight ?? handOverMost),
    };
    const worker = new Worker(new URL("./worker.js", import.meta.url), { workerData, name: "recorder" });
    const answer = await new Promise<FromWorker>((resolve) => {
      worker.once("message", resolve).once("error", (error) => resolve({ type: "refused", why: error.message }));
    });
    worker.removeAllListeners("error");
    if (answer.type === "ready") return new TraceWriter(worker, workerData, options);
    await worker.terminate();
    throw diskError(dir, answer.type === "refused" ? answer.why : "the recorder did not start");
  }

  private constructor(worker: Worker, { dir, memory }: WorkerOptions, options: TraceOptions) {
    this.dir = dir;
    this.#worker = worker;
    this.#slots = new SlotFiller(memory);
    this.#onEvent = options.onEvent ?? (() => {});
    this.#behind = new Behind({
      begins: (missed) => this.#tell({ type: "behind", missed, error: behindError(this.dir) }),
      over: (missed) => this.#tell({ type: "caught-up", missed }),
      waits: () => this.#backlog.size > 0,
    });
    this.#lookForRoom = setTimeout(() => this.#tellBacklog(), lookForRoomEvery).unref();
    worker.on("message", (message: FromWorker) => this.#receive(message));
    worker.on("error", (error) => this.#died(error.stack ?? error.message));
    worker.on("exit", () => this.#died("the recorder's thread ended"));
    worker.unref();
  }

  /** Records that survive a killed process (`written`) and a loss of power (`durable`). */
  get marks(): Readonly<{ written: number; durable: number }> {
    return this.#slots.marks;
  }

  /** Undefined while everything is recorded. */
  get trouble(): RecorderView | undefined {
    const { missed, since } = this.#behind;
    if (this.#failed !== undefined)
      return { state: "failed", since: this.#failed.since, missed, reason: this.#failed.error.toJSON() };
    return since === undefined ? undefined : { state: "behind", since, missed };
  }

  session(facts: SessionFacts): void {
    this.#json(kinds.open, facts.id, { session: facts.id, open: facts });
  }

  note(session: number, note: SessionNote): void {
    this.#json(kinds.note, session, { session, ...note });
  }

  /**
   * A hit that is too large for a record, or that waits behind too many others, is stored without values: see hits.ts. Behind
   * thousands that wait it is counted only.
   */
  hit(session: number, hit: Hit): void {
    if (!this.#taking) return;
    const payload = hitPayload(session, hit, maxPayload);
    const record: PackedRecord = { kind: kinds.hit, session, time: performance.now(), payload };
    if (this.#put(kinds.hit, session, record.time, payload)) return;
    const room = this.#backlog.bytes + payload.length <= mostWaiting;
    const waits = this.#backlog.wait(
      room ? record : { ...record, payload: hitPayload(session, hit, mostWithoutValues) },
    );
    if (!waits) this.#behind.miss({ hits: 1 });
    this.#lookForRoom.refresh();
  }

  /**
   * Says what the text of a file was when a hit of this session stood in it, and stores it once; the bytes are the writer's from now on.
   * False when there is no room for it now.
   */
  source(session: number, about: SourceFacts, bytes?: Uint8Array): boolean {
    const size = bytes?.length ?? 0;
    if (!this.#taking || this.#sources >= mostSources || this.#sourceBytes + size > mostSourceBytes) return false;
    this.#sources++;
    this.#sourceBytes += size;
    this.#post({ type: "source", session, about, ...(bytes === undefined ? {} : { bytes }) }, bytes);
    return true;
  }

  /** Once when it begins, once when it has ended. */
  trigger(trigger: Trigger): void {
    const payload = encoder.encode(JSON.stringify({ session: 0, trigger }));
    this.#own(kinds.trigger, 0, payload.length <= maxPayload ? payload : jsonPayload({ session: 0, trigger }));
  }

  /** Once when it begins, once when it has ended; without its bodies where too much waits for room. */
  http(call: HttpCall): void {
    const payload = httpPayload(call, maxPayload);
    const waits = this.#backlog.size > 0 && this.#backlog.bytes + payload.length > mostWaiting;
    this.#own(kinds.http, 0, waits ? httpPayload(call, mostWithoutValues) : payload);
  }

  end(session: number, end: SessionEnd): void {
    this.#json(kinds.end, session, { session, end });
  }

  /** `side` of a session sent `bytes`; they are copied. Never blocks, never throws. */
  chunk(session: number, side: Side, bytes: Uint8Array): void {
    if (!this.#taking) return;
    const time = performance.now();
    for (let at = 0; ;) {
      const piece = bytes.length <= maxPayload ? bytes : bytes.subarray(at, at + maxPayload);
      if (!this.#put(side === "client" ? kinds.client : kinds.debuggee, session, time, piece)) {
        this.#leaveOut(session, side, time, bytes.length - at);
        return;
      }
      at += piece.length;
      if (at >= bytes.length) return;
    }
  }

  /** Resolves when all given so far is durable. Rejects with DT_TRACE_DISK while the disk refuses. */
  async flush(): Promise<void> {
    const waiting = !this.#tellBacklog();
    await this.#flush();
    // The worker has made room.
    if (waiting && this.#tellBacklog()) await this.#flush();
  }

  /** Writes what is left, seals, and ends the worker. What could not be written is counted in the summary. */
  close(): Promise<TraceSummary> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  #flush(): Promise<void> {
    if (this.#dead !== undefined) return Promise.reject(this.#dead);
    const id = ++this.#flushId;
    this.#worker.ref();
    return new Promise<void>((resolve, reject) => {
      this.#flushes.set(id, { resolve, reject });
      this.#post({ type: "flush", id });
    }).finally(() => {
      if (this.#flushes.size === 0 && this.#closed === undefined) this.#worker.unref();
    });
  }

  async #close(): Promise<TraceSummary> {
    this.#taking = false;
    clearTimeout(this.#lookForRoom);
    this.#behind.close();
    if (this.#dead !== undefined) return this.#nothing();
    this.#worker.ref();
    const summary = await new Promise<TraceSummary>((resolve) => {
      this.#onClosed = resolve;
      this.#post({ type: "close", rest: this.#backlog.clear() });
    });
    this.#end(new DebugtapError("DT_TRACE_DISK", `the trace ${this.dir} is closed`));
    await this.#worker.terminate();
    return summary;
  }

  #json(kind: Kind, session: number, value: unknown): void {
    this.#own(kind, session, jsonPayload(value));
  }

  #own(kind: Kind, session: number, payload: Uint8Array): void {
    if (!this.#taking) return;
    const record: PackedRecord = { kind, session, time: performance.now(), payload };
    if (this.#put(kind, session, record.time, record.payload)) return;
    this.#backlog.wait(record);
    this.#lookForRoom.refresh();
  }

  /** Hands a record over behind all that waits; false when there is no room. */
  #put(kind: Kind, session: number, time: number, payload: Uint8Array): boolean {
    if (this.#backlog.size > 0 && !this.#tellBacklog()) return false;
    if (!this.#slots.append(kind, session, time, payload)) return false;
    if (this.#slots.mustWake()) this.#post({ type: "wake" });
    return true;
  }

  #leaveOut(session: number, side: Side, time: number, bytes: number): void {
    this.#backlog.leaveOut(session, side, time, bytes);
    this.#lookForRoom.refresh();
    this.#behind.miss({ chunks: 1, bytes });
  }

  /** True when nothing waits any more. */
  #tellBacklog(): boolean {
    if (this.#backlog.size === 0) return true;
    const told =
      this.#slots.room &&
      this.#backlog.tell(({ kind, session, time, payload }) => this.#slots.append(kind, session, time, payload));
    if (this.#slots.mustWake()) this.#post({ type: "wake" });
    if (!told) this.#lookForRoom.refresh();
    return told;
  }

  #post(message: ToWorker, moved?: Uint8Array): void {
    // Memory of another kind, or a part of Node's pool, is copied.
    const whole = moved?.buffer instanceof ArrayBuffer && moved.length === moved.buffer.byteLength;
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has none
    this.#worker.postMessage(message, whole ? [moved.buffer] : []);
  }

  #receive(message: FromWorker): void {
    switch (message.type) {
      case "failed": {
        const error = diskError(this.dir, message.why, message.sealing);
        // What is not sealed is recorded all the same.
        if (!message.sealing) this.#failed = { since: Date.now(), error };
        this.#tell({ type: "failed", error });
        return;
      }
      case "source":
        this.#sourceBytes -= message.bytes;
        return;
      case "dropped":
        this.#tell({ type: "dropped", by: message.by });
        return;
      case "resumed":
        this.#failed = undefined;
        this.#tell({ type: "resumed" });
        return;
      case "flushed": {
        const flush = this.#flushes.get(message.id);
        this.#flushes.delete(message.id);
        if (message.why === undefined) flush?.resolve();
        else flush?.reject(diskError(this.dir, message.why));
        return;
      }
      case "closed":
        this.#onClosed?.(message.summary);
        return;
      case "ready":
      case "refused":
    }
  }

  #died(why: string): void {
    if (this.#dead !== undefined) return;
    const error = new DebugtapError("DT_INTERNAL", `the recorder of ${this.dir} stopped`, { why });
    this.#taking = false;
    this.#backlog.clear();
    clearTimeout(this.#lookForRoom);
    this.#failed = { since: Date.now(), error };
    this.#behind.close();
    this.#end(error);
    this.#onClosed?.(this.#nothing());
    this.#tell({ type: "failed", error });
  }

  #end(error: DebugtapError): void {
    this.#dead = error;
    for (const { reject } of this.#flushes.values()) reject(error);
    this.#flushes.clear();
  }

  #nothing(): TraceSummary {
    const records = this.marks.written;
    return { dir: this.dir, sessions: 0, records, bytes: 0, missed: this.#behind.missed, segments: [] };
  }

  #tell(event: TraceEvent): void {
    try {
      this.#onEvent(event);
    } catch {
      // Whoever listens must not stop a session.
    }
  }
}
