// Records packed into memory that the forwarding thread shares with the recorder's worker.
//
//   offset  bytes  one record; records start at multiples of 8
//        0      4  payload length
//        4      4  session
//        8      8  f64: performance.now() of the forwarding thread, milliseconds
//       16      1  kind: 0 client bytes, 1 debuggee bytes, 2 session opened, 3 note, 4 session ended, 5 gap
//       17      1  shift: how far behind offset 24 the payload starts, 0-7
//       18      6  nothing
//  24+shift     …  payload: bytes (0, 1) or JSON (2-5)
//
// Rules
// - This runs once per chunk on the thread that forwards: no allocation, no BigInt, no hrtime.bigint.
// - V8 copies into and out of shared memory a word at a time when both ends stand alike to the word, and else byte by byte, which is
//   ten times slower (20 KB: 0.8 and 7-15 us). So the payload is shifted to stand as it stood in the chunk, and the worker takes
//   its own copy of whole records before it looks at them.
const headLength = 24;
const word = 8;
/** In the relay's own records longer texts are cut, so that a record always fits into a slot. */
const longestText = 4096;
const encoder = new TextEncoder();

export const kinds = { client: 0, debuggee: 1, open: 2, note: 3, end: 4, gap: 5 } as const;
export type Kind = (typeof kinds)[keyof typeof kinds];

export interface PackedRecord {
  readonly kind: number;
  readonly session: number;
  readonly time: number;
  readonly payload: Uint8Array;
}

/** A record of the relay's own. */
export function jsonPayload(value: unknown): Uint8Array {
  const shortened = (_: string, part: unknown) =>
    typeof part === "string" && part.length > longestText ? `${part.slice(0, longestText)}…` : part;
  return encoder.encode(JSON.stringify(value, shortened));
}

/** Bytes that a payload of so many may take up, wherever it stood. */
export function packedAtMost(payload: number): number {
  return headLength + payload + 2 * word;
}

/** Puts records into one piece of memory, wherever it is told to. */
export class Packer {
  readonly #bytes: Uint8Array;
  readonly #words: Uint32Array;
  readonly #doubles: Float64Array;

  constructor(memory: ArrayBufferLike) {
    this.#bytes = new Uint8Array(memory);
    this.#words = new Uint32Array(memory);
    this.#doubles = new Float64Array(memory);
  }

  /** Writes a record at `at`, a multiple of 8; returns where the next one goes. The caller saw to the room. */
  put(at: number, kind: number, session: number, time: number, payload: Uint8Array): number {
    const shift = payload.byteOffset % word;
    const start = at + headLength + shift;
    const index = at / 4;
    this.#words[index] = payload.length;
    this.#words[index + 1] = session;
    this.#doubles[at / word + 1] = time;
    this.#words[index + 4] = kind | (shift << 8);
    this.#bytes.set(payload, start);
    return Math.ceil((start + payload.length) / word) * word;
  }
}

/** The records of the first `length` bytes; their payloads are views. */
export function* readPacked(memory: ArrayBufferLike, length: number): Generator<PackedRecord> {
  const words = new Uint32Array(memory);
  const doubles = new Float64Array(memory);
  for (let at = 0; at < length;) {
    const index = at / 4;
    const size = words[index] ?? 0;
    const kind = words[index + 4] ?? 0;
    const start = at + headLength + (kind >>> 8);
    yield {
      kind: kind & 0xff,
      session: words[index + 1] ?? 0,
      time: doubles[at / word + 1] ?? 0,
      payload: new Uint8Array(memory, start, size),
    };
    at = Math.ceil((start + size) / word) * word;
  }
}
