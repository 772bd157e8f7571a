// Opens a trace and reads it: its sessions, and their messages from any ordinal or time on.
//
// Rules
// - What is damaged is left out and listed in `problems`; only a trace that is missing or newer is refused.
// - Sealed segments are opened by their index and read chunk by chunk: see standings.ts for how a place in them is found.
// - Opening takes what is there now: a live trace is a snapshot (see follow.ts for its growth).
import { join } from "node:path";
import { DebugtapError } from "../../protocol/errors.ts";
import type { Frame, Side } from "../../protocol/frame.ts";
import type { Hit } from "../../protocol/hit.ts";
import type { HttpCall } from "../../protocol/http.ts";
import type { Trigger } from "../../protocol/trigger.ts";
import type { SessionFacts } from "../observer.ts";
import { topics } from "./format.ts";
import type { Dropped, Manifest, SessionTotals, TraceRecord } from "./format.ts";
import { withoutBodies } from "./http.ts";
import { openLive } from "./live-file.ts";
import { checkFormat, listSegments, readManifest } from "./locate.ts";
import type { SegmentFiles } from "./locate.ts";
import { chunksReadable, openSealed } from "./sealed-file.ts";
import type { Block, Segment } from "./segment.ts";
import { SourceIndex } from "./source-index.ts";
import { readSource } from "./sources.ts";
import { Standings } from "./standings.ts";
import type { Lost, Place } from "./standings.ts";
import type { Tally, TalliedMessage } from "./tally.ts";

