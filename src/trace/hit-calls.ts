// Which call caused which hit of a trace, from what its index says of the hits.
import type { HttpCall } from "../../protocol/http.ts";
import { joinedCall, joinHits, type JoinedHit } from "../../protocol/http-join.ts";
import type { CallsOfHits } from "./hit-groups.ts";
import type { HitIndex } from "./hit-index.ts";

const none: readonly string[] = [];

/** All hits of the trace are looked at: one that is not asked for may say whose the next one is. */
export function callsOfHits(index: HitIndex, calls: readonly HttpCall[]): CallsOfHits {
  if (calls.length === 0) return new Map();
  const hits: JoinedHit[] = [];
  for (const { columns, before, count, places } of index.segments) {
    const { at } = columns;
    const [sessions, expressions] = [columns.numbers("session"), columns.numbers("expression")];
    for (let i = 0; i < count; i++) {
      const place = places === undefined ? i : (places[i] ?? 0);
      hits.push({
        number: before + i + 1,
        at: at[place] ?? 0,
        thread: `${sessions[place] ?? 0} ${columns.textAt("threadId", place) ?? ""}`,
        values: expressions[place] === 0 ? none : columns.correlatedAt(place).filter((_, nth) => nth % 2 === 1),
      });
    }
  }
  return joinHits(
    calls.map((call) => joinedCall(call)),
    hits,
  );
}
