// Follows a byte stream to know where its messages end. It stores no bytes of it: a few numbers are the whole state.
//
// Frames of wire `dap`
//   Content-Length: N CRLF  other-header: value CRLF …  CRLF  N bytes of JSON
// Frames of wire `pydevd`, either kind at any time, in either direction
//   -?digits TAB seq TAB text LF          a line; short ones (`102 LF`, an empty one) too: pydevd reads and drops them
//   a header block as above               after a switch of protocol, and for DAP over pydevd
//
// Rules
// - Headers come in any case and order; their names are letters, digits, `-` and `_`, so that JSON without a header and
//   bytes behind a Content-Length that was too small are found at once. A bare LF ends a header line too. Two different
//   Content-Lengths are garbage.
// - Every byte is looked at at most once, bodies not at all (they are counted), lines by the native search for LF.
// - Nothing here throws or allocates, until the one failure; after it nothing more is looked at: the session is opaque.
// - No state depends on how the stream was cut into chunks.
import type { DebugtapError } from "./errors.ts";
import type { Frame } from "./frame.ts";
import { garbage, tooLarge } from "./framing-errors.ts";

/** A body of more bytes than this is not followed: DT_FRAME_TOO_LARGE. */
export const maxBodyLength = 256 * 1024 * 1024;
/** A line of more bytes than this is not followed: DT_FRAME_TOO_LARGE. */
export const maxLineLength = 64 * 1024 * 1024;
/** A header block of more bytes than this is DT_FRAME_GARBAGE. */
export const maxHeadLength = 4096;

// Where in a frame the next byte stands.
const START = 0; // before its first byte
const LINE_ID = 1; // in the digits of a line
const LINE = 2; // in the rest of a line
const NAME = 3; // in a header's name, or at the start of a header line
const VALUE = 4; // in the value of a header that does not matter
const LENGTH_BEFORE = 5; // between `Content-Length:` and its digits
const LENGTH = 6; // in its digits
const LENGTH_AFTER = 7; // behind its digits
const BLANK_LF = 8; // behind the CR of the blank line
const BODY = 9;
const OPAQUE = 10;

const TAB = 9;
const LF = 10;
const CR = 13;
const SPACE = 32;
const DASH = 45;
const COLON = 58;
const UNDERSCORE = 95;

const lengthName = Uint8Array.from("content-length", (char) => char.charCodeAt(0));

export class Framer {
  readonly #wire: "dap" | "pydevd";
  #state = START;
  #failure: DebugtapError | undefined;
  #frames = 0;
  /** Bytes of all whole frames so far: the stream offset of the frame in progress. */
  #offset = 0;
  /** Bytes seen of the frame in progress, up to its body (header) or up to now (line). */
  #seen = 0;
  /** Bytes of the name in progress, or -1 once it cannot be Content-Length. */
  #matched = 0;
  /** Bytes of the header name in progress. */
  #nameLength = 0;
  /** Content-Length so far in this header block, -1 for none. */
  #length = -1;
  /** The one in progress. */
  #digits = 0;
  #bodyLeft = 0;
  #lastKind: Frame["kind"] = "header";
  #lastBodyOffset = 0;
  #lastLength = 0;

  constructor(wire: "dap" | "pydevd") {
    this.#wire = wire;
  }

  /** No byte of an unfinished frame has been seen. */
  get atBoundary(): boolean {
    return this.#state === START;
  }

  /** Whole frames so far. */
  get frames(): number {
    return this.#frames;
  }

  /** Set once: from then on the stream is opaque. */
  get failure(): DebugtapError | undefined {
    return this.#failure;
  }

  /** Kind of the frame that ended last. */
  get lastKind(): Frame["kind"] {
    return this.#lastKind;
  }

  /** Where in the frame that ended last its body starts. */
  get lastBodyOffset(): number {
    return this.#lastBodyOffset;
  }

  /** Bytes of the frame that ended last, head and newline included. */
  get lastLength(): number {
    return this.#lastLength;
  }

