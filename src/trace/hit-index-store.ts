// Where the indexes of hits are: `hits/NNNNNN.idx` beside the segments, or in memory.
//
// Rules
// - What cannot be read or written is as if it were not there: an index can always be made again.
import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { crc32 } from "node:zlib";
import { dirMode, replaceFile } from "./files.ts";
import { segmentName } from "./format.ts";
import { SegmentIndex } from "./hit-index-file.ts";
import type { Indexed, IndexBuilder } from "./hit-index-file.ts";
import { FileBytes } from "./segment.ts";

const tailBytes = 1024;

function indexPath(dir: string, segment: number): string {
  return join(dir, "hits", `${segmentName(segment)}.idx`);
}

/** Which file is sealed under this name. Throws what the file system throws. */
function sealedFile(dir: string, segment: number): Indexed {
  const file = `${segmentName(segment)}.mcap`;
  const bytes = new FileBytes(join(dir, file));
  try {
    const { size } = bytes;
    return { file, size, tail: crc32(bytes.read(Math.max(0, size - tailBytes), tailBytes)) };
  } finally {
    bytes.close();
  }
}

/** The stored index of a sealed segment; undefined when there is none that can be believed. */
export function readIndex(dir: string, segment: number): SegmentIndex | undefined {
  try {
    return SegmentIndex.of(new FileBytes(indexPath(dir, segment)), sealedFile(dir, segment));
  } catch {
    return undefined;
  }
}

/** Stores the index of a sealed segment. A directory that cannot be written to, another user's, is no error: it can be made again. */
export function writeIndex(dir: string, segment: number, builder: IndexBuilder): void {
  try {
    const path = indexPath(dir, segment);
    mkdirSync(dirname(path), { recursive: true, mode: dirMode });
    replaceFile(path, builder.end(sealedFile(dir, segment)));
  } catch {
    // Readers make it in memory.
  }
}

/** An index that is not stored. */
export function indexInMemory(builder: IndexBuilder): SegmentIndex {
  const of = { file: "", size: 0, tail: 0 };
  const whole = new Uint8Array(Buffer.concat(builder.end(of)));
  const read = (at: number, length: number): Uint8Array => whole.slice(at, at + length);
  const index = SegmentIndex.of({ size: whole.length, read, close: () => undefined }, of);
  if (index === undefined) throw new Error("an index cannot be read that has just been made");
  return index;
}
