// The hits of a trace as a recording to replay: in the order of their stops, those that are asked for.
//
// Rules
// - All that lists need comes from the index; a snapshot is read when its stop is looked at, and the last ones are kept.
// - Opening reads no snapshot, only numbers in columns, and each text of them once: 100,000 hits are a few dozen milliseconds.
import type { Hit } from "../../protocol/hit.ts";
import { nothingAsked, type Asked, type Recording, type Stop } from "../../protocol/replay-recording.ts";
import { askedAt } from "./asked.ts";
import { firstAfter } from "../../protocol/sorted.ts";
import type { Columns } from "./hit-columns.ts";
import type { HitFilter } from "./hit-filter.ts";
import { HitIndex } from "./hit-index.ts";
import type { IndexProgress } from "./hit-index.ts";
import { Kept } from "./kept.ts";
import type { Trace } from "./reader.ts";

/** Hits that are kept once they were read. */
const mostKept = 64;

export interface RecordedStops extends Recording {
  readonly index: HitIndex;
}

/** The trace stays the caller's to close, after `index`. */
export async function recordedStops(
  trace: Trace,
  filter: HitFilter,
  onProgress?: IndexProgress,
): Promise<RecordedStops> {
  const index = await HitIndex.open(trace, onProgress);
  const numbers = inOrder(index, await index.find(filter));
  const numberAt = (place: number): number => numbers[place] ?? 0;
  const { files, functions, threads, threadOf, reasons } = listsOf(index, numbers);
  const names = threadNames(threads.map(([first = 0]) => stopOf(index, numberAt(first))));
  const hits = new Kept<number, Promise<Hit | undefined>>(mostKept, async (place) => {
    for await (const { hit } of index.read([numberAt(place)]))
      return hit === undefined ? undefined : (await trace.withSources(hit)).hit;
    return undefined;
  });
  const asked = new Kept<number, Promise<Asked>>(mostKept, async (place) => {
    const hit = await hits.get(place);
    if (hit === undefined) return nothingAsked;
    const places = threads[threadOf[place] ?? 0] ?? [];
    const next = places[firstAfter(places, place)];
    const { columns, place: at } = index.at(numberAt(place));
    const session = columns.numbers("session")[at] ?? 0;
    return askedAt(trace, session, hit, next === undefined ? undefined : timeAt(index, numberAt(next)));
  });
  return {
    count: numbers.length,
    total: index.size - index.first + 1,
    stop: (place) => stopOf(index, numberAt(place)),
    isLog: (place) => reasons[place] === reasonCodes.log,
    isException: (place) => reasons[place] === reasonCodes.exception,
    depth: (place) => {
      const { columns, place: at } = index.at(numberAt(place));
      return columns.numbers("depth")[at] ?? 0;
    },
    hit: (place) => hits.get(place),
    asked: (place) => asked.get(place),
    files,
    functions,
    threads,
    threadName: (thread) => names[thread] ?? "",
    threadOf: (place) => threadOf[place] ?? 0,
    text: (sha256) => trace.source(sha256),
    placeOf: (number) => {
      const place = numbers.indexOf(number);
      return place === -1 ? undefined : place;
    },
    index,
  };
}

function stopOf(index: HitIndex, number: number): Stop {
  const { session, service, thread, threadId, reason, at, function: name, file, line, correlated } = index.row(number);
  return {
    number,
    session,
    service,
    thread: threadId,
    threadName: thread,
    reason,
    at,
    ...(name === undefined ? {} : { function: name }),
    ...(file === undefined ? {} : { file }),
    ...(line === undefined ? {} : { line }),
    ...(correlated[1] === undefined ? {} : { request: correlated[1] }),
  };
}

/** `cinder-api#2 · MainThread`; the session alone where its one thread has no name. */
function threadNames(firsts: readonly Stop[]): readonly string[] {
  const counts = new Map<string, number>();
  for (const { session } of firsts) counts.set(session, (counts.get(session) ?? 0) + 1);
  return firsts.map(({ session, thread, threadName }) =>
    thread === threadName && counts.get(session) === 1 ? session : `${session} · ${threadName}`,
  );
}

/** By the times of their stops: captures end in another order. */
function inOrder(index: HitIndex, numbers: Uint32Array): Uint32Array {
  const times = new Float64Array(numbers.length);
  for (let i = 0; i < numbers.length; i++) times[i] = timeAt(index, numbers[i] ?? 0);
  const order = new Uint32Array(numbers.length);
  for (let i = 0; i < order.length; i++) order[i] = i;
  order.sort((a, b) => (times[a] ?? 0) - (times[b] ?? 0) || a - b);
  return order.map((i) => numbers[i] ?? 0);
}

function timeAt(index: HitIndex, number: number): number {
  const { columns, place } = index.at(number);
  return columns.at[place] ?? 0;
}

/** Of the reasons those that a replay knows apart. */
const reasonCodes = { stop: 0, log: 1, exception: 2 } as const;

function listsOf(index: HitIndex, numbers: Uint32Array) {
  const files = new Map<string, Map<number, number[]>>();
  const functions = new Map<string, number[]>();
  const threads: number[][] = [];
  const threadsOf = new Map<number, Map<string, number>>();
  const threadOf = new Uint32Array(numbers.length);
  const reasons = new Uint8Array(numbers.length);
  let of: ReturnType<typeof columnsOf> | undefined;
  for (let place = 0; place < numbers.length; place++) {
    const { columns, place: at } = index.at(numbers[place] ?? 0);
    if (of?.columns !== columns) of = columnsOf(columns);
    const text = (column: Uint32Array): string => columns.text(column[at] ?? 0);
    const ofSession = entryOf(threadsOf, of.session[at] ?? 0, () => new Map<string, number>());
    const thread = entryOf(ofSession, text(of.threadId), () => threads.push([]) - 1);
    threads[thread]?.push(place);
    threadOf[place] = thread;
    const [file, line, name, reason] = [text(of.file), of.line[at] ?? 0, text(of.function), text(of.reason)];
    reasons[place] = reasonCodes[reason === "log" || reason === "exception" ? reason : "stop"];
    // Nothing stopped at a log line.
    if (reason === "log") continue;
    if (name !== "") entryOf(functions, name, () => []).push(place);
    if (file === "" || line === 0) continue;
    const lines = entryOf(files, file, () => new Map<number, number[]>());
    entryOf(lines, line, () => []).push(place);
  }
  return { files, functions, threads, threadOf, reasons };
}

/** Each looked up once, not for each hit. */
function columnsOf(columns: Columns) {
  return {
    columns,
    session: columns.numbers("session"),
    threadId: columns.numbers("threadId"),
    reason: columns.numbers("reason"),
    file: columns.numbers("file"),
    line: columns.numbers("line"),
    function: columns.numbers("function"),
  };
}

function entryOf<Key, Value>(entries: Map<Key, Value>, key: Key, make: () => Value): Value {
  const known = entries.get(key);
  if (known !== undefined) return known;
  const made = make();
  entries.set(key, made);
  return made;
}
