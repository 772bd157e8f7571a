// What the debuggee has answered to the relay at the present stop, so that a client that asks the same is answered from it.
//
// Rules
// - Only 114 (GET_FRAME) and 110 (GET_VARIABLE) are kept: pydevd answers these alike each time, as long as nothing has run.
// - Anything that may run code in the debuggee ends it all (see mayChange); so does the end of any stop.
// - The oldest answer goes when they are more than `maxBytes`.
import type { Frame } from "./frame.ts";

const maxBytes = 16 * 1024 * 1024;

/** Commands that leave every value as it is. All others, and all that are unknown, may change some. */
const harmless: ReadonlySet<number> = new Set([
  101, 102, 110, 111, 112, 114, 122, 123, 124, 125, 126, 131, 132, 140, 141, 152, 155, 156, 161, 163, 200, 201, 202,
  205, 207, 501, 503,
]);

export function mayChange(id: number): boolean {
  return !harmless.has(id);
}

export function mayBeKept(id: number): boolean {
  return id === 110 || id === 114;
}

export class PydevdAnswers {
  readonly #frames = new Map<string, Frame>();
  #bytes = 0;

  get size(): number {
    return this.#frames.size;
  }

  keep(id: number, text: string, answer: Frame): void {
    this.#frames.set(key(id, text), answer);
    this.#bytes += answer.bytes.length;
    for (const [oldest, frame] of this.#frames) {
      if (this.#bytes <= maxBytes) return;
      this.#frames.delete(oldest);
      this.#bytes -= frame.bytes.length;
    }
  }

  get(id: number, text: string): Frame | undefined {
    return this.#frames.get(key(id, text));
  }

  clear(): void {
    this.#frames.clear();
    this.#bytes = 0;
  }
}

function key(id: number, text: string): string {
  return `${id}\t${text}`;
}
