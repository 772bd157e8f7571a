// The HTTP requests of a trace as the API shows them, each with the hits that it caused.
import type { HttpView } from "../../protocol/api.ts";
import { httpView } from "../../protocol/http.ts";
import { callsOfHits } from "../trace/index.ts";
import type { OpenTrace } from "./open-traces.ts";

/** `late`: those that the relay still has, of which some can be sent again; none of the others can. */
export async function httpViews({ trace, index }: OpenTrace, late: readonly HttpView[]): Promise<HttpView[]> {
  const calls = await trace.http();
  const hits = new Map<number, number[]>();
  for (const [hit, call] of callsOfHits(index, calls)) {
    const known = hits.get(call);
    if (known === undefined) hits.set(call, [hit]);
    else known.push(hit);
  }
  const again = new Set(late.filter((view) => view.again).map(({ id }) => id));
  const views = calls.map((call) => ({ ...httpView(call, hits.get(call.id) ?? []), again: again.has(call.id) }));
  const { sessionHttpViews } = await import("../trace/export/index.ts");
  return [...views, ...(await sessionHttpViews(trace, index))].sort((a, b) => a.at - b.at);
}
