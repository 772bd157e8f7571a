// A queue of bytes, kept as the chunks they came in.
//
// Rules
// - Appending copies nothing, except in a trickle: once many chunks are held, small ones are gathered in blocks, or a peer
//   that sends single bytes would cost a hundred times its bytes. Taking copies only what lies across an edge of two chunks.
// - Chunks are kept as views: whoever appends one must not write to it later.
// - `indexOf` never looks twice at a byte while the same byte is asked for, however the bytes trickle in.

/** With this many chunks held, those smaller than `smallChunk` go into blocks. */
const trickle = 16;
const smallChunk = 128;
const blockLength = 4096;

export class ChunkList {
  #chunks: Uint8Array[] = [];
  /** Index of the first chunk still held; what stands before it is spent. */
  #head = 0;
  /** Bytes of the first chunk that are spent. */
  #spent = 0;
  #byteLength = 0;
  /** What the last chunk is a view of the beginning of, when small ones are gathered there. */
  #block: Uint8Array | undefined;
  /** Stream offset of the first byte held. */
  #start = 0;
  // `#absentByte` does not occur between these two stream offsets.
  #absentByte = -1;
  #absentFrom = 0;
  #absentTo = 0;

  get byteLength(): number {
    return this.#byteLength;
  }

  append(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.#byteLength += chunk.length;
    if (chunk.length < smallChunk && this.#chunks.length - this.#head >= trickle) this.#gather(chunk);
    else {
      this.#chunks.push(chunk);
      this.#block = undefined;
    }
  }

  /** Offset of the first `byte` at or after `from`, or -1. */
  indexOf(byte: number, from = 0): number {
    let offset = Math.max(0, from);
    if (offset >= this.#byteLength) return -1;
    const asked = this.#start + offset;
    if (byte === this.#absentByte && asked >= this.#absentFrom && asked <= this.#absentTo) {
      offset = this.#absentTo - this.#start;
    } else {
      this.#absentByte = byte;
      this.#absentFrom = asked;
    }
    const found = this.#search(byte, offset);
    this.#absentTo = this.#start + (found === -1 ? this.#byteLength : found);
    return found;
  }

  /** Removes and returns the first `n` bytes: a view when they lie in one chunk. */
  take(n: number): Uint8Array {
    const length = Math.max(0, Math.min(n, this.#byteLength));
    const first = this.#chunks[this.#head];
    if (first === undefined || length === 0) return new Uint8Array(0);
    if (this.#spent + length <= first.length) {
      const view = first.subarray(this.#spent, this.#spent + length);
      this.skip(length);
      return view;
    }
    const bytes = new Uint8Array(length);
    let filled = 0;
    for (let i = this.#head; filled < length; i++) {
      const chunk = this.#chunks[i];
      if (chunk === undefined) break;
      const start = i === this.#head ? this.#spent : 0;
      const part = chunk.subarray(start, Math.min(chunk.length, start + length - filled));
      bytes.set(part, filled);
      filled += part.length;
    }
    this.skip(length);
    return bytes;
  }

  /** Drops the first `n` bytes. */
  skip(n: number): void {
    if (n >= this.#byteLength) {
      this.#start += this.#byteLength;
      this.#chunks = [];
      this.#block = undefined;
      this.#head = this.#spent = this.#byteLength = 0;
      return;
    }
    if (n <= 0) return;
    this.#start += n;
    this.#byteLength -= n;
    this.#spent += n;
    for (;;) {
      const first = this.#chunks[this.#head];
      if (first === undefined || this.#spent < first.length) break;
      this.#spent -= first.length;
      this.#head++;
    }
    if (this.#head >= 64 && this.#head * 2 >= this.#chunks.length) {
      this.#chunks = this.#chunks.slice(this.#head);
      this.#head = 0;
    }
  }

  clear(): void {
    this.skip(this.#byteLength);
  }

  #gather(chunk: Uint8Array): void {
    const filled = this.#chunks.at(-1)?.length ?? 0;
    if (this.#block !== undefined && filled + chunk.length <= blockLength) this.#chunks.pop();
    else this.#block = undefined;
    const start = this.#block === undefined ? 0 : filled;
    this.#block ??= new Uint8Array(blockLength);
    this.#block.set(chunk, start);
    this.#chunks.push(this.#block.subarray(0, start + chunk.length));
  }

  // The chunk to begin in is looked for from the end: a repeated search begins in what was appended last.
  #search(byte: number, offset: number): number {
    let i = this.#chunks.length;
    let chunkOffset = this.#byteLength;
    while (chunkOffset > offset && i > this.#head) {
      i--;
      chunkOffset -= this.#chunks[i]?.length ?? 0;
      if (i === this.#head) chunkOffset = -this.#spent;
    }
    for (; i < this.#chunks.length; i++) {
      const chunk = this.#chunks[i];
      if (chunk === undefined) break;
      const at = chunk.indexOf(byte, Math.max(0, offset - chunkOffset));
      if (at !== -1) return chunkOffset + at;
      chunkOffset += chunk.length;
    }
    return -1;
  }
}
