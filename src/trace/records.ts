// MCAP records as bytes -> what they say. Used for the batches of a live segment and the chunks of a sealed one.
//
//   a record: opcode u8, length u64, body
//   Message (5): channel u16, sequence u32, logTime u64, publishTime u64, data
//   Channel (4): id u16, schema u16, topic string, encoding string, metadata map
//   Metadata (12): name string, metadata map
//   string: length u32, UTF-8; map: length in bytes u32, then key and value strings
//
// Rules
// - The bytes may be damaged: nothing here throws, reads past the end, or trusts a length. What cannot be read is left out.
// - Data are views of the bytes given.
import { parseJson, member } from "../../protocol/json.ts";
import {
  followStates,
  isEnd,
  isGap,
  isMissedHits,
  isNote,
  isSourceVersion,
  metadataNames,
  parseFacts,
  parseText,
  sides,
  topics,
} from "./format.ts";
import type { ChannelDeclaration, StoredMessage, TraceRecord } from "./format.ts";
import { isHit } from "./hits.ts";
import type { Side } from "../../protocol/frame.ts";
import { isHttpCall } from "../../protocol/http.ts";
import { isTrigger } from "../../protocol/trigger.ts";
import type { SessionFacts } from "../observer.ts";

export const opcodes = { header: 1, footer: 2, channel: 4, message: 5, chunk: 6, metadata: 12, dataEnd: 15 } as const;
export const recordHead = 9;
export const messageHead = 22;

const decoder = new TextDecoder();

