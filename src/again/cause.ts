// What set off hits of a trace, so that it can be sent again: a command, or an HTTP request that went through a session of wire `raw`, or a trigger.
//
// Rules
// - A hit that is chosen says which: its command, else the request whose id it has, or that ran when it came. Without one it is what set
//   off hits, if there is one such thing alone.
// - The hits that are to come again are all of that cause, in the order of their stops: those at breakpoints. Steps, pauses and
//   exceptions were somebody's doing there, or are not asked for; they are counted.
import { DebugtapError } from "../../protocol/errors.ts";
import type { Trigger } from "../../protocol/trigger.ts";
import { exchangesOf, HitsOfExchanges, storyOf } from "../trace/export/index.ts";
import type { FoundExchange, StoryHit } from "../trace/export/index.ts";
import type { Trace } from "../trace/index.ts";

interface Caused {
  /** In the order of their stops. */
  readonly hits: readonly StoryHit[];
  /** Hits of it that were at no breakpoint. */
  readonly others: number;
  /** Epoch milliseconds. */
  readonly began: number;
}

export type Cause = Caused &
  ({ readonly kind: "command"; readonly trigger: Trigger } | { readonly kind: "http"; readonly found: FoundExchange });

/** `number`: of a hit, as `debugtap hits` counts them. Rejects with DT_NOTHING_TO_SEND. */
export async function findCause(trace: Trace, number?: number): Promise<Cause> {
  const story = await storyOf(trace);
  const byNumber = new Map(story.hits.map((hit) => [hit.number, hit]));
  const byTrigger = new Map<number | undefined, StoryHit[]>(story.triggers.map(({ id }) => [id, []]));
  for (const each of story.hits) byTrigger.get(each.hit.trigger)?.push(each);
  const causes: Cause[] = story.triggers.map((trigger) => ({
    kind: "command",
    trigger,
    began: trigger.at,
    ...caused(byTrigger.get(trigger.id) ?? []),
  }));
  const owners = new HitsOfExchanges(story);
  const exchanges = (await exchangesOf(trace)).map((found) => ({ found, named: owners.named(found) }));
  const claimed = new Set(exchanges.flatMap(({ named }) => named));
  for (const { found, named } of exchanges) {
    const numbers = named.length > 0 ? named : owners.byTime(found).filter((each) => !claimed.has(each));
    // What a command set off is sent again by the command.
    const hits = numbers.flatMap((each) => byNumber.get(each) ?? []).filter(({ hit }) => hit.trigger === undefined);
    causes.push({ kind: "http", found, began: found.exchange.request.began, ...caused(hits) });
  }
  const meant =
    number === undefined
      ? causes.filter(({ hits }) => hits.length > 0)
      : causes.filter(({ hits }) => hits.some((hit) => hit.number === number));
  const [cause] = meant;
  if (cause !== undefined && (number !== undefined || meant.length === 1)) return cause;
  throw nothing(trace, causes, meant, number);
}

function caused(hits: readonly StoryHit[]): Pick<Cause, "hits" | "others"> {
  const sorted = hits.toSorted((a, b) => a.hit.at - b.hit.at || a.number - b.number);
  const wanted = sorted.filter(({ hit }) => hit.breakpoint !== undefined || hit.reason === "breakpoint");
  return { hits: wanted, others: sorted.length - wanted.length };
}

function nothing(trace: Trace, causes: readonly Cause[], meant: readonly Cause[], number?: number): DebugtapError {
  const first = meant[0]?.hits[0]?.number;
  if (first !== undefined)
    return new DebugtapError("DT_NOTHING_TO_SEND", `${meant.length} commands or requests of ${trace.dir} have hits`, {
      why: "a hit says which of them is meant",
      fix: `debugtap again ${trace.dir} ${first}`,
    });
  const what =
    number === undefined ? `nothing in ${trace.dir} set off a hit` : `nothing is known that set off hit ${number}`;
  return new DebugtapError("DT_NOTHING_TO_SEND", what, {
    why:
      causes.length === 0
        ? "the trace has no command (`debugtap record … -- CMD`), and no HTTP through a trigger or a session of wire `raw`"
        : "no hit at a breakpoint belongs to its commands and its HTTP requests",
    fix: "debugtap record --at app/api.py:240 -- curl -sS http://127.0.0.1:8080/",
  });
}
