// The beginning of a pydevd message,  id TAB seq TAB text,  read where it stands, and another seq written into it.
//
// Rules
// - Nothing but the digits is looked at: a message of any size costs the same, and its text stays byte for byte.
import { contentLengthFrame, type Frame } from "./frame.ts";

export interface PydevdHead {
  readonly id: number;
  readonly seq: number;
  /** Offsets in the frame's bytes: of the seq's first byte, and of the tab behind it. */
  readonly seqStart: number;
  readonly seqEnd: number;
}

const TAB = 9;
const DASH = 45;
const maxIdDigits = 10;
const maxSeqDigits = 15;

const encoder = new TextEncoder();

/** Undefined where decodePydevd has none either. */
export function pydevdHead(frame: Frame): PydevdHead | undefined {
  const idEnd = endOfNumber(frame, frame.bodyStart, maxIdDigits);
  if (idEnd === -1) return undefined;
  const seqEnd = endOfNumber(frame, idEnd + 1, maxSeqDigits);
  if (seqEnd === -1) return undefined;
  return {
    id: numberAt(frame.bytes, frame.bodyStart, idEnd),
    seq: numberAt(frame.bytes, idEnd + 1, seqEnd),
    seqStart: idEnd + 1,
    seqEnd,
  };
}

/** The same message under another seq, in the same kind of frame. */
export function withSeq(frame: Frame, head: PydevdHead, seq: number): Uint8Array {
  if (seq === head.seq) return frame.bytes;
  const isLine = frame.kind === "line";
  const before = frame.bytes.subarray(frame.bodyStart, head.seqStart);
  const after = frame.bytes.subarray(head.seqEnd, isLine ? frame.bytes.length : frame.bodyEnd);
  const digits = encoder.encode(String(seq));
  const message = new Uint8Array(before.length + digits.length + after.length);
  message.set(before);
  message.set(digits, before.length);
  message.set(after, before.length + digits.length);
  return isLine ? message : contentLengthFrame(message);
}

/** Where the tab behind a number stands; -1 when there is no number with a tab behind. */
function endOfNumber({ bytes, bodyEnd }: Frame, from: number, maxDigits: number): number {
  const first = bytes[from] === DASH ? from + 1 : from;
  let at = first;
  while (at < bodyEnd && isDigit(bytes[at] ?? 0)) at++;
  return at > first && at - first <= maxDigits && at < bodyEnd && bytes[at] === TAB ? at : -1;
}

function numberAt(bytes: Uint8Array, from: number, to: number): number {
  const negative = bytes[from] === DASH;
  let value = 0;
  for (let at = negative ? from + 1 : from; at < to; at++) value = value * 10 + (bytes[at] ?? 0) - 48;
  return negative ? -value : value;
}

function isDigit(byte: number): boolean {
  return byte >= 48 && byte <= 57;
}
