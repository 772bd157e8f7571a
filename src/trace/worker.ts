// The worker thread of the recorder: takes records out of the shared memory, writes them to the live segment, seals segments.
//
// Rules
// - It looks every 5 ms while anything comes, and goes to sleep after half a second without. Only then are ended segments sealed,
//   which takes a core for a second each; unless many wait.
// - Secrets are masked before anything is written, once: what is masked and not written waits here, a piece of the memory at most.
// - Memory is freed only when it is written. While the disk refuses, records stay there and are tried again; the forwarding thread
//   then runs out of room and counts what it leaves out. So nothing that was handed over is lost while this thread lives.
// - After a refused write a new segment is begun: the old one ends at its last commit and stays readable.
// - A failure is told once, and its end.
// - Forwarding goes before recording: on Linux a thread has a priority of its own. (On other systems it is the process that has.
//   libuv's pool, which inherits it, exists already: the forwarding thread made the trace's directory with it.)
import { setPriority } from "node:os";
import { parentPort, workerData } from "node:worker_threads";
import { jsonPayload, kinds, readPacked } from "./batch.ts";
import type { PackedRecord } from "./batch.ts";
import type { SourceVersion } from "./format.ts";
import type { FromWorker, ToWorker, WorkerOptions } from "./messages.ts";
import { Masking } from "./masking.ts";
import { Recording } from "./recording.ts";
import { Segments } from "./segments.ts";
import { SlotDrainer } from "./slots.ts";
import { writeSource } from "./sources.ts";

const lookEvery = 5;
const sleepAfter = 500;
const retryEvery = 250;
const syncEvery = 1000;
/** So many ended segments may wait for a quiet moment to be sealed. */
const mostUnsealed = 4;
const niceness = 5;

class Recorder {
  readonly #options: WorkerOptions;
  readonly #send: (message: FromWorker) => void;
  readonly #slots: SlotDrainer;
  readonly #segments: Segments;
  readonly #recording: Recording;
  readonly #masking: Masking | undefined;
  /** Masked, and not written yet; payloads may be views of the last piece of the shared memory. */
  #pending: PackedRecord[] = [];
  /** By file: what was last said of it. The writer bounds how many there are. */
  readonly #said = new Map<string, string>();
  /** Records that are not written yet. */
  readonly #sources: PackedRecord[] = [];
  #durable = 0;
  #failing: string | undefined;
  #closing = false;
  #tookLast = performance.now();
  #lookTimer: NodeJS.Timeout | undefined;
  #syncTimer: NodeJS.Timeout | undefined;

  constructor(options: WorkerOptions, send: (message: FromWorker) => void) {
    const { secrets, command } = options;
    this.#masking = secrets === undefined ? undefined : new Masking(secrets);
    this.#options = command === undefined ? options : { ...options, command: this.#masking?.words(command) ?? command };
    this.#send = send;
    this.#slots = new SlotDrainer(options.memory);
    this.#segments = new Segments(this.#options, (error) => this.#tellFailed(error, true));
    this.#recording = new Recording(options);
  }

  /** Makes the manifest and the first segment, so that a trace exists from now on. Throws what the file system throws. */
  open(): void {
    this.#segments.saveManifest();
    this.#recording.begin(this.#segments.live());
    this.#segments.sync();
    this.#lookLater();
  }

  receive(message: ToWorker): void {
    if (this.#closing) return;
    if (message.type === "close") void this.#close(message.rest);
    else if (message.type === "flush") this.#flush(message.id);
    else if (message.type === "source") this.#source(message);
    else if (this.#lookTimer === undefined) this.#look();
  }

  #look(): void {
    this.#lookTimer = undefined;
    if (this.#attempt(() => this.#drain())) this.#lookLater();
    else this.#lookTimer = setTimeout(() => this.#look(), retryEvery);
  }

  /** While the disk refuses, this thread does not sleep. */
  #lookLater(): void {
    const quiet = this.#failing === undefined && performance.now() - this.#tookLast > sleepAfter;
    if (quiet) {
      void this.#segments.seal();
      if (this.#slots.sleep()) return;
    }
    this.#lookTimer = setTimeout(() => this.#look(), this.#failing === undefined ? lookEvery : retryEvery);
  }

  #flush(id: number): void {
    if (this.#failing === undefined)
      this.#attempt(() => {
        this.#drain();
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
        source = { ...about, sha256: writeSource(this.#options.dir, bytes) };
      } catch (error) {
        source = { ...about, why: reason(error) };
      }
    }
    if (!this.#isKnown(session, source)) {
      const record = { kind: kinds.source, session, time: this.#now(), payload: jsonPayload({ session, source }) };
      this.#sources.push(...this.#masked([record]));
    }
    this.#send({ type: "source", bytes: bytes?.length ?? 0 });
    if (this.#lookTimer === undefined) this.#look();
  }

  /** Whether the last that was said of a file was the same. */
  #isKnown(session: number, { host, path, sha256, why }: SourceVersion): boolean {
    const key = JSON.stringify([host ?? session, path]);
    const said = sha256 ?? why ?? "";
    if (this.#said.get(key) === said) return true;
    this.#said.set(key, said);
    return false;
  }

  /** Milliseconds, as the forwarding thread counts them. */
  #now(): number {
    return Number(process.hrtime.bigint() - this.#options.hrtimeOrigin) / 1e6;
  }

  #masked(records: Iterable<PackedRecord>): PackedRecord[] {
    return this.#masking?.mask(records) ?? [...records];
  }

  /** Writes what was handed over until now. Throws what the file system throws; what is not written then stays. */
  #drain(): void {
    const { begun } = this.#slots;
    this.#put([]);
    for (let piece = this.#slots.next(begun); piece !== undefined; piece = this.#slots.next(begun)) {
      const masked = this.#masked(readPacked(piece));
      this.#slots.done();
      this.#put(masked);
      this.#tookLast = performance.now();
      if (!this.#segments.due) continue;
      this.#sync();
      this.#segments.end();
      if (this.#segments.unsealed > mostUnsealed) void this.#segments.seal();
    }
    this.#put(this.#masking?.lines(this.#now()) ?? []);
    // Behind the hits that they were read for.
    if (this.#sources.length > 0) {
      this.#write(this.#sources);
      this.#sources.length = 0;
    }
  }

  /** Writes what is masked; it stays in `#pending` when the disk refuses. */
  #put(records: readonly PackedRecord[]): void {
    for (const record of records) this.#pending.push(record);
    if (this.#pending.length === 0) return;
    this.#write(this.#pending);
    this.#pending = [];
  }

  #write(records: Iterable<PackedRecord>): void {
    this.#recording.write(this.#segments.live(), records);
    this.#slots.mark(this.#recording.records, this.#durable);
    this.#syncTimer ??= setTimeout(() => {
      this.#syncTimer = undefined;
      this.#attempt(() => this.#sync());
    }, syncEvery);
    if (this.#failing === undefined) return;
    this.#failing = undefined;
    this.#send({ type: "resumed" });
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
      this.#segments.end();
      const first = this.#failing === undefined;
      this.#failing = reason(error);
      if (first) this.#tellFailed(error, false);
      return false;
    }
  }

  #tellFailed(error: unknown, sealing: boolean): void {
    this.#send({ type: "failed", why: reason(error), sealing });
  }

  async #close(rest: readonly PackedRecord[]): Promise<void> {
    this.#closing = true;
    clearTimeout(this.#lookTimer);
    let unmasked = rest;
    const written = this.#attempt(() => {
      this.#drain();
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
    const summary = { dir: this.#options.dir, ...this.#recording.totals, segments: this.#segments.sealed };
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
