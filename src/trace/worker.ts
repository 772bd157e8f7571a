// The worker thread of the recorder: takes batches, writes them to the live segment, seals segments.
//
// Rules
// - A batch is given back only when it is written. While the disk refuses, batches wait here and are tried again; the forwarding
//   thread then runs into its cap and counts what it leaves out. So nothing that was handed over is lost while this thread lives.
// - After a refused write a new segment is begun: the old one ends at its last commit and stays readable.
// - A failure is told once, and its end.
import { join } from "node:path";
import { parentPort, workerData } from "node:worker_threads";
import { member, parseJson } from "../../protocol/json.ts";
import type { SessionFacts } from "../observer.ts";
import { kinds, readBatch } from "./batch.ts";
import type { BatchRecord } from "./batch.ts";
import { replaceFile } from "./files.ts";
import { format, isGap, parseFacts, topics } from "./format.ts";
import type { Gap, Manifest, SegmentEntry } from "./format.ts";
import { LiveSegment } from "./live-segment.ts";
import type { RelayTopic, Stamp } from "./live-segment.ts";
import type { BatchMessage, FromWorker, ToWorker, WorkerOptions } from "./messages.ts";
import { sealSegment } from "./seal.ts";
import { Tally } from "./tally.ts";

const syncEvery = 200;
const retryEvery = 250;
const backAtOnce = 4;
const backAfter = 25;
const segmentAge = 30 * 60 * 1000;
const segmentChannels = 60_000;

const topicOf = new Map<number, RelayTopic>([
  [kinds.open, topics.session],
  [kinds.end, topics.session],
  [kinds.note, topics.note],
  [kinds.gap, topics.gap],
]);

class Recorder {
  readonly #options: WorkerOptions;
  readonly #send: (message: FromWorker, transfer?: ArrayBuffer[]) => void;
  readonly #queue: ToWorker[] = [];
  readonly #sessions = new Map<number, SessionFacts>();
  readonly #sealed: SegmentEntry[] = [];
  /** Numbers of closed segments that are not sealed yet, in order. */
  readonly #unsealed: number[] = [];
  readonly #anchor: bigint;
  #segment: LiveSegment | undefined;
  #number = 0;
  #tally = new Tally();
  #sealing: Promise<void> = Promise.resolve();
  #lastTime = 0n;
  #records = 0;
  #durable = 0;
  #bytes = 0;
  #sessionCount = 0;
  #lost = { chunks: 0, bytes: 0 };
  #failing: string | undefined;
  #closing = false;
  #back: ArrayBuffer[] = [];
  #backTimer: NodeJS.Timeout | undefined;
  #syncTimer: NodeJS.Timeout | undefined;
  #retryTimer: NodeJS.Timeout | undefined;

  constructor(options: WorkerOptions, send: (message: FromWorker, transfer?: ArrayBuffer[]) => void) {
    this.#options = options;
    this.#send = send;
    this.#anchor = BigInt(Math.round(options.timeOrigin * 1000)) * 1000n;
  }

