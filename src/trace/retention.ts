// Which of the oldest segments leave a trace that is being written, and what the manifest keeps of them.
//
// Rules
// - By size: as many as it takes for the directory to stay below `maxSize` until the next look, with a live segment that grows to its
//   end and one that is sealed meanwhile. Where nothing is left to drop, nothing more is written until segments are sealed (they shrink).
// - By age: those whose last record is older than `maxAge`.
// - Only sealed ones, only the oldest, in order. The manifest says so first, and then the files go: what a crash leaves behind is
//   known as a leftover by its number. A reader that has one open reads on in it.
// - A file of segment N outside of it is in `sidecars`; texts of sources go with the last segment that names them (source-log.ts).
import { rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { segmentName } from "./format.ts";
import type { Dropped, DropReason, SegmentEntry, SessionTotals } from "./format.ts";
import { maxPayload } from "./slots.ts";

export interface Limits {
  /** Bytes of the trace's directory; Infinity: no bound. */
  readonly maxSize: number;
  /** Milliseconds that records are kept; Infinity: for ever. */
  readonly maxAge: number;
}

export class Retention {
  readonly #dir: string;
  readonly #limits: Limits;
  readonly #most: number;
  /** Bytes of sidecars, by segment. */
  readonly #beside = new Map<number, number>();
  #dropped: Dropped | undefined;

  /** `segmentBytes`: at which a live segment ends, but for the records of one piece. */
  constructor(dir: string, limits: Limits, segmentBytes: number) {
    this.#dir = dir;
    this.#limits = limits;
    this.#most = Math.max(segmentBytes, limits.maxSize - 2 * (segmentBytes + maxPayload));
  }

  /** What is dropped so far. */
  get dropped(): Dropped | undefined {
    return this.#dropped;
  }

  /** Whether a directory of so many bytes leaves no room to go on. */
  over(bytes: number): boolean {
    return bytes > this.#most;
  }

  /** Bytes of all files of a sealed segment; they are looked at once. */
  bytesOf(entry: SegmentEntry | undefined): number {
    if (entry === undefined) return 0;
    const number = numberOf(entry);
    let beside = this.#beside.get(number);
    if (beside === undefined) {
      const sizes = sidecars(number).map(
        (file) => statSync(join(this.#dir, file), { throwIfNoEntry: false })?.size ?? 0,
      );
      beside = sizes.reduce((sum, size) => sum + size, 0);
      this.#beside.set(number, beside);
    }
    return entry.bytes + beside;
  }

  /** How many of the oldest must go, and why; `bytes`: of the whole directory. */
  excess(sealed: readonly SegmentEntry[], bytes: number, now: number): { count: number; by: readonly DropReason[] } {
    const oldest = now - this.#limits.maxAge;
    // One without a record has no time.
    const old = sealed.findLastIndex(({ last, messages }) => messages > 0 && last < oldest) + 1;
    let large = 0;
    for (let left = bytes; large < sealed.length && this.over(left); large++) left -= this.bytesOf(sealed[large]);
    const by: DropReason[] = [];
    if (large > 0) by.push("max_size");
    if (old > 0) by.push("max_age");
    return { count: Math.max(large, old), by };
  }

  /** Counts a segment as dropped; its file must still be there, for where its sessions stood. Never rejects. */
  async drop(entry: SegmentEntry, by: readonly DropReason[]): Promise<void> {
    const before = this.#dropped;
    const sessions = new Map(before?.sessions.map((totals) => [totals.facts.id, totals]));
    let ended = before?.ended ?? 0;
    for (const { next: _, ...totals } of await this.#sessions(entry)) {
      if (totals.end === undefined) sessions.set(totals.facts.id, totals);
      else {
        sessions.delete(totals.facts.id);
        ended++;
      }
    }
    this.#dropped = {
      through: numberOf(entry),
      by: [...new Set([...(before?.by ?? []), ...by])],
      segments: (before?.segments ?? 0) + 1,
      first: before?.first ?? entry.first,
      last: entry.messages > 0 ? entry.last : (before?.last ?? entry.last),
      messages: (before?.messages ?? 0) + entry.messages,
      frames: (before?.frames ?? 0) + (entry.frames ?? 0),
      hits: (before?.hits ?? 0) + (entry.hits ?? 0),
      bytes: (before?.bytes ?? 0) + this.bytesOf(entry),
      ended,
      sessions: [...sessions.values()],
    };
  }

  /** Removes the files of a segment that the manifest says is dropped. Throws what the file system throws. */
  erase(entry: SegmentEntry): void {
    const number = numberOf(entry);
    for (const file of [entry.file, ...sidecars(number)]) rmSync(join(this.#dir, file), { force: true });
    this.#beside.delete(number);
  }

  async #sessions({ file }: SegmentEntry): Promise<readonly SessionTotals[]> {
    try {
      const { openSealed } = await import("./sealed-file.ts");
      const segment = await openSealed(join(this.#dir, file), 0, file);
      const sessions = segment.summary()?.sessions;
      segment.close();
      return sessions ?? [];
    } catch {
      // Without it the ordinals of its sessions begin anew.
      return [];
    }
  }
}

/** Files beside a sealed segment that are made of it. */
export function sidecars(number: number): string[] {
  return [`hits/${segmentName(number)}.idx`];
}

function numberOf({ file }: SegmentEntry): number {
  return Number.parseInt(file, 10);
}
