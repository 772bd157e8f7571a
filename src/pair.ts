// Two streams that are each other's other end, in memory: a client without a socket.
import { Duplex } from "node:stream";

/** What is written to one comes out of the other; an end is a half-close, and the loss of one is that of both. */
export function streamPair(): [Duplex, Duplex] {
  const a: Side = new Side(() => b);
  const b: Side = new Side(() => a);
  return [a, b];
}

class Side extends Duplex {
  readonly #other: () => Side;
  /** The other's write that waits until this has been read. */
  #waiting: (() => void) | undefined;

  constructor(other: () => Side) {
    super({ allowHalfOpen: true });
    this.#other = other;
  }

  override _read(): void {
    const go = this.#waiting;
    this.#waiting = undefined;
    go?.();
  }

  override _write(chunk: Buffer, _: BufferEncoding, done: (error?: Error | null) => void): void {
    const other = this.#other();
    if (other.destroyed) done(new Error("the other end is closed"));
    else if (other.push(chunk)) queueMicrotask(done);
    else other.#waiting = done;
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#other().push(null);
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    const go = this.#waiting;
    this.#waiting = undefined;
    go?.();
    done(error);
    const other = this.#other();
    if (!other.destroyed) setImmediate(() => other.destroy());
  }
}
