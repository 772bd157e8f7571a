// The hits of a trace as a story: in the order of their stops, each with how long its thread stood, and with what it belongs to.
//
// Rules
// - A hit belongs to the request that its first correlated value names, else to the HTTP request that caused it (protocol/http-join.ts), else to
//   the command that set it off, else to none. HTTP requests that caused none are left out: there may be very many.
// - A hit's number is that of `hits`: it counts the hits of the trace as they were captured, whichever of them are told.
// - How long a thread stood is read from the wire: from its stop to the message by which it ran on, at most to its next stop.
//   What never ran on has no end.
// - Values are kept of the frame that the thread stopped in alone: a trace may have many hits.
import type { Hit } from "../../../protocol/hit.ts";
import { callName, type HttpCall } from "../../../protocol/http.ts";
import { joinedCall, joinHits, type JoinedHit } from "../../../protocol/http-join.ts";
import { commandLine } from "../../../protocol/shell.ts";
import type { Trigger } from "../../../protocol/trigger.ts";
import type { SessionFacts } from "../../observer.ts";
import type { Trace } from "../reader.ts";
import { endsBackwards, resumesOf } from "../resumes.ts";

export interface StoryHit {
  /** As `debugtap hits` numbers it. */
  readonly number: number;
  readonly session: SessionFacts;
  readonly hit: Hit;
  /** Epoch milliseconds at which its thread ran on. */
  readonly end?: number;
}

type BareHit = Omit<StoryHit, "end">;

export interface StoryRequest {
  /** Of the correlated expression; absent: it is known by its call or its trigger. */
  readonly expression?: string;
  /** The request id, the HTTP request, or the command. */
  readonly name: string;
  readonly trigger?: Trigger;
  /** The HTTP request that caused its first hit, without bodies. */
  readonly call?: HttpCall;
  readonly hits: readonly StoryHit[];
}

export interface Story {
  /** Epoch milliseconds. */
  readonly started: number;
  readonly hits: readonly StoryHit[];
  /** In the order of their first hits; a command that no hit belongs to is one too. */
  readonly requests: readonly StoryRequest[];
  /** Hits that belong to no request. */
  readonly others: readonly StoryHit[];
  readonly triggers: readonly Trigger[];
  /** By a hit's number, the id of the call that caused it. */
  readonly joined: ReadonlyMap<number, number>;
}

export interface StoryQuery {
  /** Ids; all when absent. */
  readonly sessions?: ReadonlySet<number>;
  /** Only hits with a correlated value that begins so. */
  readonly request?: string;
  /** Of their stops: epoch milliseconds, both inclusive. */
  readonly since?: number;
  readonly until?: number;
}

export async function storyOf(trace: Trace, query: StoryQuery = {}): Promise<Story> {
  const found: BareHit[] = [];
  const calls = await trace.http();
  const joining: JoinedHit[] = [];
  let number = trace.dropped?.hits ?? 0;
  for await (const { session, hit } of trace.hits()) {
    number++;
    if (calls.length > 0)
      joining.push({
        number,
        at: hit.at,
        thread: `${session.id} ${hit.thread.id}`,
        values: Object.values(hit.correlated ?? {}),
      });
    if (isMeant(session, hit, query)) found.push({ number, session, hit: withTopValues(hit) });
  }
  found.sort((a, b) => a.hit.at - b.hit.at || a.number - b.number);
  const ends = await endsOf(trace, found, query.sessions);
  const hits = found.map((each, i): StoryHit => {
    const end = ends[i];
    return { ...each, ...(end === undefined ? {} : { end }) };
  });
  const triggers = await trace.triggers();
  const joined = joinHits(
    calls.map((call) => joinedCall(call)),
    joining,
  );
  const byId = new Map(calls.map((call) => [call.id, call]));
  const callOf = (hit: number): HttpCall | undefined => byId.get(joined.get(hit) ?? 0);
  return { started: trace.started, hits, triggers, joined, ...grouped(hits, triggers, callOf) };
}

function isMeant(session: SessionFacts, hit: Hit, { sessions, request, since, until }: StoryQuery): boolean {
  if (sessions?.has(session.id) === false) return false;
  if (hit.at < (since ?? -Infinity) || hit.at > (until ?? Infinity)) return false;
  return request === undefined || Object.values(hit.correlated ?? {}).some((value) => value.startsWith(request));
}

/** The last thing that is known of: epoch milliseconds. */
export function endOf({ started, hits, triggers }: Story): number {
  let last = started;
  for (const { hit, end } of hits) last = Math.max(last, end ?? hit.at);
  for (const { at, ended } of triggers) last = Math.max(last, ended ?? at);
  return last;
}

function grouped(
  hits: readonly StoryHit[],
  triggers: readonly Trigger[],
  callOf: (hit: number) => HttpCall | undefined,
): Pick<Story, "requests" | "others"> {
  const byId = new Map(triggers.map((trigger) => [trigger.id, trigger]));
  const requests = new Map<string, StoryRequest & { readonly hits: StoryHit[] }>();
  const others: StoryHit[] = [];
  for (const each of hits) {
    const [expression, value] = Object.entries(each.hit.correlated ?? {})[0] ?? [];
    const trigger = each.hit.trigger === undefined ? undefined : byId.get(each.hit.trigger);
    const call = callOf(each.number);
    const key =
      value !== undefined ? `request ${value}` : call === undefined ? `command ${trigger?.id}` : `call ${call.id}`;
    if (value === undefined && call === undefined && trigger === undefined) others.push(each);
    else {
      const known: StoryRequest & { readonly hits: StoryHit[] } = requests.get(key) ?? {
        ...(expression === undefined ? {} : { expression }),
        name: value ?? (call === undefined ? commandLine(trigger?.argv ?? []) : callName(call)),
        ...(call === undefined ? {} : { call }),
        ...(trigger === undefined ? {} : { trigger }),
        hits: [],
      };
      requests.set(key, known);
      known.hits.push(each);
    }
  }
  const told = new Set(Array.from(requests.values(), ({ trigger }) => trigger?.id));
  for (const trigger of triggers)
    if (!told.has(trigger.id))
      requests.set(`command ${trigger.id}`, { name: commandLine(trigger.argv), trigger, hits: [] });
  return { requests: [...requests.values()], others };
}

/** Of each hit, when its thread ran on. */
async function endsOf(
  trace: Trace,
  hits: readonly BareHit[],
  sessions: ReadonlySet<number> | undefined,
): Promise<readonly (number | undefined)[]> {
  const endOf = endsBackwards(await resumesOf(trace, sessions));
  const backwards = hits
    .toReversed()
    .map(({ session, hit }) => (hit.reason === "log" ? hit.at : endOf(session.id, String(hit.thread.id), hit.at)));
  return backwards.reverse();
}

function withTopValues(hit: Hit): Hit {
  const [top, ...rest] = hit.snapshot.frames;
  if (top === undefined) return hit;
  const others = rest.map((frame) => {
    const { scopes, ...without } = frame;
    return scopes === undefined ? frame : without;
  });
  return { ...hit, snapshot: { ...hit.snapshot, frames: [top, ...others] } };
}
