// All hits of a trace by number: found by what lists say of them and by their words, without reading their snapshots.
//
// Rules
// - A hit's number counts the hits of the trace from 1, in the order in which they were captured, as hits() gives them: it stays the
//   same while the trace grows, and when its oldest segments are dropped.
// - A sealed segment has an index on the disk, or gets one here; a live one, one that is damaged, and one in a directory that
//   cannot be written to are indexed in memory. What is damaged is told each time, so it is not stored.
import { firstFrom } from "../../protocol/sorted.ts";
import type { Columns, NumberColumn } from "./hit-columns.ts";
import { columnChecks } from "./hit-filter.ts";
import type { HitFilter } from "./hit-filter.ts";
import { IndexBuilder, IndexDamaged } from "./hit-index-file.ts";
import { indexInMemory, readIndex, writeIndex } from "./hit-index-store.ts";
import type { HitRow } from "./hit-row.ts";
import type { SegmentIndex } from "./hit-index-file.ts";
import { Kept } from "./kept.ts";
import type { StoredHit, Trace, TraceHit } from "./reader.ts";
import { chunksReadable } from "./sealed-file.ts";
import type { Segment } from "./segment.ts";

/** Of 1 MiB of records each. */
const mostBlocks = 4;

/** How far the indexing of a segment is. */
export type IndexProgress = (file: string, done: number, blocks: number) => void;

/** Hits of a segment by number. */
interface Numbered {
  /** Hits of the trace before it, and in it. */
  readonly before: number;
  readonly count: number;
  /** Places in the segment by number; absent: all. What damage left of a session that is not known has no number. */
  readonly places?: Uint32Array;
}

type NumberedColumns = Numbered & { readonly columns: Columns };

interface Entry extends Numbered {
  /** Its place among the trace's segments. */
  readonly segment: number;
  readonly index: SegmentIndex;
}

