// Where each session of a trace stood before any place in it: messages counted, bytes, and the message that had begun.
//
// Rules
// - By the marks that a segment's writer left in it. One without them, and a live one, is read through once to make them.
// - Before the first segment it stood as the manifest says of those that were dropped.
// - What cannot be known any more, because the bytes are damaged, is `lost`: as after a gap.
import type { Side } from "../../protocol/frame.ts";
import { newTotals } from "./follower.ts";
import { followStates, sides } from "./format.ts";
import type { BlockMark, Dropped, SessionTotals, SideMark, SideTotals } from "./format.ts";
import type { Segment } from "./segment.ts";
import { Tally } from "./tally.ts";
import type { Resume, TalliedMessage } from "./tally.ts";

/** A place in the trace: the block to read next. */
export interface Place {
  readonly segment: number;
  readonly block: number;
}

/** Records are missing before this place. */
export interface Lost {
  readonly lost: Place;
  readonly time: number;
}

/** From which message on, as MessageQuery. */
export interface Wanted {
  readonly session?: number;
  readonly from?: number;
  readonly since?: number;
}

interface Indexed {
  readonly segment: Segment;
  /** Its messages were counted by reading it through. */
  readonly counted: boolean;
  readonly sessions: ReadonlyMap<number, SessionTotals>;
  marks(): readonly BlockMark[];
}

export class Standings {
  readonly #segments: Indexed[] = [];
  readonly #onDamage: (segment: Segment, why: string) => void;
  /** Sessions that dropped segments have begun, and messages in them: of all, and of sessions that ended in them. */
  readonly #dropped: ReadonlyMap<number, SessionTotals>;
  readonly #droppedFrames: number;
  readonly #endedFrames: number;

