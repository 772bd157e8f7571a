// Which hits have which words, in parts of bounded size: made while hits go by, searched for any piece of a word.
//
//   a part: word starts u32 x (words + 1), posting starts u32 x (words + 1), the words, the postings
//   words:    UTF-8, each with "\n" behind it, those of most hits first; starts count bytes
//   postings: for each word its hits in order, each as the difference to the one before as a LEB128 number; the first to -1
//
// Rules
// - Words are searched one after the other, as bytes: some 100 MB of them a second and more, and every piece of a word is found.
// - A part ends when it has so many postings that memory for it stays under about 50 MB while it is made.
import { crc32 } from "node:zlib";
import { wordsOf } from "../../protocol/hit-words.ts";

const mostPostings = 500_000;
const newLine = 10;

/** One part as it stands in a file: `first` counts the hits before it. */
export interface WordsPart {
  readonly first: number;
  readonly hits: number;
  readonly words: number;
  readonly bytes: number;
  readonly crc32: number;
}

export class WordsBuilder {
  readonly #onPart: (part: WordsPart, bytes: Uint8Array) => void;
  readonly #most: number;
  readonly #words = new Map<string, number>();
  /** By word: hits that have it, and the last of them. */
  #counts: number[] = [];
  #last: number[] = [];
  readonly #postings = { words: new Uint32Array(4096), hits: new Uint32Array(4096), length: 0 };
  #first = 0;
  #hits = 0;

  constructor(onPart: (part: WordsPart, bytes: Uint8Array) => void, most = mostPostings) {
    this.#onPart = onPart;
    this.#most = most;
  }

  /** Adds the next hit. */
  add(texts: Iterable<string>): void {
    const hit = this.#hits++;
    for (const text of texts) for (const word of wordsOf(text)) this.#add(word, hit);
    if (this.#postings.length >= this.#most) this.end();
  }

  /** Ends the part that is being made. */
  end(): void {
    if (this.#hits === 0) return;
    const bytes = this.#encode();
    const [first, hits, words] = [this.#first, this.#hits, this.#words.size];
    this.#onPart({ first, hits, words, bytes: bytes.length, crc32: crc32(bytes) }, bytes);
    this.#first += hits;
    this.#hits = this.#postings.length = 0;
    this.#words.clear();
    [this.#counts, this.#last] = [[], []];
  }

  #add(word: string, hit: number): void {
    let id = this.#words.get(word);
    if (id === undefined) {
      id = this.#words.size;
      this.#words.set(word, id);
      this.#counts.push(0);
      this.#last.push(-1);
    }
    if (this.#last[id] === hit) return;
    this.#last[id] = hit;
    this.#counts[id] = (this.#counts[id] ?? 0) + 1;
    const postings = this.#postings;
    if (postings.length === postings.words.length) {
      postings.words = grown(postings.words);
      postings.hits = grown(postings.hits);
    }
    postings.words[postings.length] = id;
    postings.hits[postings.length++] = hit;
  }

  #encode(): Uint8Array {
    const counts = Uint32Array.from(this.#counts);
    const order = Array.from(this.#words.values()).sort((a, b) => (counts[b] ?? 0) - (counts[a] ?? 0));
    const texts = Array.from(this.#words.keys());
    const dictionary = Buffer.from(order.map((id) => `${texts[id]}\n`).join(""));
    // Where the postings of each word go, in the order of the hits.
    const next = new Uint32Array(counts.length);
    let sum = 0;
    for (const id of order) {
      next[id] = sum;
      sum += counts[id] ?? 0;
    }
    const sorted = new Uint32Array(sum);
    const { words, hits, length } = this.#postings;
    for (let i = 0; i < length; i++) {
      const id = words[i] ?? 0;
      const at = next[id] ?? 0;
      sorted[at] = hits[i] ?? 0;
      next[id] = at + 1;
    }
    const starts = new Uint32Array(2 * (order.length + 1));
    const posted = Buffer.allocUnsafe(sum * 5);
    let [wordAt, postAt, from] = [0, 0, 0];
    for (const [place, id] of order.entries()) {
      starts[place] = wordAt;
      starts[order.length + 1 + place] = postAt;
      wordAt = dictionary.indexOf(newLine, wordAt) + 1;
      const to = from + (counts[id] ?? 0);
      for (let before = -1; from < to; from++) {
        const hit = sorted[from] ?? 0;
        let left = hit - before;
        before = hit;
        for (; left > 127; left >>>= 7) posted[postAt++] = (left & 127) | 128;
        posted[postAt++] = left;
      }
    }
    starts[order.length] = wordAt;
    starts[2 * order.length + 1] = postAt;
    return Buffer.concat([new Uint8Array(starts.buffer), dictionary, posted.subarray(0, postAt)]);
  }
}

function grown(array: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(array.length * 2);
  larger.set(array);
  return larger;
}

/** Sets `marks[hit]` of each hit of a part that has a word with `piece` in it. `bytes` begin at a multiple of 4. */
export function markWord(part: WordsPart, bytes: Uint8Array, piece: string, marks: Uint8Array): void {
  const ends = new Uint32Array(bytes.buffer, bytes.byteOffset, 2 * (part.words + 1));
  const wordStarts = ends.subarray(0, part.words + 1);
  const postStarts = ends.subarray(part.words + 1);
  const dictionaryAt = ends.byteLength;
  const postingsAt = dictionaryAt + (wordStarts[part.words] ?? 0);
  const dictionary = Buffer.from(bytes.buffer, bytes.byteOffset + dictionaryAt, postingsAt - dictionaryAt);
  const postings = bytes.subarray(postingsAt);
  const needle = Buffer.from(piece);
  let left = part.hits;
  let word = 0;
  for (let at = dictionary.indexOf(needle); at !== -1 && left > 0;) {
    word = wordAt(wordStarts, word, at);
    const to = postStarts[word + 1] ?? 0;
    let hit = -1;
    for (let i = postStarts[word] ?? to; i < to;) {
      let [more, shift] = [0, 0];
      for (let byte = 128; byte > 127 && i < to; shift += 7) {
        byte = postings[i++] ?? 0;
        more |= (byte & 127) << shift;
      }
      hit += more;
      if (hit >= part.hits || marks[part.first + hit] === 1) continue;
      marks[part.first + hit] = 1;
      left--;
    }
    at = dictionary.indexOf(needle, Math.max(at + 1, wordStarts[word + 1] ?? 0));
  }
}

/** The word that a byte is in, from `low` on. */
function wordAt(starts: Uint32Array, low: number, byte: number): number {
  let high = low + 1;
  for (let step = 1; (starts[high] ?? Infinity) <= byte; step *= 2) {
    low = high;
    high += step;
  }
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if ((starts[middle] ?? Infinity) <= byte) low = middle;
    else high = middle;
  }
  return low;
}
