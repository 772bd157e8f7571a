// The record that closes a batch of a live segment: a Message on a channel of its own, 59 bytes.
//
//   offset  bytes  as in every Message
//        0      9  opcode 5, length u64 = 50
//        9     22  channel u16 = 1, sequence u32 of the last record, logTime u64, publishTime u64
//   offset  bytes  data
//       31      8  "commit2\n"
//       39      8  u64: where this record stands in the file
//       47      4  u32: bytes of the batch, which ends here
//       51      4  u32: CRC-32 of the batch
//       55      4  u32: CRC-32 of this record up to here
//
// Rules
// - It is believed alone: it can be searched for where the records before it lead nowhere, and a copy of one within what was
//   recorded does not stand where it says.
// - Format 1 had `{"seq","bytes","crc32"}` here, which is believed only where the records before lead to it.
import { crc32 } from "node:zlib";
import { member, parseJson } from "../../protocol/json.ts";
import { messageHead, opcodes, recordHead, viewOf } from "./records.ts";

export const commitChannel = 1;
export const commitLength = 59;

const mark = Buffer.from("commit2\n");
const markAt = recordHead + messageHead;
const checkAt = commitLength - 4;
const brace = 123;

/** Times and sequence of a record: see docs/trace-format.md. */
export interface Stamp {
  readonly sequence: number;
  readonly logTime: bigint;
  readonly publishTime: bigint;
}

export interface Commit {
  /** Bytes of its batch, and the CRC-32 of them. */
  readonly bytes: number;
  readonly crc32: number;
  /** Of this record. */
  readonly length: number;
}

/** The record for a batch that is to stand at `start` in the file. */
export function writeCommit(batch: Uint8Array, start: number, stamp: Stamp): Uint8Array {
  const record = Buffer.alloc(commitLength);
  record.writeUInt8(opcodes.message, 0);
  record.writeBigUInt64LE(BigInt(commitLength - recordHead), 1);
  record.writeUInt16LE(commitChannel, recordHead);
  record.writeUInt32LE(stamp.sequence, recordHead + 2);
  record.writeBigUInt64LE(stamp.logTime, recordHead + 6);
  record.writeBigUInt64LE(stamp.publishTime, recordHead + 14);
  mark.copy(record, markAt);
  record.writeBigUInt64LE(BigInt(start + batch.length), markAt + 8);
  record.writeUInt32LE(batch.length, markAt + 16);
  record.writeUInt32LE(crc32(batch), markAt + 20);
  record.writeUInt32LE(crc32(record.subarray(0, checkAt)), checkAt);
  return record;
}

/** The commit that begins `record`, which is to stand at `offset` in the file; undefined when there is none, or not all of it. */
export function readCommit(record: Uint8Array, offset: number): Commit | undefined {
  if (record.length < commitLength) return undefined;
  const view = viewOf(record);
  if (mark.some((byte, i) => byte !== record[markAt + i])) return undefined;
  if (view.getBigUint64(markAt + 8, true) !== BigInt(offset)) return undefined;
  if (view.getUint32(checkAt, true) !== crc32(record.subarray(0, checkAt))) return undefined;
  return { bytes: view.getUint32(markAt + 16, true), crc32: view.getUint32(markAt + 20, true), length: commitLength };
}

/** As {@link readCommit}, of format 1; `record` is the whole of one. What cannot be read gives a batch that cannot be right. */
export function readOldCommit(record: Uint8Array): Commit | undefined {
  if (record[markAt] !== brace) return undefined;
  const fields = parseJson(record.subarray(markAt));
  const [bytes, sum] = [member(fields, "bytes"), member(fields, "crc32")];
  const known = typeof bytes === "number" && typeof sum === "number";
  return { bytes: known ? bytes : -1, crc32: known ? sum : 0, length: record.length };
}

/** Where, from `at` on, the next commit is in bytes of which the first stands at `offset` in the file; -1 when there is none. */
export function findCommit(bytes: Uint8Array, at: number, offset: number): number {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let found = buffer.indexOf(mark, at + markAt); found !== -1; found = buffer.indexOf(mark, found + 1)) {
    const start = found - markAt;
    if (readCommit(bytes.subarray(start, start + commitLength), offset + start) !== undefined) return start;
  }
  return -1;
}
