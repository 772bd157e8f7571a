// Keeps count of all sessions of a trace while its records go by: messages, bytes, hits, ends. The sealer makes a segment's summary
// of it, the reader its list of sessions and the ordinals of messages.
//
// Rules
// - A message's ordinal counts the messages of its session from 1, both sides together, in the order in which they were complete.
// - Followers are made when their side is first seen. So a tally may begin in the middle of a trace: `resume` then says where a
//   session stands, and is asked once for each.
// - A session of which the opening is not there may be in the middle of a message: it begins as after a gap.
import type { Side } from "../../protocol/frame.ts";
import type { SessionFacts } from "../observer.ts";
import { Follower, newTotals } from "./follower.ts";
import type { Message } from "./follower.ts";
import { sides } from "./format.ts";
import type { BlockMark, FollowState, SessionTotals, SideMark, SideTotals, TraceRecord } from "./format.ts";
import { stateNumber } from "./records.ts";

export interface TalliedMessage {
  readonly ordinal: number;
  readonly time: number;
  readonly session: SessionFacts;
  readonly side: Side;
  readonly message: Message;
}

export interface Resume {
  readonly totals: SessionTotals;
  /** The begun message of each side. */
  readonly partial: Readonly<Record<Side, Uint8Array>>;
  /** Where that is not there: how many bytes of it are to come. */
  readonly rest: Readonly<Partial<Record<Side, number>>>;
}

interface Entry {
  readonly totals: Omit<SessionTotals, Side | "next">;
  readonly followers: Record<Side, Follower>;
  /** Where messages start that were in progress when the segment began, and where they ended in it. */
  begun: Partial<Record<Side, number>>;
  next: Partial<Record<Side, number>>;
}

export class Tally {
  readonly #sessions = new Map<number, Entry>();
  readonly #resume: ((session: number) => Resume | undefined) | undefined;
  #touched = new Set<number>();
  #frames: number;
  #block = new Map<number, readonly [SideMark, SideMark]>();
  #blockFrames: number;

  constructor(start: { frames?: number; resume?: (session: number) => Resume | undefined } = {}) {
    this.#frames = this.#blockFrames = start.frames ?? 0;
    this.#resume = start.resume;
  }

  /** Messages of the whole trace so far. */
  get frames(): number {
    return this.#frames;
  }

