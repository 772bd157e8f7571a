// A frame with a few bytes of its body replaced and all others as they came; of a header only the length changes.
//
// Rules
// - A body is searched as text of one character a byte, so that an index in it is an offset in the bytes: `byteText`. What is
//   found there is read as UTF-8 by `textAt`.
import type { Frame } from "./frame.ts";

/** `bytes[from]` to `bytes[to]` (exclusive) of a body become these. */
export interface Edit {
  readonly from: number;
  readonly to: number;
  readonly bytes: Uint8Array;
}

// WHATWG calls it latin1 and means windows-1252: one character a byte, and ASCII is ASCII, which is all that is needed.
const single = new TextDecoder("latin1");
const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });
const encoder = new TextEncoder();

export function byteText(bytes: Uint8Array): string {
  return single.decode(bytes);
}

export function textAt(bytes: Uint8Array, from: number, to: number): string {
  return utf8.decode(bytes.subarray(from, to));
}

export function editOf(from: number, to: number, text: string): Edit {
  return { from, to, bytes: encoder.encode(text) };
}

/** `edits` in ascending order, without overlap; offsets are of the body. Undefined when there are none. */
export function splicedFrame(frame: Frame, edits: readonly Edit[]): Uint8Array | undefined {
  if (edits.length === 0) return undefined;
  const grown = edits.reduce((sum, { from, to, bytes }) => sum + bytes.length - (to - from), 0);
  const all = edits.map(({ from, to, bytes }) => ({ from: frame.bodyStart + from, to: frame.bodyStart + to, bytes }));
  if (frame.kind === "header") {
    const head = byteText(frame.bytes.subarray(0, frame.bodyStart));
    const [length, before = "", digits = ""] = /(content-length:[ \t]*)(\d+)/i.exec(head) ?? [];
    if (length === undefined) return undefined;
    const from = head.indexOf(length) + before.length;
    all.unshift(editOf(from, from + digits.length, String(frame.bodyEnd - frame.bodyStart + grown)));
  }
  return spliced(frame.bytes, all);
}

/** `edits` as for {@link splicedFrame}, of these bytes; the same bytes when there are none. */
export function spliced(bytes: Uint8Array, edits: readonly Edit[]): Uint8Array {
  if (edits.length === 0) return bytes;
  const length = edits.reduce((sum, edit) => sum + edit.bytes.length - (edit.to - edit.from), bytes.length);
  const out = new Uint8Array(length);
  let read = 0;
  let write = 0;
  for (const { from, to, bytes: replacement } of edits) {
    out.set(bytes.subarray(read, from), write);
    write += from - read;
    out.set(replacement, write);
    write += replacement.length;
    read = to;
  }
  out.set(bytes.subarray(read), write);
  return out;
}
