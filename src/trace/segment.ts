// What the reader knows of one segment, sealed or live: blocks of records that can be read apart, and where each session stood.
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import type { BlockMark, SessionTotals, TraceRecord } from "./format.ts";

/** A run of records: an MCAP chunk of a sealed segment, about as much of a live one. Times are epoch milliseconds. */
export interface Block {
  readonly first: number;
  readonly last: number;
  /** Ids of the sessions with a record of any kind in it; undefined when that is not known. */
  readonly sessions?: ReadonlySet<number>;
  /** Whether a hit is in it; undefined when that is not known. */
  readonly hits?: boolean;
  /** As hits: whether it says what the text of a file was. */
  readonly sources?: boolean;
  /** As hits: whether it tells of a trigger. */
  readonly triggers?: boolean;
  /** As hits: whether a call is in it. */
  readonly http?: boolean;
}

/** `damaged` says why records are missing from the end of these. */
export interface BlockRecords {
  readonly records: readonly TraceRecord[];
  readonly damaged?: string;
}

export interface Segment {
  readonly number: number;
  readonly file: string;
  readonly sealed: boolean;
  /** Format number it was written with, 0 when it does not say. */
  readonly format: number;
  readonly blocks: readonly Block[];
  /** What is wrong with it as a whole. */
  readonly problems: readonly string[];
  /** Bytes behind the last commit of a live segment. */
  readonly pending: number;
  /** `topic`: its records alone; the others are not looked into. */
  read(block: number, topic?: string): BlockRecords;
  /** What its writer knew; undefined when that is not in the file, or not right. */
  summary(): SegmentSummary | undefined;
  close(): void;
}

export interface SegmentSummary {
  readonly sessions: readonly SessionTotals[];
  /** One for each block. */
  marks(): readonly BlockMark[] | undefined;
}

/** A file read at any offset; short at its end, never throws for that. */
export class FileBytes {
  readonly #fd: number;

  constructor(path: string) {
    this.#fd = openSync(path, "r");
  }

  get size(): number {
    return fstatSync(this.#fd).size;
  }

  get inode(): number {
    return fstatSync(this.#fd).ino;
  }

  read(offset: number, length: number): Uint8Array {
    const bytes = new Uint8Array(Math.max(0, Math.min(length, this.size - offset)));
    let done = 0;
    while (done < bytes.length) {
      const count = readSync(this.#fd, bytes, done, bytes.length - done, offset + done);
      if (count === 0) break;
      done += count;
    }
    return bytes.subarray(0, done);
  }

  close(): void {
    closeSync(this.#fd);
  }
}
