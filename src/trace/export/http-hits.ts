// The HTTP of a trace, and which hits it caused: what went through sessions of wire `raw`, and through triggers.
//
// Rules
// - A hit is an exchange's when its request id stands in the headers of the answer or the request, else when it came while that ran.
// - A body with a masked secret is not as long as its Content-Length says: see http-length.ts.
import type { Side } from "../../../protocol/frame.ts";
import type { Hit } from "../../../protocol/hit.ts";
import { firstThat } from "../../../protocol/sorted.ts";
import type { Trace } from "../reader.ts";
import { HttpSession, type Exchange } from "./http.ts";
import { exchangeOf } from "./http-calls.ts";
import { LengthMender, type Piece } from "./http-length.ts";
import type { Story, StoryQuery } from "./story.ts";

/** Shorter ones stand in headers by chance. */
const shortestId = 8;
/** Bytes of answers that wait for a request. */
const mostWaiting = 2 * 1024 * 1024;

export interface FoundExchange {
  readonly exchange: Exchange;
  /** `rest#1`, or that of its trigger. */
  readonly name: string;
  /** Where it goes when it is sent again: a service of wire `raw`, or a trigger. */
  readonly service?: string;
  readonly trigger?: string;
  /** Of a trigger's call. */
  readonly call?: number;
  /** Epoch milliseconds at which its session was seen last. */
  readonly last: number;
}

/** In the order in which the requests began. Where sessions are named, of the triggers only those that are named too. */
export async function exchangesOf(
  trace: Trace,
  {
    sessions,
    triggers,
    until = Infinity,
  }: Pick<StoryQuery, "sessions" | "until"> & { readonly triggers?: ReadonlySet<string> } = {},
): Promise<FoundExchange[]> {
  const found = new Map<number, Conversation>();
  const known = new Map(
    trace
      .sessions()
      .map(({ facts, last }) => [facts.id, { name: facts.name, service: facts.service, last: Math.min(last, until) }]),
  );
  for await (const { session, side, bytes, time } of trace.messages({ until })) {
    if (session.wire !== "raw" || bytes === undefined || sessions?.has(session.id) === false) continue;
    const said = found.get(session.id) ?? new Conversation();
    found.set(session.id, said);
    said.push(side, { bytes, time });
  }
  const exchanges = [...found].flatMap(([id, said]): FoundExchange[] => {
    const about = known.get(id);
    return about === undefined ? [] : said.end(about.last).map((exchange) => ({ exchange, ...about }));
  });
  if (sessions === undefined || (triggers?.size ?? 0) > 0)
    for (const call of await trace.http({ bodies: true })) {
      const { id, through, at, ended = Infinity } = call;
      if (at <= until && (sessions === undefined || triggers?.has(through) === true))
        exchanges.push({
          exchange: exchangeOf(call),
          name: through,
          trigger: through,
          call: id,
          last: Math.min(ended, until),
        });
    }
  return exchanges.sort((a, b) => a.exchange.request.began - b.exchange.request.began);
}

/** One session, however the recorder has cut and ordered its bytes: a line with a secret is recorded a little late. */
class Conversation {
  readonly #http = new HttpSession();
  readonly #menders = { client: new LengthMender("client"), debuggee: new LengthMender("debuggee") };
  /** Of the debuggee, while a request is held: it must be known before its answer. */
  #waiting: Piece[] = [];
  #bytes = 0;

  push(side: Side, piece: Piece): void {
    const { client } = this.#menders;
    if (side === "debuggee" && client.holds) {
      this.#waiting.push(piece);
      this.#bytes += piece.bytes.length;
      if (this.#bytes > mostWaiting) this.#pass("client", client.end());
    } else this.#pass(side, this.#menders[side].push(piece));
    if (!client.holds) this.#answers();
  }

  end(time: number): readonly Exchange[] {
    this.#pass("client", this.#menders.client.end());
    this.#answers();
    this.#pass("debuggee", this.#menders.debuggee.end());
    this.#http.end(time);
    return this.#http.exchanges;
  }

  #answers(): void {
    for (const piece of this.#waiting) this.#pass("debuggee", this.#menders.debuggee.push(piece));
    this.#waiting = [];
    this.#bytes = 0;
  }

  #pass(side: Side, pieces: readonly Piece[]): void {
    for (const { bytes, time } of pieces) this.#http.push(side, bytes, time);
  }
}

/** What is needed of a hit. */
interface CausedHit {
  readonly number: number;
  readonly hit: Pick<Hit, "at" | "correlated">;
}

/** Which hits an exchange caused. */
export class HitsOfExchanges {
  readonly #hits: readonly CausedHit[];
  readonly #byId = new Map<string, number[]>();
  readonly #byCall = new Map<number, number[]>();

  /** Hits are in the order of their stops. */
  constructor({ hits, joined }: { readonly hits: readonly CausedHit[] } & Pick<Story, "joined">) {
    this.#hits = hits;
    for (const { number } of hits) {
      const call = joined.get(number);
      if (call === undefined) continue;
      const numbers = this.#byCall.get(call);
      if (numbers === undefined) this.#byCall.set(call, [number]);
      else numbers.push(number);
    }
    for (const { number, hit } of hits)
      for (const id of new Set(Object.values(hit.correlated ?? {}))) {
        const numbers = this.#byId.get(id);
        if (numbers === undefined) this.#byId.set(id, [number]);
        else numbers.push(number);
      }
  }

  of(exchange: FoundExchange): number[] {
    const found = this.named(exchange);
    return found.length > 0 ? found : this.byTime(exchange);
  }

  /** Those with an id that stands in its headers; of a call, all of them. */
  named({ exchange: { request, answer }, call }: FoundExchange): number[] {
    if (call !== undefined) return this.#byCall.get(call) ?? [];
    const found = new Set<number>();
    for (const [, value] of [...request.headers, ...(answer?.headers ?? [])])
      for (const id of new Set([value, ...value.split(/[^\w.:-]+/)]))
        if (id.length >= shortestId) for (const number of this.#byId.get(id) ?? []) found.add(number);
    return [...found].sort((a, b) => a - b);
  }

  /** Those that came while it ran. */
  byTime({ exchange: { request, answer }, call, last }: FoundExchange): number[] {
    if (call !== undefined) return [];
    const from = firstThat(this.#hits.length, (place) => (this.#hits[place]?.hit.at ?? 0) >= request.began);
    let to = from;
    while ((this.#hits[to]?.hit.at ?? Infinity) <= (answer?.ended ?? last)) to++;
    return this.#hits.slice(from, to).map(({ number }) => number);
  }
}
