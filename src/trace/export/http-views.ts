// The HTTP of a trace as the board lists it, with the numbers of the hits that it caused.
//
// Rules
// - What went through a session of wire `raw` has no id of its own: -1, -2 and so on, as they began.
// - Hits are those of the index: no snapshot is read.
import type { HttpView } from "../../../protocol/control.ts";
import { httpView } from "../../../protocol/http.ts";
import { callsOfHits } from "../hit-calls.ts";
import type { HitIndex } from "../hit-index.ts";
import type { Trace } from "../reader.ts";
import { exchangesOf, HitsOfExchanges, type FoundExchange } from "./http-hits.ts";

/** In the order in which they began. `mayBeSent`: whether a call can be sent again now, by its id. */
export async function httpViews(
  trace: Trace,
  index: HitIndex,
  mayBeSent: (id: number) => boolean,
): Promise<HttpView[]> {
  const calls = await trace.http();
  const joined = callsOfHits(index, calls);
  const hits = new Map<number, number[]>();
  for (const [hit, call] of joined) {
    const known = hits.get(call);
    if (known === undefined) hits.set(call, [hit]);
    else known.push(hit);
  }
  const views = calls.map((call) => {
    const view = httpView(call, hits.get(call.id) ?? []);
    return { ...view, again: view.again && mayBeSent(call.id) };
  });
  return [...views, ...(await viewsOfSessions(trace, index))].sort((a, b) => a.at - b.at);
}

async function viewsOfSessions(trace: Trace, index: HitIndex): Promise<HttpView[]> {
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
