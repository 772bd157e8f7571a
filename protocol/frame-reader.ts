// Cuts a byte stream into whole frames and keeps them: for those that need a message's bytes (store mode, `show`, tests).
// The relay's own path needs none of this: see framer.ts.
//
// Rules
// - A frame that came in one chunk is a view of it; only one that came in several is copied, once, when it is whole.
// - Once failed nothing more is framed: all later bytes collect in the rest until it is taken.
import { ChunkList } from "./chunks.ts";
import { DebugtapError } from "./errors.ts";
import type { Frame } from "./frame.ts";
import { Framer } from "./framer.ts";

export class FrameReader {
  readonly #framer: Framer;
  /** The beginning of a frame that is not whole yet; after a failure, all that cannot be framed. */
  readonly #held = new ChunkList();

  constructor(wire: "dap" | "pydevd") {
    this.#framer = new Framer(wire);
  }

  get failure(): DebugtapError | undefined {
    return this.#framer.failure;
  }

  /** Bytes held that belong to no whole frame. */
  get heldBytes(): number {
    return this.#held.byteLength;
  }

  /** The frames that this chunk makes whole, in order. */
  push(chunk: Uint8Array): Frame[] {
    const frames: Frame[] = [];
    let from = 0;
    for (;;) {
      const end = this.#framer.next(chunk, from);
      if (end === -1) break;
      frames.push(this.#frame(chunk.subarray(from, end)));
      from = end;
    }
    if (from < chunk.length) this.#held.append(chunk.subarray(from));
    return frames;
  }

  /** Removes and returns the bytes held that belong to no whole frame. */
  rest(): Uint8Array {
    return this.#held.take(this.#held.byteLength);
  }

  /** Says that the stream ended: DT_FRAME_TRUNCATED when that cut a frame, the failure if there was one. */
  end(): DebugtapError | undefined {
    if (this.#framer.failure !== undefined) return this.#framer.failure;
    if (this.#framer.atBoundary) return undefined;
    return new DebugtapError("DT_FRAME_TRUNCATED", `the stream ended inside message ${this.#framer.frames + 1}`, {
      why: `${this.#held.byteLength} bytes of it had come`,
    });
  }

  #frame(tail: Uint8Array): Frame {
    let bytes = tail;
    if (this.#held.byteLength > 0) {
      this.#held.append(tail);
      bytes = this.#held.take(this.#held.byteLength);
    }
    const kind = this.#framer.lastKind;
    return {
      kind,
      bytes,
      bodyStart: this.#framer.lastBodyOffset,
      bodyEnd: kind === "line" ? bytes.length - 1 : bytes.length,
    };
  }
}
