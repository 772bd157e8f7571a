// A sealed segment as the reader sees it: by its index, or, when the index is damaged or cut off, chunk by chunk from the start.
//
//   Chunk (6): start u64, end u64, raw size u64, CRC-32 of raw u32, compression string, length u64, records
//
// Rules
// - A chunk counts only when its checksum is right.
// - Reading needs `chunksReadable` first; opening does not, so that a list of sessions need not wait for it.
// - Nothing here trusts a size from the file before it allocates.
import zstd from "@foxglove/wasm-zstd";
import { McapIndexedReader } from "@mcap/core";
import { crc32 } from "node:zlib";
import { isObject } from "../../protocol/json.ts";
import { isTotals, metadataNames, parseText, topics } from "./format.ts";
import type { BlockMark } from "./format.ts";
import { bodyLength, channelInfo, opcodes, parseMetadata, RecordDecoder, recordHead, viewOf } from "./records.ts";
import type { ChannelInfo } from "./records.ts";
import { FileBytes } from "./segment.ts";
import type { Block, BlockRecords, Segment, SegmentSummary } from "./segment.ts";

const magicLength = 8;
/** Chunks are 1 MiB of records and the last of them, which may be large; this bounds what a damaged size can ask for. */
const maxChunk = 1 << 29;
const chunkHead = 32;

/** Resolves when chunks can be decompressed. */
export const chunksReadable: Promise<unknown> = zstd.isLoaded;

interface Place {
  readonly offset: number;
  readonly length: number;
}

export async function openSealed(path: string, number: number, file: string): Promise<Segment> {
  const bytes = new FileBytes(path);
  try {
    return await byIndex(bytes, number, file);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return byScan(bytes, number, file, why);
  }
}

async function byIndex(bytes: FileBytes, number: number, file: string): Promise<Segment> {
  const mcap = await McapIndexedReader.Initialize({
    readable: {
      size: () => Promise.resolve(BigInt(bytes.size)),
      read: (offset, size) => Promise.resolve(bytes.read(Number(offset), Number(size))),
    },
  });
  const channels = new Map([...mcap.channelsById].map(([id, channel]) => [id, channelInfo(channel)]));
  const texts = new Map<string, Place>();
  for (const { name, offset, length } of mcap.metadataIndexes)
    texts.set(name, { offset: Number(offset), length: Number(length) });
  const metadata = (name: string): Map<string, string> | undefined => {
    const place = texts.get(name);
    if (place === undefined || place.length > bytes.size) return undefined;
    return parseMetadata(bytes.read(place.offset, place.length).subarray(recordHead)).metadata;
  };
  const places: Place[] = [];
  const blocks: Block[] = [];
  for (const chunk of mcap.chunkIndexes) {
    places.push({ offset: Number(chunk.chunkStartOffset), length: Number(chunk.chunkLength) });
    const ids = [...chunk.messageIndexOffsets.keys()].map((id) => channels.get(id));
    const span = { first: Number(chunk.messageStartTime) / 1e6, last: Number(chunk.messageEndTime) / 1e6 };
    // A chunk with the relay's own records may concern sessions whose bytes are not in it.
    const known = ids.every((channel) => channel?.carries !== undefined);
    const hits = ids.some((channel) => channel?.topic === topics.hit);
    const sources = ids.some((channel) => channel?.topic === topics.source);
    const triggers = ids.some((channel) => channel?.topic === topics.trigger);
    const http = ids.some((channel) => channel?.topic === topics.http);
    const sessions = new Set(ids.flatMap((channel) => channel?.carries?.session.id ?? []));
    blocks.push({ ...span, hits, sources, triggers, http, ...(known ? { sessions } : {}) });
  }
  return {
    number,
    file,
    sealed: true,
    format: Number(metadata(metadataNames.segment)?.get("format") ?? 0) || 0,
    blocks,
    problems: [],
    pending: 0,
    read: (block, topic) => readChunk(bytes, places[block], channels, topic),
    summary: () => summaryOf(metadata(metadataNames.sessions), () => metadata(metadataNames.frames), blocks.length),
    close: () => bytes.close(),
  };
}