  constructor(onDamage: (segment: Segment, why: string) => void, dropped?: Dropped) {
    this.#onDamage = onDamage;
    this.#dropped = new Map(dropped?.sessions.map((totals) => [totals.facts.id, totals]));
    this.#droppedFrames = dropped?.frames ?? 0;
    const known = [...this.#dropped.values()].reduce((sum, totals) => sum + framesOf(totals), 0);
    this.#endedFrames = Math.max(0, this.#droppedFrames - known);
  }

  get segments(): readonly Segment[] {
    return this.#segments.map(({ segment }) => segment);
  }

  /** Behind all that was added. */
  get end(): Place {
    return { segment: this.#segments.length, block: 0 };
  }

  /** The next one. One without a summary is read through to learn what its writer would have known. */
  add(segment: Segment): void {
    const summary = segment.summary();
    const sessions = summary && new Map(summary.sessions.map((totals) => [totals.facts.id, totals]));
    if (summary !== undefined && sessions !== undefined) {
      let rebuilt: readonly BlockMark[] | undefined;
      const marks = () => summary.marks() ?? (rebuilt ??= this.#index(segment, tallyBefore()).marks);
      const place = { segment: this.#segments.length, block: 0 };
      const tallyBefore = () => this.tallyAt(place);
      this.#segments.push({ segment, counted: false, sessions, marks });
      return;
    }
    const { sessions: counted, marks } = this.#index(segment, this.tallyAt(this.end));
    this.#segments.push({ segment, counted: true, sessions: counted, marks: () => marks });
  }

  /** Reads a segment through to learn what its writer would have known. */
  #index(segment: Segment, tally: Tally): { sessions: Map<number, SessionTotals>; marks: BlockMark[] } {
    const marks: BlockMark[] = [];
    segment.blocks.forEach((block, i) => {
      const { records, damaged } = segment.read(i);
      for (const record of records) tally.add(record);
      if (damaged !== undefined) {
        this.#onDamage(segment, damaged);
        tally.damage(block.last);
      }
      marks.push(tally.block());
    });
    return { sessions: new Map(tally.segment().map((totals) => [totals.facts.id, totals])), marks };
  }

  /** The last that is known of each session, by its id. */
  sessions(): ReadonlyMap<number, SessionTotals> {
    return new Map([...this.#dropped, ...this.#segments.flatMap(({ sessions }) => [...sessions])]);
  }

  /** What damage leaves of the messages that had begun; elsewhere they were counted as whole, and are missing. */
  begunBefore({ lost, time }: Lost, tally: Tally, session: number | undefined): TalliedMessage[] {
    if (this.#segments[lost.segment]?.counted !== true) return [];
    return tally.damage(time, session === undefined ? this.#known(lost) : [session]);
  }

  /** The block in which the first message that a query can want is completed. */
  seek({ session, from = 1, since = -Infinity }: Wanted): Place {
    let place: Place = { segment: 0, block: 0 };
    for (let segment = 0; segment < this.#segments.length; segment++) {
      const indexed = this.#segments[segment];
      if (indexed === undefined) break;
      const next = this.framesBefore({ segment: segment + 1, block: 0 }, session);
      const lastBlock = indexed.segment.blocks.at(-1);
      if (next < from || lastBlock === undefined || lastBlock.last < since) {
        place = { segment: segment + 1, block: 0 };
        continue;
      }
      for (let block = 0; block < indexed.segment.blocks.length; block++) {
        const early = (indexed.segment.blocks[block]?.last ?? 0) < since;
        if (early || this.framesBefore({ segment, block: block + 1 }, session) < from)
          place = { segment, block: block + 1 };
        else return place;
      }
    }
    return place;
  }

  /** Messages that were complete before a place: of a session, or of the whole trace. */
  framesBefore({ segment, block }: Place, session?: number): number {
    if (session !== undefined) {
      const totals = this.#totalsAt(session, { segment, block });
      return totals === undefined ? 0 : framesOf(totals);
    }
    if (segment === 0 && block === 0) return this.#droppedFrames;
    const mark = block === 0 ? undefined : this.#segments[segment]?.marks()[block];
    if (mark !== undefined) return mark.frames;
    return [...this.#known({ segment, block })].reduce(
      (sum, id) => sum + this.framesBefore({ segment, block }, id),
      this.#endedFrames,
    );
  }

  /** Ids of all sessions with a record before a place, and of some behind it. */
  #known({ segment, block }: Place): Set<number> {
    const upTo = block === 0 ? segment : segment + 1;
    const found = this.#segments.slice(0, upTo).flatMap(({ sessions }) => Array.from(sessions.keys()));
    return new Set([...this.#dropped.keys(), ...found]);
  }

  /** A tally that stands before a place. */
  tallyAt(place: Place): Tally {
    return new Tally({ frames: this.framesBefore(place), resume: (id) => this.#resume(id, place) });
  }

  #resume(id: number, place: Place): Resume | undefined {
    const totals = this.#totalsAt(id, place);
    if (totals === undefined) return undefined;
    const partial = { client: new Uint8Array(0), debuggee: new Uint8Array(0) };
    const rest: Partial<Record<Side, number>> = {};
    for (const side of sides) {
      const found = this.#bytesBefore(id, side, totals[side], place);
      const end = found === undefined ? this.#endOf(id, side, totals[side], place) : undefined;
      if (found !== undefined) partial[side] = found;
      else if (end !== undefined) rest[side] = end - totals[side].bytes;
      else totals[side] = { ...totals[side], state: "lost", start: totals[side].bytes };
    }
    return { totals, partial, rest };
  }

  /** Stream offset where a message ends that is in progress at a place; known where it began before a segment and ended in it. */
  #endOf(id: number, side: Side, { start, bytes }: SideTotals, place: Place): number | undefined {
    for (let segment = place.segment; segment < this.#segments.length; segment++) {
      const end = this.#segments[segment]?.sessions.get(id)?.next?.[side];
      if (end === undefined) continue;
      const isSame = this.#totalsAt(id, { segment, block: 0 })?.[side].start === start;
      return isSame && end >= bytes ? end : undefined;
    }
    return undefined;
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
    const dropped = this.#dropped.get(id);
    return dropped && { ...dropped };
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

function framesOf({ client, debuggee }: SessionTotals): number {
  return client.frames + debuggee.frames;
}

function fromMark([frames, bytes, start, state]: SideMark): SideTotals {
  return { ...newTotals(), frames, bytes, start, state: followStates[state] ?? "lost" };
}
