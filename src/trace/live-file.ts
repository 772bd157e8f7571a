// A live segment as the reader sees it: its committed batches, in blocks of about 1 MiB.
import { LiveScanner } from "./live-scanner.ts";
import type { ScannedBatch } from "./live-scanner.ts";
import { topics } from "./format.ts";
import type { TraceRecord } from "./format.ts";
import { RecordDecoder } from "./records.ts";
import { FileBytes } from "./segment.ts";
import type { Block, BlockRecords, Segment } from "./segment.ts";

const pieceSize = 1024 * 1024;

/** Some committed records and where they are in the file. With `damaged`, damage follows them. */
interface LiveBlock extends BlockRecords {
  readonly start: number;
  readonly end: number;
}

/** Reads a live file as it grows. */
export class LiveTail {
  readonly file: FileBytes;
  readonly scanner = new LiveScanner();
  readonly decoder = new RecordDecoder();
  #position = 0;
  #batches: Iterator<ScannedBatch> = [].values();

  constructor(path: string) {
    this.file = new FileBytes(path);
  }

  /** The batches that the next piece of the file completes, up to damage; undefined at the end of what there is. */
  next(): LiveBlock | undefined {
    const records: TraceRecord[] = [];
    const start = this.scanner.committed;
    for (let any = false; ;) {
      const end = this.scanner.committed;
      const batch = this.#batches.next();
      if (batch.done === true) {
        if (any) return { records, start, end };
        const piece = this.file.read(this.#position, pieceSize);
        if (piece.length === 0 || this.scanner.stopped) return undefined;
        this.#position += piece.length;
        this.#batches = this.scanner.push(piece);
      } else if ("damaged" in batch.value)
        return { records, start, end: batch.value.from, damaged: batch.value.damaged };
      else {
        any = true;
        records.push(...decoded(this.decoder, batch.value.records));
      }
    }
  }
}

function decoded(decoder: RecordDecoder, bytes: Uint8Array, topic?: string): TraceRecord[] {
  return Array.from(decoder.decode(bytes, topic)).filter(({ stored }) => stored.channel.topic !== topics.commit);
}

export function openLive(path: string, number: number, file: string): Segment {
  const tail = new LiveTail(path);
  const blocks: Block[] = [];
  const places: Omit<LiveBlock, "records">[] = [];
  for (let block = tail.next(); block !== undefined; block = tail.next()) {
    const { records, ...place } = block;
    const before = blocks.at(-1)?.last ?? 0;
    places.push(place);
    blocks.push({
      first: records[0]?.time ?? before,
      last: records.at(-1)?.time ?? before,
      sessions: sessionsOf(records),
      hits: records.some(({ kind }) => kind === "hit"),
      sources: records.some(({ kind }) => kind === "source"),
      triggers: records.some(({ kind }) => kind === "trigger"),
      http: records.some(({ kind }) => kind === "http"),
    });
  }
  const { problem } = tail.scanner;
  return {
    number,
    file,
    sealed: false,
    format: tail.decoder.format,
    blocks,
    problems: problem === undefined ? [] : [problem],
    pending: Math.max(0, tail.file.size - tail.scanner.committed),
    read: (block, topic) => {
      const place = places[block];
      if (place === undefined) return { records: [] };
      const decoder = new RecordDecoder(tail.decoder.channels);
      const records: TraceRecord[] = [];
      for (const batch of new LiveScanner(place.start).push(tail.file.read(place.start, place.end - place.start)))
        if ("records" in batch) records.push(...decoded(decoder, batch.records, topic));
      return place.damaged === undefined ? { records } : { records, damaged: place.damaged };
    },
    summary: () => undefined,
    close: () => tail.file.close(),
  };
}

export function sessionsOf(records: readonly TraceRecord[]): ReadonlySet<number> {
  const sessions = new Set<number>();
  for (const record of records) {
    if (record.kind === "chunk" || record.kind === "open") sessions.add(record.session.id);
    else if (record.kind !== "other") sessions.add(record.session);
  }
  return sessions;
}
