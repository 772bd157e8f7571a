// What waits while a capture goes on, in the order in which it came.
//
// Rules
// - What a capture would see the effects of waits: by its command, and `evaluate` in a REPL.
// - Behind a request that waits, all that its client sends waits too: a client's requests are not reordered.
// - What a client has here goes with it. Bounded.
import { heldBack } from "./dap-commands.ts";
import type { DebugProtocol } from "./dap.ts";
import type { ClientId } from "./exchange.ts";
import { member } from "./json.ts";

const maxWaiting = 1000;

interface Waiting {
  /** Undefined: the exchange's own. */
  readonly client: ClientId | undefined;
  run(): void;
}

export class HoldQueue {
  #held = false;
  #waiting: Waiting[] = [];

  get held(): boolean {
    return this.#held;
  }

  get empty(): boolean {
    return this.#waiting.length === 0;
  }

  hold(): void {
    this.#held = true;
  }

  /** Runs what waits; what that holds again keeps the rest here. */
  release(): void {
    this.#held = false;
    while (!this.#held) {
      const next = this.#waiting.shift();
      if (next === undefined) break;
      next.run();
    }
  }

  mustWait(client: ClientId, { command, arguments: given }: DebugProtocol.Request): boolean {
    if (this.#waiting.some((waiting) => waiting.client === client)) return true;
    if (!this.#held) return false;
    return heldBack.has(command) || (command === "evaluate" && member(given, "context") === "repl");
  }

  /** False: too much waits. */
  add(client: ClientId | undefined, run: () => void): boolean {
    if (client !== undefined && this.#waiting.length >= maxWaiting) return false;
    this.#waiting.push({ client, run });
    return true;
  }

  drop(client: ClientId): void {
    this.#waiting = this.#waiting.filter((waiting) => waiting.client !== client);
  }

  clear(): void {
    this.#held = false;
    this.#waiting = [];
  }
}