function byScan(bytes: FileBytes, number: number, file: string, why: string): Segment {
  const channels = new Map<number, ChannelInfo>();
  const places: Place[] = [];
  const blocks: Block[] = [];
  let format = 0;
  for (let at = magicLength; ;) {
    const head = bytes.read(at, recordHead);
    const length = bodyLength(viewOf(head), 0);
    if (length === undefined || at + recordHead + length > bytes.size || head[0] === opcodes.dataEnd) break;
    const place = { offset: at, length: recordHead + length };
    at += place.length;
    if (head[0] === opcodes.metadata) {
      const { name, metadata } = parseMetadata(bytes.read(place.offset, place.length).subarray(recordHead));
      if (name === metadataNames.segment) format = Number(metadata.get("format") ?? 0) || 0;
    }
    if (head[0] !== opcodes.chunk || length < chunkHead) continue;
    const times = viewOf(bytes.read(place.offset + recordHead, 16));
    places.push(place);
    blocks.push({
      first: Number(times.getBigUint64(0, true)) / 1e6,
      last: Number(times.getBigUint64(8, true)) / 1e6,
    });
  }
  return {
    number,
    file,
    sealed: true,
    format,
    blocks,
    problems: [why],
    pending: 0,
    read: (block, topic) => readChunk(bytes, places[block], channels, topic),
    summary: () => undefined,
    close: () => bytes.close(),
  };
}

function readChunk(
  bytes: FileBytes,
  place: Place | undefined,
  channels: Map<number, ChannelInfo>,
  topic?: string,
): BlockRecords {
  if (place === undefined) return { records: [] };
  const raw = place.length > bytes.size ? undefined : inflate(bytes.read(place.offset, place.length));
  if (raw === undefined)
    return { records: [], damaged: `the chunk at byte ${place.offset} does not match its checksum` };
  const decoder = new RecordDecoder(channels);
  return { records: [...decoder.decode(raw, topic)] };
}

/** The records of a chunk, or undefined when they are not what was written. */
function inflate(chunk: Uint8Array): Uint8Array | undefined {
  const view = viewOf(chunk);
  const length = bodyLength(view, 0);
  if (length === undefined || chunk[0] !== opcodes.chunk || chunk.length !== recordHead + length || length < chunkHead)
    return undefined;
  const body = recordHead;
  const rawSize = Number(view.getBigUint64(body + 16, true));
  const sum = view.getUint32(body + 24, true);
  const nameLength = view.getUint32(body + 28, true);
  const start = body + chunkHead + nameLength + 8;
  if (rawSize > maxChunk || start > chunk.length) return undefined;
  const name = String.fromCharCode(...chunk.subarray(body + chunkHead, body + chunkHead + Math.min(nameLength, 16)));
  if (name !== "zstd" && name !== "") return undefined;
  const stored = chunk.subarray(start);
  try {
    const raw = name === "" ? stored : zstd.decompress(stored, rawSize);
    return crc32(raw) === sum && raw.length === rawSize ? raw : undefined;
  } catch {
    return undefined;
  }
}

function summaryOf(
  sessions: Map<string, string> | undefined,
  frames: () => Map<string, string> | undefined,
  blocks: number,
): SegmentSummary | undefined {
  const list = parseText(sessions?.get("json") ?? "");
  if (!Array.isArray(list) || !list.every(isTotals)) return undefined;
  let marks: readonly BlockMark[] | undefined;
  return {
    sessions: list.map((totals) => ({ hits: 0, ...totals })),
    marks: () => {
      if (marks !== undefined) return marks;
      const parsed = parseText(frames()?.get("json") ?? "");
      if (!Array.isArray(parsed) || parsed.length < blocks || !parsed.every(isMark)) return undefined;
      marks = parsed;
      return marks;
    },
  };
}

function isMark(value: unknown): value is BlockMark {
  return isObject(value) && typeof value["frames"] === "number" && isObject(value["sessions"]);
}
