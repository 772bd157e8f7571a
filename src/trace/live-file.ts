// A live segment as the reader sees it: its committed batches, in blocks of about 1 MiB.
import { LiveScanner } from "./live-scanner.ts";
import { topics } from "./format.ts";
import type { TraceRecord } from "./format.ts";
import { RecordDecoder } from "./records.ts";
import { FileBytes } from "./segment.ts";
import type { Block, BlockRecords, Segment } from "./segment.ts";

const pieceSize = 1024 * 1024;

/** Reads a live file as it grows. */
export class LiveTail {
  readonly file: FileBytes;
  readonly scanner = new LiveScanner();
  readonly decoder = new RecordDecoder();
  #position = 0;

  constructor(path: string) {
    this.file = new FileBytes(path);
  }

  /** What the next piece of the file completes; undefined at the end of what there is. */
  next(): BlockRecords | undefined {
    const piece = this.file.read(this.#position, pieceSize);
    if (piece.length === 0 || this.scanner.stopped !== undefined) return undefined;
    this.#position += piece.length;
    return scan(this.scanner, this.decoder, piece);
  }
}

function scan(scanner: LiveScanner, decoder: RecordDecoder, bytes: Uint8Array): BlockRecords {
  const records: TraceRecord[] = [];
  let damaged: string | undefined;
  for (const batch of scanner.push(bytes)) {
    if ("damaged" in batch) damaged = batch.damaged;
    else
      for (const record of decoder.decode(batch.records))
        if (record.stored.channel.topic !== topics.commit) records.push(record);
  }
  return damaged === undefined ? { records } : { records, damaged };
}

export function openLive(path: string, number: number, file: string): Segment {
  const tail = new LiveTail(path);
  const blocks: Block[] = [];
  const places: { readonly start: number; readonly end: number }[] = [];
  for (let start = 0; ; start = tail.scanner.committed) {
    const block = tail.next();
    if (block === undefined) break;
    if (tail.scanner.committed === start) continue;
    const { records } = block;
    const before = blocks.at(-1)?.last ?? 0;
    places.push({ start, end: tail.scanner.committed });
    blocks.push({
      first: records[0]?.time ?? before,
      last: records.at(-1)?.time ?? before,
      sessions: sessionsOf(records),
    });
  }
  const { stopped } = tail.scanner;
  return {
    number,
    file,
    sealed: false,
    format: tail.decoder.format,
    blocks,
    problems: stopped === undefined ? [] : [stopped],
    pending: Math.max(0, tail.file.size - tail.scanner.committed),
    read: (block) => {
      const place = places[block];
      if (place === undefined) return { records: [] };
      const bytes = tail.file.read(place.start, place.end - place.start);
      return scan(new LiveScanner(place.start), new RecordDecoder(tail.decoder.channels), bytes);
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