/** A session of a trace; times are epoch milliseconds. */
export type TraceSession = Omit<SessionTotals, "next"> & {
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

/** One hit. Times are those of its record, which comes when the capture is over; `hit.at` is that of the stop. */
export interface TraceHit {
  /** Epoch milliseconds. */
  readonly time: number;
  /** Milliseconds since the trace began. */
  readonly at: number;
  readonly session: SessionFacts;
  readonly hit: Hit;
}

/** A hit as its record has it: with the id of its session. */
export type StoredHit = Pick<Extract<TraceRecord, { kind: "hit" }>, "time" | "session" | "hit">;

/** As for messages: `from` is a hit's number, or counts the hits of the whole trace when no session is named. */
export type HitQuery = Pick<MessageQuery, "session" | "from">;

/** How often files may be gone again when they are opened. */
const mostTries = 20;

/** Opens a trace's directory. Rejects with DT_TRACE_MISSING or DT_TRACE_NEWER. */
export async function openTrace(dir: string): Promise<Trace> {
  for (let tries = 0; ; tries++) {
    const manifest = readManifest(dir);
    const through = manifest?.dropped?.through ?? 0;
    const segments: Segment[] = [];
    try {
      const files = listSegments(dir).filter(({ number }) => number > through);
      // Others were dropped since the manifest was read.
      if (files[0] !== undefined && files[0].number > through + 1 && tries < mostTries) continue;
      for (const each of files) segments.push(await openSegment(dir, each));
      for (const { format } of segments) checkFormat(dir, format);
      // What has no summary is read through, and what was begun before it with it.
      if (segments.some((segment) => segment.summary() === undefined)) await chunksReadable;
      return new Trace(dir, manifest, segments);
    } catch (error) {
      for (const segment of segments) segment.close();
      // A live file that its writer sealed since it was listed, or a segment that it dropped.
      const gone = error instanceof Error && "code" in error && error.code === "ENOENT" && tries < mostTries;
      if (!gone) throw error;
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
  readonly #standings: Standings;
  readonly #problems = new Map<string, DebugtapError>();
  #facts: ReadonlyMap<number, SessionFacts> | undefined;
  #sourceIndex: Promise<SourceIndex> | undefined;

  constructor(dir: string, manifest: Manifest | undefined, segments: readonly Segment[]) {
    this.dir = dir;
    this.manifest = manifest;
    this.#standings = new Standings((segment, why) => this.#problem(segment, why), manifest?.dropped);
    for (const segment of segments) {
      for (const problem of segment.problems) this.#problem(segment, problem);
      if (segment.pending > 0 && segment.problems.length === 0)
        this.#problem(segment, `its last ${segment.pending} bytes are of a batch that was not committed`);
      this.#standings.add(segment);
    }
  }

  /** Damage met so far: at opening, and while messages were read. */
  get problems(): readonly DebugtapError[] {
    return [...this.#problems.values()];
  }

  get segments(): readonly Segment[] {
    return this.#standings.segments;
  }

  /** The oldest segments, where they are not here any more: ordinals count on behind them. */
  get dropped(): Dropped | undefined {
    return this.manifest?.dropped;
  }

  /** Epoch milliseconds. */
  get started(): number {
    return this.manifest?.started ?? this.segments[0]?.blocks[0]?.first ?? 0;
  }

  /** In the order in which they opened. */
  sessions(): TraceSession[] {
    return [...this.#standings.sessions().values()]
      .sort((a, b) => a.facts.id - b.facts.id)
      .map((known) => {
        const { next: _, ...totals } = known;
        return Object.assign(structuredClone(totals), {
          messages: totals.client.frames + totals.debuggee.frames,
          bytes: totals.client.bytes + totals.debuggee.bytes,
        });
      });
  }

  /** Messages of a session, or of the whole trace, dropped ones included. */
  count(session?: number): number {
    return this.#standings.framesBefore(this.#standings.end, session);
  }

  /** Hits that are here, of a session or of the whole trace; those of dropped segments are not. */
  hitCount(session?: number): number {
    const dropped = new Map(this.dropped?.sessions.map(({ facts, hits }) => [facts.id, hits]));
    return this.sessions()
      .filter(({ facts }) => session === undefined || facts.id === session)
      .reduce((sum, { facts, hits }) => sum + hits - (dropped.get(facts.id) ?? 0), 0);
  }

  /** Messages in the order in which they were complete. */
  async *messages(query: MessageQuery = {}): AsyncGenerator<TraceMessage> {
    const { session, from = 1, count = Infinity, since = -Infinity, until = Infinity } = query;
    if (count <= 0) return;
    await chunksReadable;
    const start = this.#standings.seek(query);
    let tally = this.#standings.tallyAt(start);
    let wide = session === undefined ? this.#standings.framesBefore(start) : 0;
    let given = 0;
    for await (const step of this.#records(start)) {
      if (step.time > until) return;
      const id = "lost" in step ? undefined : sessionOf(step);
      if (session !== undefined && id !== undefined && id !== session) continue;
      const found = "lost" in step ? this.#standings.begunBefore(step, tally, session) : tally.add(step);
      for (const message of found) {
        const ordinal = session === undefined ? ++wide : message.ordinal;
        if (ordinal < from || message.time < since) continue;
        yield this.message(message);
        if (++given === count) return;
      }
      if (!("lost" in step)) continue;
      tally = this.#standings.tallyAt(step.lost);
      if (session === undefined) wide = this.#standings.framesBefore(step.lost);
    }
  }

  /** Hits in the order in which they were captured. */
  async *hits({ session, from = 1 }: HitQuery = {}): AsyncGenerator<TraceHit> {
    await chunksReadable;
    const sources = await this.sourceIndex();
    let wide = this.dropped?.hits ?? 0;
    for (const [segment, { blocks }] of this.segments.entries()) {
      for (let block = 0; block < blocks.length; block++) {
        for (const stored of this.blockHits(segment, block).hits) {
          const found = this.traceHit(stored);
          if (found === undefined || (session !== undefined && session !== stored.session)) continue;
          const ordinal = session === undefined ? ++wide : stored.hit.number;
          if (ordinal >= from) yield { ...found, hit: sources.complete(found.session, found.hit) };
        }
      }
    }
  }

  /** The hits in one block of a segment, both counted from 0, as they are stored; `damaged`: some may be missing. */
  blockHits(segment: number, block: number): { readonly hits: readonly StoredHit[]; readonly damaged: boolean } {
    const read = this.segments[segment];
    if (read === undefined || read.blocks[block]?.hits === false) return { hits: [], damaged: false };
    const { records, damaged } = read.read(block);
    if (damaged !== undefined) this.#problem(read, damaged);
    return { hits: records.filter((record) => record.kind === "hit"), damaged: damaged !== undefined };
  }

  /** Undefined where all that told of its session is damaged. */
  traceHit({ time, session, hit }: StoredHit): TraceHit | undefined {
    const facts = this.facts(session);
    return facts && { time, at: time - this.started, session: facts, hit };
  }

  /** A hit with what the texts of its files were. */
  async withSources(hit: TraceHit): Promise<TraceHit> {
    return { ...hit, hit: (await this.sourceIndex()).complete(hit.session, hit.hit) };
  }

  /** What is known of a session. */
  facts(session: number): SessionFacts | undefined {
    this.#facts ??= new Map(Array.from(this.#standings.sessions(), ([id, { facts }]) => [id, facts]));
    return this.#facts.get(session);
  }

  /** What the texts of all files were, and when. */
  sourceIndex(): Promise<SourceIndex> {
    return (this.#sourceIndex ??= this.#readSources());
  }

  async #readSources(): Promise<SourceIndex> {
    await chunksReadable;
    const index = new SourceIndex();
    for await (const step of this.#records({ segment: 0, block: 0 }, ({ sources }) => sources !== false))
      if (!("lost" in step)) index.add(step);
    return index;
  }

  /** The commands that set off what was recorded, in order, each as far as it got. */
  async triggers(): Promise<Trigger[]> {
    await chunksReadable;
    const triggers = new Map<number, Trigger>();
    const records = this.#records({ segment: 0, block: 0 }, (block) => block.triggers !== false, topics.trigger);
    for await (const step of records)
      if (!("lost" in step) && step.kind === "trigger") triggers.set(step.trigger.id, step.trigger);
    return [...triggers.values()];
  }

  /**
   * The requests that went through triggers, as they began, each as far as it got. Without bodies unless they are asked for: a trace may
   * have very many.
   */
  async http({ bodies = false }: { readonly bodies?: boolean } = {}): Promise<HttpCall[]> {
    await chunksReadable;
    const calls = new Map<number, HttpCall>();
    const records = this.#records({ segment: 0, block: 0 }, (block) => block.http !== false, topics.http);
    for await (const step of records)
      if (!("lost" in step) && step.kind === "http")
        calls.set(step.http.id, bodies ? step.http : withoutBodies(step.http));
    return [...calls.values()].sort((a, b) => a.at - b.at || a.id - b.id);
  }

  /** The text of a source that a frame of a hit names; undefined when it is not stored. */
  source(sha256: string): string | undefined {
    return readSource(this.dir, sha256);
  }

  /** A tally that stands at the end of the trace. */
  tallyAtEnd(): Tally {
    return this.#standings.tallyAt(this.#standings.end);
  }

  /** A tally that stands before a segment, by its number. */
  tallyBefore(number: number): Tally {
    return this.#standings.tallyAt(this.#before(number));
  }

  /** For who reads on from a segment by himself: also how many messages there were before it. */
  countingFrom(number: number): { readonly tally: Tally; readonly wide: number } {
    return { tally: this.tallyBefore(number), wide: this.#standings.framesBefore(this.#before(number)) };
  }

  #before(number: number): Place {
    const segment = this.segments.findIndex((each) => each.number >= number);
    return segment === -1 ? this.#standings.end : { segment, block: 0 };
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
    for (const segment of this.segments) segment.close();
  }

  /** `topic`: its records alone. */
  async *#records(
    start: Place,
    wanted: (block: Block) => boolean = () => true,
    topic?: string,
  ): AsyncGenerator<TraceRecord | Lost> {
    let { block } = start;
    for (const [segment, read] of this.segments.entries()) {
      if (segment < start.segment) continue;
      for (; block < read.blocks.length; block++) {
        const about = read.blocks[block];
        if (about === undefined || !wanted(about)) continue;
        const { records, damaged } = read.read(block, topic);
        yield* records;
        if (damaged === undefined) continue;
        this.#problem(read, damaged);
        yield { lost: { segment, block: block + 1 }, time: about.last };
      }
      block = 0;
    }
  }

  #problem({ file }: Segment, why: string): void {
    const what = `${file} of the trace ${this.dir} is damaged or cut off; what can be trusted was read`;
    if (this.#problems.size < 100)
      this.#problems.set(`${file} ${why}`, new DebugtapError("DT_TRACE_DAMAGED", what, { why }));
  }
}

function sessionOf(record: TraceRecord): number | undefined {
  if (record.kind === "other") return undefined;
  return typeof record.session === "number" ? record.session : record.session.id;
}
