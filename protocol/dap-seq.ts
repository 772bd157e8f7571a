// The requests that the debuggee has not answered yet, by the number that each has upstream: a table, no offset.
//
// Rules
// - A number is used upstream by one outstanding request at a time. Who wants a number gets it if it is free; all others are
//   given numbers from 1,000,000,001 on, which stay below 2^31.
// - An answer that nobody waits for any more (its client left, its asker gave up) still has its entry, or it would be taken
//   for another's.
// - The table is bounded: when it is full nothing more is numbered.
import type { BreakpointPlan } from "./dap-breakpoint-list.ts";
import type { DebugProtocol } from "./dap.ts";
import type { Answer, ClientId } from "./exchange.ts";

export const firstOwnSeq = 1_000_000_001;
const lastOwnSeq = 2 ** 31 - 1;
const maxOutstanding = 10_000;

export type Asker =
  | { readonly client: ClientId; readonly seq: number }
  | { readonly answered: (answer: Answer) => void }
  | "nobody";

export interface Outstanding {
  /** As it was asked, under the asker's number. */
  readonly request: DebugProtocol.Request;
  readonly asker: Asker;
  /** What the exchange's knowledge was when this went out: see KeptAnswers. */
  readonly epoch: number;
  /** Stops that stood then, at most. */
  readonly stops: number;
  readonly plan: BreakpointPlan | undefined;
}

export class SeqTable {
  readonly #outstanding = new Map<number, Outstanding>();
  #next = firstOwnSeq;

  get size(): number {
    return this.#outstanding.size;
  }

  values(): Iterable<Outstanding> {
    return this.#outstanding.values();
  }

  /** The number to send it under: `wanted` if that is free. Undefined when the table is full. */
  add(entry: Outstanding, wanted?: number): number | undefined {
    if (this.#outstanding.size >= maxOutstanding) return undefined;
    const seq = wanted === undefined || this.#outstanding.has(wanted) ? this.ownSeq() : wanted;
    this.#outstanding.set(seq, entry);
    return seq;
  }

  /** A number that no outstanding request has. */
  ownSeq(): number {
    for (;;) {
      const seq = this.#next;
      this.#next = seq === lastOwnSeq ? firstOwnSeq : seq + 1;
      if (!this.#outstanding.has(seq)) return seq;
    }
  }

  /** Removes and returns what this response is for. */
  take(requestSeq: number): Outstanding | undefined {
    const entry = this.#outstanding.get(requestSeq);
    this.#outstanding.delete(requestSeq);
    return entry;
  }

  /** The upstream number of a client's outstanding request. */
  find(client: ClientId, seq: number): number | undefined {
    for (const [upstream, { asker }] of this.#outstanding) {
      if (asker !== "nobody" && "client" in asker && asker.client === client && asker.seq === seq) return upstream;
    }
    return undefined;
  }

  /** The answer to this request, if it comes, is nobody's. */
  abandon(seq: number): void {
    const entry = this.#outstanding.get(seq);
    if (entry !== undefined) this.#outstanding.set(seq, { ...entry, asker: "nobody" });
  }

  /** The answers to this client's requests are nobody's. */
  forget(client: ClientId): void {
    for (const [seq, { asker }] of this.#outstanding) {
      if (asker !== "nobody" && "client" in asker && asker.client === client) this.abandon(seq);
    }
  }

  /** Removes all; the entries that were there. */
  clear(): Outstanding[] {
    const all = [...this.#outstanding.values()];
    this.#outstanding.clear();
    return all;
  }
}
