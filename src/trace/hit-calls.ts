// Which call caused which hit of a trace, from what its index says of the hits.
import type { HttpCall } from "../../protocol/http.ts";
import { joinedCall, joinHits, type JoinedHit } from "../../protocol/http-join.ts";
import type { CallsOfHits } from "./hit-groups.ts";
import type { HitIndex } from "./hit-index.ts";

/** All hits of the trace are looked at: one that is not asked for may say whose the next one is. */
export function callsOfHits(index: HitIndex, calls: readonly HttpCall[]): CallsOfHits {
  if (calls.length === 0) return new Map();
  const hits: JoinedHit[] = [];
  for (let number = index.first; number <= index.size; number++) {
    const { columns, place } = index.at(number);
    hits.push({
      number,
      at: columns.at[place] ?? 0,
      thread: `${columns.numbers("session")[place] ?? 0} ${columns.textAt("threadId", place) ?? ""}`,
      values: columns.correlatedAt(place).filter((_, i) => i % 2 === 1),
    });
  }
  return joinHits(
    calls.map((call) => joinedCall(call)),
    hits,
  );
}
