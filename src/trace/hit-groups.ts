// Hits that belong together: those of one request id, else those that one HTTP request caused, else those that one command set off, else the rest.
//
// Rules
// - A request is the first value that was correlated at a hit, whatever expression gave it: services name theirs differently.
// - Groups are in the order of their first hits, the hits of each in that of their stops, across services.
// - What a group is called is looked up when it is asked for: a page needs few of very many.
import type { HitIndex } from "./hit-index.ts";

/** Exactly one of `request`, `call` and `trigger` (their ids) is there, or none. */
export interface HitGroup {
  /** Counts the groups from 0. */
  readonly number: number;
  readonly request?: { readonly expression: string; readonly value: string };
  readonly call?: number;
  readonly trigger?: number;
}

/** By a hit's number, the id of the call that caused it. */
export type CallsOfHits = ReadonlyMap<number, number>;

export class HitGroups {
  /** Numbers of hits, group by group. */
  readonly order: Uint32Array;
  readonly #index: HitIndex;
  readonly #calls: CallsOfHits;
  /** By group: where it begins in `order`. */
  readonly #starts: Uint32Array;

  /** `numbers` rise, as find() gives them. */
  constructor(index: HitIndex, numbers: Uint32Array, calls: CallsOfHits = new Map()) {
    this.#index = index;
    this.#calls = calls;
    const { times, keys, count } = keysOf(index.segments, numbers, calls);
    const stops = inOrder(times);
    // Keys are numbered as their hits were captured, groups as they stopped.
    const groupOf = new Uint32Array(count);
    const sizes = new Uint32Array(count);
    let groups = 0;
    for (let i = 0; i < stops.length; i++) {
      const key = keys[stops[i] ?? 0] ?? 0;
      if (groupOf[key] === 0) groupOf[key] = ++groups;
      const group = (groupOf[key] ?? 1) - 1;
      sizes[group] = (sizes[group] ?? 0) + 1;
    }
    const starts = new Uint32Array(groups + 1);
    for (let group = 0; group < groups; group++) starts[group + 1] = (starts[group] ?? 0) + (sizes[group] ?? 0);
    const next = starts.slice();
    const order = new Uint32Array(numbers.length);
    for (let i = 0; i < stops.length; i++) {
      const stop = stops[i] ?? 0;
      const group = (groupOf[keys[stop] ?? 0] ?? 1) - 1;
      const at = next[group] ?? 0;
      order[at] = numbers[stop] ?? 0;
      next[group] = at + 1;
    }
    this.order = order;
    this.#starts = starts;
  }

  /** The group of a place in `order`. */
  groupAt(place: number): HitGroup {
    let [number, after] = [0, this.#starts.length];
    while (after - number > 1) {
      const middle = (number + after) >>> 1;
      if ((this.#starts[middle] ?? 0) <= place) number = middle;
      else after = middle;
    }
    const { columns, place: at } = this.#index.at(this.order[place] ?? 0);
    const [expression, value] = columns.correlatedAt(at);
    if (expression !== undefined && value !== undefined) return { number, request: { expression, value } };
    const call = this.#calls.get(this.order[place] ?? 0);
    if (call !== undefined) return { number, call };
    const trigger = columns.numbers("trigger")[at] ?? 0;
    return trigger === 0 ? { number } : { number, trigger };
  }
}

/** Of each hit when it stopped, and a number that those of one group share; `count` of these. Plain loops: iterators cost more. */
function keysOf(segments: HitIndex["segments"], numbers: Uint32Array, calls: CallsOfHits) {
  const times = new Float64Array(numbers.length);
  const keys = new Uint32Array(numbers.length);
  const byRequest = new Map<string, number>();
  const byTrigger = new Map<number, number>();
  const byCall = new Map<number, number>();
  const alone = segments.length === 1;
  let [i, count] = [0, 0];
  for (const { columns, before, count: hits, places } of segments) {
    const { at } = columns;
    const [expressions, requests] = [columns.numbers("expression"), columns.numbers("request")];
    const triggers = columns.numbers("trigger");
    // By text, 1 more than the key: a text stands once in a segment, so it is compared with those of other segments once.
    const ofText = new Uint32Array(columns.texts);
    for (; i < numbers.length; i++) {
      const nth = (numbers[i] ?? 0) - before - 1;
      if (nth >= hits) break;
      const place = places === undefined ? nth : (places[nth] ?? 0);
      times[i] = at[place] ?? 0;
      let key: number | undefined;
      if (expressions[place] === 0) {
        const call = calls.size === 0 ? undefined : calls.get(numbers[i] ?? 0);
        const cause = call ?? triggers[place] ?? 0;
        const known = call === undefined ? byTrigger : byCall;
        key = known.get(cause);
        if (key === undefined) known.set(cause, (key = count++));
      } else {
        const text = requests[place] ?? 0;
        const known = ofText[text] ?? 0;
        key = known > 0 ? known - 1 : alone ? count++ : byRequest.get(columns.key(text));
        if (key === undefined) byRequest.set(columns.key(text), (key = count++));
        ofText[text] = key + 1;
      }
      keys[i] = key;
    }
  }
  return { times, keys, count };
}

/** Places by time. Captures end in another order than stops, by some milliseconds; mostly there is nothing to do. */
function inOrder(times: Float64Array): Uint32Array {
  const places = new Uint32Array(times.length);
  let rising = true;
  for (let i = 0; i < places.length; i++) {
    places[i] = i;
    rising &&= i === 0 || (times[i] ?? 0) >= (times[i - 1] ?? 0);
  }
  return rising ? places : places.sort((a, b) => (times[a] ?? 0) - (times[b] ?? 0) || a - b);
}
