// The open segment: unchunked MCAP records, appended batch by batch, each closed by a commit.
//
// Rules
// - A batch is built in memory, then written with its commit in one go. After a failed write the file is cut back to the last commit.
// - The channel of commits is 1, so that a reader knows a commit even when the batch that declared it is damaged.
// - After a failed write this object is done for: its channels may stand only in what was cut off. The owner begins a new segment.
import { McapRecordBuilder } from "@mcap/core";
import { closeSync, fdatasyncSync, ftruncateSync, openSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import type { Side } from "../../protocol/frame.ts";
import type { SessionFacts } from "../observer.ts";
import { BatchBytes } from "./batch-bytes.ts";
import { commitChannel, writeCommit } from "./commit.ts";
import type { Stamp } from "./commit.ts";
import { fileMode, writeAll } from "./files.ts";
import { format, metadataNames, profile, segmentName, sideTopic, topics } from "./format.ts";

/** Channels are declared again when so many bytes came since: damage to a declaration costs no more than that. */
const declareEvery = 256 * 1024;
const relayTopics = [
  topics.session,
  topics.note,
  topics.gap,
  topics.hit,
  topics.source,
  topics.trigger,
  topics.http,
] as const;
export type RelayTopic = (typeof relayTopics)[number];

export class LiveSegment {
  readonly number: number;
  readonly path: string;
  /** Milliseconds of the monotonic clock. */
  readonly opened = performance.now();
  readonly #fd: number;
  /** For all records but messages. */
  readonly #builder = new McapRecordBuilder();
  readonly #batch = new BatchBytes();
  readonly #channels = new Map<string, { readonly id: number; declaredAt: number }>();
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
    const relay = relayChannel();
    this.#builder.writeChannel({ ...relay, id: commitChannel, topic: topics.commit, messageEncoding: "debugtap" });
    this.#built();
    for (const topic of relayTopics) this.#channel(topic, () => relay);
  }

  /** Bytes on the disk that are committed. */
  get bytes(): number {
    return this.#committed;
  }

  /** Whether only its head is written. */
  get empty(): boolean {
    return this.#lastSeq === 0;
  }

  get channels(): number {
    return this.#nextChannel;
  }

  /** Adds one chunk to the batch being built; declares its channel where that is due. */
  chunk(facts: SessionFacts, side: Side, at: Stamp, data: Uint8Array): void {
    const channelId = this.#channel(sideTopic(facts, side), () => {
      const metadata = new Map([
        ["session", String(facts.id)],
        ["side", side],
        ["facts", JSON.stringify(facts)],
      ]);
      return { schemaId: 0, messageEncoding: facts.wire, metadata };
    });
    this.#message(channelId, at, data);
  }

  /** Adds one record of the relay's own to the batch being built. */
  relay(topic: RelayTopic, at: Stamp, data: Uint8Array): void {
    this.#message(this.#channel(topic, relayChannel), at, data);
  }

  /** Writes the batch with its commit; throws when the file system does, with the file cut back to the last commit. */
  commit(at: Omit<Stamp, "sequence">): void {
    const batch = this.#batch;
    batch.append(writeCommit(batch.bytes, this.#committed, { ...at, sequence: this.#lastSeq }));
    const { length } = batch;
    try {
      writeAll(this.#fd, batch.bytes, this.#committed);
    } catch (error) {
      ftruncateSync(this.#fd, this.#committed);
      throw error;
    } finally {
      batch.clear();
    }
    this.#committed += length;
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

  /** The id of a topic's channel, which is declared in this batch or was not long before. */
  #channel(topic: string, about: () => ReturnType<typeof relayChannel>): number {
    let channel = this.#channels.get(topic);
    if (channel !== undefined && this.#committed - channel.declaredAt < declareEvery) return channel.id;
    channel = { id: channel?.id ?? this.#nextChannel++, declaredAt: this.#committed };
    this.#channels.set(topic, channel);
    this.#builder.writeChannel({ id: channel.id, topic, ...about() });
    this.#built();
    return channel.id;
  }

  #built(): void {
    this.#batch.append(this.#builder.buffer);
    this.#builder.reset();
  }

  #message(channelId: number, at: Stamp, data: Uint8Array): void {
    this.#lastSeq = at.sequence;
    this.#batch.message(channelId, at, data);
  }
}

function relayChannel() {
  return { schemaId: 0, messageEncoding: "json", metadata: new Map<string, string>() };
}
