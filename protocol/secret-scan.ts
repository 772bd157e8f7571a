// Whether bytes may have a secret in them at all: a search for many short words at once, so that most messages need no second look.
//
//   skip[hash of two bytes]   how far the words allow to go on from here, 0 when one of them may end its first three letters here
//
// Rules
// - Every name of a secret and every pattern has one of the words in it (see nameStems and patternStems): no hit, no secret.
// - Capitals count as small letters. The hash takes five bits of a byte, so that it is the same for both; a word that seems to stand
//   somewhere is compared letter by letter.
// - Two bytes are looked at of three or so: 0.5 us for 150 bytes, 50 us for 20 KB.

import { byteText } from "./splice.ts";

/** Letters of a word that the table knows. */
const window = 3;
const encoder = new TextEncoder();

export class SecretScan {
  readonly #skip = new Uint8Array(1024).fill(window - 1);
  readonly #words: (readonly Uint8Array[] | undefined)[] = [];
  /** Names of the configuration, which may be written with anything between their letters. */
  readonly #more: RegExp | undefined;

  /** `words` in small ASCII letters, three at least. */
  constructor(words: readonly string[], more?: RegExp) {
    this.#more = more;
    for (const word of words) {
      const bytes = encoder.encode(word);
      const [first = 0, second = 0, third = 0] = bytes;
      this.#skip[hash(first, second)] = Math.min(1, this.#skip[hash(first, second)] ?? 0);
      this.#skip[hash(second, third)] = 0;
      this.#words[hash(second, third)] = [...(this.#words[hash(second, third)] ?? []), bytes];
    }
  }

  /** True when one of the words stands in `bytes`. */
  bytes(bytes: Uint8Array): boolean {
    const skip = this.#skip;
    const { length } = bytes;
    for (let at = window - 1; at < length;) {
      const far = skip[(((bytes[at - 1] ?? 0) & 31) << 5) | ((bytes[at] ?? 0) & 31)] ?? 0;
      if (far > 0) at += far;
      else if (this.#stands(bytes, at - window + 1)) return true;
      else at++;
    }
    return this.#more !== undefined && this.#more.test(byteText(bytes));
  }

  /** As {@link bytes}. */
  text(text: string): boolean {
    return this.#next(text, 0) !== -1 || (this.#more !== undefined && this.#more.test(text));
  }

  /** Where the words begin, in order; undefined where that cannot be said. */
  places(text: string): readonly number[] | undefined {
    if (this.#more !== undefined) return undefined;
    const found: number[] = [];
    for (let at = this.#next(text, 0); at !== -1; at = this.#next(text, at + 1)) found.push(at);
    return found;
  }

  #next(text: string, from: number): number {
    const skip = this.#skip;
    const { length } = text;
    for (let at = from + window - 1; at < length;) {
      const far = skip[((text.charCodeAt(at - 1) & 31) << 5) | (text.charCodeAt(at) & 31)] ?? 0;
      if (far > 0) at += far;
      else if (this.#isIn(text, at - window + 1)) return at - window + 1;
      else at++;
    }
    return -1;
  }

  #stands(bytes: Uint8Array, from: number): boolean {
    const words = this.#words[hash(bytes[from + 1] ?? 0, bytes[from + 2] ?? 0)] ?? [];
    for (const word of words) {
      let i = 0;
      while (i < word.length && small(bytes[from + i] ?? 0) === word[i]) i++;
      if (i === word.length) return true;
    }
    return false;
  }

  #isIn(text: string, from: number): boolean {
    const words = this.#words[hash(text.charCodeAt(from + 1), text.charCodeAt(from + 2))] ?? [];
    for (const word of words) {
      let i = 0;
      while (i < word.length && small(text.charCodeAt(from + i)) === word[i]) i++;
      if (i === word.length) return true;
    }
    return false;
  }
}

function hash(first: number, second: number): number {
  return ((first & 31) << 5) | (second & 31);
}

function small(code: number): number {
  return code >= 65 && code <= 90 ? code | 32 : code;
}
