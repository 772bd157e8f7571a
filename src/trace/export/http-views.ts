// The HTTP that went through sessions of wire `raw`, as the board lists it, with the numbers of the hits that it caused.
//
// Rules
// - It has no ids of its own: -1, -2 and so on, as the requests began.
// - Hits are those of the index: no snapshot is read.
import type { HttpView } from "../../../protocol/control.ts";
import type { HitIndex } from "../hit-index.ts";
import type { Trace } from "../reader.ts";
import { exchangesOf, HitsOfExchanges, type FoundExchange } from "./http-hits.ts";

/** In the order in which they began. */
export async function sessionHttpViews(trace: Trace, index: HitIndex): Promise<HttpView[]> {
  const raw = trace.sessions().filter(({ facts }) => facts.wire === "raw");
  if (raw.length === 0) return [];
  const hits = [];
  for (let number = index.first; number <= index.size; number++) {
    const { columns, place } = index.at(number);
    const correlated: Record<string, string> = {};
    const pairs = columns.correlatedAt(place);
    for (let i = 0; i + 1 < pairs.length; i += 2) correlated[pairs[i] ?? ""] = pairs[i + 1] ?? "";
    hits.push({ number, hit: { at: columns.at[place] ?? 0, correlated } });
  }
  hits.sort((a, b) => a.hit.at - b.hit.at);
  const owners = new HitsOfExchanges({ hits, joined: new Map() });
  const exchanges = await exchangesOf(trace, { sessions: new Set(raw.map(({ facts }) => facts.id)) });
  return exchanges.map((found, i) => viewOf(found, -1 - i, owners.of(found)));
}

function viewOf({ exchange: { request, answer }, name }: FoundExchange, id: number, hits: readonly number[]): HttpView {
  return {
    id,
    through: name,
    method: request.method,
    path: request.url,
    status: answer?.status ?? 0,
    at: request.began,
    ...(answer?.whole === true ? { end: answer.ended } : {}),
    hits,
    again: false,
  };
}
