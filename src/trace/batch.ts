// The hand-over from the forwarding thread to the recorder's worker: records packed into one ArrayBuffer.
//
//   offset  bytes  one record; records follow each other without padding
//        0      4  payload length
//        4      4  session
//        8      8  f64: performance.now() of the forwarding thread, milliseconds
//       16      1  kind: 0 client bytes, 1 debuggee bytes, 2 session opened, 3 note, 4 session ended, 5 gap
//       17      …  payload: bytes (0, 1) or JSON (2-5)
//
// This runs once per chunk on the thread that forwards: no allocation, no BigInt, no hrtime.bigint.
import type { Side } from "../../protocol/frame.ts";

export const headLength = 17;

export const kinds = { client: 0, debuggee: 1, open: 2, note: 3, end: 4, gap: 5 } as const;
export type Kind = (typeof kinds)[keyof typeof kinds];

const encoder = new TextEncoder();

/** A buffer being filled. The caller checks {@link fits} first. */
export class Batch {
  readonly buffer: ArrayBuffer;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #length = 0;
  #records = 0;

  constructor(buffer: ArrayBuffer) {
    this.buffer = buffer;
    this.#bytes = new Uint8Array(buffer);
    this.#view = new DataView(buffer);
  }

  /** Bytes used. */
  get length(): number {
    return this.#length;
  }

  get records(): number {
    return this.#records;
  }

  fits(payload: number): boolean {
    return this.#length + headLength + payload <= this.#bytes.length;
  }

  chunk(session: number, side: Side, time: number, bytes: Uint8Array): void {
    this.#append(side === "client" ? kinds.client : kinds.debuggee, session, time, bytes);
  }

  json(kind: Kind, session: number, time: number, payload: Uint8Array): void {
    this.#append(kind, session, time, payload);
  }

  #append(kind: Kind, session: number, time: number, payload: Uint8Array): void {
    const at = this.#length;
    const view = this.#view;
    view.setUint32(at, payload.length, true);
    view.setUint32(at + 4, session, true);
    view.setFloat64(at + 8, time, true);
    view.setUint8(at + 16, kind);
    this.#bytes.set(payload, at + headLength);
    this.#length = at + headLength + payload.length;
    this.#records++;
  }
}

export function jsonPayload(value: unknown): Uint8Array {
  return encoder.encode(JSON.stringify(value));
}

export interface BatchRecord {
  readonly kind: number;
  readonly session: number;
  readonly time: number;
  /** A view of the batch's buffer. */
  readonly payload: Uint8Array;
}

/** The records of the first `length` bytes of a buffer that {@link Batch} filled. */
export function* readBatch(buffer: ArrayBuffer, length: number): Generator<BatchRecord> {
  const view = new DataView(buffer, 0, length);
  let at = 0;
  while (at < length) {
    const size = view.getUint32(at, true);
    yield {
      kind: view.getUint8(at + 16),
      session: view.getUint32(at + 4, true),
      time: view.getFloat64(at + 8, true),
      payload: new Uint8Array(buffer, at + headLength, size),
    };
    at += headLength + size;
  }
}