  /** Where in the frame in progress its body starts; -1 while that is not known. */
  get bodyOffset(): number {
    if (this.#state === BODY) return this.#seen;
    return this.#state === LINE || this.#state === LINE_ID ? 0 : -1;
  }

  /** Bytes of the body of the frame in progress; -1 while that is not known, and for a line. */
  get bodyLength(): number {
    return this.#state === BODY ? this.#length : -1;
  }

  /** Goes through all frames of a chunk. */
  follow(chunk: Uint8Array): void {
    let at = 0;
    while (at !== -1) at = this.next(chunk, at);
  }

  /**
   * Goes on at `from`, to the end of the frame there: returns the offset just past it, or -1 when the chunk ends first (it
   * is then followed to its end; go on with the next chunk at 0) or the stream is opaque.
   */
  next(chunk: Uint8Array, from: number): number {
    if (this.#state === BODY) return this.#body(chunk, from);
    if (this.#state === LINE) return this.#line(chunk, from);
    if (this.#state === OPAQUE) return -1;
    return this.#head(chunk, from);
  }

  #body(chunk: Uint8Array, from: number): number {
    const here = chunk.length - from;
    if (here < this.#bodyLeft) {
      this.#bodyLeft -= here;
      return -1;
    }
    const end = from + this.#bodyLeft;
    this.#done("header", this.#seen, this.#seen + this.#length);
    return end;
  }

  #line(chunk: Uint8Array, from: number): number {
    const at = chunk.indexOf(LF, from);
    const end = at === -1 ? chunk.length : at + 1;
    this.#seen += end - from;
    if (this.#seen > maxLineLength) return this.#tooLarge(`a line of over ${maxLineLength} bytes`);
    if (at === -1) return -1;
    this.#done("line", 0, this.#seen);
    return end;
  }

  // Byte by byte: a head is some 25 bytes, and read so it may be cut anywhere without a buffer.
  #head(chunk: Uint8Array, from: number): number {
    let state = this.#state;
    if (state === START && from < chunk.length) {
      this.#seen = 0;
      this.#length = -1;
      state = this.#wire === "dap" || isLetter(chunk[from] ?? 0) ? NAME : LINE_ID;
    }
    for (let i = from; i < chunk.length; i++) {
      const byte = chunk[i] ?? 0;
      switch (state) {
        case LINE_ID:
          if (byte === LF) {
            this.#done("line", 0, this.#seen + 1);
            return i + 1;
          }
          if (byte === TAB || byte === CR) {
            this.#seen++;
            this.#state = LINE;
            return this.#line(chunk, i + 1);
          }
          if (!isDigit(byte) && !(byte === DASH && this.#seen === 0)) return this.#garbage(byte);
          break;
        case NAME:
          if (byte === COLON && this.#nameLength > 0) {
            state = this.#matched === lengthName.length ? LENGTH_BEFORE : VALUE;
            this.#matched = this.#nameLength = this.#digits = 0;
          } else if (isLetter(byte) || isDigit(byte) || byte === DASH || byte === UNDERSCORE) {
            this.#nameLength++;
            // Bit 5 makes a capital letter small; it leaves the dash alone.
            if (this.#matched !== -1)
              this.#matched = (byte | 32) === lengthName[this.#matched] ? this.#matched + 1 : -1;
          } else if (this.#nameLength === 0 && this.#length !== -1 && byte === CR) {
            state = BLANK_LF;
          } else if (this.#nameLength === 0 && this.#length !== -1 && byte === LF) {
            return this.#startBody(chunk, i + 1);
          } else return this.#garbage(byte);
          break;
        case VALUE:
          if (byte === LF) state = NAME;
          else if (byte === 0) return this.#garbage(byte);
          break;
        case LENGTH_BEFORE:
          if (isDigit(byte)) {
            this.#digits = byte - 48;
            state = LENGTH;
          } else if (byte !== SPACE && byte !== TAB) return this.#garbage(byte);
          break;
        case LENGTH:
        case LENGTH_AFTER:
          if (state === LENGTH && isDigit(byte)) {
            this.#digits = this.#digits * 10 + byte - 48;
            if (this.#digits > maxBodyLength) return this.#tooLarge(`a Content-Length of ${this.#digits} or more`);
          } else if (byte === LF) {
            if (this.#length !== -1 && this.#length !== this.#digits) return this.#garbage(byte);
            this.#length = this.#digits;
            state = NAME;
          } else if (byte === CR || byte === SPACE || byte === TAB) state = LENGTH_AFTER;
          else return this.#garbage(byte);
          break;
        case BLANK_LF:
          if (byte !== LF) return this.#garbage(byte);
          return this.#startBody(chunk, i + 1);
      }
      if (this.#seen === maxHeadLength) return this.#garbage(byte);
      this.#seen++;
    }
    this.#state = state;
    return -1;
  }

  #startBody(chunk: Uint8Array, from: number): number {
    this.#seen++;
    this.#state = BODY;
    this.#bodyLeft = this.#length;
    return this.#body(chunk, from);
  }

  #done(kind: Frame["kind"], bodyOffset: number, length: number): void {
    this.#state = START;
    this.#frames++;
    this.#offset += length;
    this.#lastKind = kind;
    this.#lastBodyOffset = bodyOffset;
    this.#lastLength = length;
  }

  #garbage(byte: number): -1 {
    return this.#fail(garbage(this.#wire, byte, this.#frames + 1, this.#seen, this.#offset + this.#seen));
  }

  #tooLarge(what: string): -1 {
    return this.#fail(tooLarge(what, this.#frames + 1));
  }

  #fail(failure: DebugtapError): -1 {
    this.#state = OPAQUE;
    this.#failure = failure;
    return -1;
  }
}

function isDigit(byte: number): boolean {
  return byte >= 48 && byte <= 57;
}

function isLetter(byte: number): boolean {
  return (byte >= 65 && byte <= 90) || (byte >= 97 && byte <= 122);
}
