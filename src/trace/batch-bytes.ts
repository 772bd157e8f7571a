// The bytes of a batch while it is built: records one behind the other, in memory that is used for each batch again.
//
//   a Message: opcode u8 = 5, length u64, channel u16, sequence u32, logTime u64, publishTime u64, data
//
// Rules
// - A chunk is copied once. New memory for each batch costs more than the copy: the system gives it page by page.
// - What one long batch took is given back.
import type { Stamp } from "./commit.ts";
import { messageHead, opcodes, recordHead } from "./records.ts";

const firstCapacity = 64 * 1024;
const mostKept = 4 * 1024 * 1024;

export class BatchBytes {
  #bytes = Buffer.allocUnsafeSlow(firstCapacity);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** What was added since {@link clear}: a view, until something is added or cleared. */
  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Adds whole records. */
  append(records: Uint8Array): void {
    const at = this.#extend(records.length);
    this.#bytes.set(records, at);
  }

  message(channel: number, { sequence, logTime, publishTime }: Stamp, data: Uint8Array): void {
    const at = this.#extend(recordHead + messageHead + data.length);
    const bytes = this.#bytes;
    bytes[at] = opcodes.message;
    bytes.writeUInt32LE(messageHead + data.length, at + 1);
    bytes.writeUInt32LE(0, at + 5);
    bytes.writeUInt16LE(channel, at + recordHead);
    bytes.writeUInt32LE(sequence, at + recordHead + 2);
    bytes.writeBigUInt64LE(logTime, at + recordHead + 6);
    bytes.writeBigUInt64LE(publishTime, at + recordHead + 14);
    bytes.set(data, at + recordHead + messageHead);
  }

  clear(): void {
    this.#length = 0;
    if (this.#bytes.length > mostKept) this.#bytes = Buffer.allocUnsafeSlow(firstCapacity);
  }

  /** Makes room for so many bytes more; where they begin. */
  #extend(count: number): number {
    const at = this.#length;
    this.#length += count;
    if (this.#length <= this.#bytes.length) return at;
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#length, 2 * this.#bytes.length));
    larger.set(this.#bytes.subarray(0, at));
    this.#bytes = larger;
    return at;
  }
}
