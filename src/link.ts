// Joins the two ends of a session of raw bytes: a Lane each way, and what happens when an end goes.
//
// Rules
// - A clean end passes on as a half-close; when both sides have ended, the link is over ("end").
// - An error, or a close without an end (a lost tunnel), resets the other side at once: a truncated stream never looks whole.
import type { Duplex } from "node:stream";
import type { Side } from "../protocol/frame.ts";
import { Lane } from "./lane.ts";
import { reset } from "./duplex.ts";
import type { SessionEnd } from "./observer.ts";

export interface LinkOptions {
  readonly ends: Readonly<Record<Side, Duplex>>;
  /** What was read of a side before it was joined. */
  readonly early: Readonly<Record<Side, readonly Uint8Array[]>>;
  readonly chunk: (side: Side, bytes: Uint8Array) => void;
  /** Called once. */
  readonly over: (end: SessionEnd) => void;
}

const sides = ["client", "debuggee"] as const;
const other = { client: "debuggee", debuggee: "client" } as const;

export class Link {
  readonly #options: LinkOptions;
  readonly #lanes: Record<Side, Lane>;
  readonly #listeners: { stream: Duplex; event: string; listener: (error: Error) => void }[] = [];
  #over = false;

  constructor(options: LinkOptions) {
    this.#options = options;
    this.#lanes = { client: this.#lane("client"), debuggee: this.#lane("debuggee") };
  }

  start(): void {
    for (const side of sides) {
      const stream = this.#options.ends[side];
      this.#listen(stream, "error", (error: Error) => this.#lost(side, error.message));
      this.#listen(stream, "close", () => this.#closed(side));
    }
    for (const side of sides) if (!this.#over) this.#lanes[side].start(this.#options.early[side]);
    for (const side of sides) if (this.#options.ends[side].destroyed) this.#closed(side);
  }

  /** Takes both sides off, open as they are; the caller ends them. */
  release(end: SessionEnd): void {
    if (this.#over) return;
    for (const lane of Object.values(this.#lanes)) lane.stop();
    this.#finish(end);
  }

  #lane(side: Side): Lane {
    const { ends, chunk } = this.#options;
    return new Lane({
      from: ends[side],
      to: ends[other[side]],
      offer: (bytes) => chunk(side, bytes),
      onEnd: () => {
        if (this.#lanes[other[side]].ended) queueMicrotask(() => this.#finish({ by: other[side], how: "end" }));
      },
    });
  }

  #closed(side: Side): void {
    if (this.#over) return;
    if (this.#lanes[side].ended) {
      // It ended cleanly and now took no more of ours: over, but what it was sent may still be on its way.
      this.#finish({ by: side, how: "end" });
      this.#options.ends[other[side]].end();
      return;
    }
    this.#lost(side, "closed without an end");
  }

  #lost(side: Side, detail: string): void {
    if (this.#over) return;
    this.#finish({ by: side, how: "reset", detail });
    for (const stream of Object.values(this.#options.ends)) reset(stream);
  }

  #finish(end: SessionEnd): void {
    if (this.#over) return;
    this.#over = true;
    for (const { stream, event, listener } of this.#listeners) stream.off(event, listener);
    // A late error of a stream that nobody watches any more must not end the process.
    for (const stream of Object.values(this.#options.ends)) stream.on("error", () => undefined);
    this.#options.over(end);
  }

  #listen(stream: Duplex, event: "error" | "close", listener: (error: Error) => void): void {
    stream.on(event, listener);
    this.#listeners.push({ stream, event, listener });
  }
}
