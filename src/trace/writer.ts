// The recorder as the forwarding thread sees it: it packs chunks into buffers and hands them to the worker. It never blocks.
//
// Rules
// - Buffers of 256 KiB are handed over when full or after 5 ms, and come back for reuse. At most `inFlight` bytes of them are out.
// - Over that cap payload is left out, counted per session and side, and a gap record says so as soon as there is room again.
// - While several buffers are out, only full ones are sent: a slow worker is not buried under nearly empty ones.
// - Sessions, notes and ends are small and wait in order with the gap they come after; they are not left out.
import { randomBytes } from "node:crypto";
import { mkdir, readdir } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { Worker } from "node:worker_threads";
import { DebugtapError } from "../../protocol/errors.ts";
import type { Side } from "../../protocol/frame.ts";
import type { SessionEnd, SessionFacts, SessionNote } from "../observer.ts";
import { Batch, headLength, jsonPayload, kinds } from "./batch.ts";
import type { Kind } from "./batch.ts";
import { defaultParent, dirMode } from "./files.ts";
import type { Gap } from "./format.ts";
import type { FromWorker, ToWorker, TraceSummary, WorkerOptions } from "./messages.ts";

const bufferSize = 256 * 1024;
const handOverAfter = 5;
const crowded = 16;
const pooled = 32;
const tellLostEvery = 10_000;
/** Records of the relay's own that wait behind a gap; more than this at once is a defect elsewhere, and they are dropped. */
const maxWaiting = 10_000;

/**
 * gap: bytes are left out; the counts are those of the trace so far. Told at the first, then at most every ten seconds.
 * failed: the disk refuses. resumed: it takes again.
 */
export type TraceEvent =
  | { readonly type: "gap"; readonly chunks: number; readonly bytes: number; readonly error: DebugtapError }
  | { readonly type: "failed"; readonly error: DebugtapError }
  | { readonly type: "resumed" };

export interface TraceOptions {
  /** The trace's own directory; it is made, and must not hold a trace yet. */
  readonly dir?: string;
  /** Where to make one with a name of its own; the default is {@link defaultParent}. */
  readonly parent?: string;
  readonly facts: { readonly version: string; readonly config?: string; readonly command?: readonly string[] };
  readonly onEvent?: (event: TraceEvent) => void;
  readonly limits?: { readonly inFlight?: number; readonly segmentBytes?: number };
}

interface Waiting {
  readonly kind: Kind;
  readonly session: number;
  readonly time: number;
  readonly payload: Uint8Array;
}

export class TraceWriter {
  readonly dir: string;
  readonly #worker: Worker;
  readonly #onEvent: (event: TraceEvent) => void;
  readonly #inFlightMax: number;
  readonly #pool: ArrayBuffer[] = [];
  readonly #timer: NodeJS.Timeout;
  readonly #flushes = new Map<number, { resolve: () => void; reject: (error: DebugtapError) => void }>();
  #batch: Batch | undefined;
  #timed = false;
  #late = false;
  #inFlight = 0;
  #out = 0;
  #lost = { chunks: 0, bytes: 0 };
  #tellLostAfter = 0;
  #dropped = new Map<string, Gap>();
  #waiting: Waiting[] = [];
  #flushId = 0;
  #marks = { written: 0, durable: 0 };
  #closed: Promise<TraceSummary> | undefined;
  #onClosed: ((summary: TraceSummary) => void) | undefined;
  #dead: DebugtapError | undefined;

  /** Makes the directory and starts the worker. Rejects with DT_TRACE_DISK, or DT_USAGE when `dir` holds a trace already. */
  static async open(options: TraceOptions): Promise<TraceWriter> {
    const started = Date.now();
    const dir = await makeDir(options, started);
    const workerData: WorkerOptions = {
      dir,
      id: basename(dir),
      ...options.facts,
      timeOrigin: performance.timeOrigin,
      started,
      segmentBytes: options.limits?.segmentBytes ?? 256 * 1024 * 1024,
    };
    const worker = new Worker(new URL("./worker.js", import.meta.url), { workerData, name: "recorder" });
    const answer = await new Promise<FromWorker>((resolve) => {
      worker.once("message", resolve).once("error", (error) => resolve({ type: "refused", why: error.message }));
    });
    worker.removeAllListeners("error");
    if (answer.type === "ready") return new TraceWriter(worker, dir, options);
    await worker.terminate();
    throw diskError(dir, answer.type === "refused" ? answer.why : "the recorder did not start");
  }

