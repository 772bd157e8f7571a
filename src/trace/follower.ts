// Cuts one side of a recorded session into messages, through gaps and damage.
//
// Rules
// - Every recorded byte comes out exactly once, in order: in a frame, or as plain bytes where there is no frame.
// - ok: frames. lost: whole chunks, until one begins like a message. opaque and wire `raw`: whole chunks, for good.
// - A message whose beginning is not there, but whose end is known (`rest`), comes out as plain bytes, once, and the next is in step.
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
  /** The end of a message whose beginning is not there: bytes that are to come, and those that came. */
  #torn: { left: number; readonly parts: Uint8Array[] } | undefined;

  /**
   * Goes on where `totals` stands; `partial` are the bytes from `totals.start` to `totals.bytes`. Where these are not there, `rest` is
   * how many bytes are to come of that message.
   */
  constructor(wire: Wire, totals: SideTotals = newTotals(), partial?: Uint8Array, rest?: number) {
    this.#wire = wire;
    this.#totals = { ...totals };
    if (wire === "raw" || totals.state !== "ok") return;
    if (rest !== undefined) {
      this.#torn = { left: rest, parts: [] };
      return;
    }
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
    const out = this.#torn === undefined ? this.#cut(bytes) : this.#mend(this.#torn, bytes);
    totals.frames += out.length;
    if (this.#torn === undefined) totals.start = totals.bytes - (this.#reader?.heldBytes ?? 0);
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
    const copy = new Follower(this.#wire, this.#totals, held);
    if (this.#torn !== undefined) copy.#torn = { left: this.#torn.left, parts: [...this.#torn.parts] };
    return copy;
  }

  #mend(torn: { left: number; readonly parts: Uint8Array[] }, bytes: Uint8Array): Message[] {
    const part = bytes.subarray(0, torn.left);
    torn.parts.push(part);
    torn.left -= part.length;
    if (torn.left > 0) return [];
    this.#torn = undefined;
    if (this.#wire !== "raw") this.#reader = new FrameReader(this.#wire);
    const after = bytes.subarray(part.length);
    return [{ bytes: joined(torn.parts) }, ...(after.length === 0 ? [] : this.#cut(after))];
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
    const torn = this.#torn;
    const rest = torn === undefined ? this.#reader?.rest() : joined(torn.parts);
    this.#lose();
    // One that is torn counts, also when nothing of it is there.
    if (torn === undefined && (rest === undefined || rest.length === 0)) return [];
    this.#totals.frames++;
    return rest === undefined ? [] : [{ bytes: rest }];
  }

  #lose(): void {
    if (this.#reader === undefined && this.#torn === undefined) return;
    this.#reader = undefined;
    this.#torn = undefined;
    this.#totals.state = "lost";
    this.#totals.start = this.#totals.bytes;
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
