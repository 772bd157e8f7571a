// One direction of a Link, and THE hot path: every byte of every session crosses `#forward`.
//
// Rules
// - Bytes leave first; only then is the chunk offered: followed, to know where messages end, and shown to the observers.
// - A full destination pauses the source; the SSH window or the TCP window carries that to the far end.
// - A clean end is passed on as a clean end (half-close). Everything else that ends a stream is the Link's business.
// - A lane can be taken off its source and given another later (an IDE that left before the debuggee runs).
import type { Duplex } from "node:stream";

/** What a lane does to a chunk on its way. Returns the parts to write; usually the very chunk. */
export interface Transform {
  push(chunk: Uint8Array): readonly Uint8Array[];
  /** What is still held when the source ends or the transform is taken off. */
  end(): readonly Uint8Array[];
}

export interface LaneOptions {
  readonly from: Duplex;
  readonly to: Duplex;
  readonly transform: Transform | undefined;
  /** Offered after the write, to be followed and observed; `bytes` is valid during the call. */
  readonly offer: (bytes: Uint8Array) => void;
  /** The source ended cleanly; called before the end is passed on. False keeps the destination open. */
  readonly onEnd: () => boolean;
}

export class Lane {
  readonly from: Duplex;
  readonly #to: Duplex;
  readonly #transform: Transform | undefined;
  readonly #offer: (bytes: Uint8Array) => void;
  readonly #onEnd: () => boolean;
  #waiting = false;
  /** True once the source ended cleanly. */
  ended = false;

  constructor(options: LaneOptions) {
    this.from = options.from;
    this.#to = options.to;
    this.#transform = options.transform;
    this.#offer = options.offer;
    this.#onEnd = options.onEnd;
  }

  /** Takes the source on; `early` is what was read of it before, in order. */
  start(early: readonly Uint8Array[]): void {
    for (const chunk of early) this.#forward(chunk);
    this.from.on("data", this.#forward);
    this.from.on("end", this.#end);
    if (!this.#waiting) this.from.resume();
  }

  /** Takes the source off; nothing is ended. */
  stop(): void {
    this.from.off("data", this.#forward);
    this.from.off("end", this.#end);
    this.#to.off("drain", this.#drained);
    this.from.pause();
  }

  readonly #forward = (chunk: Uint8Array): void => {
    let room = true;
    if (this.#transform === undefined) room = this.#to.write(chunk);
    else for (const part of this.#transform.push(chunk)) room = this.#to.write(part);
    if (!room && !this.#waiting) {
      this.#waiting = true;
      this.from.pause();
      this.#to.once("drain", this.#drained);
    }
    this.#offer(chunk);
  };

  readonly #drained = (): void => {
    this.#waiting = false;
    this.from.resume();
  };

  readonly #end = (): void => {
    this.ended = true;
    if (!this.#onEnd()) return;
    if (this.#transform !== undefined) for (const part of this.#transform.end()) this.#to.write(part);
    this.#to.end();
  };
}
