// The messages of one session, as far as they were looked at.
//
// Rules
// - Without a filter any place can be read: parts of 500 by ordinals, of which the last `mostParts` are kept.
// - With a filter nobody knows how many there are: they are read from the start on, as far as is looked at, at most `mostFound`.
// - Details are not kept: the detail of one is asked for when it is chosen.
import { signal } from "@preact/signals";
import type { MessagePage, MessageView } from "../protocol/api.ts";
import { isMessagePage } from "../protocol/api-check.ts";
import { ask, refusalOf, type Refusal } from "./ask.ts";

export type Row = Omit<MessageView, "detail">;

export interface MessageFilter {
  readonly text: string;
  readonly side: "all" | "client" | "debuggee";
}

const part = 500;
const mostParts = 60;
const mostFound = 50_000;
const mostSummary = 400;

export class MessageList {
  readonly #path: string;
  readonly #filter: MessageFilter;
  readonly #filtered: boolean;
  /** The part last looked at is the last. */
  readonly #parts = new Map<number, readonly Row[] | "asked">();
  readonly #found: Row[] = [];
  /** Where the search goes on; undefined: it is at its end. */
  #next: number | undefined = 1;
  #busy = false;
  #seen = 0;
  /** Counts changes. */
  readonly version = signal(0);
  readonly total = signal<number | undefined>(undefined);
  readonly failed = signal<Refusal["reason"] | undefined>(undefined);

  /** `path`: of the API, with the session. */
  constructor(path: string, filter: MessageFilter) {
    this.#path = path;
    this.#filter = filter;
    this.#filtered = filter.text !== "" || filter.side !== "all";
    void (this.#filtered ? this.#search() : this.#read(0));
  }

  /** Rows that a list has now. */
  get count(): number {
    return this.#filtered ? this.#found.length : (this.total.value ?? 0);
  }

  get searching(): boolean {
    return this.#filtered && this.#next !== undefined && this.#found.length < mostFound;
  }

  get full(): boolean {
    return this.#found.length >= mostFound;
  }

  /** `gone`: the trace does not have it. Undefined: it is on its way. */
  row(at: number): Row | "gone" | undefined {
    if (this.#filtered) return this.#found[at];
    const rows = this.#parts.get(Math.floor(at / part));
    if (rows === undefined || rows === "asked") return undefined;
    const guess = rows[at % part];
    return (guess?.ordinal === at + 1 ? guess : rows.find(({ ordinal }) => ordinal === at + 1)) ?? "gone";
  }

  look(first: number, end: number): void {
    this.#seen = end;
    if (this.#filtered) {
      if (!this.#busy) void this.#search();
      return;
    }
    for (let nth = Math.floor(first / part); nth * part < Math.max(end, 1); nth++) {
      const rows = this.#parts.get(nth);
      if (rows === undefined) void this.#read(nth);
      else {
        this.#parts.delete(nth);
        this.#parts.set(nth, rows);
      }
    }
  }

  async #read(nth: number): Promise<void> {
    this.#parts.set(nth, "asked");
    const page = await this.#ask(nth * part + 1, part);
    if (page === undefined) {
      this.#parts.delete(nth);
      return;
    }
    this.#parts.set(nth, page.messages.map(small));
    for (const oldest of this.#parts.keys()) {
      if (this.#parts.size <= mostParts) break;
      this.#parts.delete(oldest);
    }
    this.total.value = page.total;
    this.version.value++;
  }

  /** On until what is looked at is there, and a screen more. */
  async #search(): Promise<void> {
    this.#busy = true;
    while (this.searching && this.#found.length < this.#seen + 200) {
      const from = this.#next ?? 1;
      const page = await this.#ask(from, 2000, this.#filter.text);
      if (page === undefined) break;
      for (const message of page.messages) {
        if (this.#filter.side === "all" || message.side === this.#filter.side) this.#found.push(small(message));
      }
      // An answer that does not go on would be asked for without end.
      this.#next = page.next !== undefined && page.next > from ? page.next : undefined;
      this.total.value = page.total;
      this.version.value++;
    }
    this.#busy = false;
  }

  async #ask(from: number, count: number, text = ""): Promise<MessagePage | undefined> {
    const filter = text === "" ? "" : `&text=${encodeURIComponent(text)}`;
    try {
      return await ask(`${this.#path}&from=${from}&count=${count}${filter}`, isMessagePage);
    } catch (error) {
      this.failed.value = refusalOf(error);
      return undefined;
    }
  }
}

function small({ ordinal, at, side, size, summary }: MessageView): Row {
  return { ordinal, at, side, size, summary: summary.slice(0, mostSummary) };
}
