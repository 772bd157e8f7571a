// Looks at a few messages of a stream, whole, while all others are cut through, which keeps the latency of the many; or at all.
//
// Rules
// - At the start of a frame bytes are held until the first `window` bytes of its body, or all of it, are in. When its name
//   (peek.ts) is none of those looked for, the frame goes on at once and the rest of it is only counted; otherwise the whole frame is
//   held and `rewrite` is asked. With `all` (store mode) that is every frame, from the next frame's start on.
// - The output joined equals the input unless `rewrite` gave bytes. A chunk of which nothing is held or changed is returned
//   itself, not a copy.
// - When framing fails, what is held goes out and all later bytes pass untouched.
// - `rewrite` may throw: the frame then goes on as it came.
// - The framer is the stream's only one: whoever counts messages or asks for the failure reads it there. A stream that is taken up
//   in the middle of a frame passes the rest of that one.
import { ChunkList } from "./chunks.ts";
import type { Frame } from "./frame.ts";
import type { Framer } from "./framer.ts";
import { nameWindow, peeked } from "./peek.ts";

/** A frame of more bytes than this is not stored: it passes untouched. With `all` the answer to a question may be so long. */
export const maxStoredLength = 16 * 1024 * 1024;
const maxStoredOfAll = 128 * 1024 * 1024;

export interface RewriterOptions {
  /** Of the bytes before the first that is pushed; it follows every byte that is. */
  readonly framer: Framer;
  /** A frame is looked at when it is called one of these (ASCII): DAP's command or event, pydevd's id. */
  readonly names: ReadonlySet<string>;
  /** What to send instead of this frame, whole frames, none to drop it; undefined for the frame as it came. */
  rewrite(frame: Frame): readonly Uint8Array[] | undefined;
  /** How many bytes of a body are searched for its name. */
  readonly window?: number;
  /** No frame goes on in part, but for one that is too large to store. */
  readonly whole?: boolean;
}

export class Rewriter {
  readonly #framer: Framer;
  readonly #names: ReadonlySet<string>;
  readonly #rewrite: RewriterOptions["rewrite"];
  readonly #window: number;
  readonly #wholeOnly: boolean;
  /** The beginning of the frame in progress, while it is not decided or stored. */
  readonly #held = new ChunkList();
  /** What is done with the frame in progress. */
  #fate: "undecided" | "pass" | "store";
  #rewritten = 0;
  /** Store mode: every frame is looked at. */
  all = false;

  constructor(options: RewriterOptions) {
    this.#framer = options.framer;
    this.#fate = options.framer.atBoundary ? "undecided" : "pass";
    this.#names = options.names;
    this.#rewrite = (frame) => options.rewrite(frame);
    this.#window = options.window ?? nameWindow;
    this.#wholeOnly = options.whole ?? false;
  }

  /** Frames replaced so far. */
  get rewritten(): number {
    return this.#rewritten;
  }

  /** A frame has gone on in part: what is put in now would stand inside it. */
  get inside(): boolean {
    return this.#fate === "pass" && !this.#framer.atBoundary;
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
          out.push(...(replacement ?? [frame.bytes]));
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
    const most = this.all ? maxStoredOfAll : maxStoredLength;
    if (length > most || this.#framer.bodyLength > most) {
      this.#fate = "pass";
      return;
    }
    if (this.all) this.#fate = "store";
    if (this.#fate === "store" || (this.#wholeOnly && end === -1)) return;
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
    return peeked(bytes, from, to, this.#names);
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

  #replacement(frame: Frame): readonly Uint8Array[] | undefined {
    try {
      const frames = this.#rewrite(frame);
      if (frames !== undefined) this.#rewritten++;
      return frames;
    } catch {
      return undefined;
    }
  }

  #release(out: Uint8Array[]): void {
    if (this.#held.byteLength > 0) out.push(this.#held.take(this.#held.byteLength));
  }
}
