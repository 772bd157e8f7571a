// One side of HTTP whose bodies may have masked secrets: such a body is not as long as its Content-Length says, and gets the length that it has.
//
// Rules
// - Such a body ends where a line stands that begins a message, or with the session. All others are passed on as they are.
// - What cannot be followed (chunked bodies, those without a length, what is no HTTP) passes as it is, from there on.
// - A message is held until it has ended; of its pieces the first and the last time are kept.
import type { Side } from "../../../protocol/frame.ts";

export interface Piece {
  readonly bytes: Uint8Array;
  /** Epoch milliseconds. */
  readonly time: number;
}

/** Bytes of one message that are held. */
const mostHeld = 2 * 1024 * 1024;
const marker = Buffer.from("«redacted:");
const markerLength = 21;
const begins: Readonly<Record<Side, RegExp>> = {
  client: /(?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) [^\s]+ HTTP\/1\.[01]\r\n/,
  debuggee: /HTTP\/1\.[01] \d{3}[^\r\n]*\r\n/,
};
const hasNoBody = /^HTTP\/1\.[01] (?:1\d\d|204|304)/;

export class LengthMender {
  readonly #side: Side;
  #held = Buffer.alloc(0);
  #first = 0;
  #last = 0;
  #passes = false;

  constructor(side: Side) {
    this.#side = side;
  }

  /** A message has begun, and is not passed on yet. */
  get holds(): boolean {
    return this.#held.length > 0;
  }

  /** What can be passed on now. */
  push({ bytes, time }: Piece): Piece[] {
    if (this.#passes) return [{ bytes, time }];
    if (this.#held.length === 0) this.#first = time;
    this.#last = time;
    this.#held = Buffer.concat([this.#held, bytes]);
    return this.#whole(false);
  }

  /** The session has ended, or nothing is to be held any more. */
  end(): Piece[] {
    return [...this.#whole(true), ...this.#pass()];
  }

  #whole(isLast: boolean): Piece[] {
    const out: Piece[] = [];
    while (this.#held.length > 0) {
      const found = this.#next(isLast);
      if (found === "wait") break;
      if (found === "pass") {
        out.push(...this.#pass());
        break;
      }
      const { head, end } = found;
      const body = this.#held.subarray(head.length, end);
      out.push({ bytes: found.mended, time: this.#first });
      if (body.length > 0) out.push({ bytes: body, time: this.#last });
      this.#held = this.#held.subarray(end);
      this.#first = this.#last;
    }
    if (this.#held.length > mostHeld) out.push(...this.#pass());
    return out;
  }

  /** The message that is held first, as far as it can be told where it ends. */
  #next(isLast: boolean): "wait" | "pass" | { readonly head: Buffer; readonly mended: Buffer; readonly end: number } {
    const held = this.#held;
    const headEnd = held.indexOf("\r\n\r\n") + 4;
    if (headEnd < 4) return isLast ? "pass" : "wait";
    const head = held.subarray(0, headEnd);
    const text = head.toString("latin1");
    const isMessage = begins[this.#side].exec(text)?.index === 0;
    if (!isMessage || /^(?:transfer-encoding|upgrade):/im.test(text)) return "pass";
    const said = /^content-length:\s*(\d{1,15})/im.exec(text)?.[1];
    const isBodiless = this.#side === "client" || hasNoBody.test(text);
    if (said === undefined && !isBodiless) return "pass";
    const length = Number(said ?? 0);
    if (!isMasked(held, headEnd, headEnd + length)) {
      if (length > mostHeld) return "pass";
      const isThere = held.length >= headEnd + length;
      return isThere ? { head, mended: head, end: headEnd + length } : isLast ? "pass" : "wait";
    }
    const next = begins[this.#side].exec(held.toString("latin1", headEnd))?.index;
    if (next === undefined && !isLast) return "wait";
    const end = next === undefined ? held.length : headEnd + next;
    const mended = text.replace(/(?<=^content-length:\s*)\d+/im, String(end - headEnd));
    return { head, mended: Buffer.from(mended, "latin1"), end };
  }

  #pass(): Piece[] {
    const bytes = this.#held;
    this.#held = Buffer.alloc(0);
    this.#passes = true;
    return bytes.length === 0 ? [] : [{ bytes, time: this.#first }];
  }
}

/** A marker begins in these bytes; the end of one may lie beyond a length that is too short. */
function isMasked(bytes: Buffer, from: number, to: number): boolean {
  const body = bytes.subarray(from, to);
  if (body.includes(marker)) return true;
  const tail = bytes.subarray(Math.max(from, to - markerLength), to);
  const begun = tail.lastIndexOf(marker.subarray(0, 2));
  return begun !== -1 && marker.subarray(0, tail.length - begun).equals(tail.subarray(begun, begun + marker.length));
}
