// The files of a trace while it is recorded: the live segment, those that wait to be sealed, the sealed ones, the manifest.
//
// Rules
// - A segment ends when it is large, old or full of channels, or after a refused write: it then ends at its last commit.
// - Segments are sealed in order, one at a time. One that fails is tried again with the next; that is told once, until one succeeds.
//   The compressor is loaded for the first.
// - Between two seals the oldest are dropped as retention.ts says.
import { join } from "node:path";
import { replaceFile } from "./files.ts";
import { format } from "./format.ts";
import type { Dropped, DropReason, Manifest, SegmentEntry } from "./format.ts";
import { LiveSegment } from "./live-segment.ts";
import type { WorkerOptions } from "./messages.ts";
import { Retention } from "./retention.ts";
import type { SourceLog } from "./source-log.ts";
import { Tally } from "./tally.ts";

const segmentAge = 30 * 60 * 1000;
const segmentChannels = 60_000;
/** A segment is at most this part of what is kept. */
const partOfAge = 10;

interface Told {
  readonly sealFailed: (error: unknown) => void;
  readonly dropped: (by: readonly DropReason[]) => void;
}

export class Segments {
  readonly #options: WorkerOptions;
  readonly #texts: SourceLog;
  readonly #told: Told;
  readonly #retention: Retention;
  readonly #age: number;
  readonly #sealed: SegmentEntry[] = [];
  /** Dropped, and still there: until the manifest says so. */
  #erasing: SegmentEntry[] = [];
  /** Ended segments that are not sealed yet, in order. */
  readonly #unsealed: { readonly number: number; readonly bytes: number }[] = [];
  #live: LiveSegment | undefined;
  #number = 0;
  #tally = new Tally();
  #sealing: Promise<void> | undefined;
  #failing: unknown;

  constructor(options: WorkerOptions, texts: SourceLog, told: Told) {
    const { dir, keep, segmentBytes } = options;
    this.#options = options;
    this.#texts = texts;
    this.#told = told;
    this.#retention = new Retention(dir, keep, segmentBytes);
    this.#age = Math.min(segmentAge, keep.maxAge / partOfAge);
  }

  /** The segment to write to. Throws what the file system throws. */
  live(): LiveSegment {
    this.#live ??= new LiveSegment(this.#options.dir, this.#number + 1, this.#options.version);
    this.#number = this.#live.number;
    return this.#live;
  }

  sync(): void {
    this.#live?.sync();
  }

  get due(): boolean {
    const live = this.#live;
    if (live === undefined) return false;
    const { bytes, channels } = live;
    return bytes >= this.#options.segmentBytes || channels >= segmentChannels || this.old;
  }

  /** Whether the live segment has records and is old, so that it is due also while nothing comes. */
  get old(): boolean {
    return this.#live !== undefined && !this.#live.empty && performance.now() - this.#live.opened >= this.#age;
  }

  /** No more may be written until segments are sealed, or dropped: the directory would get too large. */
  get full(): boolean {
    return this.#retention.over(this.#bytes());
  }

  /** Why segments cannot be sealed now, if they cannot. */
  get failing(): unknown {
    return this.#failing;
  }

  /** Ends the live segment; it waits to be sealed if anything was committed to it. */
  end(): void {
    const live = this.#live;
    this.#live = undefined;
    if (live === undefined) return;
    if (live.bytes > 0) this.#unsealed.push({ number: live.number, bytes: live.bytes });
    else this.#number--;
    try {
      live.close();
    } catch {
      // The disk refuses; what is committed stands.
    }
  }

  /** How many ended segments wait to be sealed. */
  get unsealed(): number {
    return this.#unsealed.length;
  }

  /** Seals what waits, and drops what must go. Never rejects. */
  seal(): Promise<void> {
    if (this.#sealing !== undefined) return this.#sealing;
    const idle = this.#unsealed.length === 0 && this.#failing === undefined && this.#excess().count === 0;
    if (idle) return Promise.resolve();
    this.#sealing = this.#sealAll();
    return this.#sealing;
  }

  get sealed(): readonly SegmentEntry[] {
    return this.#sealed;
  }

  get dropped(): Dropped | undefined {
    return this.#retention.dropped;
  }

  /** Throws what the file system throws. */
  saveManifest(ended?: number): void {
    const { dir, id, version, started, command, config, secrets } = this.#options;
    const manifest: Manifest = {
      format,
      version,
      id,
      started,
      pid: process.pid,
      secrets: secrets === undefined ? "kept" : "masked",
      ...(ended === undefined ? {} : { ended }),
      ...(command === undefined ? {} : { command }),
      ...(config === undefined ? {} : { config }),
      ...(this.dropped === undefined ? {} : { dropped: this.dropped }),
      segments: this.#sealed,
    };
    replaceFile(join(dir, "manifest.json"), `${JSON.stringify(manifest, undefined, 2)}\n`);
  }

  async #sealAll(): Promise<void> {
    try {
      const { sealSegment } = await import("./seal.ts");
      if (this.#failing !== undefined) this.#save();
      await this.#drop();
      for (let next = this.#unsealed[0]; next !== undefined; next = this.#unsealed[0]) {
        const tally = this.#tally.fork();
        const { dir, version } = this.#options;
        this.#sealed.push(await sealSegment({ dir, number: next.number, version, tally }));
        this.#tally = tally;
        this.#unsealed.shift();
        this.#save();
        await this.#drop();
      }
      this.#failing = undefined;
    } catch (error) {
      const first = this.#failing === undefined;
      this.#failing = error;
      if (first) this.#told.sealFailed(error);
    } finally {
      // In the turn in which the last of them was seen: what ends from now on begins anew.
      this.#sealing = undefined;
    }
  }

  #excess(): { count: number; by: readonly DropReason[] } {
    return this.#retention.excess(this.#sealed, this.#bytes(), Date.now());
  }

  async #drop(): Promise<void> {
    const { count, by } = this.#excess();
    if (count === 0) return;
    for (const entry of this.#sealed.slice(0, count)) {
      await this.#retention.drop(entry, by);
      this.#sealed.shift();
      this.#erasing.push(entry);
    }
    this.#save();
    this.#told.dropped(by);
  }

  /** The manifest, and then away with what it says is dropped. */
  #save(): void {
    this.saveManifest();
    for (const entry of this.#erasing) this.#retention.erase(entry);
    this.#erasing = [];
    this.#texts.drop(this.dropped?.through ?? 0);
  }

  /** Of all files, but for the manifest. */
  #bytes(): number {
    let sum = this.#texts.bytes + (this.#live?.bytes ?? 0);
    for (const entry of this.#erasing) sum += this.#retention.bytesOf(entry);
    for (const entry of this.#sealed) sum += this.#retention.bytesOf(entry);
    for (const { bytes } of this.#unsealed) sum += bytes;
    return sum;
  }
}
