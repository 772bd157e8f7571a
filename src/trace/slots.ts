// The hand-over from the forwarding thread to the recorder's worker: shared memory, and no messages.
//
//   bytes  n slots of 512 KiB, so that a hit with a snapshot of 256 KiB fits; pages that were never used take no memory
//   marks  i64 × 2: records written, records durable
//   words  i32: [given, asleep], then n × busy, n × length, n × order
//
//   given          slots that the forwarding thread has begun so far; it fills the last of them
//   order[g % n]   which slot the g-th of these is
//   length[slot]   bytes of whole records in it: a record is handed over when this covers it
//   busy[slot]     1 from its beginning until the worker has written all of it
//   asleep         1: the worker does not look by itself, and must be woken by a message
//
// Rules
// - Waking another thread costs the forwarding thread 25-70 us, by `Atomics.notify` as by a message. So the worker looks every few
//   milliseconds while anything comes, and only after a while without is it woken, by the first record.
// - The free slot with the lowest number is taken, so that a small part of the memory is used again and again, warm. For the same reason
//   the first eighth of the slots are full at 128 KiB: a copy of 20 KB takes 1.2 us so, and 1.6 us where they take all that they can.
// - Each word is written by one thread, but for `busy` (begun by one, freed by the other) and `asleep`.
import { copyInto, packedLength, Packer } from "./batch.ts";

const slotBytes = 512 * 1024;
const warmBytes = 128 * 1024;
const warmPart = 8;
const given = 0;
const asleep = 1;
const firstBusy = 2;

/** The longest payload that fits into a slot. */
export const maxPayload = slotBytes - packedLength(0);

export interface SlotMemory {
  readonly bytes: SharedArrayBuffer;
  readonly marks: SharedArrayBuffer;
  readonly words: SharedArrayBuffer;
}

/** Memory for at most so many bytes, but for two slots at least: the last one begun is never free. */
export function slotMemory(capacity: number): SlotMemory {
  const count = Math.max(2, Math.floor(capacity / slotBytes));
  return {
    bytes: new SharedArrayBuffer(count * slotBytes),
    marks: new SharedArrayBuffer(2 * BigInt64Array.BYTES_PER_ELEMENT),
    words: new SharedArrayBuffer((firstBusy + 3 * count) * Int32Array.BYTES_PER_ELEMENT),
  };
}

/** The forwarding thread's end. */
export class SlotFiller {
  readonly #packer: Packer;
  readonly #words: Int32Array;
  readonly #marks: BigInt64Array;
  readonly #count: number;
  #slot = 0;
  #length = slotBytes;
  #fullAt = slotBytes;

  constructor({ bytes, marks, words }: SlotMemory) {
    this.#packer = new Packer(bytes);
    this.#words = new Int32Array(words);
    this.#marks = new BigInt64Array(marks);
    this.#count = bytes.byteLength / slotBytes;
  }

  get marks(): { written: number; durable: number } {
    return { written: Number(Atomics.load(this.#marks, 0)), durable: Number(Atomics.load(this.#marks, 1)) };
  }

  /** Hands a record over; false when there is no room, or never will be (see {@link maxPayload}). */
  append(kind: number, session: number, time: number, payload: Uint8Array): boolean {
    const size = packedLength(payload.length);
    if (size > slotBytes) return false;
    const fits = this.#length + size <= slotBytes;
    if ((!fits || this.#length >= this.#fullAt) && !this.#begin() && !fits) return false;
    this.#packer.put(this.#slot * slotBytes + this.#length, kind, session, time, payload);
    this.#length += size;
    Atomics.store(this.#words, firstBusy + this.#count + this.#slot, this.#length);
    return true;
  }

  /** Whether a whole slot is free. */
  get room(): boolean {
    return this.#free() !== undefined;
  }

  /** True once for each time that the worker went to sleep: now it must be woken. */
  mustWake(): boolean {
    return Atomics.load(this.#words, asleep) === 1 && Atomics.exchange(this.#words, asleep, 0) === 1;
  }

  #begin(): boolean {
    const slot = this.#free();
    if (slot === undefined) return false;
    const begun = Atomics.load(this.#words, given);
    Atomics.store(this.#words, firstBusy + slot, 1);
    Atomics.store(this.#words, firstBusy + this.#count + slot, 0);
    Atomics.store(this.#words, firstBusy + 2 * this.#count + (begun % this.#count), slot);
    Atomics.store(this.#words, given, begun + 1);
    this.#slot = slot;
    this.#length = 0;
    this.#fullAt = slot * warmPart < this.#count ? warmBytes : slotBytes;
    return true;
  }

  #free(): number | undefined {
    for (let slot = 0; slot < this.#count; slot++) if (Atomics.load(this.#words, firstBusy + slot) === 0) return slot;
    return undefined;
  }
}

/** The worker's end: takes pieces, in order. A piece that is not {@link done} is given again, with what came after it. */
export class SlotDrainer {
  readonly #bytes: Buffer;
  readonly #words: Int32Array;
  readonly #marks: BigInt64Array;
  readonly #count: number;
  readonly #piece = Buffer.alloc(slotBytes);
  #position = 0;
  #taken = 0;
  #end = 0;

  constructor({ bytes, marks, words }: SlotMemory) {
    this.#bytes = Buffer.from(bytes);
    this.#words = new Int32Array(words);
    this.#marks = new BigInt64Array(marks);
    this.#count = bytes.byteLength / slotBytes;
  }

  /** Slots begun so far: how far to take pieces without running after the forwarding thread for ever. */
  get begun(): number {
    return Atomics.load(this.#words, given);
  }

  /** Three full slots wait, or more: about half a MB, where they are the warm ones. */
  get filled(): boolean {
    return this.begun - this.#position > 3;
  }

  /** More than half of the memory waits to be taken. */
  get crowded(): boolean {
    return 2 * (this.begun - this.#position) > this.#count;
  }

  /** A copy of the whole records that came since the last piece, valid until the next call; undefined when there are none. */
  next(begun: number): Uint8Array | undefined {
    while (this.#position < begun) {
      const slot = Atomics.load(this.#words, firstBusy + 2 * this.#count + (this.#position % this.#count));
      // A slot behind which another was begun before this look has its final length.
      const length = Atomics.load(this.#words, firstBusy + this.#count + slot);
      if (length > this.#taken) {
        const base = slot * slotBytes;
        copyInto(this.#piece, 0, this.#bytes.subarray(base + this.#taken, base + length));
        this.#end = length;
        return this.#piece.subarray(0, length - this.#taken);
      }
      if (this.#position + 1 === begun) return undefined;
      Atomics.store(this.#words, firstBusy + slot, 0);
      this.#position++;
      this.#taken = 0;
    }
    return undefined;
  }

  /** The last piece is written. */
  done(): void {
    this.#taken = this.#end;
  }

  mark(written: number, durable: number): void {
    Atomics.store(this.#marks, 0, BigInt(written));
    Atomics.store(this.#marks, 1, BigInt(durable));
  }

  /** From now on the first record wakes the worker. False when something came meanwhile: look again instead. */
  sleep(): boolean {
    Atomics.store(this.#words, asleep, 1);
    if (this.next(this.begun) === undefined) return true;
    this.wake();
    return false;
  }

  wake(): void {
    Atomics.store(this.#words, asleep, 0);
  }
}