/** Length of the body of the record at `at`; undefined when its head is not whole or the length is absurd. */
export function bodyLength(view: DataView, at: number): number | undefined {
  if (at + recordHead > view.byteLength) return undefined;
  const high = view.getUint32(at + 5, true);
  return high > 0xffff ? undefined : high * 0x1_0000_0000 + view.getUint32(at + 1, true);
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Reads the strings and maps of a record's body one after the other, until one does not fit. */
class Strings {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  at: number;

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes;
    this.#view = viewOf(bytes);
    this.at = at;
  }

  next(): string | undefined {
    if (this.at + 4 > this.#bytes.length) return undefined;
    const end = this.at + 4 + this.#view.getUint32(this.at, true);
    if (end > this.#bytes.length) return undefined;
    const text = decoder.decode(this.#bytes.subarray(this.at + 4, end));
    this.at = end;
    return text;
  }

  map(): Map<string, string> {
    const map = new Map<string, string>();
    if (this.at + 4 > this.#bytes.length) return map;
    const end = this.at + 4 + this.#view.getUint32(this.at, true);
    this.at += 4;
    while (this.at < end) {
      const key = this.next();
      const value = this.next();
      if (key === undefined || value === undefined) break;
      map.set(key, value);
    }
    return map;
  }
}

/** `name` and `metadata` of a Metadata record's body. */
export function parseMetadata(body: Uint8Array): { name: string; metadata: Map<string, string> } {
  const strings = new Strings(body, 0);
  return { name: strings.next() ?? "", metadata: strings.map() };
}

/** A channel, and the session and side whose bytes it carries, if it does. */
export interface ChannelInfo extends ChannelDeclaration {
  readonly carries?: { readonly session: SessionFacts; readonly side: Side };
}

export function channelInfo(declaration: ChannelDeclaration): ChannelInfo {
  const session = parseFacts(parseText(declaration.metadata.get("facts") ?? ""));
  const side = sides.find((side) => side === declaration.metadata.get("side"));
  return session === undefined || side === undefined ? declaration : { ...declaration, carries: { session, side } };
}

/** Turns the records of one segment into what they say, in order. */
export class RecordDecoder {
  readonly channels: Map<number, ChannelInfo>;
  /** Highest format number that a Metadata record of the segment named. */
  format = 0;
  /** Records left out because they made no sense. */
  unreadable = 0;

  constructor(channels = new Map<number, ChannelInfo>()) {
    this.channels = channels;
  }

  /** `topic`: its records alone. */
  *decode(bytes: Uint8Array, topic?: string): Generator<TraceRecord> {
    const view = viewOf(bytes);
    let at = 0;
    while (at < bytes.length) {
      const length = bodyLength(view, at);
      if (length === undefined || at + recordHead + length > bytes.length) {
        this.unreadable++;
        return;
      }
      const start = at + recordHead;
      const opcode = bytes[at];
      at = start + length;
      if (opcode === opcodes.message) {
        if (topic !== undefined && at - start >= 2 && this.channels.get(view.getUint16(start, true))?.topic !== topic)
          continue;
        const record = this.#message(bytes, view, start, at);
        if (record === undefined) this.unreadable++;
        else yield record;
      } else if (opcode === opcodes.channel) this.#channel(bytes.subarray(start, at));
      else if (opcode === opcodes.metadata) this.#metadata(bytes.subarray(start, at));
    }
  }

  #channel(body: Uint8Array): void {
    if (body.length < 4) return;
    const strings = new Strings(body, 4);
    const topic = strings.next() ?? "";
    const messageEncoding = strings.next() ?? "";
    this.channels.set(
      viewOf(body).getUint16(0, true),
      channelInfo({ topic, messageEncoding, metadata: strings.map() }),
    );
  }

  #metadata(body: Uint8Array): void {
    const { name, metadata } = parseMetadata(body);
    if (name === metadataNames.segment) this.format = Math.max(this.format, Number(metadata.get("format") ?? 0) || 0);
  }

  #message(bytes: Uint8Array, view: DataView, start: number, end: number): TraceRecord | undefined {
    if (end - start < messageHead) return undefined;
    const channel = this.channels.get(view.getUint16(start, true));
    if (channel === undefined) return undefined;
    const time = (view.getUint32(start + 10, true) * 0x1_0000_0000 + view.getUint32(start + 6, true)) / 1e6;
    const stored: StoredMessage = {
      channel,
      sequence: view.getUint32(start + 2, true),
      time,
      logTime: view.getBigUint64(start + 6, true),
      publishTime: view.getBigUint64(start + 14, true),
      data: bytes.subarray(start + messageHead, end),
    };
    if (channel.carries !== undefined) return { kind: "chunk", time, stored, ...channel.carries, bytes: stored.data };
    return { time, stored, ...relayRecord(channel.topic, stored.data) };
  }
}

type Said<R = TraceRecord> = R extends TraceRecord ? Omit<R, "time" | "stored"> : never;

function relayRecord(topic: string, data: Uint8Array): Said {
  const other = { kind: "other" } as const;
  const value = parseJson(data);
  const session = member(value, "session");
  if (typeof session !== "number") return other;
  if (topic === topics.session) {
    const facts = parseFacts(member(value, "open"));
    if (facts !== undefined) return { kind: "open", session: facts };
    const end = member(value, "end");
    return isEnd(end) ? { kind: "end", session, end } : other;
  }
  if (topic === topics.note && isNote(value)) return { kind: "note", session, note: value };
  if (topic === topics.hit) {
    const hit = member(value, "hit");
    return isHit(hit) ? { kind: "hit", session, hit } : other;
  }
  if (topic === topics.source) {
    const source = member(value, "source");
    return isSourceVersion(source) ? { kind: "source", session, source } : other;
  }
  if (topic === topics.trigger) {
    const trigger = member(value, "trigger");
    return isTrigger(trigger) ? { kind: "trigger", session, trigger } : other;
  }
  if (topic === topics.http) {
    const http = member(value, "http");
    return isHttpCall(http) ? { kind: "http", session, http } : other;
  }
  if (topic !== topics.gap) return other;
  if (isGap(value)) return { kind: "gap", session, gap: value };
  return isMissedHits(value) ? { kind: "missed", session, hits: value.hits } : other;
}

/** The number that stands for a state in a file. */
export function stateNumber(state: (typeof followStates)[number]): number {
  return followStates.indexOf(state);
}
