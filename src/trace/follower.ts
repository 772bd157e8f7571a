// Cuts one side of a recorded session into messages, through gaps and damage.
//
// Rules
// - Every recorded byte comes out exactly once, in order: in a frame, or as plain bytes where there is no frame.
// - ok: frames. lost: whole chunks, until one begins like a message. opaque and wire `raw`: whole chunks, for good.
// - A message's time is that of its last byte, so a message comes out with the chunk that completes it.
import { FrameReader } from "../../protocol/frame-reader.ts";
import type { Frame, Wire } from "../../protocol/frame.ts";
import { beginsLikeMessage } from "../../protocol/message-start.ts";
import type { SideTotals } from "./format.ts";

/** What one message is: a frame, or bytes that no framer could cut. */
export type Message = { readonly frame: Frame } | { readonly bytes: Uint8Array };

export function newTotals(): SideTotals {
  return { chunks: 0, bytes: 0, frames: 0, start: 0, state: "ok", lostChunks: 0, lostBytes: 0 };
}

export class Follower {
  readonly #wire: Wire;
  readonly #totals: SideTotals;
  #reader: FrameReader | undefined;

  /** Goes on where `totals` stands; `partial` are the bytes from `totals.start` to `totals.bytes`. */
  constructor(wire: Wire, totals: SideTotals = newTotals(), partial?: Uint8Array) {
    this.#wire = wire;
    this.#totals = { ...totals };
    if (wire === "raw" || totals.state !== "ok") return;
    this.#reader = new FrameReader(wire);
    if (partial === undefined || partial.length === 0) return;
    // Whole frames cannot come out: the bytes are of one that is not complete. If they do, the index was wrong.
    if (this.#reader.push(partial).length > 0 || this.#reader.failure !== undefined) this.#lose();
  }

  get totals(): Readonly<SideTotals> {
    return this.#totals;
  }

  push(bytes: Uint8Array): Message[] {
    const totals = this.#totals;
    totals.chunks++;
    totals.bytes += bytes.length;
    const out = this.#cut(bytes);
    totals.frames += out.length;
    totals.start = totals.bytes - (this.#reader?.heldBytes ?? 0);
    return out;
  }

  /** Bytes are missing here. */
  gap(chunks: number, bytes: number): Message[] {
    this.#totals.lostChunks += chunks;
    this.#totals.lostBytes += bytes;
    return this.#break();
  }

  /** The session ended; what is left of a message comes out as bytes. */
  end(): Message[] {
    return this.#break();
  }

  /** A follower at the same place that goes on by itself. */
  fork(): Follower {
    const held = this.#reader?.rest();
    if (held !== undefined && this.#reader !== undefined && this.#wire !== "raw") {
      this.#reader = new FrameReader(this.#wire);
      if (held.length > 0) this.#reader.push(held);
    }
    return new Follower(this.#wire, this.#totals, held);
  }

  #cut(bytes: Uint8Array): Message[] {
    if (this.#totals.state === "lost" && this.#wire !== "raw" && beginsLikeMessage(bytes, this.#wire)) {
      this.#reader = new FrameReader(this.#wire);
      this.#totals.state = "ok";
    }
    const reader = this.#reader;
    if (reader === undefined) return [{ bytes }];
    const out: Message[] = reader.push(bytes).map((frame) => ({ frame }));
    if (reader.failure === undefined) return out;
    const rest = reader.rest();
    this.#reader = undefined;
    this.#totals.state = "opaque";
    if (rest.length > 0) out.push({ bytes: rest });
    return out;
  }

  #break(): Message[] {
    const rest = this.#reader?.rest();
    this.#lose();
    if (rest === undefined || rest.length === 0) return [];
    this.#totals.frames++;
    return [{ bytes: rest }];
  }

  #lose(): void {
    if (this.#reader === undefined) return;
    this.#reader = undefined;
    this.#totals.state = "lost";
    this.#totals.start = this.#totals.bytes;
  }
}
