// Opens a trace and reads it: its sessions, and their messages from any ordinal or time on.
//
// Rules
// - What is damaged is left out and listed in `problems`; only a trace that is missing or newer is refused.
// - Sealed segments are opened by their index and read chunk by chunk. One without an index, and a live one, is read through once
//   at opening to count its messages.
// - Opening takes what is there now: a live trace is a snapshot (see follow.ts for its growth).
import { join } from "node:path";
import { DebugtapError } from "../../protocol/errors.ts";
import type { Frame, Side } from "../../protocol/frame.ts";
import type { SessionFacts } from "../observer.ts";
import { newTotals } from "./follower.ts";
import { followStates, sides } from "./format.ts";
import type { BlockMark, Manifest, SessionTotals, SideMark, SideTotals, TraceRecord } from "./format.ts";
import { openLive } from "./live-file.ts";
import { checkFormat, listSegments, readManifest } from "./locate.ts";
import type { SegmentFiles } from "./locate.ts";
import { chunksReadable, openSealed } from "./sealed-file.ts";
import type { Segment } from "./segment.ts";
import { Tally } from "./tally.ts";
import type { Resume, TalliedMessage } from "./tally.ts";

/** A session of a trace; times are epoch milliseconds. */
export type TraceSession = SessionTotals & {
  /** Messages of both sides. */
  readonly messages: number;
  readonly bytes: number;
};

/** One message. Exactly one of `frame` and `bytes` is there; `bytes`: what no framer could cut, and wire `raw`. */
export interface TraceMessage {
  /** Counts the messages of its session from 1, both sides together. */
  readonly ordinal: number;
  /** Epoch milliseconds of its last byte. */
  readonly time: number;
  /** Milliseconds since the trace began. */
  readonly at: number;
  readonly session: SessionFacts;
  readonly side: Side;
  readonly frame?: Frame;
  readonly bytes?: Uint8Array;
}

export interface MessageQuery {
  /** Id of a session; all when absent. */
  readonly session?: number;
  /** First ordinal, from 1: of the session, or of the whole trace when no session is named. */
  readonly from?: number;
  readonly count?: number;
  /** Epoch milliseconds, both inclusive. */
  readonly since?: number;
  readonly until?: number;
}

/** A place in the trace: the block to read next. */
interface Place {
  readonly segment: number;
  readonly block: number;
}

interface Indexed {
  readonly segment: Segment;
  readonly sessions: ReadonlyMap<number, SessionTotals>;
  marks(): readonly BlockMark[];
}

/** Opens a trace's directory. Rejects with DT_TRACE_MISSING or DT_TRACE_NEWER. */
export async function openTrace(dir: string): Promise<Trace> {
  for (let tries = 0; ; tries++) {
    const manifest = readManifest(dir);
    const segments: Segment[] = [];
    try {
      for (const files of listSegments(dir)) segments.push(await openSegment(dir, files));
      for (const { format } of segments) checkFormat(dir, format);
      // What has no summary is read through, and what was begun before it with it.
      if (segments.some((segment) => segment.summary() === undefined)) await chunksReadable;
      return new Trace(dir, manifest, segments);
    } catch (error) {
      for (const segment of segments) segment.close();
      // A live file that its writer sealed since it was listed.
      const sealed = error instanceof Error && "code" in error && error.code === "ENOENT" && tries < 5;
      if (!sealed) throw error;
    }
  }
}

async function openSegment(dir: string, { number, live, sealed }: SegmentFiles): Promise<Segment> {
  if (sealed === undefined) return openLive(join(dir, live ?? ""), number, live ?? "");
  const segment = await openSealed(join(dir, sealed), number, sealed);
  if (live === undefined || segment.problems.length === 0) return segment;
  segment.close();
  return openLive(join(dir, live), number, live);
}

export class Trace {
  readonly dir: string;
  readonly manifest: Manifest | undefined;
  readonly #segments: Indexed[] = [];
  readonly #problems = new Map<string, DebugtapError>();

  constructor(dir: string, manifest: Manifest | undefined, segments: readonly Segment[]) {
    this.dir = dir;
    this.manifest = manifest;
    for (const segment of segments) this.#add(segment);
  }

