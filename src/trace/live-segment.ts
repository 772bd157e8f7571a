// The open segment: unchunked MCAP records, appended batch by batch, each closed by a commit.
//
// Rules
// - A batch is built in memory, then written with its commit in one go. After a failed write the file is cut back to the last commit.
// - The channel of commits is 1, so that a reader knows a commit even when the batch that declared it is damaged.
// - After a failed write this object is done for: its channels may stand only in what was cut off. The owner begins a new segment.
import { McapRecordBuilder } from "@mcap/core";
import { closeSync, fdatasyncSync, ftruncateSync, openSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import type { Side } from "../../protocol/frame.ts";
import type { SessionFacts } from "../observer.ts";
import { fileMode, writeAll } from "./files.ts";
import { format, metadataNames, profile, segmentName, sideTopic, topics } from "./format.ts";

export const commitChannel = 1;
const relayTopics = [topics.session, topics.note, topics.gap] as const;
export type RelayTopic = (typeof relayTopics)[number];

const encoder = new TextEncoder();

export class LiveSegment {
  readonly number: number;
  readonly path: string;
  /** Milliseconds of the monotonic clock. */
  readonly opened = performance.now();
  readonly #fd: number;
  readonly #builder = new McapRecordBuilder();
  readonly #channels = new Map<string, number>();
  #nextChannel = commitChannel + 1;
  #committed = 0;
  #lastSeq = 0;

  /** Creates the file; the first commit writes its head. Throws what the file system throws. */
  constructor(dir: string, number: number, version: string) {
    this.number = number;
    this.path = join(dir, `${segmentName(number)}.live`);
    this.#fd = openSync(this.path, "wx", fileMode);
    this.#builder.writeMagic();
    this.#builder.writeHeader({ profile, library: `debugtap ${version}` });
    const started = new Date().toISOString();
    const metadata = new Map([
      ["format", String(format)],
      ["segment", String(number)],
      ["started", started],
    ]);
    this.#builder.writeMetadata({ name: metadataNames.segment, metadata });
    const relay = { schemaId: 0, messageEncoding: "json", metadata: new Map<string, string>() };
    this.#builder.writeChannel({ ...relay, id: commitChannel, topic: topics.commit });
    for (const topic of relayTopics) {
      this.#channels.set(topic, this.#nextChannel);
      this.#builder.writeChannel({ ...relay, id: this.#nextChannel++, topic });
    }
  }

  /** Bytes on the disk that are committed. */
  get bytes(): number {
    return this.#committed;
  }

  get channels(): number {
    return this.#nextChannel;
  }

  /** Adds one chunk to the batch being built; declares its channel when this segment does not know it yet. */
  chunk(facts: SessionFacts, side: Side, at: Stamp, data: Uint8Array): void {
    const topic = sideTopic(facts, side);
    let channelId = this.#channels.get(topic);
    if (channelId === undefined) {
      channelId = this.#nextChannel++;
      this.#channels.set(topic, channelId);
      const metadata = new Map([
        ["session", String(facts.id)],
        ["side", side],
        ["facts", JSON.stringify(facts)],
      ]);
      this.#builder.writeChannel({ id: channelId, schemaId: 0, topic, messageEncoding: facts.wire, metadata });
    }
    this.#message(channelId, at, data);
  }

  /** Adds one record of the relay's own to the batch being built. */
  relay(topic: RelayTopic, at: Stamp, data: Uint8Array): void {
    this.#message(this.#channels.get(topic) ?? commitChannel, at, data);
  }

  /** Writes the batch with its commit; throws when the file system does, with the file cut back to the last commit. */
  commit(at: Omit<Stamp, "sequence">): void {
    const bytes = this.#builder.length;
    const batch = this.#builder.buffer;
    const text = JSON.stringify({ seq: this.#lastSeq, bytes, crc32: crc32(batch) });
    this.#builder.reset();
    this.#builder.writeMessage({ channelId: commitChannel, sequence: 0, ...at, data: encoder.encode(text) });
    const commit = this.#builder.buffer;
    this.#builder.reset();
    try {
      writeAll(this.#fd, Buffer.concat([batch, commit]), this.#committed);
    } catch (error) {
      ftruncateSync(this.#fd, this.#committed);
      throw error;
    }
    this.#committed += batch.length + commit.length;
  }

  /** Waits until all that is committed would survive a loss of power. */
  sync(): void {
    fdatasyncSync(this.#fd);
  }

  /** Closes the file; removes it when nothing was ever committed. */
  close(): void {
    closeSync(this.#fd);
    if (this.#committed === 0) unlinkSync(this.path);
  }

  #message(channelId: number, at: Stamp, data: Uint8Array): void {
    this.#lastSeq = at.sequence;
    this.#builder.writeMessage({ channelId, ...at, data });
  }
}

/** Address and times of a record: see docs/trace-format.md. */
export interface Stamp {
  readonly sequence: number;
  readonly logTime: bigint;
  readonly publishTime: bigint;
}
