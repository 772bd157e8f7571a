// Takes the secrets out of one session's bytes, both sides, on their way into a trace. Sans-io: chunks in, chunks out.
//
// Rules
// - A chunk of whole messages without a secret comes out as it is: the same bytes, not a copy.
// - A message with a secret is written anew, its Content-Length mended, so that a reader finds messages as before.
// - A message that has not ended is held until it has, or the session, or the trace: where it was cut plays no part in what comes out.
//   What cut it off is recorded then, masked as a text, and never longer than it was: it must not look like a whole message.
// - One of more than `mostHeld` bytes is not held: a marker takes the place of its body.
// - Fail closed: what cannot be looked through is replaced, never passed on.
// - Whether a side is in step, lost or opaque follows the same rules as in the reader (src/trace/follower.ts).
import { ChunkList } from "./chunks.ts";
import { contentLengthFrame } from "./frame.ts";
import type { Side, Wire } from "./frame.ts";
import { Framer } from "./framer.ts";
import { beginsLikeMessage } from "./message-start.ts";
import { ByteRedactor } from "./redact-bytes.ts";
import { DapRedactor } from "./redact-dap.ts";
import { PydevdRedactor } from "./redact-pydevd.ts";
import { failedMarker } from "./redact.ts";
import type { Redactor } from "./redact.ts";

/** Bytes of one message. */
const mostHeld = 32 * 1024 * 1024;
/** Of a longer one, for its id. */
const keptHead = 256;
const brace = 123;
const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const unreadable = encoder.encode(failedMarker);

export interface WireOptions {
  /** Bytes of one message that are held at most. */
  readonly mostHeld?: number;
}

/** Both sides of a session share what is remembered of its requests. */
interface Talk {
  readonly redactor: Redactor;
  readonly dap: DapRedactor;
  readonly pydevd: PydevdRedactor;
}

export class WireRedactor {
  readonly #sides: Readonly<Record<Side, SideRedactor>>;
  readonly #talk: Talk;

  constructor(wire: Wire, redactor: Redactor, { mostHeld: most = mostHeld }: WireOptions = {}) {
    const talk = { redactor, dap: new DapRedactor(redactor), pydevd: new PydevdRedactor(redactor) };
    this.#talk = talk;
    this.#sides = {
      client: new SideRedactor(wire, "client", talk, most),
      debuggee: new SideRedactor(wire, "debuggee", talk, most),
    };
  }

  /** What may be recorded, now that `chunk` came; undefined for nothing yet. It may be a view of `chunk`. */
  push(side: Side, chunk: Uint8Array): Uint8Array | undefined {
    return this.#sides[side].push(chunk);
  }

  /** Bytes of a side are missing here: what is held of it. */
  gap(side: Side): Uint8Array | undefined {
    if (side === "client") {
      this.#talk.dap.gap();
      this.#talk.pydevd.gap();
    }
    return this.#sides[side].gap();
  }

  /** A line of a side without messages that is held, a prompt for one. */
  release(side: Side): Uint8Array | undefined {
    return this.#sides[side].release();
  }

  /** True where {@link release} would give something. */
  holdsLine(side: Side): boolean {
    return this.#sides[side].holdsLine;
  }
}

class SideRedactor {
  readonly #wire: Wire;
  readonly #side: Side;
  readonly #talk: Talk;
  readonly #mostHeld: number;
  /** Absent: not in step. */
  #framer: Framer | undefined;
  #isOpaque: boolean;
  /** The beginning of a message that has not ended. */
  readonly #held = new ChunkList();
  /** Of one that is too long to be held: its first bytes. */
  #tooLong: Uint8Array | undefined;
  #bytes: ByteRedactor;

  constructor(wire: Wire, side: Side, talk: Talk, most: number) {
    this.#wire = wire;
    this.#side = side;
    this.#talk = talk;
    this.#mostHeld = most;
    this.#isOpaque = wire === "raw";
    this.#framer = wire === "raw" ? undefined : new Framer(wire);
    this.#bytes = this.#unframed();
  }

  get holdsLine(): boolean {
    return this.#bytes.holds;
  }

