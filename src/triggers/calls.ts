// The calls of all triggers: their numbers, which hits they caused, and the last of them as they were sent.
//
// Rules
// - A hit may come after its call has ended (what was only accepted is done later), and a request id may be known only with the answer: so
//   which hits are whose is found anew over the last of both, whenever one of them comes.
// - Hits are numbered as the recorder is given them, which is how `debugtap hits` counts them.
// - Requests are kept unmasked, to be sent again: the last of them, in a bounded piece of memory, and never written.
import { httpView, isWhole, type HttpCall } from "../../protocol/http.ts";
import { joinedCall, joinHits, type JoinedCall, type JoinedHit } from "../../protocol/http-join.ts";
import type { Hit } from "../../protocol/hit.ts";
import type { HttpView } from "../../protocol/control.ts";
import type { Observer } from "../observer.ts";
import { withoutBodies } from "../trace/http.ts";

const mostCalls = 300;
const mostHits = 1000;
const mostRequestBytes = 8 * 1024 * 1024;

interface Recent {
  /** Without its bodies. */
  call: HttpCall;
  joined: JoinedCall;
  hits: readonly number[];
}

export interface CallsOptions {
  readonly record: (call: HttpCall) => void;
  /** It began, caused a hit, or has ended. */
  readonly tell: (view: HttpView) => void;
}

export class Calls {
  readonly observer: Observer = { name: "HTTP triggers", hit: (session, hit) => this.#hit(session, hit) };
  readonly #options: CallsOptions;
  readonly #recent = new Map<number, Recent>();
  readonly #requests = new Map<number, { readonly call: HttpCall; readonly bytes: number }>();
  #requestBytes = 0;
  #hits: JoinedHit[] = [];
  #lastHit = 0;
  #lastCall = 0;

  constructor(options: CallsOptions) {
    this.#options = options;
  }

  /** A trace begins: its hits count from 1. */
  begin(): void {
    this.#lastHit = 0;
    this.#hits = [];
  }

  /** The number of the next one. */
  next(): number {
    return ++this.#lastCall;
  }

  /** A call began, or has ended. */
  said(call: HttpCall): void {
    this.#options.record(call);
    const known = this.#recent.get(call.id);
    const about = withoutBodies(call);
    this.#recent.set(call.id, { call: about, joined: joinedCall(call), hits: known?.hits ?? [] });
    for (const [id] of this.#recent) {
      if (this.#recent.size <= mostCalls) break;
      this.#recent.delete(id);
    }
    if (call.ended !== undefined) this.#keep(call);
    // Before any hit of its time there is nothing to find.
    if (this.#hits.some(({ at }) => at >= call.at)) this.#join(call.id);
    this.#tell(call.id);
  }

  /** As it was sent, with what is kept of its answer; undefined: it is too long ago, or never was. */
  request(id: number): HttpCall | undefined {
    return this.#requests.get(id)?.call;
  }

  /** The last of them, as they began. */
  views(): HttpView[] {
    return [...this.#recent.keys()].flatMap((id) => this.#view(id) ?? []);
  }

  #keep(call: HttpCall): void {
    if (!isWhole(call.body)) return;
    const bytes = (call.body?.text?.length ?? 0) + call.url.length + JSON.stringify(call.headers).length;
    this.#requests.set(call.id, { call, bytes });
    this.#requestBytes += bytes;
    for (const [id, { bytes: freed }] of this.#requests) {
      if (this.#requestBytes <= mostRequestBytes && this.#requests.size <= mostCalls) break;
      this.#requests.delete(id);
      this.#requestBytes -= freed;
    }
  }

  #hit(session: number, hit: Hit): void {
    const values = Object.values(hit.correlated ?? {});
    this.#hits.push({ number: ++this.#lastHit, at: hit.at, thread: `${session} ${hit.thread.id}`, values });
    if (this.#hits.length > 2 * mostHits) this.#hits = this.#hits.slice(-mostHits);
    if (this.#recent.size > 0) this.#join();
  }

  /** Tells of the calls that got other hits by it, but for this one. */
  #join(silent?: number): void {
    const calls = Array.from(this.#recent.values(), ({ joined }) => joined);
    const found = new Map<number, number[]>();
    for (const [hit, id] of joinHits(calls, this.#hits)) found.set(id, [...(found.get(id) ?? []), hit]);
    for (const [id, recent] of this.#recent) {
      const hits = found.get(id) ?? [];
      if (hits.join(" ") === recent.hits.join(" ")) continue;
      recent.hits = hits;
      if (id !== silent) this.#tell(id);
    }
  }

  #tell(id: number): void {
    const view = this.#view(id);
    if (view !== undefined) this.#options.tell(view);
  }

  #view(id: number): HttpView | undefined {
    const recent = this.#recent.get(id);
    if (recent === undefined) return undefined;
    const view = httpView(recent.call, recent.hits);
    return { ...view, again: view.again && this.#requests.has(id) };
  }
}
