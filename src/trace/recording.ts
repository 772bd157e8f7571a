// Records that were handed over -> batches of the live segment, with their times and their sessions' facts.
//
// Rules
// - A batch is written whole or not at all: after a refused write nothing of it is counted, and the same records may come again.
import { member, parseJson } from "../../protocol/json.ts";
import type { SessionFacts } from "../observer.ts";
import { kinds } from "./batch.ts";
import type { PackedRecord } from "./batch.ts";
import type { Missed } from "../../protocol/control.ts";
import { isGap, isMissedHits, parseFacts, topics } from "./format.ts";
import type { Stamp } from "./commit.ts";
import type { LiveSegment, RelayTopic } from "./live-segment.ts";
import type { WorkerOptions } from "./messages.ts";

const topicOf = new Map<number, RelayTopic>([
  [kinds.open, topics.session],
  [kinds.end, topics.session],
  [kinds.note, topics.note],
  [kinds.gap, topics.gap],
  [kinds.hit, topics.hit],
  [kinds.source, topics.source],
  [kinds.trigger, topics.trigger],
  [kinds.http, topics.http],
]);

export class Recording {
  readonly #timeOrigin: number;
  readonly #hrtimeOrigin: bigint;
  readonly #started: number;
  readonly #anchor: bigint;
  readonly #sessions = new Map<number, SessionFacts>();
  #lastTime = 0n;
  #records = 0;
  #bytes = 0;
  #sessionCount = 0;
  readonly #missed = { chunks: 0, bytes: 0, hits: 0 };

  constructor({ timeOrigin, hrtimeOrigin, started }: WorkerOptions) {
    this.#timeOrigin = timeOrigin;
    this.#hrtimeOrigin = hrtimeOrigin;
    this.#started = started;
    this.#anchor = BigInt(Math.round(timeOrigin * 1000)) * 1000n;
  }

  get records(): number {
    return this.#records;
  }

  get totals(): { sessions: number; records: number; bytes: number; missed: Missed } {
    return {
      sessions: this.#sessionCount,
      records: this.#records,
      bytes: this.#bytes,
      missed: { ...this.#missed },
    };
  }

  /** Whether a session of this id was opened, and has not ended. */
  isOpen(session: number): boolean {
    return this.#sessions.has(session);
  }

  /** Writes the head of the trace's first segment. */
  begin(segment: LiveSegment): void {
    segment.commit(this.#stamp(this.#started - this.#timeOrigin, 0));
  }

  /** Throws what the file system throws. */
  write(segment: LiveSegment, records: Iterable<PackedRecord>): void {
    const before = { records: this.#records, lastTime: this.#lastTime };
    const skew = this.#skew();
    const ended: number[] = [];
    const missed: Partial<Missed>[] = [];
    let opened = 0;
    let stamp: Stamp = { sequence: 0, logTime: this.#lastTime, publishTime: this.#lastTime };
    try {
      for (const record of records) {
        stamp = this.#stamp(record.time, skew);
        this.#records++;
        if (record.kind === kinds.open && this.#opened(record)) opened++;
        else if (record.kind === kinds.end) ended.push(record.session);
        else if (record.kind === kinds.gap) missed.push(gapOf(record));
        const topic = topicOf.get(record.kind);
        if (topic !== undefined) segment.relay(topic, stamp, record.payload);
        else {
          const side = record.kind === kinds.client ? "client" : "debuggee";
          segment.chunk(this.#facts(record.session), side, stamp, record.payload);
        }
      }
      const committed = segment.bytes;
      segment.commit(stamp);
      this.#bytes += segment.bytes - committed;
    } catch (error) {
      this.#records = before.records;
      this.#lastTime = before.lastTime;
      throw error;
    }
    this.#sessionCount += opened;
    for (const each of missed) this.#miss(each);
    for (const session of ended) this.#sessions.delete(session);
  }

  /** Counts records that nobody will write any more. */
  lose(records: Iterable<PackedRecord>): void {
    for (const record of records) {
      if (record.kind === kinds.gap) this.#miss(gapOf(record));
      else if (record.kind === kinds.hit) this.#miss({ hits: 1 });
      else if (!topicOf.has(record.kind)) this.#miss({ chunks: 1, bytes: record.payload.length });
    }
  }

  #miss({ chunks = 0, bytes = 0, hits = 0 }: Partial<Missed>): void {
    this.#missed.chunks += chunks;
    this.#missed.bytes += bytes;
    this.#missed.hits += hits;
  }

  /** True when this session was not known: a batch that is tried again opens its sessions again. */
  #opened(record: PackedRecord): boolean {
    const known = this.#sessions.has(record.session);
    const facts = parseFacts(member(parseJson(record.payload), "open"));
    if (facts !== undefined) this.#sessions.set(record.session, facts);
    return !known;
  }

  /** Bytes of a session that nobody opened are a defect elsewhere, but they are not thrown away for it. */
  #facts(id: number): SessionFacts {
    let facts = this.#sessions.get(id);
    if (facts === undefined) {
      const name = `unknown#${id}`;
      facts = { id, service: "unknown", ordinal: id, name, wire: "raw", debuggee: "", client: "" };
      this.#sessions.set(id, facts);
    }
    return facts;
  }

  /** Milliseconds that the wall clock is ahead of the anchor now. */
  #skew(): number {
    return Date.now() - this.#timeOrigin - Number(process.hrtime.bigint() - this.#hrtimeOrigin) / 1e6;
  }

  /** Strictly increasing nanoseconds from the forwarding thread's milliseconds. */
  #stamp(time: number, skew: number): Stamp {
    let logTime = this.#anchor + BigInt(Math.round(time * 1e6));
    if (logTime <= this.#lastTime) logTime = this.#lastTime + 1n;
    this.#lastTime = logTime;
    const publishTime = skew === 0 ? logTime : logTime + BigInt(Math.round(skew * 1e6));
    return { sequence: (this.#records + 1) >>> 0, logTime, publishTime };
  }
}

function gapOf({ payload }: PackedRecord): Partial<Missed> {
  const gap = parseJson(payload);
  return isGap(gap) || isMissedHits(gap) ? gap : {};
}