  /** Damage met so far: at opening, and while messages were read. */
  get problems(): readonly DebugtapError[] {
    return [...this.#problems.values()];
  }

  get segments(): readonly Segment[] {
    return this.#segments.map(({ segment }) => segment);
  }

  /** Epoch milliseconds. */
  get started(): number {
    return this.manifest?.started ?? this.#segments[0]?.segment.blocks[0]?.first ?? 0;
  }

  /** In the order in which they opened. */
  sessions(): TraceSession[] {
    const all = new Map<number, SessionTotals>();
    for (const { sessions } of this.#segments) for (const [id, totals] of sessions) all.set(id, totals);
    return [...all.values()]
      .sort((a, b) => a.facts.id - b.facts.id)
      .map((totals) =>
        Object.assign(structuredClone(totals), {
          messages: totals.client.frames + totals.debuggee.frames,
          bytes: totals.client.bytes + totals.debuggee.bytes,
        }),
      );
  }

  /** Messages of a session, or of the whole trace. */
  count(session?: number): number {
    return this.sessions()
      .filter(({ facts }) => session === undefined || facts.id === session)
      .reduce((sum, { messages }) => sum + messages, 0);
  }

  /** Messages in the order in which they were complete. */
  async *messages(query: MessageQuery = {}): AsyncGenerator<TraceMessage> {
    const { session, from = 1, count = Infinity, since = -Infinity, until = Infinity } = query;
    if (count <= 0) return;
    await chunksReadable;
    const start = this.#seek(query);
    let tally = this.#tallyAt(start);
    let wide = session === undefined ? this.#framesBefore(start) : 0;
    let given = 0;
    for await (const step of this.#records(start)) {
      if ("lost" in step) {
        tally = this.#tallyAt(step.lost);
        if (session === undefined) wide = this.#framesBefore(step.lost);
        continue;
      }
      if (step.time > until) return;
      if (session !== undefined && sessionOf(step) !== session) continue;
      for (const message of tally.add(step)) {
        const ordinal = session === undefined ? ++wide : message.ordinal;
        if (ordinal < from || message.time < since) continue;
        yield this.message(message);
        if (++given === count) return;
      }
    }
  }

  /** A tally that stands at the end of the trace. */
  tallyAtEnd(): Tally {
    return this.#tallyAt({ segment: this.#segments.length, block: 0 });
  }

  /** A tally that stands before a segment, by its number. */
  tallyBefore(number: number): Tally {
    const segment = this.#segments.findIndex((indexed) => indexed.segment.number >= number);
    return segment === -1 ? this.tallyAtEnd() : this.#tallyAt({ segment, block: 0 });
  }

  message({ ordinal, time, session, side, message }: TalliedMessage): TraceMessage {
    return { ordinal, time, at: time - this.started, session, side, ...message };
  }

  /** All records, in order; what is damaged is left out. */
  async *records(): AsyncGenerator<TraceRecord> {
    await chunksReadable;
    for await (const step of this.#records({ segment: 0, block: 0 })) if (!("lost" in step)) yield step;
  }

  close(): void {
    for (const { segment } of this.#segments) segment.close();
  }

  async *#records(start: Place): AsyncGenerator<TraceRecord | { readonly lost: Place }> {
    let block = start.block;
    for (let segment = start.segment; segment < this.#segments.length; segment++) {
      const read = this.#segments[segment]?.segment;
      if (read === undefined) return;
      for (; block < read.blocks.length; block++) {
        const { records, damaged } = read.read(block);
        yield* records;
        if (damaged === undefined) continue;
        this.#problem(read, damaged);
        yield { lost: { segment, block: block + 1 } };
      }
      block = 0;
    }
  }

  #add(segment: Segment): void {
    for (const problem of segment.problems) this.#problem(segment, problem);
    if (segment.pending > 0 && segment.problems.length === 0)
      this.#problem(segment, `its last ${segment.pending} bytes are of a batch that was not committed`);
    const summary = segment.summary();
    const sessions = summary && new Map(summary.sessions.map((totals) => [totals.facts.id, totals]));
    if (summary !== undefined && sessions !== undefined) {
      let rebuilt: readonly BlockMark[] | undefined;
      const marks = () => summary.marks() ?? (rebuilt ??= this.#index(segment, tallyBefore()).marks);
      const place = { segment: this.#segments.length, block: 0 };
      const tallyBefore = () => this.#tallyAt(place);
      this.#segments.push({ segment, sessions, marks });
      return;
    }
    const { sessions: counted, marks } = this.#index(segment, this.tallyAtEnd());
    this.#segments.push({ segment, sessions: counted, marks: () => marks });
  }

  /** Reads a segment through to learn what its writer would have known. */
  #index(segment: Segment, tally: Tally): { sessions: Map<number, SessionTotals>; marks: BlockMark[] } {
    const marks: BlockMark[] = [];
    segment.blocks.forEach((block, i) => {
      const { records, damaged } = segment.read(i);
      for (const record of records) tally.add(record);
      if (damaged !== undefined) {
        this.#problem(segment, damaged);
        tally.damage(block.last);
      }
      marks.push(tally.block());
    });
    return { sessions: new Map(tally.segment().map((totals) => [totals.facts.id, totals])), marks };
  }

  #problem({ file }: Segment, why: string): void {
    const what = `${file} of the trace ${this.dir} is damaged or cut off; what can be trusted was read`;
    if (this.#problems.size < 100)
      this.#problems.set(`${file} ${why}`, new DebugtapError("DT_TRACE_DAMAGED", what, { why }));
  }

  /** The block in which the first message that a query can want is completed. */
  #seek({ session, from = 1, since = -Infinity }: MessageQuery): Place {
    let place: Place = { segment: 0, block: 0 };
    for (let segment = 0; segment < this.#segments.length; segment++) {
      const indexed = this.#segments[segment];
      if (indexed === undefined) break;
      const next = this.#framesBefore({ segment: segment + 1, block: 0 }, session);
      const lastBlock = indexed.segment.blocks.at(-1);
      if (next < from || lastBlock === undefined || lastBlock.last < since) {
        place = { segment: segment + 1, block: 0 };
        continue;
      }
      for (let block = 0; block < indexed.segment.blocks.length; block++) {
        const early = (indexed.segment.blocks[block]?.last ?? 0) < since;
        if (early || this.#framesBefore({ segment, block: block + 1 }, session) < from)
          place = { segment, block: block + 1 };
        else return place;
      }
    }
    return place;
  }

  /** Messages that were complete before a place: of a session, or of the whole trace. */
  #framesBefore({ segment, block }: Place, session?: number): number {
    if (session !== undefined) {
      const totals = this.#totalsAt(session, { segment, block });
      return totals === undefined ? 0 : totals.client.frames + totals.debuggee.frames;
    }
    if (segment === 0 && block === 0) return 0;
    const mark = block === 0 ? undefined : this.#segments[segment]?.marks()[block];
    if (mark !== undefined) return mark.frames;
    return [...this.#known({ segment, block })].reduce(
      (sum, id) => sum + this.#framesBefore({ segment, block }, id),
      0,
    );
  }

  /** Ids of all sessions with a record before a place, and of some behind it. */
  #known({ segment, block }: Place): Set<number> {
    const upTo = block === 0 ? segment : segment + 1;
    return new Set(this.#segments.slice(0, upTo).flatMap(({ sessions }) => Array.from(sessions.keys())));
  }

  #tallyAt(place: Place): Tally {
    return new Tally({ frames: this.#framesBefore(place), resume: (id) => this.#resume(id, place) });
  }

  #resume(id: number, place: Place): Resume | undefined {
    const totals = this.#totalsAt(id, place);
    if (totals === undefined) return undefined;
    const partial = { client: new Uint8Array(0), debuggee: new Uint8Array(0) };
    for (const side of sides) {
      const found = this.#bytesBefore(id, side, totals[side], place);
      if (found === undefined) totals[side] = { ...totals[side], state: "lost", start: totals[side].bytes };
      else partial[side] = found;
    }
    return { totals, partial };
  }

  /** Where a session stood before a place: by the next block that has it, else by the last segment before that has. */
  #totalsAt(id: number, { segment, block }: Place): SessionTotals | undefined {
    if (block > 0) {
      const indexed = this.#segments[segment];
      const own = indexed?.sessions.get(id);
      if (own !== undefined && indexed !== undefined) {
        const marks = indexed.marks();
        for (let i = block; i < marks.length; i++) {
          const mark = marks[i]?.sessions[id];
          if (mark !== undefined) return { ...own, client: fromMark(mark[0]), debuggee: fromMark(mark[1]) };
        }
        return { ...own };
      }
    }
    for (let i = Math.min(segment, this.#segments.length) - 1; i >= 0; i--) {
      const totals = this.#segments[i]?.sessions.get(id);
      if (totals !== undefined) return { ...totals };
    }
    return undefined;
  }

  /** The bytes of a message that had begun before a place; undefined when they cannot be read any more. */
  #bytesBefore(
    id: number,
    side: Side,
    { start, bytes }: SideTotals,
    place: Place,
  ): Uint8Array<ArrayBuffer> | undefined {
    const wanted = bytes - start;
    const out = new Uint8Array(wanted);
    let missing = wanted;
    for (let { segment, block } = place; missing > 0;) {
      if (block === 0) {
        if (--segment < 0) return undefined;
        block = this.#segments[segment]?.segment.blocks.length ?? 0;
        continue;
      }
      const indexed = this.#segments[segment];
      if (indexed === undefined || indexed.marks()[--block]?.sessions[id] === undefined) continue;
      const { records, damaged } = indexed.segment.read(block);
      if (damaged !== undefined) return undefined;
      for (const record of records.toReversed()) {
        if (record.kind !== "chunk" || record.session.id !== id || record.side !== side) continue;
        const part = record.bytes.subarray(Math.max(0, record.bytes.length - missing));
        missing -= part.length;
        out.set(part, missing);
        if (missing === 0) break;
      }
    }
    return out;
  }
}

function fromMark([frames, bytes, start, state]: SideMark): SideTotals {
  return { ...newTotals(), frames, bytes, start, state: followStates[state] ?? "lost" };
}

function sessionOf(record: TraceRecord): number | undefined {
  if (record.kind === "other") return undefined;
  return typeof record.session === "number" ? record.session : record.session.id;
}
