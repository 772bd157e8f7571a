// Finds the committed batches in the bytes of a live segment. It does no input: bytes go in, batches come out.
//
// Rules
// - A batch comes out only when its commit is whole and its length and checksum are right.
// - A batch with a wrong checksum is left out and told as damage; the search goes on at the next commit.
// - When a length cannot be true the rest cannot be found again: the scanner stops. What is behind the last commit is `pending`.
import { crc32 } from "node:zlib";
import { member, parseJson } from "../../protocol/json.ts";
import { commitChannel } from "./live-segment.ts";
import { bodyLength, messageHead, opcodes, recordHead, viewOf } from "./records.ts";

const magic = Uint8Array.from([137, 77, 67, 65, 80, 48, 13, 10]);
/** No record of ours is larger: a chunk is what one read of a socket gave. */
const maxRecord = 1 << 30;

/** The records of one batch without its commit, or that there was one which cannot be trusted. */
export type ScannedBatch = { readonly records: Uint8Array } | { readonly damaged: string };

export class LiveScanner {
  #held = new Uint8Array(0);
  /** In #held: where the search for records goes on. */
  #at = 0;
  /** In the file: end of the last commit. */
  #committed: number;
  #stopped: string | undefined;

  /** `start`: offset in the file of the first byte that will be pushed; 0, or the end of a commit. */
  constructor(start = 0) {
    this.#committed = start;
  }

  /** Offset in the file behind the last commit that was found. */
  get committed(): number {
    return this.#committed;
  }

  /** Bytes behind the last commit. */
  get pending(): number {
    return this.#held.length;
  }

  /** Set when the structure of the file is broken: nothing behind can be found. */
  get stopped(): string | undefined {
    return this.#stopped;
  }

  *push(bytes: Uint8Array): Generator<ScannedBatch> {
    if (this.#stopped !== undefined) return;
    this.#held = this.#held.length === 0 ? bytes.slice() : joined(this.#held, bytes);
    const view = viewOf(this.#held);
    let batchStart = 0;
    if (this.#committed === 0 && this.#at === 0) {
      if (this.#held.length < magic.length) return;
      if (!magic.every((byte, i) => byte === this.#held[i])) {
        this.#stopped = "the file does not begin like an MCAP file";
        return;
      }
      this.#at = magic.length;
    }
    for (;;) {
      const at = this.#at;
      if (at + recordHead > this.#held.length) break;
      const length = bodyLength(view, at);
      if (length === undefined || length > maxRecord) {
        this.#stopped = `the record at byte ${this.#committed + at - batchStart} has an impossible length`;
        break;
      }
      const end = at + recordHead + length;
      if (end > this.#held.length) break;
      this.#at = end;
      if (this.#held[at] !== opcodes.message || length < messageHead) continue;
      if (view.getUint16(at + recordHead, true) !== commitChannel) continue;
      const records = this.#held.subarray(batchStart, at);
      const first = this.#committed === 0 ? magic.length : 0;
      const right = matches(this.#held.subarray(at + recordHead + messageHead, end), records);
      const where = this.#committed;
      this.#committed += end - batchStart;
      batchStart = end;
      if (right) yield { records: records.subarray(first) };
      else yield { damaged: `the batch at byte ${where} does not match its checksum` };
    }
    this.#held = this.#held.slice(batchStart);
    this.#at -= batchStart;
  }
}

function matches(commit: Uint8Array, batch: Uint8Array): boolean {
  const fields = parseJson(commit);
  return member(fields, "bytes") === batch.length && member(fields, "crc32") === crc32(batch);
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array<ArrayBuffer> {
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}