  /** Makes the manifest and the first segment, so that a trace exists from now on. Throws what the file system throws. */
  open(): void {
    this.#saveManifest();
    const segment = this.#newSegment();
    segment.commit(this.#stamp(this.#options.started - this.#options.timeOrigin, 0));
    segment.sync();
  }

  receive(message: ToWorker): void {
    this.#queue.push(message);
    if (this.#failing === undefined || message.type === "close") this.#drain();
    else this.#refuseFlushes(this.#failing);
  }

  #drain(): void {
    for (;;) {
      const message = this.#queue[0];
      if (message === undefined || this.#closing) return;
      try {
        if (message.type === "batch") this.#write(message);
        else if (message.type === "flush") this.#sync();
      } catch (error) {
        this.#fail(error);
        return;
      }
      this.#queue.shift();
      if (message.type === "batch") {
        this.#giveBack(message.buffer);
        this.#succeeded();
        this.#rollIfDue();
      } else if (message.type === "flush") this.#send({ type: "flushed", id: message.id });
      else void this.#close();
    }
  }

  /** Each message costs the forwarding thread some 20 us, so buffers go back several at a time. */
  #giveBack(buffer: ArrayBuffer): void {
    this.#back.push(buffer);
    if (this.#back.length >= backAtOnce) this.#sendBack();
    else this.#backTimer ??= setTimeout(() => this.#sendBack(), backAfter);
  }

  #sendBack(): void {
    clearTimeout(this.#backTimer);
    this.#backTimer = undefined;
    const buffers = this.#back;
    this.#back = [];
    if (buffers.length > 0) this.#send({ type: "back", buffers, written: this.#records }, buffers);
  }

  #write({ buffer, length, skew }: BatchMessage): void {
    const segment = this.#segment ?? this.#newSegment();
    const before = { records: this.#records, lastTime: this.#lastTime };
    const ended: number[] = [];
    const lost = { chunks: 0, bytes: 0 };
    let opened = 0;
    let stamp: Stamp = { sequence: 0, logTime: this.#lastTime, publishTime: this.#lastTime };
    try {
      for (const record of readBatch(buffer, length)) {
        stamp = this.#stamp(record.time, skew);
        this.#records++;
        if (record.kind === kinds.open && this.#opened(record)) opened++;
        else if (record.kind === kinds.end) ended.push(record.session);
        else if (record.kind === kinds.gap) addGap(lost, gapOf(record));
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
    this.#lost.chunks += lost.chunks;
    this.#lost.bytes += lost.bytes;
    for (const session of ended) this.#sessions.delete(session);
    this.#syncTimer ??= setTimeout(() => this.#syncDue(), syncEvery);
  }

  /** True when this session was not known: a batch that is tried again opens its sessions again. */
  #opened(record: BatchRecord): boolean {
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

  /** Strictly increasing nanoseconds from the forwarding thread's milliseconds. */
  #stamp(time: number, skew: number): Stamp {
    let logTime = this.#anchor + BigInt(Math.round(time * 1e6));
    if (logTime <= this.#lastTime) logTime = this.#lastTime + 1n;
    this.#lastTime = logTime;
    const publishTime = skew === 0 ? logTime : logTime + BigInt(Math.round(skew * 1e6));
    return { sequence: (this.#records + 1) >>> 0, logTime, publishTime };
  }

  #newSegment(): LiveSegment {
    const segment = new LiveSegment(this.#options.dir, this.#number + 1, this.#options.version);
    this.#number++;
    this.#segment = segment;
    return segment;
  }

  #syncDue(): void {
    this.#syncTimer = undefined;
    try {
      this.#sync();
    } catch (error) {
      this.#fail(error);
    }
  }

  #sync(): void {
    if (this.#durable === this.#records) return;
    this.#segment?.sync();
    this.#durable = this.#records;
    this.#sendBack();
    this.#send({ type: "durable", durable: this.#durable });
  }

  /** Ends the current segment; it waits to be sealed if anything was committed to it. */
  #endSegment(): void {
    const segment = this.#segment;
    this.#segment = undefined;
    if (segment === undefined) return;
    if (segment.bytes > 0) this.#unsealed.push(segment.number);
    else this.#number--;
    try {
      segment.close();
    } catch {
      // The disk refuses; what is committed stands.
    }
  }

  #rollIfDue(): void {
    const segment = this.#segment;
    if (segment === undefined) return;
    const due =
      segment.bytes >= this.#options.segmentBytes ||
      segment.channels >= segmentChannels ||
      performance.now() - segment.opened >= segmentAge;
    if (!due) return;
    try {
      this.#sync();
    } catch (error) {
      this.#fail(error);
      return;
    }
    this.#endSegment();
    this.#sealing = this.#sealing.then(() => this.#sealAll());
  }

  /** Seals what waits, oldest first. One that fails is tried again with the next. */
  async #sealAll(): Promise<void> {
    for (let number = this.#unsealed[0]; number !== undefined; number = this.#unsealed[0]) {
      const tally = this.#tally.fork();
      const { dir, version } = this.#options;
      try {
        this.#sealed.push(await sealSegment({ dir, number, version, tally }));
        this.#tally = tally;
        this.#unsealed.shift();
        this.#saveManifest();
      } catch (error) {
        this.#send({ type: "failed", why: reason(error), sealing: true });
        return;
      }
    }
  }

  #fail(error: unknown): void {
    this.#endSegment();
    const first = this.#failing === undefined;
    this.#failing = reason(error);
    if (first) this.#send({ type: "failed", why: this.#failing, sealing: false });
    this.#refuseFlushes(this.#failing);
    clearTimeout(this.#retryTimer);
    if (this.#queue.some((message) => message.type === "close")) void this.#close();
    else this.#retryTimer = setTimeout(() => this.#drain(), retryEvery);
  }

  #succeeded(): void {
    if (this.#failing === undefined) return;
    this.#failing = undefined;
    this.#send({ type: "resumed" });
  }

  #refuseFlushes(why: string): void {
    for (let i = this.#queue.length - 1; i >= 0; i--) {
      const message = this.#queue[i];
      if (message?.type !== "flush") continue;
      this.#queue.splice(i, 1);
      this.#send({ type: "flushed", id: message.id, why });
    }
  }

  async #close(): Promise<void> {
    if (this.#closing) return;
    this.#closing = true;
    clearTimeout(this.#syncTimer);
    clearTimeout(this.#retryTimer);
    this.#sendBack();
    for (const message of this.#queue) if (message.type === "batch") this.#countLost(message);
    try {
      this.#sync();
    } catch (error) {
      this.#send({ type: "failed", why: reason(error), sealing: false });
    }
    this.#endSegment();
    await this.#sealing;
    await this.#sealAll();
    try {
      this.#saveManifest(Date.now());
    } catch (error) {
      this.#send({ type: "failed", why: reason(error), sealing: true });
    }
    this.#send({
      type: "closed",
      summary: {
        dir: this.#options.dir,
        sessions: this.#sessionCount,
        records: this.#records,
        bytes: this.#bytes,
        lostChunks: this.#lost.chunks,
        lostBytes: this.#lost.bytes,
        segments: this.#sealed,
      },
    });
  }

  #countLost({ buffer, length }: BatchMessage): void {
    for (const record of readBatch(buffer, length)) {
      if (record.kind === kinds.gap) addGap(this.#lost, gapOf(record));
      else if (!topicOf.has(record.kind)) addGap(this.#lost, { chunks: 1, bytes: record.payload.length });
    }
  }

  #saveManifest(ended?: number): void {
    const { dir, id, version, started, command, config } = this.#options;
    const manifest: Manifest = {
      format,
      version,
      id,
      started,
      pid: process.pid,
      ...(ended === undefined ? {} : { ended }),
      ...(command === undefined ? {} : { command }),
      ...(config === undefined ? {} : { config }),
      segments: this.#sealed,
    };
    replaceFile(join(dir, "manifest.json"), `${JSON.stringify(manifest, undefined, 2)}\n`);
  }
}

function gapOf({ payload }: BatchRecord): Pick<Gap, "chunks" | "bytes"> {
  const gap = parseJson(payload);
  return isGap(gap) ? gap : { chunks: 0, bytes: 0 };
}

function addGap(sum: { chunks: number; bytes: number }, gap: Pick<Gap, "chunks" | "bytes">): void {
  sum.chunks += gap.chunks;
  sum.bytes += gap.bytes;
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

if (parentPort !== null) {
  const port = parentPort;
  const options: WorkerOptions = workerData;
  const recorder = new Recorder(options, (message, transfer) => port.postMessage(message, transfer));
  try {
    recorder.open();
    port.on("message", (message: ToWorker) => recorder.receive(message));
    port.postMessage({ type: "ready" } satisfies FromWorker);
  } catch (error) {
    port.postMessage({ type: "refused", why: reason(error) } satisfies FromWorker);
  }
}
