// What a program prints comes in pieces (`print("token:", t)` makes four), and a name may stand in one and its secret in the next: the end of
// what was said before is looked at with each piece.
//
// Rules
// - An end is kept while it can matter: it has the beginning of a secret in it, and its line has not ended.
// - Of a PEM key that has begun its beginning is kept, until it ends.
import type { Redactor } from "./redact.ts";
import { openKeyAt } from "./secret-patterns.ts";

const tailLength = 200;
const longestKey = 16 * 1024;

export class OutputTails {
  readonly #redactor: Redactor;
  /** By stream. */
  readonly #tails = new Map<string, string>();

  constructor(redactor: Redactor) {
    this.#redactor = redactor;
  }

  /** Whether a piece that looks harmless may go on with a secret. */
  get isOpen(): boolean {
    return this.#tails.size > 0;
  }

  /** The next piece of a stream, masked. */
  mask(stream: string, piece: string): string {
    const before = this.#tails.get(stream) ?? "";
    const said = before + piece;
    const key = openKeyAt(said);
    const tail = key === -1 ? said.slice(-tailLength) : said.slice(key, key + longestKey);
    const isOpen = key !== -1 || (!tail.endsWith("\n") && this.#redactor.mayHoldText(tail));
    if (isOpen) this.#tails.set(stream, tail);
    else this.#tails.delete(stream);
    return this.#redactor.textBehind(before, piece);
  }
}
