// Hits as they come, for those who watch: as rows with the numbers that the trace gives them, and when their threads ran on.
//
// Rules
// - A hit's number counts those that went to the recorder since the trace began. Where the recorder left hits out it may be too high:
//   then the trace's own lists say it.
// - While nothing is recorded there are no numbers, and no rows.
import type { HitRowView } from "../../protocol/api.ts";
import type { RelayEvent } from "../../protocol/control.ts";
import type { Hit } from "../../protocol/hit.ts";
import type { Observer } from "../observer.ts";
import { rowOf } from "../trace/hit-row.ts";
import { rowView } from "./row-view.ts";

const mostEnds = 100_000;

export class LiveHits implements Observer {
  readonly name = "board";
  readonly #onRow: (row: HitRowView) => void;
  readonly #onEnd: (number: number, at: number) => void;
  /** By session and thread. */
  readonly #standing = new Map<string, HitRowView>();
  /** By number, the oldest first. */
  readonly #ends = new Map<number, number>();
  #count: number | undefined;

  /** `onEnd`: its thread ran on. */
  constructor(onRow: (row: HitRowView) => void, onEnd: (number: number, at: number) => void) {
    this.#onRow = onRow;
    this.#onEnd = onEnd;
  }

  /** Epoch milliseconds at which threads of hits ran on, by the hits' numbers. */
  get ends(): ReadonlyMap<number, number> {
    return this.#ends;
  }

  /** A trace begins, or there is none any more. */
  event(event: RelayEvent): void {
    if (event.type !== "trace" || (event.state !== "open" && event.state !== "closed")) return;
    this.#count = event.state === "open" ? 0 : undefined;
    this.#standing.clear();
    this.#ends.clear();
  }

  hit(session: number, hit: Hit): void {
    if (this.#count === undefined) return;
    const number = ++this.#count;
    const isLog = hit.reason === "log";
    const row = rowView(rowOf(number, hit), isLog ? hit.at : undefined);
    if (isLog) this.#end(number, hit.at);
    else {
      const key = `${session} ${hit.thread.id}`;
      const before = this.#standing.get(key);
      if (before !== undefined) this.#ranOn(before, hit.at);
      this.#standing.set(key, row);
    }
    this.#onRow(row);
  }

  resumed(session: number, thread: string): void {
    const key = `${session} ${thread}`;
    const row = this.#standing.get(key);
    this.#standing.delete(key);
    if (row !== undefined) this.#ranOn(row, Date.now());
  }

  sessionClosed(session: number): void {
    for (const key of this.#standing.keys()) if (key.startsWith(`${session} `)) this.#standing.delete(key);
  }

  #ranOn(row: HitRowView, at: number): void {
    this.#end(row.number, at);
    this.#onRow({ ...row, end: at });
  }

  #end(number: number, at: number): void {
    this.#ends.set(number, at);
    this.#onEnd(number, at);
    for (const oldest of this.#ends.keys()) {
      if (this.#ends.size <= mostEnds) break;
      this.#ends.delete(oldest);
    }
  }
}