  /** Takes the next record; returns the messages that it completes. */
  add(record: TraceRecord): TalliedMessage[] {
    switch (record.kind) {
      case "open":
        this.#entry(record.session.id, record.time, record.session, "ok");
        return [];
      case "chunk": {
        const entry = this.#entry(record.session.id, record.time, record.session, "lost");
        if (entry === undefined) return [];
        return this.#out(entry, record.side, record.time, (follower) => follower.push(record.bytes));
      }
      case "gap": {
        const { side, chunks, bytes } = record.gap;
        const entry = this.#entry(record.session, record.time);
        return entry === undefined
          ? []
          : this.#out(entry, side, record.time, (follower) => follower.gap(chunks, bytes));
      }
      case "note": {
        const entry = this.#entry(record.session, record.time);
        if (entry === undefined) return [];
        entry.totals.notes++;
        // The connection was lost, and the next one begins with a message.
        const { kind, side } = record.note;
        return kind === "gap" && side !== undefined
          ? this.#out(entry, side, record.time, (follower) => follower.gap(0, 0))
          : [];
      }
      case "hit": {
        const entry = this.#entry(record.session, record.time);
        if (entry !== undefined) entry.totals.hits++;
        return [];
      }
      case "missed": {
        const entry = this.#entry(record.session, record.time);
        if (entry !== undefined) entry.totals.missedHits = (entry.totals.missedHits ?? 0) + record.hits;
        return [];
      }
      case "end": {
        const entry = this.#entry(record.session, record.time);
        if (entry === undefined) return [];
        entry.totals.end = record.end;
        return sides.flatMap((side) => this.#out(entry, side, record.time, (follower) => follower.end()));
      }
      default:
        return [];
    }
  }

  /** Ids of the sessions seen so far that have not ended. */
  open(): number[] {
    return [...this.#sessions].flatMap(([id, { totals }]) => (totals.end === undefined ? [id] : []));
  }

  /** Something unknown is missing here, for every one of these sessions; returns what was begun before it. */
  damage(time: number, sessions: Iterable<number> = this.open()): TalliedMessage[] {
    return Array.from(sessions).flatMap((session) => {
      const entry = this.#entry(session, time);
      return entry === undefined
        ? []
        : sides.flatMap((side) => this.#out(entry, side, time, (follower) => follower.gap(0, 0)));
    });
  }

  /** Begins a block and returns the mark of the one that ends. */
  block(): BlockMark {
    const mark = { frames: this.#blockFrames, sessions: Object.fromEntries(this.#block) };
    this.#block = new Map();
    this.#blockFrames = this.#frames;
    return mark;
  }

  /** Begins a segment and returns the sessions that the one that ends has records of; forgets those that are over. */
  segment(): SessionTotals[] {
    const summary = [...this.#touched].flatMap((id) => this.session(id) ?? []);
    for (const id of this.#touched) if (this.#sessions.get(id)?.totals.end !== undefined) this.#sessions.delete(id);
    this.#touched = new Set();
    return summary;
  }

  /** Where a session stands. */
  session(id: number): SessionTotals | undefined {
    const entry = this.#sessions.get(id);
    if (entry === undefined) return undefined;
    const { client, debuggee } = entry.followers;
    const next = Object.keys(entry.next).length === 0 ? {} : { next: { ...entry.next } };
    return { ...entry.totals, client: { ...client.totals }, debuggee: { ...debuggee.totals }, ...next };
  }

  /** A tally at the same place that goes on by itself. */
  fork(): Tally {
    const copy = new Tally({ frames: this.#frames, ...(this.#resume === undefined ? {} : { resume: this.#resume }) });
    for (const [id, { totals, followers, begun, next }] of this.#sessions) {
      const forked = { client: followers.client.fork(), debuggee: followers.debuggee.fork() };
      copy.#sessions.set(id, { totals: { ...totals }, followers: forked, begun: { ...begun }, next: { ...next } });
    }
    return copy;
  }

  #entry(id: number, time: number, facts?: SessionFacts, state?: FollowState): Entry | undefined {
    let entry = this.#sessions.get(id);
    if (entry === undefined) {
      entry = this.#create(id, time, facts, state);
      if (entry === undefined) return undefined;
      this.#sessions.set(id, entry);
    }
    if (!this.#block.has(id))
      this.#block.set(id, [mark(entry.followers.client.totals), mark(entry.followers.debuggee.totals)]);
    if (!this.#touched.has(id)) {
      this.#touched.add(id);
      entry.next = {};
      entry.begun = {};
      for (const side of sides) {
        const { start, bytes } = entry.followers[side].totals;
        if (start < bytes) entry.begun[side] = start;
      }
    }
    entry.totals.last = time;
    return entry;
  }

  #create(id: number, time: number, facts?: SessionFacts, state: FollowState = "lost"): Entry | undefined {
    const resume = this.#resume?.(id);
    if (resume !== undefined) {
      const { client, debuggee, next: _, ...totals } = resume.totals;
      const { partial, rest } = resume;
      const wire = totals.facts.wire;
      const followers = {
        client: new Follower(wire, client, partial.client, rest.client),
        debuggee: new Follower(wire, debuggee, partial.debuggee, rest.debuggee),
      };
      return { totals, followers, begun: {}, next: {} };
    }
    if (facts === undefined) return undefined;
    const begin = (): Follower => new Follower(facts.wire, { ...newTotals(), state });
    const followers = { client: begin(), debuggee: begin() };
    return { totals: { facts, first: time, last: time, notes: 0, hits: 0 }, followers, begun: {}, next: {} };
  }

  #out(entry: Entry, side: Side, time: number, step: (follower: Follower) => Message[]): TalliedMessage[] {
    const { client, debuggee } = entry.followers;
    let ordinal = client.totals.frames + debuggee.totals.frames;
    const messages = step(entry.followers[side]);
    this.#frames += messages.length;
    const begun = entry.begun[side];
    if (begun !== undefined && messages[0] !== undefined) {
      delete entry.begun[side];
      if (entry.followers[side].totals.state !== "opaque") entry.next[side] = begun + lengthOf(messages[0]);
    }
    return messages.map((message) => ({ ordinal: ++ordinal, time, session: entry.totals.facts, side, message }));
  }
}

function lengthOf(message: Message): number {
  return "frame" in message ? message.frame.bytes.length : message.bytes.length;
}

export function mark(totals: Readonly<SideTotals>): SideMark {
  return [totals.frames, totals.bytes, totals.start, stateNumber(totals.state)];
}
