// One readable line for a message, for `debugtap show` and the board.
//
// Rules
// - Never throws and never says nothing: what cannot be understood is shown as a cut excerpt.
// - A summary is one line of at most 200 characters, without control characters; `detail` is the whole, decoded.
import { decodeDap } from "./dap.ts";
import { describeDap } from "./describe-dap.ts";
import { describePydevd } from "./describe-pydevd.ts";
import type { Frame, Side, Wire } from "./frame.ts";
import { decodePydevd } from "./pydevd.ts";

export const maxSummaryLength = 200;

export interface Description {
  readonly summary: string;
  /** A DAP message as JSON, a pydevd message with its payload decoded; absent for bytes that are neither. */
  readonly detail?: unknown;
}

export function describeFrame(frame: Frame, side: Side, wire: Wire): Description {
  const { summary, detail } = described(frame, side, wire) ?? { summary: excerpt(frame.bytes) };
  const line = oneLine(summary);
  return detail === undefined ? { summary: line } : { summary: line, detail };
}

/** Bytes of no known form: their count, and the first of them as text where they are text, else in hex. */
export function excerpt(bytes: Uint8Array): string {
  const start = bytes.subarray(0, 120);
  const text = start.every((byte) => (byte >= 32 && byte < 127) || byte === 9 || byte === 10 || byte === 13);
  const shown = text
    ? JSON.stringify(String.fromCharCode(...start))
    : Array.from(start.subarray(0, 48), (byte) => byte.toString(16).padStart(2, "0")).join(" ");
  return `${bytes.length} bytes ${shown}${bytes.length > start.length ? " …" : ""}`;
}

function described(frame: Frame, side: Side, wire: Wire): Description | undefined {
  try {
    if (wire !== "raw" && frame.kind === "header") {
      const message = decodeDap(frame);
      if (message !== undefined) return { summary: describeDap(message), detail: message };
    }
    if (wire !== "pydevd") return undefined;
    const message = decodePydevd(frame, side);
    return message === undefined ? undefined : describePydevd(message, side);
  } catch {
    return undefined;
  }
}

function oneLine(text: string): string {
  const line = text
    .slice(0, 4 * maxSummaryLength)
    .replace(/[\s\p{Cc}\u2028\u2029]+/gu, " ")
    .trim();
  // Cut between characters, not inside one.
  return line.length <= maxSummaryLength
    ? line
    : `${line.slice(0, maxSummaryLength - 1).replace(/[\uD800-\uDBFF]$/, "")}…`;
}
