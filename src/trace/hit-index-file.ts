// The index of the hits of one segment: `hits/NNNNNN.idx`, made once when the segment is sealed, or by the first reader that misses it.
//
//   offset  bytes
//        0      8  "dthits2\n"
//        8      4  u32: bytes of the head
//       12      4  u32: CRC-32 of the head
//       16         the head, JSON: {"of":{"file","size","tail"},"hits","texts","columns":SECTION,"textBytes":SECTION,"parts":[PART…]}
//                  then the sections, each at the next multiple of 8: columns and texts (hit-columns.ts), parts (hit-words-index.ts)
//   SECTION: {"bytes","crc32"}; PART: {"first","hits","words","bytes","crc32"}
//   `of`: the sealed file that it was made of, its size, and the CRC-32 of its last 1 KiB, in which MCAP's own checksums are
//
// Rules
// - It is derived and may be deleted. One that is damaged, of another file or of another version is made anew, never believed.
// - A checksum is checked before its section is used; parts are read when they are searched.
import { crc32 } from "node:zlib";
import { textsOf } from "../../protocol/hit-words.ts";
import type { Hit } from "../../protocol/hit.ts";
import { isObject, member, parseJson } from "../../protocol/json.ts";
import { Columns, ColumnsBuilder } from "./hit-columns.ts";
import { markWord, WordsBuilder } from "./hit-words-index.ts";
import type { WordsPart } from "./hit-words-index.ts";
import { viewOf } from "./records.ts";

const magic = Buffer.from("dthits2\n");
const headAt = 16;
const mostHead = 1 << 24;

/** Which file an index is of. */
export interface Indexed {
  readonly file: string;
  readonly size: number;
  readonly tail: number;
}

interface Section {
  readonly bytes: number;
  readonly crc32: number;
}

interface Head {
  readonly of: Indexed;
  readonly hits: number;
  readonly texts: number;
  readonly columns: Section;
  readonly textBytes: Section;
  readonly parts: readonly WordsPart[];
}

/** Something that is read in ranges: a file, or an index in memory. */
interface Bytes {
  readonly size: number;
  /** Bytes of their own; short at the end. */
  read(offset: number, length: number): Uint8Array;
  close(): void;
}

/** A part of an index turned out to be damaged when it was read. */
export class IndexDamaged extends Error {}

export class IndexBuilder {
  readonly #columns = new ColumnsBuilder();
  readonly #parts: WordsPart[] = [];
  readonly #pieces: Uint8Array[] = [];
  readonly #words: WordsBuilder;

  /** `mostPostings`: of a part of the words. */
  constructor(mostPostings?: number) {
    this.#words = new WordsBuilder((part, bytes) => {
      this.#parts.push(part);
      this.#pieces.push(bytes);
    }, mostPostings);
  }

  /** The next hit of the segment, the id of its session, and the block that its record is in. */
  add(hit: Hit, session: number, block: number): void {
    this.#columns.add(hit, session, block);
    this.#words.add(textsOf(hit));
  }

  get hits(): number {
    return this.#columns.hits;
  }

  /** The whole index, in pieces that follow one another. */
  end(of: Indexed): Uint8Array[] {
    this.#words.end();
    const [columns, textBytes] = [this.#columns.columns(), this.#columns.textBytes()];
    const { hits, texts } = this.#columns;
    const parts = this.#parts;
    const head: Head = { of, hits, texts, columns: section(columns), textBytes: section(textBytes), parts };
    const text = Buffer.from(JSON.stringify(head));
    const start = Buffer.alloc(headAt);
    magic.copy(start);
    start.writeUInt32LE(text.length, 8);
    start.writeUInt32LE(crc32(text), 12);
    return [Buffer.concat([start, text]), columns, textBytes, ...this.#pieces].flatMap((piece) => [
      piece,
      new Uint8Array(aligned(piece.length) - piece.length),
    ]);
  }
}

function section(bytes: Uint8Array): Section {
  return { bytes: bytes.length, crc32: crc32(bytes) };
}

function aligned(offset: number): number {
  return Math.ceil(offset / 8) * 8;
}

