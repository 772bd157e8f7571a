// The end of a session that is there while the other is not: reads it, so that its leaving is noticed, and keeps what it sent.
//
// Rules
// - At most `limit` bytes are kept; then the stream is paused and the window of its transport holds the sender.
// - `take()` hands the stream over, paused, with what was kept, in order.
import type { Duplex } from "node:stream";

const limit = 1 << 20;

export class Inbox {
  readonly stream: Duplex;
  readonly #onBytes: () => void;
  readonly #onGone: (how: "end" | "reset", detail: string) => void;
  #kept: Uint8Array[] = [];
  #size = 0;
  #gone = false;

  /** `onBytes` is called after each chunk was kept, `onGone` is called once when the sender leaves. */
  constructor(stream: Duplex, onBytes: () => void, onGone: (how: "end" | "reset", detail: string) => void) {
    this.stream = stream;
    this.#onBytes = onBytes;
    this.#onGone = onGone;
    stream.on("data", this.#data);
    stream.on("end", this.#end);
    stream.on("error", this.#error);
    stream.on("close", this.#close);
    stream.resume();
  }

  /** Stops reading; the stream is paused and the caller's. */
  take(): readonly Uint8Array[] {
    this.#gone = true;
    this.stream.off("data", this.#data);
    this.stream.off("end", this.#end);
    this.stream.off("close", this.#close);
    this.stream.pause();
    // The error listener goes a turn later, when the caller has its own.
    queueMicrotask(() => this.stream.off("error", this.#error));
    const kept = this.#kept;
    this.#kept = [];
    return kept;
  }

  readonly #data = (chunk: Uint8Array): void => {
    this.#kept.push(chunk);
    this.#size += chunk.length;
    if (this.#size >= limit) this.stream.pause();
    this.#onBytes();
  };

  readonly #end = (): void => this.#leave("end", "it closed the connection");
  readonly #error = (error: Error): void => this.#leave("reset", error.message);
  readonly #close = (): void => this.#leave("reset", "it closed without an end");

  #leave(how: "end" | "reset", detail: string): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#onGone(how, detail);
  }
}
