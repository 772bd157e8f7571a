// Changes one rare message of a stream while all others are cut through, which keeps the latency of the many.
//
// Rules
// - At the start of a frame bytes are held until the first `window` bytes of its body, or all of it, are in. When none of
//   the names stands there the frame goes on at once and the rest of it is only counted; when one does, the whole frame is
//   held and `rewrite` is asked.
// - The output joined equals the input unless `rewrite` gave bytes. A chunk of which nothing is held or changed is returned
//   itself, not a copy.
// - When framing fails, what is held goes out and all later bytes pass untouched.
// - `rewrite` may throw: the frame then goes on as it came.
import { ChunkList } from "./chunks.ts";
import type { DebugtapError } from "./errors.ts";
import type { Frame } from "./frame.ts";
import { Framer } from "./framer.ts";

/** A frame of more bytes than this is not stored: it passes untouched. */
export const maxStoredLength = 16 * 1024 * 1024;

const defaultWindow = 256;

export interface RewriterOptions {
  readonly wire: "dap" | "pydevd";
  /** A frame is looked at when one of these (ASCII) stands in the first bytes of its body. */
  readonly names: readonly string[];
  /** The bytes to send instead of this frame, header or newline included; undefined for the frame as it came. */
  rewrite(frame: Frame): Uint8Array | undefined;
  /** How many bytes of a body are searched for the names. */
  readonly window?: number;
}

export class Rewriter {
  readonly #framer: Framer;
  readonly #needles: readonly Needle[];
  readonly #rewrite: RewriterOptions["rewrite"];
  readonly #window: number;
  /** The beginning of the frame in progress, while it is not decided or stored. */
  readonly #held = new ChunkList();
  /** What is done with the frame in progress. */
  #fate: "undecided" | "pass" | "store" = "undecided";
  #rewritten = 0;

  constructor(options: RewriterOptions) {
    this.#framer = new Framer(options.wire);
    this.#needles = options.names.map((name) => makeNeedle(name));
    this.#rewrite = (frame) => options.rewrite(frame);
    this.#window = options.window ?? defaultWindow;
  }

  get failure(): DebugtapError | undefined {
    return this.#framer.failure;
  }

  /** Frames replaced so far. */
  get rewritten(): number {
    return this.#rewritten;
  }

  /** Bytes that have come and not gone on yet. */
  get heldBytes(): number {
    return this.#held.byteLength;
  }

  /** The bytes to send on now, in order. */
  push(chunk: Uint8Array): Uint8Array[] {
    const out: Uint8Array[] = [];
    /** What stands before it in the chunk has gone on, or was replaced. */
    let sent = 0;
    let from = 0;
    while (from < chunk.length) {
      const end = this.#framer.next(chunk, from);
      if (this.#framer.failure !== undefined) {
        this.#release(out);
        break;
      }
      this.#decide(chunk, from, end);
      if (this.#fate === "pass") this.#release(out);
      else if (end === -1) {
        if (from > sent) out.push(chunk.subarray(sent, from));
        this.#held.append(chunk.subarray(from));
        return out;
      } else {
        const held = this.#held.byteLength > 0;
        const frame = this.#whole(chunk.subarray(from, end));
        const replacement = this.#replacement(frame);
        if (replacement !== undefined || held) {
          if (from > sent) out.push(chunk.subarray(sent, from));
          out.push(replacement ?? frame.bytes);
          sent = end;
        }
      }
      if (end === -1) break;
      this.#fate = "undecided";
      from = end;
    }
    if (sent === 0 && chunk.length > 0) out.push(chunk);
    else if (sent < chunk.length) out.push(chunk.subarray(sent));
    return out;
  }

  /** The stream ended: the bytes held, to send on. */
  end(): Uint8Array[] {
    const out: Uint8Array[] = [];
    this.#release(out);
    return out;
  }

  // The chunk has the frame in progress from `from` on, to `end` if that is not -1; before it stands what is held.
  #decide(chunk: Uint8Array, from: number, end: number): void {
    if (this.#fate === "pass") return;
    const held = this.#held.byteLength;
    const length = held + (end === -1 ? chunk.length : end) - from;
    if (length > maxStoredLength || this.#framer.bodyLength > maxStoredLength) {
      this.#fate = "pass";
      return;
    }
    if (this.#fate === "store") return;
    const bodyOffset = end === -1 ? this.#framer.bodyOffset : this.#framer.lastBodyOffset;
    if (end === -1 && (bodyOffset === -1 || length - bodyOffset < this.#window)) return;
    const to = Math.min(length, bodyOffset + this.#window);
    const found =
      held === 0
        ? this.#named(chunk, from + bodyOffset, from + to)
        : this.#named(this.#start(chunk, to), bodyOffset, to);
    this.#fate = found ? "store" : "pass";
  }

  #named(bytes: Uint8Array, from: number, to: number): boolean {
    return this.#needles.some((needle) => occurs(needle, bytes, from, to));
  }

  /** The first `length` bytes of a frame of which some are held. */
  #start(chunk: Uint8Array, length: number): Uint8Array {
    const held = this.#held.take(this.#held.byteLength);
    this.#held.append(held);
    if (length <= held.length) return held;
    const start = new Uint8Array(length);
    start.set(held);
    start.set(chunk.subarray(0, length - held.length), held.length);
    return start;
  }

  #whole(here: Uint8Array): Frame {
    let bytes = here;
    if (this.#held.byteLength > 0) {
      this.#held.append(here);
      bytes = this.#held.take(this.#held.byteLength);
    }
    const kind = this.#framer.lastKind;
    const bodyEnd = kind === "line" ? bytes.length - 1 : bytes.length;
    return { kind, bytes, bodyStart: this.#framer.lastBodyOffset, bodyEnd };
  }

  #replacement(frame: Frame): Uint8Array | undefined {
    try {
      const bytes = this.#rewrite(frame);
      if (bytes !== undefined) this.#rewritten++;
      return bytes;
    } catch {
      return undefined;
    }
  }

  #release(out: Uint8Array[]): void {
    if (this.#held.byteLength > 0) out.push(this.#held.take(this.#held.byteLength));
  }
}

// Horspool's search: a 256-byte window is done in some 20 steps, which matters because every message is searched.
interface Needle {
  readonly bytes: Uint8Array;
  /** By the byte under the needle's last place: how far the needle may move. */
  readonly shift: Uint8Array;
}

function makeNeedle(name: string): Needle {
  const bytes = Uint8Array.from(name.slice(0, 255), (char) => char.charCodeAt(0));
  const shift = new Uint8Array(256).fill(bytes.length);
  for (let i = 0; i < bytes.length - 1; i++) shift[bytes[i] ?? 0] = bytes.length - 1 - i;
  return { bytes, shift };
}

function occurs({ bytes, shift }: Needle, text: Uint8Array, from: number, to: number): boolean {
  const last = bytes.length - 1;
  if (last < 0) return false;
  for (let at = from; at + last < to;) {
    let i = last;
    while (i >= 0 && text[at + i] === bytes[i]) i--;
    if (i < 0) return true;
    at += shift[text[at + last] ?? 0] ?? 1;
  }
  return false;
}
