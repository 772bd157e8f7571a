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
const mostHead = 64 * 1024;
const marker = Buffer.from("«redacted:");
const markerLength = 21;
/** A message's first bytes. */
const first: Readonly<Record<Side, RegExp>> = { client: /^[A-Z]+(?: |$)/, debuggee: /^(?:HTTP\/1\.|.{0,7}$)/ };
const begins: Readonly<Record<Side, RegExp>> = {
  client: /(?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) [^\s]+ HTTP\/1\.[01]\r\n/,
  debuggee: /HTTP\/1\.[01] \d{3}[^\r\n]*\r\n/,
};
const hasNoBody = /^HTTP\/1\.[01] (?:1\d\d|204|304)/;

/** Of a message that is held: which bytes are its head, what takes their place, where it ends. */
interface Message {
  readonly head: Buffer;
  readonly mended: Buffer;
  readonly end: number;
}

export class LengthMender {
  readonly #side: Side;
  #held: Uint8Array[] = [];
  #length = 0;
  /** With fewer bytes nothing more can be told. */
  #needed = 0;
  #first = 0;
  #last = 0;
  #passes = false;

  constructor(side: Side) {
    this.#side = side;
  }

  /** A message has begun, and is not passed on yet. */
  get holds(): boolean {
    return this.#length > 0;
  }

  /** What can be passed on now. */
  push({ bytes, time }: Piece): Piece[] {
    if (this.#passes) return [{ bytes, time }];
    if (this.#length === 0) this.#first = time;
    this.#last = time;
    this.#held.push(bytes);
    this.#length += bytes.length;
    return this.#length < this.#needed ? [] : this.#whole(false);
  }

  /** The session has ended, or nothing is to be held any more. */
  end(): Piece[] {
    const out = this.#whole(true);
    this.#passes = true;
    return out;
  }

  #whole(isLast: boolean): Piece[] {
    const out: Piece[] = [];
    let rest = Buffer.concat(this.#held);
    while (rest.length > 0) {
      const found = this.#next(rest, isLast);
      if (typeof found === "number" && !isLast && found <= mostHeld) {
        this.#needed = found;
        break;
      }
      if (typeof found === "number" || found === undefined) {
        out.push({ bytes: rest, time: this.#first });
        rest = Buffer.alloc(0);
        this.#passes = true;
        break;
      }
      const { head, mended, end } = found;
      out.push({ bytes: mended, time: this.#first });
      if (end > head.length) out.push({ bytes: rest.subarray(head.length, end), time: this.#last });
      rest = rest.subarray(end);
      this.#first = this.#last;
      this.#needed = 0;
    }
    this.#held = rest.length === 0 ? [] : [rest];
    this.#length = rest.length;
    return out;
  }

  /** The first message of these bytes; a number: so many are needed to tell; undefined: they cannot be followed. */
  #next(held: Buffer, isLast: boolean): Message | number | undefined {
    const headEnd = held.indexOf("\r\n\r\n") + 4;
    if (!first[this.#side].test(held.toString("latin1", 0, 8))) return undefined;
    if (headEnd < 4) return held.length > mostHead ? undefined : held.length + 1;
    const head = held.subarray(0, headEnd);
    const text = head.toString("latin1");
    const isMessage = begins[this.#side].exec(text)?.index === 0;
    if (!isMessage || /^(?:transfer-encoding|upgrade):/im.test(text)) return undefined;
    const said = /^content-length:\s*(\d{1,15})/im.exec(text)?.[1];
    if (said === undefined && this.#side === "debuggee" && !hasNoBody.test(text)) return undefined;
    const end = headEnd + Number(said ?? 0);
    if (!isMasked(held, headEnd, end)) return held.length < end ? end : { head, mended: head, end };
    const next = begins[this.#side].exec(held.toString("latin1", headEnd))?.index;
    // Looked for again when there is twice as much: it may come in small pieces.
    if (next === undefined && !isLast) return 2 * held.length;
    const length = next ?? held.length - headEnd;
    const mended = text.replace(/(?<=^content-length:\s*)\d+/im, String(length));
    return { head, mended: Buffer.from(mended, "latin1"), end: headEnd + length };
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
