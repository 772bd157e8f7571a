// The HTTP that went through the sessions of wire `raw` of a trace, and which hits it caused.
//
// Rules
// - A hit is an exchange's when its request id stands in the headers of the answer or the request, else when it came while that ran.
// - A body with a masked secret is not as long as its Content-Length says any more. What one side said until the other spoke is taken for
//   one message then, and its length is mended.
import type { Side } from "../../../protocol/frame.ts";
import type { SessionFacts } from "../../observer.ts";
import type { Trace } from "../reader.ts";
import { HttpSession, type Exchange } from "./http.ts";
import type { Story, StoryHit, StoryQuery } from "./story.ts";

/** Shorter ones stand in headers by chance. */
const shortestId = 8;
/** Of what one side says in one go; what is longer is not mended. */
const mostMended = 2 * 1024 * 1024;
const masked = Buffer.from("«redacted:");

export interface FoundExchange {
  readonly exchange: Exchange;
  readonly session: SessionFacts;
  /** Epoch milliseconds at which the session was seen last. */
  readonly last: number;
}

/** In the order in which the requests began. */
export async function exchangesOf(
  trace: Trace,
  { sessions, until = Infinity }: Pick<StoryQuery, "sessions" | "until"> = {},
): Promise<FoundExchange[]> {
  const found = new Map<number, Turns>();
  const known = new Map(trace.sessions().map(({ facts, last }) => [facts.id, { session: facts, last }]));
  for await (const { session, side, bytes, time } of trace.messages({ until })) {
    if (session.wire !== "raw" || bytes === undefined || sessions?.has(session.id) === false) continue;
    const turns = found.get(session.id) ?? new Turns();
    found.set(session.id, turns);
    turns.push(side, bytes, time);
  }
  const exchanges = [...found].flatMap(([id, turns]) => {
    const about = known.get(id);
    return about === undefined
      ? []
      : turns.end(Math.min(about.last, until)).map((exchange) => ({ exchange, ...about }));
  });
  return exchanges.sort((a, b) => a.exchange.request.began - b.exchange.request.began);
}

/** What each side says in one go, in order. */
class Turns {
  readonly #http = new HttpSession();
  #side: Side = "client";
  #held: { readonly bytes: Uint8Array; readonly time: number }[] = [];
  #length = 0;
  #tooLong = false;

  push(side: Side, bytes: Uint8Array, time: number): void {
    if (side !== this.#side) {
      this.#flush();
      this.#side = side;
      this.#tooLong = false;
    }
    this.#held.push({ bytes, time });
    this.#length += bytes.length;
    if (this.#tooLong || this.#length > mostMended) {
      this.#tooLong = true;
      this.#pass();
    }
  }

  end(time: number): readonly Exchange[] {
    this.#flush();
    this.#http.end(time);
    return this.#http.exchanges;
  }

  #flush(): void {
    const [first, last] = [this.#held[0], this.#held.at(-1)];
    if (first !== undefined && last !== undefined && this.#held.some(({ bytes }) => isMasked(bytes))) {
      const { head, body } = mended(Buffer.concat(this.#held.map(({ bytes }) => bytes)));
      this.#held = [
        { bytes: head, time: first.time },
        ...(body.length === 0 ? [] : [{ bytes: body, time: last.time }]),
      ];
    }
    this.#pass();
  }

  #pass(): void {
    for (const { bytes, time } of this.#held) this.#http.push(this.#side, bytes, time);
    this.#held = [];
    this.#length = 0;
  }
}

function isMasked(bytes: Uint8Array): boolean {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).includes(masked);
}

/** A message with the length that its body has. */
function mended(message: Buffer): { readonly head: Buffer; readonly body: Buffer } {
  const end = message.indexOf("\r\n\r\n") + 4;
  const [head, body] = [message.subarray(0, end), message.subarray(end)];
  if (end < 4 || !isMasked(body)) return { head, body };
  const text = head.toString("latin1").replace(/(?<=^content-length:\s*)\d+/im, String(body.length));
  return { head: Buffer.from(text, "latin1"), body };
}

/** Which hits an exchange caused. */
export class HitsOfExchanges {
  readonly #hits: readonly StoryHit[];
  readonly #byId = new Map<string, number[]>();

  constructor({ hits }: Story) {
    this.#hits = hits;
    for (const { number, hit } of hits)
      for (const id of new Set(Object.values(hit.correlated ?? {}))) {
        const numbers = this.#byId.get(id);
        if (numbers === undefined) this.#byId.set(id, [number]);
        else numbers.push(number);
      }
  }

  /** `last`: epoch milliseconds, the end of its session. */
  of({ request, answer }: Exchange, last: number): number[] {
    const found = new Set<number>();
    for (const [, value] of [...request.headers, ...(answer?.headers ?? [])])
      for (const id of new Set([value, ...value.split(/[^\w.:-]+/)]))
        if (id.length >= shortestId) for (const number of this.#byId.get(id) ?? []) found.add(number);
    if (found.size > 0) return [...found].sort((a, b) => a - b);
    const from = this.#firstFrom(request.began);
    let to = from;
    while ((this.#hits[to]?.hit.at ?? Infinity) <= (answer?.ended ?? last)) to++;
    return this.#hits.slice(from, to).map(({ number }) => number);
  }

  /** The place of the first hit that is not before this. */
  #firstFrom(time: number): number {
    let [low, high] = [0, this.#hits.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#hits[middle]?.hit.at ?? 0) < time) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
