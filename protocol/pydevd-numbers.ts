// Numbers of the commands that are not the first client's: odd, from 1,000,000,001 on, below 2^31 (PyCharm's are Java ints).
// pydevd repeats in an answer the number that it was asked with, whatever it is; its own messages have even ones from 2 on.
//
// Rules
// - A number is known for as long as it can be answered. One that was issued and is no longer known is stale: its answer is
//   nobody's, and must reach nobody.
// - Commands of clients may never be answered (111 is not, but for an error), so only the last `maxPending` are known.
import type { Answer, Ask, ClientId } from "./exchange.ts";

export interface Asked {
  readonly ask: Ask & { readonly wire: "pydevd" };
  readonly answered: (answer: Answer) => void;
}

/** Whose command it is: a client's, with the number that it gave it; an ask; `own` means that nobody waits for the answer. */
export type Asker = { readonly client: ClientId; readonly seq: number } | Asked | "own";

const first = 1_000_000_001;
const last = 2_147_483_647;
const maxPending = 10_000;

export class PydevdNumbers {
  readonly #askers = new Map<number, Asker>();
  readonly #asks = new Map<Asked, number>();
  #next = first;
  #highest = 0;

  /** Asks, given up or not, and commands of clients that may still be answered. */
  get pending(): number {
    return this.#askers.size;
  }

  get asks(): readonly Asked[] {
    return [...this.#asks.keys()];
  }

  /** A new number; known from now on unless it is `own`. */
  issue(asker: Asker): number {
    const seq = this.#next;
    this.#next = seq >= last ? first : seq + 2;
    this.#highest = Math.max(this.#highest, seq);
    if (asker === "own") return seq;
    this.#askers.set(seq, asker);
    if ("ask" in asker) this.#asks.set(asker, seq);
    if (this.#askers.size - this.#asks.size > maxPending) this.#forgetOldest();
    return seq;
  }

  issued(seq: number): boolean {
    return seq >= first && seq <= this.#highest && seq % 2 === 1;
  }

  /** Whose answer this is, which then has been answered; `own` also for a stale one. */
  take(seq: number): Asker {
    const asker = this.#askers.get(seq) ?? "own";
    this.#askers.delete(seq);
    if (asker !== "own" && "ask" in asker) this.#asks.delete(asker);
    return asker;
  }

  /** The ask waits no longer. Its answer may still come, and must be looked for until then: it is pending. */
  giveUp(asked: Asked): void {
    const seq = this.#asks.get(asked);
    if (seq === undefined) return;
    this.#asks.delete(asked);
    this.#askers.set(seq, "own");
  }

  /** This client waits no longer. */
  leave(client: ClientId): void {
    for (const [seq, asker] of this.#askers) {
      if (asker !== "own" && "client" in asker && asker.client === client) this.#askers.delete(seq);
    }
  }

  #forgetOldest(): void {
    for (const [seq, asker] of this.#askers) {
      if (asker === "own" || "ask" in asker) continue;
      this.#askers.delete(seq);
      return;
    }
  }
}
