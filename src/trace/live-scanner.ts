// Finds the committed batches in the bytes of a live segment. It does no input: bytes go in, batches come out.
//
// Rules
// - A batch comes out only when its commit is whole and its length and checksum are right.
// - Damage is told where it stands: between what comes out before and what comes out after it, nothing is joined.
// - Where the records lead nowhere the next commit is searched for by its looks: it says where its batch begins. A format 1 commit
//   cannot be searched for: there the scanner stops.
// - What is behind the last commit is `pending`.
import { crc32 } from "node:zlib";
import { commitChannel, commitLength, findCommit, readCommit, readOldCommit } from "./commit.ts";
import type { Commit } from "./commit.ts";
import { bodyLength, messageHead, opcodes, recordHead, viewOf } from "./records.ts";

const magic = Uint8Array.from([137, 77, 67, 65, 80, 48, 13, 10]);
/** No record of ours is larger: a chunk is at most a slot of the hand-over. */
const maxRecord = 1 << 20;
/** So much is kept while a commit is searched for; a batch is not larger. */
const mostSearched = 16 << 20;
const known = new Set<number>([opcodes.header, opcodes.channel, opcodes.message, opcodes.metadata]);

/** The records of one batch without its commit; or that the bytes from `from` to where the next batch begins cannot be trusted. */
export type ScannedBatch = { readonly records: Uint8Array } | { readonly damaged: string; readonly from: number };

interface Found extends Commit {
  /** Where its batch begins and where it does itself, in what is held. */
  readonly start: number;
  readonly at: number;
}

export class LiveScanner {
  /** From the end of the last commit on, or of damage. */
  #held = new Uint8Array(0);
  /** Offset of it in the file. */
  #offset: number;
  /** In #held: where the walk from record to record goes on. */
  #at = 0;
  /** In #held: no commit begins before it. */
  #searched = 0;
  /** Why the walk cannot go on, and in the file where damage began that has not ended yet. */
  #lost: { readonly why: string; readonly from: number } | undefined;
  #format: "unknown" | "old" | "new" = "unknown";

  /** `start`: offset in the file of the first byte that will be pushed; 0, or where a batch begins. */
  constructor(start = 0) {
    this.#offset = start;
  }

  /** Offset in the file behind the last commit that was found. */
  get committed(): number {
    return this.#lost?.from ?? this.#offset;
  }

  /** Why nothing behind {@link committed} could be found, so far. */
  get problem(): string | undefined {
    return this.#lost?.why;
  }

  /** Nothing behind can be found. */
  get stopped(): boolean {
    return this.#lost !== undefined && this.#format === "old";
  }

  *push(bytes: Uint8Array): Generator<ScannedBatch> {
    if (this.stopped) return;
    this.#held = this.#held.length === 0 ? bytes.slice() : joined(this.#held, bytes);
    for (let commit = this.#next(); commit !== undefined; commit = this.#next()) {
      const { start, at } = commit;
      const from = this.committed;
      const where = this.#offset + start;
      const batch = this.#held.subarray(start, at);
      const right = batch.length === commit.bytes && crc32(batch) === commit.crc32;
      this.#drop(start);
      if (where > from) yield { damaged: `the bytes from ${from} to ${where} are damaged`, from };
      this.#drop(batch.length + commit.length);
      if (right) yield { records: where === 0 ? batch.subarray(magic.length) : batch };
      else yield { damaged: `the batch at byte ${where} does not match its checksum`, from: where };
    }
    this.#held = this.#held.slice();
  }

  #next(): Found | undefined {
    const found = this.#lost === undefined ? this.#walk() : undefined;
    if (found !== undefined || this.#format === "old") return found;
    return this.#search();
  }

  /** The next commit that the records lead to; undefined when they end before it, or lead nowhere. */
  #walk(): Found | undefined {
    const held = this.#held;
    const view = viewOf(held);
    if (this.#offset === 0 && this.#at === 0) {
      if (held.length < magic.length) return undefined;
      if (!magic.every((byte, i) => byte === held[i])) return this.#lose("the file does not begin like an MCAP file");
      this.#at = magic.length;
    }
    while (this.#at + recordHead <= held.length) {
      const at = this.#at;
      const opcode = held[at] ?? 0;
      const length = bodyLength(view, at);
      if (length === undefined || length > maxRecord || !known.has(opcode))
        return this.#lose(`the record at byte ${this.#offset + at} cannot be true`);
      const end = at + recordHead + length;
      if (end > held.length) return undefined;
      const carries = opcode === opcodes.message && length >= messageHead ? view.getUint16(at + recordHead, true) : 0;
      if (carries === commitChannel) return this.#commitAt(at, held.subarray(at, end));
      this.#at = end;
    }
    return undefined;
  }

  #commitAt(at: number, record: Uint8Array): Found | undefined {
    const commit = readCommit(record, this.#offset + at);
    if (commit !== undefined && commit.bytes <= at) return this.#found(commit, at);
    const old = this.#format === "new" ? undefined : readOldCommit(record);
    if (old === undefined) return this.#lose(`the commit at byte ${this.#offset + at} does not match its checksum`);
    if (old.bytes === at) this.#format = "old";
    return { ...old, start: 0, at };
  }

  /** The next commit that stands where it says, and whose batch begins behind what is known. */
  #search(): Found | undefined {
    for (;;) {
      const at = findCommit(this.#held, this.#searched, this.#offset);
      const commit = at === -1 ? undefined : readCommit(this.#held.subarray(at), this.#offset + at);
      if (commit === undefined) break;
      this.#searched = at + 1;
      if (commit.bytes <= at) return this.#found(commit, at);
    }
    // One may have begun in the last bytes.
    this.#searched = Math.max(0, this.#held.length - commitLength + 1);
    const lost = this.#lost;
    if (lost !== undefined && this.#held.length > mostSearched) {
      this.#drop(this.#held.length - mostSearched);
      this.#lost = lost;
    }
    return undefined;
  }

  #found(commit: Commit, at: number): Found {
    this.#format = "new";
    return { ...commit, start: at - commit.bytes, at };
  }

  #lose(why: string): undefined {
    this.#lost = { why, from: this.#offset };
  }

  /** The first bytes of what is held are done with. */
  #drop(bytes: number): void {
    this.#held = this.#held.subarray(bytes);
    this.#offset += bytes;
    this.#at = 0;
    this.#searched = Math.max(0, this.#searched - bytes);
    this.#lost = undefined;
  }
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array<ArrayBuffer> {
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}
