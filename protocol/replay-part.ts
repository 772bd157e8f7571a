// The sessions of a recording, and the recording of one of them: the same stops, under places of their own.
//
// Rules
// - Numbers of hits stay those of the trace; places count the stops of the session.
// - Making one is linear in the stops of the whole.
import type { Recording, StopsByLine } from "./replay-recording.ts";

/** In the order of their first stops. */
export function sessionsOf(recording: Recording): readonly string[] {
  return [...new Set(recording.threads.map((_, thread) => sessionOf(recording, thread)))];
}

/** Without stops where there is no such session. */
export function partOf(whole: Recording, session: string): Recording {
  const ours = [...whole.threads.keys()].filter((thread) => sessionOf(whole, thread) === session);
  const places = Uint32Array.from(ours.flatMap((thread) => whole.threads[thread] ?? [])).sort();
  /** By place in the whole: one more than the place here; 0: it is another session's. */
  const here = new Uint32Array(whole.count);
  for (let place = 0; place < places.length; place++) here[places[place] ?? 0] = place + 1;
  const there = (place: number): number => places[place] ?? -1;
  const threadHere = new Map(ours.map((thread, i) => [thread, i]));
  const part = (stops: readonly number[]): readonly number[] =>
    stops.flatMap((place) => (here[place] === 0 ? [] : (here[place] ?? 0) - 1));
  return {
    count: places.length,
    total: whole.total,
    stop: (place) => whole.stop(there(place)),
    isLog: (place) => whole.isLog(there(place)),
    isException: (place) => whole.isException(there(place)),
    depth: (place) => whole.depth(there(place)),
    placeOf: (number) => {
      const place = here[whole.placeOf(number) ?? whole.count] ?? 0;
      return place === 0 ? undefined : place - 1;
    },
    hit: (place) => whole.hit(there(place)),
    asked: (place) => whole.asked(there(place)),
    files: withStops(whole.files, (lines): StopsByLine => withStops(lines, part)),
    functions: withStops(whole.functions, part),
    threads: ours.map((thread) => part(whole.threads[thread] ?? [])),
    threadName: (thread) => whole.threadName(ours[thread] ?? -1),
    threadOf: (place) => threadHere.get(whole.threadOf(there(place))) ?? 0,
    text: whole.text,
  };
}

function sessionOf(recording: Recording, thread: number): string {
  return recording.stop(recording.threads[thread]?.[0] ?? 0).session;
}

/** What has stops left. */
function withStops<Key, Stops extends { readonly length: number } | { readonly size: number }>(
  all: ReadonlyMap<Key, Stops>,
  part: (stops: Stops) => Stops,
): ReadonlyMap<Key, Stops> {
  const left = Array.from(all, ([key, stops]) => [key, part(stops)] as const);
  return new Map(left.filter(([, stops]) => ("size" in stops ? stops.size : stops.length) > 0));
}
