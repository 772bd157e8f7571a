// Hits that belong together: those of one request, else those that one trigger set off, else the rest.
//
// Rules
// - A request is the first value that was correlated at a hit, whatever expression gave it: services name theirs differently.
// - Groups are in the order of their first hits, the hits of each in that of their stops, across services.
// - What a group is called is looked up when it is asked for: a page needs few of very many.
import type { Columns } from "./hit-columns.ts";
import type { HitIndex } from "./hit-index.ts";

/** Exactly one of `request` and `trigger` (its id) is there, or none. */
export interface HitGroup {
  /** Counts the groups from 0. */
  readonly number: number;
  readonly request?: { readonly expression: string; readonly value: string };
  readonly trigger?: number;
}

export class HitGroups {
  /** Numbers of hits, group by group. */
  readonly order: Uint32Array;
  readonly #index: HitIndex;
  /** By group: where it begins in `order`. */
  readonly #starts: Uint32Array;

  constructor(index: HitIndex, numbers: readonly number[]) {
    this.#index = index;
    const hits = inOrderOfStops(index, numbers);
    const groups = new Groups();
    const groupOf = new Uint32Array(hits.length);
    for (let i = 0; i < hits.length; i++) groupOf[i] = groups.of(index.at(hits[i] ?? 0));
    this.#starts = new Uint32Array(groups.count + 1);
    for (let i = 0; i < hits.length; i++) {
      const next = (groupOf[i] ?? 0) + 1;
      this.#starts[next] = (this.#starts[next] ?? 0) + 1;
    }
    for (let group = 0; group < groups.count; group++)
      this.#starts[group + 1] = (this.#starts[group + 1] ?? 0) + (this.#starts[group] ?? 0);
    const next = this.#starts.slice();
    this.order = new Uint32Array(hits.length);
    for (let i = 0; i < hits.length; i++) {
      const group = groupOf[i] ?? 0;
      const at = next[group] ?? 0;
      this.order[at] = hits[i] ?? 0;
      next[group] = at + 1;
    }
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
    const trigger = columns.numbers("trigger")[at] ?? 0;
    return trigger === 0 ? { number } : { number, trigger };
  }
}

/** Numbers the groups as they come. */
class Groups {
  count = 0;
  #joins = false;
  readonly #byRequest = new Map<string, number>();
  readonly #byTrigger = new Map<number, number>();
  /** By segment and text, 1 more than the group: a text stands once in each. */
  readonly #byText = new Map<Columns, Uint32Array>();

  of({ columns, place }: ReturnType<HitIndex["at"]>): number {
    if (columns.numbers("expression")[place] === 0) {
      const trigger = columns.numbers("trigger")[place] ?? 0;
      return this.#known(this.#byTrigger, trigger);
    }
    const text = columns.numbers("request")[place] ?? 0;
    const texts = this.#byText.get(columns) ?? this.#segment(columns);
    if (texts[text] === 0)
      texts[text] = (this.#joins ? this.#known(this.#byRequest, columns.text(text)) : this.count++) + 1;
    return (texts[text] ?? 1) - 1;
  }

  /** A request of one segment may be that of another: only then texts are looked at. */
  #segment(columns: Columns): Uint32Array {
    if (this.#byText.size === 1)
      for (const [first, groups] of this.#byText)
        for (const [text, group] of groups.entries()) if (group > 0) this.#byRequest.set(first.text(text), group - 1);
    this.#joins = this.#byText.size > 0;
    const texts = new Uint32Array(columns.texts);
    this.#byText.set(columns, texts);
    return texts;
  }

  #known<Key>(groups: Map<Key, number>, key: Key): number {
    const known = groups.get(key) ?? this.count++;
    groups.set(key, known);
    return known;
  }
}

/** Captures end in another order than stops, by some milliseconds; mostly there is nothing to do. */
function inOrderOfStops(index: HitIndex, numbers: readonly number[]): Uint32Array {
  const hits = Uint32Array.from(numbers);
  const times = new Float64Array(hits.length);
  let inOrder = true;
  // Plain loops: iterators cost more than all else here.
  for (let i = 0; i < hits.length; i++) {
    const { columns, place } = index.at(hits[i] ?? 0);
    times[i] = columns.at[place] ?? 0;
    inOrder &&= i === 0 || (times[i] ?? 0) >= (times[i - 1] ?? 0);
  }
  if (inOrder) return hits;
  const order = Uint32Array.from(hits.keys()).sort((a, b) => (times[a] ?? 0) - (times[b] ?? 0) || a - b);
  return order.map((i) => hits[i] ?? 0);
}
