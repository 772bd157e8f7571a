// The worker thread of the recorder: takes records out of the shared memory, writes them to the live segment, seals segments.
//
// Rules
// - It looks every 5 ms while anything comes, and goes to sleep after half a second without. Only then are ended segments sealed,
//   which takes a core for a second each; unless many wait, or what is too old is looked for.
// - Work here cools the caches of the others: what came is taken every 20 ms, for a message of 200 B pays 3 % when it is taken at each
//   look. But memory that is used again soon is warm: at the first look that finds much (20 KB pay 6 % more when that waits 20 ms).
// - Secrets are masked before anything is written, once: what is masked and not written waits here, a piece of the memory at most.
// - Memory is freed only when it is written. While the disk refuses, records stay there and are tried again; the forwarding thread
//   then runs out of room and counts what it leaves out. So nothing that was handed over is lost while this thread lives.
// - Where a trace may get no larger, records stay there too until segments are sealed or dropped.
// - After a refused write a new segment is begun: the old one ends at its last commit and stays readable.
// - A failure is told once, and its end.
// - Forwarding goes before recording: this thread lets go of its core often (breath.ts) unless it falls behind, and on Linux a thread has a priority of its own. (On
//   other systems it is the process that has. libuv's pool, which inherits it, exists already: the forwarding thread made the trace's
//   directory with it.)
import { setPriority } from "node:os";
import { parentPort, workerData } from "node:worker_threads";
import { readPacked } from "./batch.ts";
import type { PackedRecord } from "./batch.ts";
import { breathe } from "./breath.ts";
import type { DropReason, SourceVersion } from "./format.ts";
import type { FromWorker, ToWorker, WorkerOptions } from "./messages.ts";
import { Masking } from "./masking.ts";
import { Recording } from "./recording.ts";
import { Segments } from "./segments.ts";
import { SlotDrainer } from "./slots.ts";
import { SourceLog } from "./source-log.ts";
import { writeSource } from "./sources.ts";

const lookEvery = 5;
const takeEvery = 20;
const sleepAfter = 500;
const retryEvery = 250;
const syncEvery = 1000;
/** So many ended segments may wait for a quiet moment to be sealed. */
const mostUnsealed = 4;
/** How often it is seen whether something is too old, ms: so often within what is kept, but at most once a minute. */
const looksWithinAge = 20;
const lookForAgeMost = 60_000;
/** The part of a segment that may say again what sources there are, and the part of a trace that their texts may take. */
const partOfSources = 4;
const niceness = 5;

class Recorder {
  readonly #options: WorkerOptions;
  readonly #send: (message: FromWorker) => void;
  readonly #slots: SlotDrainer;
  readonly #segments: Segments;
  readonly #recording: Recording;
  readonly #sources: SourceLog;
  /** The segment that begins with what holds of the sources. */
  #begun = 1;
  readonly #droppedBy = new Set<DropReason>();
  readonly #masking: Masking | undefined;
  /** Masked, and not written yet; payloads may be views of the last piece of the shared memory. */
  #pending: PackedRecord[] = [];
  #durable = 0;
  #failing: string | undefined;
  #closing = false;
  #tookLast = performance.now();
  #drainedLast = 0;
  #lookTimer: NodeJS.Timeout | undefined;
  #syncTimer: NodeJS.Timeout | undefined;
  #ageTimer: NodeJS.Timeout | undefined;

