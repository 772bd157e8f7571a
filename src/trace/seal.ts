// Makes a sealed segment of a live one: zstd chunks, an index, and what the sessions in it come to.
//
// Rules
// - The order of the last steps is the whole safety: data to the disk, rename, directory to the disk, and only then the live file goes.
// - Always made from the live file, so sealing at a roll, at the end and after a crash are one path.
// - The index of its hits is made on the way, since they are decoded here anyway; without it the segment is as good.
// - It lets the event loop turn after each chunk: the recorder goes on while it seals.
import zstd from "@foxglove/wasm-zstd";
import { McapWriter } from "@mcap/core";
import { createHash } from "node:crypto";
import { closeSync, fdatasyncSync, openSync, readSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { jsonPayload } from "./batch.ts";
import { breathe } from "./breath.ts";
import { fileMode, syncDir, writeAll } from "./files.ts";
import { IndexBuilder } from "./hit-index-file.ts";
import { writeIndex } from "./hit-index-store.ts";
import { format, metadataNames, profile, segmentName, sides, topics } from "./format.ts";
import type { BlockMark, Gap, SegmentEntry, StoredMessage, TraceRecord } from "./format.ts";
import { LiveScanner } from "./live-scanner.ts";
import type { ScannedBatch } from "./live-scanner.ts";
import { RecordDecoder } from "./records.ts";
import type { Tally } from "./tally.ts";

const chunkSize = 1024 * 1024;
const pieceSize = 1024 * 1024;

/** Appends to a file, whole writes only, and knows its hash. */
export class FileSink {
  readonly #fd: number;
  readonly #hash = createHash("sha256");
  #position = 0;

  constructor(fd: number) {
    this.#fd = fd;
  }

  write(bytes: Uint8Array): Promise<void> {
    writeAll(this.#fd, bytes, this.#position);
    this.#hash.update(bytes);
    this.#position += bytes.length;
    return Promise.resolve();
  }

  position(): bigint {
    return BigInt(this.#position);
  }

  sha256(): string {
    return this.#hash.copy().digest("hex");
  }
}

/** Writes records to one sealed MCAP file. */
export class SealedWriter {
  readonly #sink: FileSink;
  readonly #mcap: McapWriter;
  readonly #channels = new Map<string, number>();
  #first = 0;
  #last = 0;

  constructor(fd: number) {
    this.#sink = new FileSink(fd);
    this.#mcap = new McapWriter({
      writable: this.#sink,
      chunkSize,
      startChannelId: 1,
      compressChunk: (chunk) => ({ compression: "zstd", compressedData: zstd.compress(chunk, 3) }),
    });
  }

  /** Chunks that are complete. */
  get chunks(): number {
    return this.#mcap.statistics?.chunkCount ?? 0;
  }

  async start(version: string, segment: number): Promise<void> {
    await zstd.isLoaded;
    await this.#mcap.start({ profile, library: `debugtap ${version}` });
    const metadata = new Map([
      ["format", String(format)],
      ["segment", String(segment)],
    ]);
    await this.#mcap.addMetadata({ name: metadataNames.segment, metadata });
  }

  async add(message: StoredMessage): Promise<void> {
    const { channel, sequence, logTime, publishTime, data } = message;
    let channelId = this.#channels.get(channel.topic);
    if (channelId === undefined) {
      const { topic, messageEncoding } = channel;
      const metadata = new Map(channel.metadata);
      channelId = await this.#mcap.registerChannel({ schemaId: 0, topic, messageEncoding, metadata });
      this.#channels.set(topic, channelId);
    }
    if (this.#first === 0) this.#first = message.time;
    this.#last = message.time;
    await this.#mcap.addMessage({ channelId, sequence, logTime, publishTime, data });
  }

  async json(name: string, value: unknown): Promise<void> {
    await this.#mcap.addMetadata({ name, metadata: new Map([["json", JSON.stringify(value)]]) });
  }

  async end(file: string): Promise<Omit<SegmentEntry, "frames" | "hits">> {
    await this.#mcap.end();
    const messages = Number(this.#mcap.statistics?.messageCount ?? 0);
    const bytes = Number(this.#sink.position());
    return { file, first: this.#first, last: this.#last, messages, bytes, sha256: this.#sink.sha256() };
  }
}

export interface Seal {
  readonly dir: string;
  readonly number: number;
  readonly version: string;
  /** As it stands before this segment; it is at the end of it afterwards, also when the seal fails. */
  readonly tally: Tally;
}

/** Seals `N.live` into `N.mcap` and removes `N.live`; on an error `N.live` stays as it is and the error is thrown. */
export async function sealSegment({ dir, number, version, tally }: Seal): Promise<SegmentEntry> {
  const name = segmentName(number);
  const [live, sealed] = [join(dir, `${name}.live`), join(dir, `${name}.mcap`)];
  const temporary = `${sealed}.tmp`;
  rmSync(temporary, { force: true });
  const fd = openSync(temporary, "wx", fileMode);
  const index = new IndexBuilder();
  let entry: SegmentEntry;
  try {
    entry = await copyRecords(live, new SealedWriter(fd), { number, version, tally, file: `${name}.mcap`, index });
    fdatasyncSync(fd);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  } finally {
    closeSync(fd);
  }
  renameSync(temporary, sealed);
  syncDir(dir);
  rmSync(live, { force: true });
  if (index.hits > 0) writeIndex(dir, number, index);
  return entry;
}

async function copyRecords(
  live: string,
  writer: SealedWriter,
  { number, version, tally, file, index }: Omit<Seal, "dir"> & { file: string; index: IndexBuilder },
): Promise<SegmentEntry> {
  await writer.start(version, number);
  const before = tally.frames;
  const decoder = new RecordDecoder();
  const blocks: BlockMark[] = [];
  let last: StoredMessage | undefined;
  for (const batch of committedBatches(live)) {
    const records = "damaged" in batch ? gapsForDamage(tally, last) : decoder.decode(batch.records);
    for (const record of records) {
      if (record.stored.channel.topic === topics.commit) continue;
      last = record.stored;
      tally.add(record);
      if (record.kind === "hit") index.add(record.hit, record.session, blocks.length);
      await writer.add(record.stored);
      breathe();
      if (writer.chunks === blocks.length) continue;
      blocks.push(tally.block());
      await turn();
    }
  }
  blocks.push(tally.block());
  await writer.json(metadataNames.sessions, tally.segment());
  await writer.json(metadataNames.frames, blocks);
  return { ...(await writer.end(file)), frames: tally.frames - before, hits: index.hits };
}

/** A damaged batch may have held bytes of any session: the sealed file says so with a gap of unknown size for each. */
function gapsForDamage(tally: Tally, last: StoredMessage | undefined): TraceRecord[] {
  const channel = { topic: topics.gap, messageEncoding: "json", metadata: new Map<string, string>() };
  const [time, before] = [last?.time ?? 0, last?.logTime ?? 0n];
  const times = { time, logTime: before, publishTime: last?.publishTime ?? before, sequence: last?.sequence ?? 0 };
  return tally.open().flatMap((session) =>
    sides.map((side): TraceRecord => {
      const gap: Gap = { session, side, chunks: 0, bytes: 0 };
      return { kind: "gap", time, session, gap, stored: { channel, ...times, data: jsonPayload(gap) } };
    }),
  );
}

function* committedBatches(path: string): Generator<ScannedBatch> {
  const scanner = new LiveScanner();
  const fd = openSync(path, "r");
  try {
    for (let position = 0; ;) {
      const piece = new Uint8Array(pieceSize);
      const length = readSync(fd, piece, 0, piece.length, position);
      if (length === 0) break;
      position += length;
      yield* scanner.push(piece.subarray(0, length));
    }
    if (scanner.problem !== undefined) yield { damaged: scanner.problem, from: scanner.committed };
  } finally {
    closeSync(fd);
  }
}