  private constructor(worker: Worker, dir: string, options: TraceOptions) {
    this.dir = dir;
    this.#worker = worker;
    this.#onEvent = options.onEvent ?? (() => {});
    this.#inFlightMax = options.limits?.inFlight ?? 32 * 1024 * 1024;
    this.#timer = setTimeout(() => this.#handOverDue(), handOverAfter).unref();
    worker.on("message", (message: FromWorker) => this.#receive(message));
    worker.on("error", (error) => this.#died(error.stack ?? error.message));
    worker.on("exit", () => this.#died("the recorder's thread ended"));
    worker.unref();
  }

  /** Records that survive a killed process (`written`) and a loss of power (`durable`). */
  get marks(): Readonly<{ written: number; durable: number }> {
    return this.#marks;
  }

  session(facts: SessionFacts): void {
    this.#json(kinds.open, facts.id, { session: facts.id, open: facts });
  }

  note(session: number, note: SessionNote): void {
    this.#json(kinds.note, session, { session, ...note });
  }

  end(session: number, end: SessionEnd): void {
    this.#json(kinds.end, session, { session, end });
  }

  /** `side` of a session sent `bytes`; they are copied. Never blocks, never throws. */
  chunk(session: number, side: Side, bytes: Uint8Array): void {
    if (this.#batch === undefined || !this.#batch.fits(bytes.length)) {
      if (this.#dead !== undefined || this.#closed !== undefined) return;
      if (!this.#next(bytes.length)) {
        this.#drop(session, side, bytes.length);
        return;
      }
    }
    this.#batch?.chunk(session, side, performance.now(), bytes);
    if (!this.#timed) this.#arm();
  }

  /** Resolves when all given so far is durable. Rejects with DT_TRACE_DISK while the disk refuses. */
  flush(): Promise<void> {
    if (this.#dead !== undefined) return Promise.reject(this.#dead);
    this.#handOver();
    const id = ++this.#flushId;
    this.#worker.ref();
    return new Promise<void>((resolve, reject) => {
      this.#flushes.set(id, { resolve, reject });
      this.#post({ type: "flush", id });
    }).finally(() => {
      if (this.#flushes.size === 0 && this.#closed === undefined) this.#worker.unref();
    });
  }

  /** Writes what is left, seals, and ends the worker. What could not be written is counted in the summary. */
  close(): Promise<TraceSummary> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<TraceSummary> {
    clearTimeout(this.#timer);
    if (this.#dead !== undefined) return this.#nothing();
    this.#tellGap();
    this.#handOver();
    this.#worker.ref();
    const summary = await new Promise<TraceSummary>((resolve) => {
      this.#onClosed = resolve;
      this.#post({ type: "close" });
    });
    this.#dead = new DebugtapError("DT_TRACE_DISK", `the trace ${this.dir} is closed`);
    await this.#worker.terminate();
    return summary;
  }

  #json(kind: Kind, session: number, value: unknown): void {
    if (this.#dead !== undefined || this.#closed !== undefined) return;
    const payload = jsonPayload(value);
    const time = performance.now();
    if (this.#batch?.fits(payload.length) === true || this.#next(payload.length)) {
      this.#batch?.json(kind, session, time, payload);
      this.#arm();
    } else if (this.#waiting.length < maxWaiting) this.#waiting.push({ kind, session, time, payload });
  }

  /** Hands the batch over and begins another with room for `payload`; false when the cap does not allow it. */
  #next(payload: number): boolean {
    this.#handOver();
    const size = Math.max(bufferSize, headLength + payload);
    if (this.#inFlight + size > this.#inFlightMax) return false;
    const buffer = size === bufferSize ? this.#pool.pop() : undefined;
    this.#batch = new Batch(buffer ?? new ArrayBuffer(size));
    if (this.#dropped.size > 0 || this.#waiting.length > 0) this.#tellGap();
    return this.#batch.fits(payload) || this.#next(payload);
  }

  #drop(session: number, side: Side, bytes: number): void {
    const key = `${session} ${side}`;
    const known = this.#dropped.get(key);
    const [chunks, sum] = known === undefined ? [1, bytes] : [known.chunks + 1, known.bytes + bytes];
    this.#dropped.set(key, { session, side, chunks, bytes: sum });
    this.#lost.chunks++;
    this.#lost.bytes += bytes;
    if (performance.now() >= this.#tellLostAfter) this.#tellLost();
  }

  /** Puts the gap records, and what waited behind them, into the trace. May go over the cap: they are small. */
  #tellGap(): void {
    const gaps = [...this.#dropped.values()];
    const waiting = this.#waiting;
    this.#dropped = new Map();
    this.#waiting = [];
    const time = performance.now();
    for (const gap of gaps) this.#force({ kind: kinds.gap, session: gap.session, time, payload: jsonPayload(gap) });
    for (const record of waiting) this.#force(record);
  }

  #tellLost(): void {
    this.#tellLostAfter = performance.now() + tellLostEvery;
    const { chunks, bytes } = this.#lost;
    const error = new DebugtapError("DT_TRACE_GAP", `${bytes} bytes (${chunks} chunks) are missing in ${this.dir}`, {
      why: "the disk did not take them as fast as they came",
      fix: `df -h ${this.dir}`,
    });
    this.#tell({ type: "gap", chunks, bytes, error });
  }

  #force({ kind, session, time, payload }: Waiting): void {
    if (this.#batch?.fits(payload.length) !== true) {
      this.#handOver();
      const size = Math.max(bufferSize, headLength + payload.length);
      this.#batch = new Batch((size === bufferSize ? this.#pool.pop() : undefined) ?? new ArrayBuffer(size));
    }
    this.#batch?.json(kind, session, time, payload);
    this.#arm();
  }

  #arm(): void {
    if (this.#timed) return;
    this.#timed = true;
    this.#timer.refresh();
  }

  #handOverDue(): void {
    this.#timed = false;
    if (this.#out < crowded) this.#handOver();
    else this.#late = true;
  }

  #handOver(): void {
    const batch = this.#batch;
    this.#late = false;
    if (batch === undefined || batch.records === 0) return;
    this.#batch = undefined;
    this.#inFlight += batch.buffer.byteLength;
    this.#out++;
    const skew = Date.now() - performance.timeOrigin - performance.now();
    this.#post({ type: "batch", buffer: batch.buffer, length: batch.length, skew }, [batch.buffer]);
  }

  #post(message: ToWorker, transfer: ArrayBuffer[] = []): void {
    this.#worker.postMessage(message, transfer);
  }

  #receive(message: FromWorker): void {
    switch (message.type) {
      case "back":
        for (const buffer of message.buffers) {
          this.#inFlight -= buffer.byteLength;
          this.#out--;
          if (buffer.byteLength === bufferSize && this.#pool.length < pooled) this.#pool.push(buffer);
        }
        this.#marks.written = message.written;
        if (this.#late && this.#out < crowded) this.#handOver();
        if (this.#batch === undefined && (this.#dropped.size > 0 || this.#waiting.length > 0)) this.#next(0);
        return;
      case "durable":
        this.#marks.durable = message.durable;
        return;
      case "failed": {
        const error = diskError(this.dir, message.why, message.sealing);
        this.#tell({ type: "failed", error });
        return;
      }
      case "resumed":
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
    this.#dead = new DebugtapError("DT_INTERNAL", `the recorder of ${this.dir} stopped`, { why });
    this.#batch = undefined;
    for (const { reject } of this.#flushes.values()) reject(this.#dead);
    this.#flushes.clear();
    this.#onClosed?.(this.#nothing());
    this.#tell({ type: "failed", error: this.#dead });
  }

  #nothing(): TraceSummary {
    return {
      dir: this.dir,
      sessions: 0,
      records: this.#marks.written,
      bytes: 0,
      lostChunks: 0,
      lostBytes: 0,
      segments: [],
    };
  }

  #tell(event: TraceEvent): void {
    try {
      this.#onEvent(event);
    } catch {
      // Whoever listens must not stop a session.
    }
  }
}

function diskError(dir: string, why: string, sealing = false): DebugtapError {
  const what = sealing
    ? `a segment of the trace ${dir} cannot be sealed; it stays readable as it is`
    : `the trace ${dir} cannot be written`;
  return new DebugtapError("DT_TRACE_DISK", what, { why, fix: `df -h ${dir}` });
}

async function makeDir(options: TraceOptions, started: number): Promise<string> {
  const utc = new Date(started).toISOString().replaceAll(/[-:]|\.\d+/g, "");
  const own = `trace-${utc}-${randomBytes(2).toString("hex")}`;
  const dir = resolve(options.dir ?? join(options.parent ?? defaultParent(), own));
  try {
    await mkdir(dir, { recursive: true, mode: dirMode });
  } catch (error) {
    throw diskError(dir, error instanceof Error ? error.message : String(error));
  }
  const files = await readdir(dir);
  if (!files.some((file) => /^\d{6}\.(live|mcap)$/.test(file))) return dir;
  throw new DebugtapError("DT_USAGE", `there is a trace in ${dir} already`, { fix: "name another directory" });
}
