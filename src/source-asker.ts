// Asks the debuggee for texts that only it has: what DAP's `source` request is for (decompiled, evaluated, not on this disk).
//
// Rules
// - When the capture is over, one at a time, each number once in a session and with a deadline: nobody waits for it.
import { member } from "../protocol/json.ts";
import type { CapturerOptions } from "./capturer.ts";
import type { FoundSource } from "./observer.ts";

/** Paths of one session, and texts of one path: debugpy has a new number for the same text at each stop. */
const mostPaths = 1000;
const mostOfPath = 20;
const deadline = 2000;

export interface SourceAskerOptions extends Pick<CapturerOptions, "clock"> {
  readonly exchange: Pick<CapturerOptions["exchange"], "ask">;
  readonly onSource: (source: FoundSource) => void;
}

interface Wanted {
  readonly path: string;
  readonly sourceReference: number;
  readonly since: number;
}

export class SourceAsker {
  readonly #options: SourceAskerOptions;
  /** By path: the numbers that were asked for. */
  readonly #asked = new Map<string, Set<number>>();
  readonly #waiting: Wanted[] = [];
  #busy = false;

  constructor(options: SourceAskerOptions) {
    this.#options = options;
  }

  /** References by path, as a hit at `since` (epoch milliseconds) found them. */
  want(sources: ReadonlyMap<string, number>, since: number): void {
    for (const [path, sourceReference] of sources) {
      const asked = this.#asked.get(path) ?? new Set();
      if (asked.has(sourceReference) || asked.size >= mostOfPath) continue;
      if (asked.size === 0 && this.#asked.size >= mostPaths) continue;
      this.#asked.set(path, asked.add(sourceReference));
      this.#waiting.push({ path, sourceReference, since });
    }
    if (!this.#busy) this.#next();
  }

  #next(): void {
    const wanted = this.#waiting.shift();
    this.#busy = wanted !== undefined;
    if (wanted === undefined) return;
    const { path, sourceReference, since } = wanted;
    const { exchange, clock, onSource } = this.#options;
    let open = true;
    let cancel = (): void => {};
    const giveUp = exchange.ask(
      { wire: "dap", command: "source", arguments: { source: { path, sourceReference }, sourceReference } },
      (answer) => {
        open = false;
        cancel();
        const text = answer.wire === "dap" && answer.success ? member(answer.body, "content") : undefined;
        if (typeof text === "string") onSource({ path, since, text });
        // Not deeper into the stack: an exchange whose debuggee is gone answers at once.
        clock.after(0, () => this.#next());
      },
    );
    if (open) cancel = clock.after(deadline, giveUp);
  }
}
