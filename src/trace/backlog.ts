// What found no room in the hand-over: counts of the bytes left out, and the relay's own records, which wait.
//
// Rules
// - All of it is told before anything else, in order: a gap stands where its first bytes were missed. So a hit goes before all bytes
//   that come after it, and bytes alone are left out, until there are so many hits that they are counted too.
// - One gap for each session and side, however much is left out: the size does not grow with the traffic.
import type { Side } from "../../protocol/frame.ts";
import { jsonPayload, kinds } from "./batch.ts";
import type { PackedRecord } from "./batch.ts";
import type { Gap, MissedHits } from "./format.ts";

/** Records of the relay's own that wait; more than this at once is a defect elsewhere, and they are dropped. */
const maxWaiting = 10_000;
/** Hits among them: the others are rare, and have room when hits have none. */
const maxHits = 9000;

type Entry = PackedRecord | { readonly time: number; readonly gap: Gap | MissedHits };

export class Backlog {
  readonly #entries = new Map<string, Entry>();
  #key = 0;
  #bytes = 0;

  get size(): number {
    return this.#entries.size;
  }

  /** Of the relay's own records that wait. */
  get bytes(): number {
    return this.#bytes;
  }

  /** A chunk, or the rest of one, is left out. */
  leaveOut(session: number, side: Side, time: number, bytes: number): void {
    const key = `${session} ${side}`;
    const known = this.#entries.get(key);
    const before = known !== undefined && "gap" in known && "side" in known.gap ? known.gap : { chunks: 0, bytes: 0 };
    const gap = { session, side, chunks: before.chunks + 1, bytes: before.bytes + bytes };
    this.#entries.set(key, { time: known?.time ?? time, gap });
  }

  /** False when it is left out; a hit is then counted. */
  wait(record: PackedRecord): boolean {
    const { kind, session, time } = record;
    const isHit = kind === kinds.hit;
    if (this.#entries.size < (isHit ? maxHits : maxWaiting)) {
      this.#entries.set(`${this.#key++}`, record);
      this.#bytes += record.payload.length;
      return true;
    }
    if (!isHit) return false;
    const key = `${session} hits`;
    const known = this.#entries.get(key);
    const before = known !== undefined && "gap" in known && "hits" in known.gap ? known.gap.hits : 0;
    this.#entries.set(key, { time: known?.time ?? time, gap: { session, hits: before + 1 } });
    return false;
  }

  /** Gives out records until one is refused; true when none are left. */
  tell(take: (record: PackedRecord) => boolean): boolean {
    for (const [key, entry] of this.#entries) {
      if (!take(recordOf(entry))) return false;
      this.#entries.delete(key);
      if (!("gap" in entry)) this.#bytes -= entry.payload.length;
    }
    return true;
  }

  /** All of it, which is then here no more. */
  clear(): PackedRecord[] {
    const records = [...this.#entries.values()].map(recordOf);
    this.#entries.clear();
    this.#bytes = 0;
    return records;
  }
}

function recordOf(entry: Entry): PackedRecord {
  if (!("gap" in entry)) return entry;
  const { time, gap } = entry;
  return { kind: kinds.gap, session: gap.session, time, payload: jsonPayload(gap) };
}
