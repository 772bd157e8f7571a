// The hits of a trace as a recording to replay: in the order of their stops, those that are asked for.
//
// Rules
// - All that lists need comes from the index; a snapshot is read when its stop is looked at, and the last ones are kept.
// - Opening reads no snapshot: only numbers in columns, and each text of them once.
import type { Hit } from "../../protocol/hit.ts";
import { nothingAsked, type Asked, type Recording, type Stop } from "../../protocol/replay-recording.ts";
import { askedAt } from "./asked.ts";
import type { NumberColumn } from "./hit-columns.ts";
import type { HitFilter } from "./hit-filter.ts";
import { HitIndex } from "./hit-index.ts";
import type { IndexProgress } from "./hit-index.ts";
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
  const { files, functions, threads, threadOf } = listsOf(index, numbers);
  const names = threadNames(threads.map(([first = 0]) => stopOf(index, numbers[first] ?? 0)));
  const hits = new Kept<Hit | undefined>(mostKept, async (place) => {
    for await (const { hit } of index.read([numbers[place] ?? 0]))
      return hit === undefined ? undefined : (await trace.withSources(hit)).hit;
    return undefined;
  });
  const column = (name: NumberColumn, place: number): number => {
    const { columns, place: at } = index.at(numbers[place] ?? 0);
    return columns.numbers(name)[at] ?? 0;
  };
  const isLog = Uint8Array.from(numbers, (number) => {
    const { columns, place } = index.at(number);
    return columns.textAt("reason", place) === "log" ? 1 : 0;
  });
  const asked = new Kept<Asked>(mostKept, async (place) => {
    const hit = await hits.get(place);
    const next = threads[threadOf[place] ?? 0]?.find((other) => other > place);
    return hit === undefined
      ? nothingAsked
      : askedAt(trace, column("session", place), hit, next === undefined ? undefined : timeOf(next));
  });
  const timeOf = (place: number): number => index.row(numbers[place] ?? 0).at;
  return {
    count: numbers.length,
    total: index.size - index.first + 1,
    stop: (place) => stopOf(index, numbers[place] ?? 0),
    isLog: (place) => isLog[place] === 1,
    depth: (place) => column("depth", place),
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
  const times = new Map(Array.from(numbers, (number) => [number, timeAt(index, number)] as const));
  return numbers.sort((a, b) => (times.get(a) ?? 0) - (times.get(b) ?? 0) || a - b);
}

function timeAt(index: HitIndex, number: number): number {
  const { columns, place } = index.at(number);
  return columns.at[place] ?? 0;
}

function listsOf(index: HitIndex, numbers: Uint32Array) {
  const files = new Map<string, Map<number, number[]>>();
  const functions = new Map<string, number[]>();
  const threads: number[][] = [];
  const byKey = new Map<string, number>();
  const threadOf = new Uint32Array(numbers.length);
  for (let place = 0; place < numbers.length; place++) {
    const { columns, place: at } = index.at(numbers[place] ?? 0);
    const key = `${columns.numbers("session")[at]} ${columns.textAt("threadId", at) ?? ""}`;
    const thread = byKey.get(key) ?? threads.length;
    if (thread === threads.length) {
      byKey.set(key, thread);
      threads.push([]);
    }
    threads[thread]?.push(place);
    threadOf[place] = thread;
    const [file, line, name] = [
      columns.textAt("file", at),
      columns.numbers("line")[at] ?? 0,
      columns.textAt("function", at),
    ];
    if (name !== undefined) listAt(functions, name).push(place);
    if (file === undefined || line === 0) continue;
    let lines = files.get(file);
    if (lines === undefined) files.set(file, (lines = new Map()));
    listAt(lines, line).push(place);
  }
  return { files, functions, threads, threadOf };
}

function listAt<Key>(lists: Map<Key, number[]>, key: Key): number[] {
  let list = lists.get(key);
  if (list === undefined) lists.set(key, (list = []));
  return list;
}

/** The last values that were asked for. */
class Kept<Value> {
  readonly #most: number;
  readonly #make: (key: number) => Promise<Value>;
  readonly #values = new Map<number, Promise<Value>>();

  constructor(most: number, make: (key: number) => Promise<Value>) {
    this.#most = most;
    this.#make = make;
  }

  get(key: number): Promise<Value> {
    const known = this.#values.get(key) ?? this.#make(key);
    this.#values.delete(key);
    this.#values.set(key, known);
    for (const oldest of this.#values.keys()) {
      if (this.#values.size <= this.#most) break;
      this.#values.delete(oldest);
    }
    return known;
  }
}
