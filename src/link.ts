// Joins the two ends of a session: a Lane each way, and what happens when an end goes.
//
// Rules
// - A clean end passes on as a half-close; when both sides have ended, the link is over ("end").
// - An error, or a close without an end (a lost tunnel), resets the other side at once: a truncated stream never looks whole.
// - `mayEnd(side)` false (a debuggee that does not run yet must not be dropped): the other side is left open and untouched,
//   the link is over for this side only, and the caller may join the survivor with somebody else.
import type { Duplex } from "node:stream";
import type { Side } from "../protocol/frame.ts";
import { Lane, type Transform } from "./lane.ts";
import { reset } from "./duplex.ts";
import type { SessionEnd } from "./observer.ts";

export interface LinkOptions {
  readonly ends: Readonly<Record<Side, Duplex>>;
  /** What was read of a side before it was joined. */
  readonly early: Readonly<Record<Side, readonly Uint8Array[]>>;
  readonly transforms: Readonly<Partial<Record<Side, Transform>>>;
  readonly chunk: (side: Side, bytes: Uint8Array) => void;
  /** May the loss of this side be passed on to the other? */
  readonly mayEnd: (side: Side) => boolean;
  /** Called once. `survivor` is the stream that was left open because `mayEnd` said no. */
  readonly over: (end: SessionEnd, survivor: Duplex | undefined) => void;
}

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
    for (const side of ["client", "debuggee"] as const) {
      const stream = this.#options.ends[side];
      this.#listen(stream, "error", (error: Error) => this.#lost(side, error.message));
      this.#listen(stream, "close", () => this.#closed(side));
    }
    for (const side of ["client", "debuggee"] as const) {
      if (!this.#over) this.#lanes[side].start(this.#options.early[side]);
    }
    for (const side of ["client", "debuggee"] as const) {
      if (this.#options.ends[side].destroyed) this.#closed(side);
    }
  }

  /** Resets both sides. */
  reset(end: SessionEnd): void {
    if (this.#over) return;
    this.#finish(end, undefined);
    reset(this.#options.ends.client);
    reset(this.#options.ends.debuggee);
  }

  /** Ends one side by a reset and leaves the other open, for another partner. */
  drop(side: Side, end: SessionEnd): void {
    if (!this.#over) this.#leave(side, end);
  }

  /** Takes both sides off, open as they are; the caller ends them. */
  release(end: SessionEnd): void {
    if (!this.#over) this.#finish(end, undefined);
  }

  #lane(side: Side): Lane {
    const { ends, transforms, chunk } = this.#options;
    return new Lane({
      from: ends[side],
      to: ends[other[side]],
      transform: transforms[side],
      offer: (bytes) => chunk(side, bytes),
      onEnd: () => this.#ended(side),
    });
  }

  #ended(side: Side): boolean {
    if (!this.#options.mayEnd(side)) {
      this.#leave(side, { by: side, how: "end" });
      return false;
    }
    if (this.#lanes[other[side]].ended) queueMicrotask(() => this.#finish({ by: other[side], how: "end" }, undefined));
    return true;
  }

  #closed(side: Side): void {
    if (this.#over) return;
    if (this.#lanes[side].ended) {
      // It ended cleanly and now took no more of ours: over, but what it was sent may still be on its way.
      this.#finish({ by: side, how: "end" }, undefined);
      this.#options.ends[other[side]].end();
      return;
    }
    this.#lost(side, "closed without an end");
  }

  #lost(side: Side, detail: string): void {
    if (this.#over) return;
    if (!this.#options.mayEnd(side)) {
      this.#leave(side, { by: side, how: "reset", detail });
      return;
    }
    this.#finish({ by: side, how: "reset", detail }, undefined);
    reset(this.#options.ends[side]);
    reset(this.#options.ends[other[side]]);
  }

  #leave(side: Side, end: SessionEnd): void {
    reset(this.#options.ends[side]);
    this.#finish(end, this.#options.ends[other[side]]);
  }

  #finish(end: SessionEnd, survivor: Duplex | undefined): void {
    if (this.#over) return;
    this.#over = true;
    if (survivor !== undefined || end.by === "relay") for (const lane of Object.values(this.#lanes)) lane.stop();
    for (const { stream, event, listener } of this.#listeners) stream.off(event, listener);
    // A late error of a stream that nobody watches any more must not end the process.
    for (const stream of Object.values(this.#options.ends))
      if (stream !== survivor) stream.on("error", () => undefined);
    this.#options.over(end, survivor);
  }

  #listen(stream: Duplex, event: "error" | "close", listener: (error: Error) => void): void {
    stream.on(event, listener);
    this.#listeners.push({ stream, event, listener });
  }
}
