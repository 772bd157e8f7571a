// The files of a trace while it is recorded: the live segment, those that wait to be sealed, the manifest.
//
// Rules
// - A segment ends when it is large, old or full of channels, or after a refused write: it then ends at its last commit.
// - Segments are sealed in order, one at a time. One that fails is tried again with the next. The compressor is loaded for the
//   first.
import { join } from "node:path";
import { replaceFile } from "./files.ts";
import { format } from "./format.ts";
import type { Manifest, SegmentEntry } from "./format.ts";
import { LiveSegment } from "./live-segment.ts";
import type { WorkerOptions } from "./messages.ts";
import { Tally } from "./tally.ts";

const segmentAge = 30 * 60 * 1000;
const segmentChannels = 60_000;

export class Segments {
  readonly #options: WorkerOptions;
  readonly #onSealFailed: (error: unknown) => void;
  readonly #sealed: SegmentEntry[] = [];
  /** Numbers of ended segments that are not sealed yet, in order. */
  readonly #unsealed: number[] = [];
  #live: LiveSegment | undefined;
  #number = 0;
  #tally = new Tally();
  #sealing: Promise<void> = Promise.resolve();

  constructor(options: WorkerOptions, onSealFailed: (error: unknown) => void) {
    this.#options = options;
    this.#onSealFailed = onSealFailed;
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
    const { bytes, channels, opened } = live;
    return (
      bytes >= this.#options.segmentBytes || channels >= segmentChannels || performance.now() - opened >= segmentAge
    );
  }

  /** Ends the live segment; it waits to be sealed if anything was committed to it. */
  end(): void {
    const live = this.#live;
    this.#live = undefined;
    if (live === undefined) return;
    if (live.bytes > 0) this.#unsealed.push(live.number);
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

  /** Seals what waits. Never rejects. */
  seal(): Promise<void> {
    this.#sealing = this.#sealing.then(() => this.#sealAll());
    return this.#sealing;
  }

  get sealed(): readonly SegmentEntry[] {
    return this.#sealed;
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
      segments: this.#sealed,
    };
    replaceFile(join(dir, "manifest.json"), `${JSON.stringify(manifest, undefined, 2)}\n`);
  }

  async #sealAll(): Promise<void> {
    for (let number = this.#unsealed[0]; number !== undefined; number = this.#unsealed[0]) {
      const tally = this.#tally.fork();
      const { dir, version } = this.#options;
      try {
        const { sealSegment } = await import("./seal.ts");
        this.#sealed.push(await sealSegment({ dir, number, version, tally }));
        this.#tally = tally;
        this.#unsealed.shift();
        this.saveManifest();
      } catch (error) {
        this.#onSealFailed(error);
        return;
      }
    }
  }
}