  push(chunk: Uint8Array): Uint8Array | undefined {
    if (this.#framer === undefined && !this.#isOpaque && this.#wire !== "raw" && beginsLikeMessage(chunk, this.#wire)) {
      const before = this.#bytes.release();
      this.#bytes = this.#unframed();
      this.#framer = new Framer(this.#wire);
      return concat([before, this.#frames(this.#framer, chunk)]);
    }
    if (this.#framer !== undefined) return this.#frames(this.#framer, chunk);
    return this.#isOpaque || !this.#isAlert ? this.#bytes.push(chunk) : unreadable;
  }

  gap(): Uint8Array | undefined {
    const rest = concat([this.#bytes.release(), this.#rest()]);
    if (this.#framer !== undefined) this.#framer = undefined;
    this.#bytes = this.#unframed();
    return rest;
  }

  release(): Uint8Array | undefined {
    return this.#bytes.release();
  }

  /** A part of a message may be an answer, which says nothing of what it is. */
  get #isAlert(): boolean {
    return this.#talk.dap.isAlert || this.#talk.pydevd.isAlert;
  }

  #unframed(): ByteRedactor {
    return new ByteRedactor(this.#talk.redactor, this.#wire === "pydevd");
  }

  #frames(framer: Framer, chunk: Uint8Array): Uint8Array | undefined {
    const out: Uint8Array[] = [];
    let isWhole = this.#held.byteLength === 0 && this.#tooLong === undefined;
    let from = 0;
    for (let end = framer.next(chunk, 0); end !== -1; end = framer.next(chunk, end)) {
      const bytes = this.#whole(chunk.subarray(from, end));
      const masked = this.#tooLong === undefined ? this.#frame(framer, bytes) : this.#longFrame(framer, this.#tooLong);
      this.#tooLong = undefined;
      isWhole &&= masked === bytes;
      out.push(masked);
      from = end;
    }
    if (framer.failure !== undefined) {
      this.#framer = undefined;
      this.#isOpaque = true;
      const rest = this.#tooLong === undefined ? this.#whole(chunk.subarray(from)) : unreadable;
      this.#tooLong = undefined;
      return concat([...out, this.#bytes.push(rest)]);
    }
    if (from === chunk.length && isWhole) return chunk;
    this.#hold(chunk.subarray(from));
    return concat(out);
  }

  /** A message's bytes, of which the last came now. */
  #whole(last: Uint8Array): Uint8Array {
    if (this.#held.byteLength === 0) return last;
    this.#held.append(last);
    return this.#held.take(this.#held.byteLength);
  }

  #hold(bytes: Uint8Array): void {
    if (bytes.length === 0 || this.#tooLong !== undefined) return;
    // The memory of a chunk is not ours; `slice` of a Buffer is no copy.
    this.#held.append(new Uint8Array(bytes));
    if (this.#held.byteLength <= this.#mostHeld) return;
    this.#tooLong = this.#held.take(keptHead);
    this.#held.clear();
  }

  #frame(framer: Framer, bytes: Uint8Array): Uint8Array {
    const { redactor, dap, pydevd } = this.#talk;
    const isLine = framer.lastKind === "line";
    const start = framer.lastBodyOffset;
    const body = bytes.subarray(start, isLine ? bytes.length - 1 : bytes.length);
    const isDap = !isLine && (this.#wire === "dap" || body[0] === brace);
    const isAlert = isDap ? dap.isAlertTo(body) : pydevd.isAlertTo(body);
    const isAsked = isAlert || isToken(body) || (this.#side === "client" && !isLine && dap.isQuestion(body));
    if (!isAsked && !redactor.mayHold(body)) return bytes;
    const text = decoder.decode(body);
    const masked = this.#safely(() =>
      isDap ? dap.body(text) : pydevd.message(text, this.#side, isLine && this.#side === "debuggee"),
    );
    if (masked === text) return bytes;
    return isLine ? encoder.encode(`${masked}\n`) : withBody(bytes.subarray(0, start), masked);
  }

  #longFrame(framer: Framer, head: Uint8Array): Uint8Array {
    if (framer.lastKind === "header") return contentLengthFrame(encoder.encode(JSON.stringify(failedMarker)));
    return encoder.encode(`${lineHead(head)}${failedMarker}\n`);
  }

  /** A message that is cut off: its head as it is, so that a reader sees the beginning of a message, and what is left of its body. */
  #rest(): Uint8Array | undefined {
    const isLong = this.#tooLong !== undefined;
    const held = this.#tooLong ?? this.#held.take(this.#held.byteLength);
    this.#tooLong = undefined;
    if (held.length === 0) return undefined;
    const isLine = this.#wire === "pydevd" && this.#framer?.bodyOffset === 0;
    const start = isLine ? lineHead(held).length : (this.#framer?.bodyOffset ?? -1);
    const head = held.subarray(0, Math.max(0, start));
    const body = held.subarray(head.length);
    const text = this.#unframed();
    const isAnswer = start !== -1 && body.length > 0 && this.#isAlert;
    const masked = isLong || isAnswer ? unreadable : concat([text.push(body), text.release()]);
    const rest = concat([head, masked]);
    return rest === undefined || isLine || rest.length <= held.length
      ? rest
      : rest.subarray(0, characterStart(rest, held.length));
  }

  #safely(mask: () => string): string {
    try {
      return mask();
    } catch {
      return failedMarker;
    }
  }
}

/** pydevd's 205: a token, and nothing that says so. */
function isToken(body: Uint8Array): boolean {
  return body[0] === 50 && body[1] === 48 && body[2] === 53 && body[3] === 9;
}

/** Id and seq of a pydevd line, with their tabs. */
function lineHead(line: Uint8Array): string {
  return /^-?\d{1,10}\t-?\d{1,15}\t/.exec(decoder.decode(line.subarray(0, 40)))?.[0] ?? "";
}

/** The last place up to `at` where a character begins. */
function characterStart(utf8: Uint8Array, at: number): number {
  let start = at;
  while (start > 0 && ((utf8[start] ?? 0) & 0xc0) === 0x80) start--;
  return start;
}

function withBody(head: Uint8Array, body: string): Uint8Array {
  const bytes = encoder.encode(body);
  const text = decoder.decode(head).replaceAll(/(content-length:[ \t]*)\d+/gi, `$1${bytes.length}`);
  return concat([encoder.encode(text), bytes]) ?? bytes;
}

/** Undefined for nothing at all; the very same bytes where there is but one piece. */
function concat(pieces: readonly (Uint8Array | undefined)[]): Uint8Array | undefined {
  const parts = pieces.filter((piece) => piece !== undefined && piece.length > 0);
  const [first] = parts;
  if (parts.length < 2) return first;
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + (part?.length ?? 0), 0));
  let at = 0;
  for (const part of parts) {
    if (part === undefined) continue;
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
