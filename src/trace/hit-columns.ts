// What lists say of each hit of a segment, in columns: numbers side by side, texts each once.
//
//   columns: at f64 x hits, then each of `numberColumns` u32 x hits, in that order
//   texts:   starts u32 x (texts + 1), then UTF-8; text 0 is empty and means that there is none
//
// Rules
// - The first correlated value is `request`, found by `expression`; `others` are the rest of them as one text: expression and value by
//   turns, with "\0" between.
// - Columns are the machine's own numbers: debugtap runs on little-endian ones only.
import type { Hit } from "../../protocol/hit.ts";

/** `session` is its id, `number` the hit's in it, `block` where its record is, `depth` how many frames; from `threadId` on they are texts. */
const numberColumns = [
  "session",
  "number",
  "block",
  "line",
  "trigger",
  "depth",
  "threadId",
  "thread",
  "reason",
  "function",
  "file",
  "expression",
  "request",
  "others",
  "text",
  "breakpoint",
] as const;
export type NumberColumn = (typeof numberColumns)[number];
const firstText = numberColumns.indexOf("threadId");
const rowBytes = 8 + 4 * numberColumns.length;
const mostText = 200;

export class ColumnsBuilder {
  readonly #at: number[] = [];
  readonly #numbers: number[][] = numberColumns.map(() => []);
  readonly #texts = new Map<string, number>([["", 0]]);

  add(hit: Hit, session: number, block: number): void {
    const [top] = hit.snapshot.frames;
    const [expression, request, ...others] = Object.entries(hit.correlated ?? {}).flat();
    const row: Record<NumberColumn, number> = {
      session,
      number: hit.number,
      block,
      line: top?.line ?? 0,
      trigger: hit.trigger ?? 0,
      depth: depthOf(hit),
      threadId: this.#text(String(hit.thread.id)),
      thread: this.#text(hit.thread.name ?? String(hit.thread.id)),
      reason: this.#text(hit.reason),
      function: this.#text(top?.name),
      file: this.#text(top?.path),
      expression: this.#text(expression),
      request: this.#text(request),
      others: this.#text(others.map((text) => text.replaceAll("\0", "")).join("\0")),
      text: this.#text(hit.text?.slice(0, mostText)),
      breakpoint: this.#text(hit.breakpoint),
    };
    this.#at.push(hit.at);
    for (const [i, name] of numberColumns.entries()) this.#numbers[i]?.push(row[name]);
  }

  get hits(): number {
    return this.#at.length;
  }

  get texts(): number {
    return this.#texts.size;
  }

  columns(): Uint8Array {
    const numbers = this.#numbers.map((column) => bytesOf(Uint32Array.from(column)));
    return Buffer.concat([bytesOf(Float64Array.from(this.#at)), ...numbers]);
  }

  textBytes(): Uint8Array {
    const texts = Array.from(this.#texts.keys(), (text) => Buffer.from(text));
    const starts = new Uint32Array(texts.length + 1);
    for (const [i, text] of texts.entries()) starts[i + 1] = (starts[i] ?? 0) + text.length;
    return Buffer.concat([bytesOf(starts), ...texts]);
  }

  #text(text = ""): number {
    const known = this.#texts.get(text);
    if (known !== undefined) return known;
    this.#texts.set(text, this.#texts.size);
    return this.#texts.size - 1;
  }
}

function bytesOf({ buffer }: Float64Array<ArrayBuffer> | Uint32Array<ArrayBuffer>): Uint8Array {
  return new Uint8Array(buffer);
}

/** Frames of the stack, those that a limit left out included. */
function depthOf({ snapshot: { frames, cut } }: Hit): number {
  return Math.max(frames.length, cut?.by === "frames" ? (cut.of ?? 0) : 0);
}

export class Columns {
  readonly hits: number;
  readonly texts: number;
  readonly at: Float64Array;
  readonly #numbers: ReadonlyMap<NumberColumn, Uint32Array>;
  readonly #starts: Uint32Array;
  readonly #bytes: Buffer;
  readonly #read: (string | undefined)[] = [];

  /** Bytes of buffers of their own. Undefined where they are not the columns of so many hits. */
  static of(hits: number, texts: number, columns: Uint8Array, textBytes: Uint8Array): Columns | undefined {
    if (columns.length !== hits * rowBytes || textBytes.length < 4 * (texts + 1)) return undefined;
    const made = new Columns(hits, texts, columns, textBytes);
    const textColumns = numberColumns.slice(firstText).map((name) => made.numbers(name));
    return textColumns.every((column) => column.every((text) => text < texts)) ? made : undefined;
  }

  private constructor(hits: number, texts: number, columns: Uint8Array, textBytes: Uint8Array) {
    this.hits = hits;
    this.texts = texts;
    this.at = new Float64Array(columns.buffer, columns.byteOffset, hits);
    const column = (i: number) => new Uint32Array(columns.buffer, columns.byteOffset + hits * (8 + 4 * i), hits);
    this.#numbers = new Map(numberColumns.map((name, i) => [name, column(i)]));
    this.#starts = new Uint32Array(textBytes.buffer, textBytes.byteOffset, texts + 1);
    this.#bytes = Buffer.from(textBytes.buffer, textBytes.byteOffset + this.#starts.byteLength);
  }

  numbers(column: NumberColumn): Uint32Array {
    return this.#numbers.get(column) ?? new Uint32Array(0);
  }

  /** A text by its number. */
  text(number: number): string {
    return (this.#read[number] ??= this.#bytes.toString("utf8", this.#starts[number], this.#starts[number + 1]));
  }

  /** What no other text has, by the number of one: its bytes, read faster than as UTF-8. */
  key(number: number): string {
    return this.#bytes.toString("latin1", this.#starts[number], this.#starts[number + 1]);
  }

  /** The text of a hit, by its place in the segment; undefined when there is none. */
  textAt(column: NumberColumn, place: number): string | undefined {
    const text = this.text(this.numbers(column)[place] ?? 0);
    return text === "" ? undefined : text;
  }

  /** Expression and value by turns. */
  correlatedAt(place: number): readonly string[] {
    const [expression, request, others] = (["expression", "request", "others"] as const).map((column) =>
      this.text(this.numbers(column)[place] ?? 0),
    );
    if (expression === undefined || request === undefined || expression === "") return [];
    return [expression, request, ...(others === undefined || others === "" ? [] : others.split("\0"))];
  }
}
