// What a trace has said of source files: which text each has now, and which texts are stored.
//
// Rules
// - What was said last of a file is not said again, but for once at the start of each segment: so a segment names every text that its
//   hits need, and the segments before it can be dropped.
// - What holds for a session alone is not said again when that is over. What is said again takes a part of the segment at most: the latest.
// - A text may go when no segment that is left names it.
import { rmSync } from "node:fs";
import { jsonPayload, kinds } from "./batch.ts";
import type { PackedRecord } from "./batch.ts";
import type { SourceVersion } from "./format.ts";
import { sourcePath } from "./sources.ts";

interface Said {
  readonly session: number;
  readonly source: SourceVersion;
}

export class SourceLog {
  readonly #dir: string;
  /** By file, the latest last. The writer bounds how many there are. */
  readonly #said = new Map<string, Said>();
  /** By SHA-256; `named`: the last segment that names it, 0 while its record is not written. */
  readonly #texts = new Map<string, { readonly bytes: number; named: number }>();
  readonly #waiting: Said[] = [];
  #bytes = 0;

  constructor(dir: string) {
    this.#dir = dir;
  }

  /** Of all texts that are stored. */
  get bytes(): number {
    return this.#bytes;
  }

  /** To be said with the next records, unless it was the last that was said of this file. `bytes`: of its text, which is stored. */
  add(session: number, source: SourceVersion, bytes: number): void {
    const { host, path, sha256, why } = source;
    if (sha256 !== undefined && !this.#texts.has(sha256)) {
      this.#texts.set(sha256, { bytes, named: 0 });
      this.#bytes += bytes;
    }
    const key = JSON.stringify([host ?? session, path]);
    const last = this.#said.get(key)?.source;
    if (last !== undefined && (last.sha256 ?? last.why) === (sha256 ?? why)) return;
    const said = { session, source };
    this.#said.delete(key);
    this.#said.set(key, said);
    this.#waiting.push(said);
  }

  /** Records of what was not said yet. */
  waiting(time: number): PackedRecord[] {
    return this.#waiting.map((said) => recordOf(said, time));
  }

  /** They are written, in this segment. */
  written(segment: number): void {
    this.#name(this.#waiting, segment);
    this.#waiting.length = 0;
  }

  /** Records of all that holds now, for the start of a segment: at most so many bytes. To be written before others, at their time. */
  again(segment: number, most: number, isOpen: (session: number) => boolean): PackedRecord[] {
    const waiting = new Set(this.#waiting);
    const records: PackedRecord[] = [];
    const said: Said[] = [];
    let room = most;
    for (const each of Array.from(this.#said.values()).reverse()) {
      if (waiting.has(each) || (each.source.host === undefined && !isOpen(each.session))) continue;
      // Stamped as the moment behind the record before it.
      const record = recordOf(each, 0);
      room -= record.payload.length;
      if (room < 0) break;
      records.push(record);
      said.push(each);
    }
    this.#name(said, segment);
    return records.reverse();
  }

  /** Removes the texts that only segments up to this one name. Throws what the file system throws. */
  drop(through: number): void {
    const waiting = new Set(this.#waiting.map(({ source }) => source.sha256));
    for (const [sha256, { bytes, named }] of this.#texts) {
      if (named > through || waiting.has(sha256)) continue;
      rmSync(sourcePath(this.#dir, sha256), { force: true });
      this.#texts.delete(sha256);
      this.#bytes -= bytes;
      for (const [key, { source }] of this.#said) if (source.sha256 === sha256) this.#said.delete(key);
    }
  }

  #name(said: readonly Said[], segment: number): void {
    for (const { source } of said) {
      const text = source.sha256 === undefined ? undefined : this.#texts.get(source.sha256);
      if (text !== undefined) text.named = segment;
    }
  }
}

function recordOf({ session, source }: Said, time: number): PackedRecord {
  return { kind: kinds.source, session, time, payload: jsonPayload({ session, source }) };
}
