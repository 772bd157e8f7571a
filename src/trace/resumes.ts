// When the threads of a trace ran on, and with that how long each hit stood: read from the wire.
//
// Rules
// - A hit ends at the message by which its thread ran on, at its next stop at the latest. What never ran on has no end.
import { firstFrom } from "../../protocol/sorted.ts";
import { stopNames, Stops } from "../../protocol/stops.ts";
import type { HitIndex } from "./hit-index.ts";
import type { Trace } from "./reader.ts";

/** Of the hits of a trace, by number less that of the first: epoch milliseconds of its end; NaN where that is not known. */
export async function endsOfHits(trace: Trace, index: HitIndex): Promise<Float64Array> {
  const resumed = await resumesOf(trace);
  const endOf = endsBackwards(resumed);
  const ends = new Float64Array(Math.max(0, index.size - index.first + 1)).fill(Number.NaN);
  for (let i = ends.length - 1; i >= 0; i--) {
    const { columns, place } = index.at(index.first + i);
    const at = columns.at[place] ?? 0;
    if (columns.textAt("reason", place) === "log") {
      ends[i] = at;
      continue;
    }
    const end = endOf(columns.numbers("session")[place] ?? 0, columns.textAt("threadId", place) ?? "", at);
    if (end !== undefined) ends[i] = end;
  }
  return ends;
}

/**
 * When the thread of a stop ran on: by the first message after it, or its next stop. To be asked of the last stop first, of each before it then.
 * `resumed`: as of {@link resumesOf}.
 */
export function endsBackwards(
  resumed: ReadonlyMap<string, readonly number[]>,
): (session: number, thread: string, at: number) => number | undefined {
  const nextStop = new Map<string, number>();
  return (session, thread, at) => {
    const key = `${session} ${thread}`;
    const times = resumed.get(key) ?? [];
    const end = Math.min(times[firstFrom(times, at)] ?? Infinity, nextStop.get(key) ?? Infinity);
    nextStop.set(key, at);
    return end < Infinity ? end : undefined;
  };
}

/** When threads ran on, by session and thread, in order. */
export async function resumesOf(
  trace: Trace,
  sessions?: ReadonlySet<number>,
): Promise<ReadonlyMap<string, readonly number[]>> {
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
          const list = times.get(key);
          if (list === undefined) times.set(key, [made.now]);
          else list.push(made.now);
        }),
      };
      stops.set(session.id, (known = made));
    }
    known.now = time;
    known.stops.see(frame, time);
  }
  return times;
}

const decoder = new TextDecoder("latin1");

/** Whether the beginning of a message has one of these names in it: the others change nothing. */
function mayBe(bytes: Uint8Array, names: ReadonlySet<string>): boolean {
  const head = decoder.decode(bytes.subarray(0, 400));
  for (const name of names) if (head.includes(name)) return true;
  return false;
}
