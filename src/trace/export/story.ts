// The hits of a trace as a story: in the order of their stops, each with how long its thread stood, and with what it belongs to.
//
// Rules
// - A hit belongs to the request that its first correlated value names, else to the command that set it off, else to none.
// - How long a thread stood is read from the wire: from its stop to the message by which it ran on. What never ran on has no end.
// - Values are kept of the frame that the thread stopped in alone: a trace may have many hits.
import type { Hit } from "../../../protocol/hit.ts";
import { stopNames, Stops } from "../../../protocol/stops.ts";
import type { Trigger } from "../../../protocol/trigger.ts";
import type { SessionFacts } from "../../observer.ts";
import type { Trace } from "../reader.ts";

export interface StoryHit {
  /** Counts the hits of the story, from 1. */
  readonly number: number;
  readonly session: SessionFacts;
  readonly hit: Hit;
  /** Epoch milliseconds at which its thread ran on. */
  readonly end?: number;
}

export interface StoryRequest {
  /** Of the correlated expression; absent: it is known by its trigger. */
  readonly expression?: string;
  /** The request id, or the command. */
  readonly name: string;
  readonly trigger?: Trigger;
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
}

export interface StoryQuery {
  /** Ids; all when absent. */
  readonly sessions?: ReadonlySet<number>;
  /** Only hits with a correlated value that begins so. */
  readonly request?: string;
}

export async function storyOf(trace: Trace, { sessions, request }: StoryQuery = {}): Promise<Story> {
  const found: Omit<StoryHit, "number">[] = [];
  for await (const { session, hit } of trace.hits()) {
    if (sessions?.has(session.id) === false) continue;
    if (request !== undefined && !Object.values(hit.correlated ?? {}).some((value) => value.startsWith(request)))
      continue;
    found.push({ session, hit: withTopValues(hit) });
  }
  found.sort((a, b) => a.hit.at - b.hit.at);
  const endOf = await resumes(trace, sessions);
  const hits = found.map(({ session, hit }, i): StoryHit => {
    const end = hit.reason === "log" ? hit.at : endOf(session.id, String(hit.thread.id), hit.at);
    return { number: i + 1, session, hit, ...(end === undefined ? {} : { end }) };
  });
  const triggers = await trace.triggers();
  return { started: trace.started, hits, triggers, ...grouped(hits, triggers) };
}

function grouped(hits: readonly StoryHit[], triggers: readonly Trigger[]): Pick<Story, "requests" | "others"> {
  const requests = new Map<string, StoryRequest & { readonly hits: StoryHit[] }>();
  const others: StoryHit[] = [];
  for (const each of hits) {
    const [expression, value] = Object.entries(each.hit.correlated ?? {})[0] ?? [];
    const trigger = triggers.find(({ id }) => id === each.hit.trigger);
    const key = value === undefined ? `command ${trigger?.id}` : `request ${value}`;
    if (value === undefined && trigger === undefined) others.push(each);
    else {
      const known = requests.get(key) ?? {
        ...(expression === undefined ? {} : { expression }),
        name: value ?? trigger?.argv.join(" ") ?? "",
        ...(trigger === undefined ? {} : { trigger }),
        hits: [],
      };
      requests.set(key, known);
      known.hits.push(each);
    }
  }
  for (const trigger of triggers) {
    const isKnown = [...requests.values()].some((each) => each.trigger?.id === trigger.id);
    if (!isKnown) requests.set(`command ${trigger.id}`, { name: trigger.argv.join(" "), trigger, hits: [] });
  }
  return { requests: [...requests.values()], others };
}

/** When threads ran on: the first time after a stop, of that session and thread. */
async function resumes(
  trace: Trace,
  sessions: ReadonlySet<number> | undefined,
): Promise<(session: number, thread: string, at: number) => number | undefined> {
  const times = new Map<string, number[]>();
  const stops = new Map<number, { readonly stops: Stops; now: number }>();
  const names = new Set([...stopNames("dap"), ...stopNames("pydevd")]);
  for await (const { session, side, time, frame } of trace.messages()) {
    if (side !== "debuggee" || frame === undefined || sessions?.has(session.id) === false) continue;
    if (session.wire === "raw" || !mayBe(frame.bytes, names)) continue;
    let known = stops.get(session.id);
    if (known === undefined) {
      const made = {
        now: time,
        stops: new Stops((thread) => {
          const key = `${session.id} ${thread}`;
          times.set(key, [...(times.get(key) ?? []), made.now]);
        }),
      };
      stops.set(session.id, (known = made));
    }
    known.now = time;
    known.stops.see(frame, time);
  }
  return (session, thread, at) => times.get(`${session} ${thread}`)?.find((time) => time >= at);
}

const decoder = new TextDecoder("latin1");

/** Whether the beginning of a message has one of these names in it: the others change nothing. */
function mayBe(bytes: Uint8Array, names: ReadonlySet<string>): boolean {
  const head = decoder.decode(bytes.subarray(0, 400));
  for (const name of names) if (head.includes(name)) return true;
  return false;
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
