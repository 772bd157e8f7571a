// What the page keeps of the trace that it shows: the newest hits and HTTP requests, bounded, and when they changed.
import { computed, signal } from "@preact/signals";
import type { HitPage, HitRowView, HttpView } from "../protocol/api.ts";
import type { Trigger } from "../protocol/trigger.ts";
import { ask, refusalOf, type Refusal } from "./ask.ts";
import { isHitPage, isHttpViews } from "../protocol/api-check.ts";
import { Newest } from "./model/newest.ts";
import { requestRows } from "./model/requests.ts";

const mostHits = 20_000;
const mostRequests = 5000;
const page = 10_000;
/** Milliseconds between two looks of the views at what comes in quick succession. */
const calm = 120;

let opened = 0;

export class TraceData {
  /** Of the page: a trace that is read anew is another one. */
  readonly serial = opened++;
  readonly id: string;
  readonly #hits = new Newest<HitRowView>(mostHits);
  readonly #https = new Newest<HttpView>(mostRequests);
  #triggers: readonly Trigger[] = [];
  /** The views are told soon. */
  #due = false;
  readonly #version = signal(0);
  readonly state = signal<"loading" | "there" | Refusal["reason"]>("loading");
  /** All of the trace, also those that are not kept. */
  readonly total = signal(0);
  readonly hits = computed(() => (this.#version.value, this.#hits.values()));
  readonly https = computed(() => (this.#version.value, this.#https.values()));
  readonly requests = computed(
    () => (this.#version.value, requestRows(this.hits.value, this.https.value, this.#triggers)),
  );
  readonly dropped = computed(() => (this.#version.value, this.total.value - this.#hits.size));

  constructor(id: string) {
    this.id = id;
  }

  /** Asks for all of it anew; what comes meanwhile is kept. */
  async load(): Promise<void> {
    try {
      const id = encodeURIComponent(this.id);
      const pages: HitPage[] = [await ask(`traces/${id}/hits?from=0&count=${page}`, isHitPage)];
      const total = pages[0]?.total ?? 0;
      if (total > page) {
        pages.length = 0;
        for (let from = Math.max(0, total - mostHits); from < total; from += page) {
          pages.push(await ask(`traces/${id}/hits?from=${from}&count=${page}`, isHitPage));
        }
      }
      const https = await ask(`traces/${id}/http`, isHttpViews).catch(() => []);
      const later = this.#hits.values();
      const laterHttps = this.#https.values();
      this.#hits.clear();
      this.#https.clear();
      for (const { rows } of pages) for (const row of rows) this.#hits.put(row.number, row);
      const last = pages.at(-1)?.rows.at(-1)?.number ?? 0;
      for (const row of later) if (row.number > last) this.#hits.put(row.number, row);
      for (const http of https) this.#https.put(http.id, http);
      for (const http of laterHttps) if (this.#https.get(http.id) === undefined) this.#https.put(http.id, http);
      this.#triggers = pages.at(-1)?.triggers ?? [];
      this.total.value = Math.max(total, last);
      this.state.value = "there";
      this.#version.value++;
    } catch (error) {
      if (this.state.peek() !== "there") this.state.value = refusalOf(error);
    }
  }

  hit(row: HitRowView): void {
    if (this.#hits.get(row.number) === undefined) this.total.value++;
    this.#hits.put(row.number, row);
    this.#changed();
  }

  http(http: HttpView): void {
    this.#https.put(http.id, http);
    this.#changed();
  }

  #changed(): void {
    if (this.#due) return;
    this.#due = true;
    setTimeout(() => {
      this.#due = false;
      this.#version.value++;
    }, calm);
  }
}