  constructor(options: WorkerOptions, send: (message: FromWorker) => void) {
    const { secrets, command } = options;
    this.#masking = secrets === undefined ? undefined : new Masking(secrets, () => this.#breathe());
    this.#options = command === undefined ? options : { ...options, command: this.#masking?.words(command) ?? command };
    this.#send = send;
    this.#slots = new SlotDrainer(options.memory);
    this.#sources = new SourceLog(options.dir);
    this.#segments = new Segments(this.#options, this.#sources, {
      sealFailed: (error) => this.#tellFailed(error, true),
      dropped: (by) => this.#tellDropped(by),
    });
    this.#recording = new Recording(options);
  }

  /** Makes the manifest and the first segment, so that a trace exists from now on. Throws what the file system throws. */
  open(): void {
    this.#segments.saveManifest();
    this.#recording.begin(this.#segments.live());
    this.#segments.sync();
    this.#lookLater();
    const { maxAge } = this.#options.keep;
    if (maxAge === Infinity) return;
    this.#ageTimer = setInterval(() => this.#age(), Math.min(maxAge / looksWithinAge, lookForAgeMost));
  }

  receive(message: ToWorker): void {
    if (this.#closing) return;
    if (message.type === "close") void this.#close(message.rest);
    else if (message.type === "flush") void this.#flush(message.id);
    else if (message.type === "source") this.#source(message);
    else if (this.#lookTimer === undefined) this.#look();
  }

  #look(): void {
    this.#lookTimer = undefined;
    const now = performance.now();
    if (now - this.#drainedLast < takeEvery && !this.#slots.filled) {
      this.#lookAfter(lookEvery);
      return;
    }
    this.#drainedLast = now;
    let all = true;
    if (!this.#attempt(() => (all = this.#drain()))) this.#lookAfter(retryEvery);
    else if (all) this.#lookLater();
    else {
      void this.#segments.seal();
      this.#lookAfter(this.#segments.failing === undefined ? lookEvery : retryEvery);
    }
  }

  #lookAfter(ms: number): void {
    this.#lookTimer = setTimeout(() => this.#look(), ms);
  }

  /** While the disk refuses, this thread does not sleep. */
  #lookLater(): void {
    const quiet = this.#failing === undefined && performance.now() - this.#tookLast > sleepAfter;
    if (quiet) {
      void this.#segments.seal();
      if (this.#slots.sleep()) return;
    }
    this.#lookAfter(this.#failing === undefined ? lookEvery : retryEvery);
  }

  /** Ends and seals what is old, also while nothing comes, so that it can be dropped. */
  #age(): void {
    if (this.#segments.old && this.#failing === undefined) this.#attempt(() => this.#endSegment());
    void this.#segments.seal();
  }

  async #flush(id: number): Promise<void> {
    if (this.#failing === undefined && (await this.#drainAll()))
      this.#attempt(() => {
        this.#put(this.#masking?.lines() ?? []);
        this.#sync();
      });
    const why = this.#failing;
    this.#send(why === undefined ? { type: "flushed", id } : { type: "flushed", id, why });
  }

  /** What is said of it is a record like the others, and waits with them while the disk refuses. */
  #source({ session, about, bytes }: Extract<ToWorker, { type: "source" }>): void {
    let source: SourceVersion = about;
    if (bytes !== undefined) {
      try {
        this.#checkRoom(bytes.length);
        source = { ...about, sha256: writeSource(this.#options.dir, bytes) };
      } catch (error) {
        source = { ...about, why: reason(error) };
      }
    }
    this.#sources.add(session, source, bytes?.length ?? 0);
    this.#send({ type: "source", bytes: bytes?.length ?? 0 });
    if (this.#lookTimer === undefined) this.#look();
  }

  /** Throws when texts take as much of the trace as they may. */
  #checkRoom(bytes: number): void {
    const { maxSize } = this.#options.keep;
    if (this.#sources.bytes + bytes > maxSize / partOfSources)
      throw new Error(`the texts of this trace take a quarter of record.max_size, ${maxSize} bytes, already`);
  }

  /** As #drain, waiting for room. False when the disk refused. */
  async #drainAll(): Promise<boolean> {
    const { begun } = this.#slots;
    for (;;) {
      let all = true;
      if (!this.#attempt(() => (all = this.#drain(begun)))) return false;
      if (all) return true;
      await this.#segments.seal();
      const { failing } = this.#segments;
      if (failing !== undefined) return this.#refused(failing);
    }
  }

  /** While much waits, nothing is recorded too late for the sake of who shares the cores. */
  #breathe(): void {
    if (!this.#slots.crowded) breathe();
  }

  /** Milliseconds, as the forwarding thread counts them. */
  #now(): number {
    return Number(process.hrtime.bigint() - this.#options.hrtimeOrigin) / 1e6;
  }

  #masked(records: Iterable<PackedRecord>): PackedRecord[] {
    return this.#masking?.mask(records) ?? [...records];
  }

  /**
   * Writes what was handed over until now; false when it stopped because the trace is full for now. Throws what the file system throws;
   * what is not written stays.
   */
  #drain(begun = this.#slots.begun): boolean {
    if (this.#segments.full) {
      // What came behind the last look can have been much.
      if (this.#segments.unsealed === 0) this.#endSegment();
      return false;
    }
    this.#put([]);
    for (let piece = this.#slots.next(begun); piece !== undefined; piece = this.#slots.next(begun)) {
      const masked = this.#masked(readPacked(piece));
      this.#slots.done();
      this.#put(masked);
      this.#tookLast = performance.now();
      this.#breathe();
      if (!this.#segments.due) continue;
      this.#endSegment();
      if (this.#segments.full) return false;
      if (this.#segments.unsealed > mostUnsealed) void this.#segments.seal();
    }
    this.#put(this.#masking?.lines(this.#now()) ?? []);
    // Behind the hits that they were read for.
    const sources = this.#sources.waiting(this.#now());
    if (sources.length > 0) {
      this.#write(this.#masked(sources));
      this.#sources.written(this.#segments.live().number);
    }
    return true;
  }

  /** Writes what is masked; it stays in `#pending` when the disk refuses. */
  #put(records: readonly PackedRecord[]): void {
    for (const record of records) this.#pending.push(record);
    if (this.#pending.length === 0) return;
    this.#write(this.#pending);
    this.#pending = [];
  }

  #write(records: Iterable<PackedRecord>): void {
    const live = this.#segments.live();
    if (live.number !== this.#begun) {
      const most = this.#options.segmentBytes / partOfSources;
      const again = this.#sources.again(live.number, most, (session) => this.#recording.isOpen(session));
      if (again.length > 0) this.#recording.write(live, this.#masked(again));
      this.#begun = live.number;
    }
    this.#recording.write(live, records);
    this.#slots.mark(this.#recording.records, this.#durable);
    this.#syncTimer ??= setTimeout(() => {
      this.#syncTimer = undefined;
      this.#attempt(() => this.#sync());
    }, syncEvery);
    if (this.#failing === undefined) return;
    this.#failing = undefined;
    this.#send({ type: "resumed" });
  }

  #endSegment(): void {
    this.#sync();
    this.#segments.end();
  }

  #sync(): void {
    if (this.#durable === this.#recording.records) return;
    this.#segments.sync();
    this.#durable = this.#recording.records;
    this.#slots.mark(this.#recording.records, this.#durable);
  }

  /** False when the disk refused; that is told, and a new segment is begun at the next write. */
  #attempt(task: () => void): boolean {
    try {
      task();
      return true;
    } catch (error) {
      return this.#refused(error);
    }
  }

  #refused(error: unknown): false {
    this.#segments.end();
    const first = this.#failing === undefined;
    this.#failing = reason(error);
    if (first) this.#tellFailed(error, false);
    return false;
  }

  #tellFailed(error: unknown, sealing: boolean): void {
    this.#send({ type: "failed", why: reason(error), sealing });
  }

  /** Once for each reason. */
  #tellDropped(reasons: readonly DropReason[]): void {
    for (const by of reasons) {
      if (this.#droppedBy.has(by)) continue;
      this.#droppedBy.add(by);
      this.#send({ type: "dropped", by });
    }
  }

  async #close(rest: readonly PackedRecord[]): Promise<void> {
    this.#closing = true;
    clearTimeout(this.#lookTimer);
    clearInterval(this.#ageTimer);
    const drained = await this.#drainAll();
    let unmasked = rest;
    const written =
      drained &&
      this.#attempt(() => {
        const masked = this.#masked(rest);
        unmasked = [];
        this.#put(masked);
        this.#put(this.#masking?.rest(this.#now()) ?? []);
      });
    clearTimeout(this.#syncTimer);
    if (!written) this.#lose(unmasked);
    this.#attempt(() => this.#sync());
    this.#segments.end();
    await this.#segments.seal();
    try {
      this.#segments.saveManifest(Date.now());
    } catch (error) {
      this.#tellFailed(error, true);
    }
    const { sealed: segments, dropped } = this.#segments;
    const { dir } = this.#options;
    const summary = { dir, ...this.#recording.totals, segments, ...(dropped === undefined ? {} : { dropped }) };
    this.#send({ type: "closed", summary });
  }

  #lose(rest: readonly PackedRecord[]): void {
    this.#recording.lose(this.#pending);
    this.#recording.lose(this.#masking?.rest(0) ?? []);
    const { begun } = this.#slots;
    for (let piece = this.#slots.next(begun); piece !== undefined; piece = this.#slots.next(begun)) {
      this.#recording.lose(readPacked(piece));
      this.#slots.done();
    }
    this.#recording.lose(rest);
  }
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

if (parentPort !== null) {
  const port = parentPort;
  const options: WorkerOptions = workerData;
  try {
    if (process.platform === "linux") setPriority(niceness);
  } catch {
    // Then it runs as it is.
  }
  const recorder = new Recorder(options, (message) => port.postMessage(message));
  try {
    recorder.open();
    port.on("message", (message: ToWorker) => recorder.receive(message));
    port.postMessage({ type: "ready" } satisfies FromWorker);
  } catch (error) {
    port.postMessage({ type: "refused", why: reason(error) } satisfies FromWorker);
  }
}
