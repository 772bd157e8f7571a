// Whether the recorder keeps up: when it falls behind, what is missing since then, and when it has caught up.
//
// Rules
// - Told once when it begins, and once when it is over: everything that waited is handed over, and for a second nothing was left out.
// - This runs while the machine has no room: counts and one timer, no more.
import type { Missed } from "../../protocol/control.ts";

const overAfter = 1000;

export interface BehindTold {
  /** With what is missing so far. */
  readonly begins: (missed: Missed) => void;
  /** With what is missing of this time, all in all. */
  readonly over: (missed: Missed) => void;
  /** Whether something waits for room. */
  readonly waits: () => boolean;
}

export class Behind {
  readonly #told: BehindTold;
  readonly #timer: NodeJS.Timeout;
  #since: number | undefined;
  #now = { chunks: 0, bytes: 0, hits: 0 };
  readonly #all = { chunks: 0, bytes: 0, hits: 0 };

  constructor(told: BehindTold) {
    this.#told = told;
    this.#timer = setTimeout(() => this.#look(), overAfter).unref();
  }

  /** What is missing of the whole trace. */
  get missed(): Missed {
    return { ...this.#all };
  }

  /** Since when it is behind, epoch milliseconds, if it is. */
  get since(): number | undefined {
    return this.#since;
  }

  /** Something is left out. */
  miss({ chunks = 0, bytes = 0, hits = 0 }: Partial<Missed>): void {
    for (const sum of [this.#now, this.#all]) {
      sum.chunks += chunks;
      sum.bytes += bytes;
      sum.hits += hits;
    }
    this.#timer.refresh();
    if (this.#since !== undefined) return;
    this.#since = Date.now();
    this.#told.begins({ ...this.#now });
  }

  /** Nothing more is told. */
  close(): void {
    clearTimeout(this.#timer);
  }

  #look(): void {
    if (this.#since === undefined) return;
    if (this.#told.waits()) {
      this.#timer.refresh();
      return;
    }
    const missed = this.#now;
    this.#since = undefined;
    this.#now = { chunks: 0, bytes: 0, hits: 0 };
    this.#told.over(missed);
  }
}