export class HitIndex {
  readonly #trace: Trace;
  readonly #onProgress: IndexProgress;
  #entries: readonly Entry[] = [];
  /** Hits of the blocks that were read last, by segment and block: those that are read one after the other stand together. */
  readonly #blocks = new Kept<string, readonly StoredHit[]>(mostBlocks, (key) => {
    const [segment = 0, block = 0] = key.split(" ").map(Number);
    return this.#trace.blockHits(segment, block).hits;
  });

  /** The trace stays the caller's to close, after this. */
  static async open(trace: Trace, onProgress: IndexProgress = () => undefined): Promise<HitIndex> {
    const made = new HitIndex(trace, onProgress);
    const indexes: SegmentIndex[] = [];
    for (const segment of trace.segments.keys()) indexes.push(await made.#indexOf(segment));
    made.#number(indexes);
    return made;
  }

  private constructor(trace: Trace, onProgress: IndexProgress) {
    this.#trace = trace;
    this.#onProgress = onProgress;
  }

  /** The number of the first one: not 1 where segments were dropped. */
  get first(): number {
    return this.#dropped + 1;
  }

  /** The number of the last one. */
  get size(): number {
    const last = this.#entries.at(-1);
    return (last?.before ?? this.#dropped) + (last?.count ?? 0);
  }

  /** Hits of the segments that are not there any more. */
  get #dropped(): number {
    return this.#trace.dropped?.hits ?? 0;
  }

  /** Of each segment that has hits: what lists say of them, and which number its first has, less 1. */
  get segments(): readonly NumberedColumns[] {
    return this.#entries
      .filter(({ count }) => count > 0)
      .map(({ index, ...about }) => ({ ...about, columns: index.columns }));
  }

  /** Numbers of the hits that are asked for, in order. */
  async find(filter: HitFilter): Promise<Uint32Array> {
    const numbers = new Uint32Array(this.size);
    let found = 0;
    for (const at of this.#entries.keys()) {
      const marks = filter.words === undefined ? undefined : await this.#search(at, filter.words);
      const entry = this.#entries[at];
      if (entry === undefined) continue;
      const { before, count, places, index } = entry;
      const checks = columnChecks(index.columns, filter, (session) => this.#trace.facts(session));
      if (marks !== undefined) checks.push((place) => marks[place] === 1);
      for (let i = 0; i < count; i++) {
        const place = places === undefined ? i : (places[i] ?? 0);
        let meant = true;
        for (let check = 0; meant && check < checks.length; check++) meant = checks[check]?.(place) === true;
        if (meant) numbers[found++] = before + i + 1;
      }
    }
    return numbers.subarray(0, found);
  }

  /** The number of a session's hit; undefined when the trace has none such. */
  numberOf(session: string, ordinal: number): number | undefined {
    for (const { index, before, count, places } of this.#entries) {
      const [sessions, numbers] = [index.columns.numbers("session"), index.columns.numbers("number")];
      for (let i = 0; i < count; i++) {
        const place = places === undefined ? i : (places[i] ?? 0);
        if (numbers[place] === ordinal && this.#trace.facts(sessions[place] ?? 0)?.name === session)
          return before + i + 1;
      }
    }
    return undefined;
  }

  /** Throws a RangeError for what is no number of a hit. */
  row(number: number): HitRow {
    const { entry, place } = this.#locate(number);
    const { columns } = entry.index;
    const facts = this.#trace.facts(columns.numbers("session")[place] ?? 0);
    const text = (column: NumberColumn): string | undefined => columns.textAt(column, place);
    const [name, file, said, breakpoint] = [text("function"), text("file"), text("text"), text("breakpoint")];
    const [line = 0, trigger = 0] = [columns.numbers("line")[place], columns.numbers("trigger")[place]];
    return {
      number,
      session: facts?.name ?? "",
      ordinal: columns.numbers("number")[place] ?? 0,
      service: facts?.service ?? "",
      at: columns.at[place] ?? 0,
      thread: text("thread") ?? "",
      threadId: text("threadId") ?? "",
      reason: text("reason") ?? "",
      ...(name === undefined ? {} : { function: name }),
      ...(file === undefined ? {} : { file }),
      ...(line === 0 ? {} : { line }),
      correlated: columns.correlatedAt(place),
      ...(said === undefined ? {} : { text: said }),
      ...(breakpoint === undefined ? {} : { breakpoint }),
      ...(trigger === 0 ? {} : { trigger }),
    };
  }

  /** Where what lists say of a hit stands: cheaper than a row. */
  at(number: number): { readonly columns: Columns; readonly place: number } {
    const { entry, place } = this.#locate(number);
    return { columns: entry.index.columns, place };
  }

  /** Hits by their numbers, without sources; `hit` is absent where it cannot be read any more. Those of one block are read together. */
  async *read(numbers: Iterable<number>): AsyncGenerator<{ readonly number: number; readonly hit?: TraceHit }> {
    await chunksReadable;
    for (const number of numbers) {
      const { entry, place } = this.#locate(number);
      const blocks = entry.index.columns.numbers("block");
      const block = blocks[place] ?? 0;
      const stored = this.#blocks.get(`${entry.segment} ${block}`)[place - firstFrom(blocks, block)];
      const hit = stored && this.#trace.traceHit(stored);
      yield hit === undefined ? { number } : { number, hit };
    }
  }

  close(): void {
    for (const { index } of this.#entries) index.close();
  }

  #number(indexes: readonly SegmentIndex[]): void {
    let before = this.#dropped;
    this.#entries = indexes.map((index, segment) => {
      const sessions = index.columns.numbers("session");
      const known = (session: number): boolean => this.#trace.facts(session) !== undefined;
      const places = sessions.every(known)
        ? undefined
        : Uint32Array.from(sessions.keys()).filter((place) => known(sessions[place] ?? 0));
      const count = places?.length ?? index.columns.hits;
      const entry = { segment, index, before, count, ...(places === undefined ? {} : { places }) };
      before += count;
      return entry;
    });
  }

  #locate(number: number): { readonly entry: Entry; readonly place: number } {
    for (const entry of this.#entries) {
      const at = number - entry.before - 1;
      if (at < 0 || at >= entry.count) continue;
      return { entry, place: entry.places === undefined ? at : (entry.places[at] ?? 0) };
    }
    throw new RangeError(`there is no hit ${number}`);
  }

  async #search(at: number, words: readonly string[]): Promise<Uint8Array | undefined> {
    const entry = this.#entries[at];
    if (entry === undefined) return undefined;
    try {
      return entry.index.search(words);
    } catch (error) {
      if (!(error instanceof IndexDamaged)) throw error;
      entry.index.close();
      const index = await this.#build(entry.segment);
      this.#number(this.#entries.map((each) => (each === entry ? index : each.index)));
      return index.search(words);
    }
  }

  async #indexOf(segment: number): Promise<SegmentIndex> {
    const read = this.#trace.segments[segment];
    const stored = read && isWhole(read) ? readIndex(this.#trace.dir, read.number) : undefined;
    if (stored?.columns.numbers("block").every((block) => block < (read?.blocks.length ?? 0))) return stored;
    stored?.close();
    return this.#build(segment);
  }

  /** Reads a segment through, and stores its index where it can. */
  async #build(segment: number): Promise<SegmentIndex> {
    await chunksReadable;
    const read = this.#trace.segments[segment];
    const builder = new IndexBuilder();
    let whole = read !== undefined && isWhole(read);
    for (const block of (read?.blocks ?? []).keys()) {
      this.#onProgress(read?.file ?? "", block, read?.blocks.length ?? 0);
      const { hits, damaged } = this.#trace.blockHits(segment, block);
      for (const { hit, session } of hits) builder.add(hit, session, block);
      whole &&= !damaged;
    }
    if (!whole || read === undefined || builder.hits === 0) return indexInMemory(builder);
    writeIndex(this.#trace.dir, read.number, builder);
    return readIndex(this.#trace.dir, read.number) ?? indexInMemory(builder);
  }
}

function isWhole({ sealed, problems }: Segment): boolean {
  return sealed && problems.length === 0;
}
