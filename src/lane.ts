// One direction of a Link: bytes that nobody reads.
//
// Rules
// - Bytes leave first; only then is the chunk offered to the observers.
// - A full destination pauses the source; the SSH window or the TCP window carries that to the far end.
// - A clean end is passed on as a clean end (half-close). Everything else that ends a stream is the Link's business.
import type { Duplex } from "node:stream";

export interface LaneOptions {
  readonly from: Duplex;
  readonly to: Duplex;
  /** Offered after the write; `bytes` is valid during the call. */
  readonly offer: (bytes: Uint8Array) => void;
  /** The source ended cleanly; called before the end is passed on. */
  readonly onEnd: () => void;
}

export class Lane {
  readonly #from: Duplex;
  readonly #to: Duplex;
  readonly #offer: (bytes: Uint8Array) => void;
  readonly #onEnd: () => void;
  #waiting = false;
  /** True once the source ended cleanly. */
  ended = false;

  constructor({ from, to, offer, onEnd }: LaneOptions) {
    this.#from = from;
    this.#to = to;
    this.#offer = offer;
    this.#onEnd = onEnd;
  }

  /** Takes the source on; `early` is what was read of it before, in order. */
  start(early: readonly Uint8Array[]): void {
    for (const chunk of early) this.#forward(chunk);
    this.#from.on("data", this.#forward);
    this.#from.on("end", this.#end);
    if (!this.#waiting) this.#from.resume();
  }

  /** Takes the source off; nothing is ended. */
  stop(): void {
    this.#from.off("data", this.#forward);
    this.#from.off("end", this.#end);
    this.#to.off("drain", this.#drained);
    this.#from.pause();
  }

  readonly #forward = (chunk: Uint8Array): void => {
    if (!this.#to.write(chunk) && !this.#waiting) {
      this.#waiting = true;
      this.#from.pause();
      this.#to.once("drain", this.#drained);
    }
    this.#offer(chunk);
  };

  readonly #drained = (): void => {
    this.#waiting = false;
    this.#from.resume();
  };

  readonly #end = (): void => {
    this.ended = true;
    this.#onEnd();
    this.#to.end();
  };
}
