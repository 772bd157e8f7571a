// What the text of each file was at which time, from the source records of a trace.
import type { Hit, SnapshotFrame } from "../../protocol/hit.ts";
import type { SessionFacts } from "../observer.ts";
import type { SourceVersion, TraceRecord } from "./format.ts";

export class SourceIndex {
  /** By {@link keyOf}, in the order of the records. */
  readonly #versions = new Map<string, SourceVersion[]>();

  add(record: TraceRecord): void {
    if (record.kind !== "source") return;
    const { session, source } = record;
    const key = keyOf(source.host ?? session, source.path);
    const versions = this.#versions.get(key);
    if (versions === undefined) this.#versions.set(key, [source]);
    else versions.push(source);
  }

  /** The hit with each frame's `source`, or why there is none. */
  complete(session: SessionFacts, hit: Hit): Hit {
    const frames = hit.snapshot.frames.map((frame) => this.#completed(session, hit.at, frame));
    return { ...hit, snapshot: { ...hit.snapshot, frames } };
  }

  /** What the text of a file was when a hit stopped: its SHA-256; undefined where that is not known. */
  textAt(session: SessionFacts, at: number, path: string): string | undefined {
    return this.#completed(session, at, { name: "", path }).source;
  }

  /** Whether the text of a file is the same for all hits of a session. */
  isSteady(session: SessionFacts, path: string): boolean {
    return new Set(this.#of(session, path).map(({ sha256 }) => sha256)).size <= 1;
  }

  #of({ id, host }: SessionFacts, path: string): readonly SourceVersion[] {
    const own = this.#versions.get(keyOf(id, path)) ?? [];
    return [...own, ...(host === undefined ? [] : (this.#versions.get(keyOf(host, path)) ?? []))];
  }

  #completed(session: SessionFacts, at: number, frame: SnapshotFrame): SnapshotFrame {
    if (frame.path === undefined) return frame;
    const all = this.#of(session, frame.path);
    // A file that has gone was there: the process still runs what its text was.
    const texts = all.filter(({ sha256 }) => sha256 !== undefined);
    const text = texts.findLast(({ since }) => since <= at) ?? texts[0];
    if (text?.sha256 !== undefined) return { ...frame, source: text.sha256 };
    const why = all.findLast(({ since }) => since <= at)?.why;
    return why === undefined ? frame : { ...frame, noSource: why };
  }
}

function keyOf(where: string | number, path: string): string {
  return JSON.stringify([where, path]);
}