/** One segment's index. */
export class SegmentIndex {
  readonly columns: Columns;
  readonly #bytes: Bytes;
  readonly #parts: readonly { readonly part: WordsPart; readonly at: number }[];

  /** Undefined where it is damaged, or not of this file. It is closed then. */
  static of(bytes: Bytes, of: Indexed): SegmentIndex | undefined {
    const head = readHead(bytes);
    const columnsAt = head === undefined ? 0 : head.end;
    const index = head && isOf(head.head.of, of) ? open(bytes, head.head, columnsAt) : undefined;
    if (index === undefined) bytes.close();
    return index;
  }

  constructor(bytes: Bytes, columns: Columns, parts: readonly { readonly part: WordsPart; readonly at: number }[]) {
    this.columns = columns;
    this.#bytes = bytes;
    this.#parts = parts;
  }

  /** By hit: 1 where each of the pieces stands in one of its words. Throws {@link IndexDamaged}. */
  search(pieces: readonly string[]): Uint8Array {
    const all = new Uint8Array(this.columns.hits).fill(1);
    const marks = pieces.map(() => new Uint8Array(this.columns.hits));
    for (const { part, at } of this.#parts) {
      const bytes = checked(this.#bytes, at, part);
      if (bytes === undefined) throw new IndexDamaged();
      for (const [i, piece] of pieces.entries()) markWord(part, bytes, piece, marks[i] ?? all);
    }
    return all.map((_, hit) => (marks.every((marked) => marked[hit] === 1) ? 1 : 0));
  }

  close(): void {
    this.#bytes.close();
  }
}

function readHead(bytes: Bytes): { head: Head; end: number } | undefined {
  const start = bytes.read(0, headAt);
  if (start.length < headAt || !magic.equals(start.subarray(0, magic.length))) return undefined;
  const [length, sum] = [viewOf(start).getUint32(8, true), viewOf(start).getUint32(12, true)];
  if (length > mostHead) return undefined;
  const text = bytes.read(headAt, length);
  if (text.length !== length || crc32(text) !== sum) return undefined;
  const head = parseJson(text);
  return isHead(head) ? { head, end: aligned(headAt + length) } : undefined;
}

function open(bytes: Bytes, head: Head, at: number): SegmentIndex | undefined {
  const textsAt = at + aligned(head.columns.bytes);
  const columnBytes = checked(bytes, at, head.columns);
  const textBytes = checked(bytes, textsAt, head.textBytes);
  if (columnBytes === undefined || textBytes === undefined) return undefined;
  const columns = Columns.of(head.hits, head.texts, columnBytes, textBytes);
  let next = textsAt + aligned(head.textBytes.bytes);
  const parts = head.parts.map((part) => {
    const at = next;
    next += aligned(part.bytes);
    return { part, at };
  });
  return columns === undefined ? undefined : new SegmentIndex(bytes, columns, parts);
}

function checked(bytes: Bytes, at: number, { bytes: length, crc32: sum }: Section): Uint8Array | undefined {
  const read = at + length > bytes.size ? undefined : bytes.read(at, length);
  return read?.length === length && crc32(read) === sum ? read : undefined;
}

function isOf(found: Indexed, wanted: Indexed): boolean {
  return found.file === wanted.file && found.size === wanted.size && found.tail === wanted.tail;
}

function isHead(value: unknown): value is Head {
  const [of, parts, hits] = [member(value, "of"), member(value, "parts"), member(value, "hits")];
  return (
    isObject(of) &&
    typeof of["file"] === "string" &&
    isCount(hits) &&
    isCount(member(value, "texts")) &&
    ["columns", "textBytes"].every((key) => isCount(member(value, key, "bytes"))) &&
    Array.isArray(parts) &&
    parts.every(
      (part) =>
        ["first", "hits", "words", "bytes"].every((key) => isCount(member(part, key))) &&
        Number(member(part, "first")) + Number(member(part, "hits")) <= hits &&
        8 * (Number(member(part, "words")) + 1) <= Number(member(part, "bytes")),
    )
  );
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}
