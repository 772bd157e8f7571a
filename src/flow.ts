// Who of a hub takes no more for now, and who therefore is not read from: a full destination pauses its sources.
//
// Rules
// - Main client and debuggee are the destinations; a further client pauses nobody (hub.ts).
// - One of them at a time: with both paused nothing would ever be taken.
import type { Duplex } from "node:stream";

type Destination = "main" | "debuggee";

export class Flow {
  readonly #sources: (of: Destination) => readonly Duplex[];
  #full: Destination | undefined;

  constructor(sources: (of: Destination) => readonly Duplex[]) {
    this.#sources = sources;
  }

  get full(): Destination | undefined {
    return this.#full;
  }

  /** Its buffer is full; false when something else holds the flow already. */
  stop(destination: Destination): boolean {
    if (this.#full !== undefined) return false;
    this.#full = destination;
    for (const stream of this.#sources(destination)) stream.pause();
    return true;
  }

  /** It takes bytes again, or is gone. */
  go(destination: Destination): void {
    if (this.#full !== destination) return;
    this.#full = undefined;
    for (const stream of this.#sources(destination)) stream.resume();
  }
}
