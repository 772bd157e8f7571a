// Which group of hits of one run is which of another: their names, ids of requests, differ by nature.
//
// Rules
// - A request that both have by its name, since who sent it chose that, is the same. Names that may be those of a counter, which is elsewhere in
//   the other run, count only where one run has all that the other has.
// - Groups of one kind (what makes them a group, and where their first hit stands) are paired by their order.
// - Where one run has more of a kind, those are the same whose hits are at the same places, in order; between these again by order.
// - What is left, since its first hit is missing, goes with the first that has a hit at one of its places.
import { alignKeys } from "./compare-align.ts";

export interface GroupShape {
  /** What makes it one: request, trigger, thread. */
  readonly by: string;
  /** Of a request. */
  readonly name?: string;
  /** Of its hits, in order. */
  readonly keys: readonly string[];
}

const uuid = /[\da-f]{8}-?[\da-f]{4}-?[\da-f]{4}/i;

/** Places in `a` and `b`; what has no partner is in none. */
export function pairGroups(a: readonly GroupShape[], b: readonly GroupShape[]): (readonly [number, number])[] {
  const pairs: (readonly [number, number])[] = [];
  const [leftA, leftB] = [new Set(a.keys()), new Set(b.keys())];
  const pair = (i: number, j: number): void => {
    pairs.push([i, j]);
    leftA.delete(i);
    leftB.delete(j);
  };
  const [ours, named] = [byName(a), byName(b)];
  const both = [...ours.keys()].filter((name) => named.has(name)).length;
  const isAll = both === Math.min(ours.size, named.size);
  for (const [name, i] of ours) {
    const j = named.get(name);
    if (j !== undefined && (isAll || uuid.test(name))) pair(i, j);
  }
  const theirs = byKind(b, leftB);
  for (const [kind, ours] of byKind(a, leftA))
    for (const [i, j] of ofOneKind(a, ours, b, theirs.get(kind) ?? [])) pair(i, j);
  const byPlace = new Map<string, number[]>();
  for (const j of leftB)
    for (const key of new Set(b[j]?.keys)) {
      const place = `${b[j]?.by}\0${key}`;
      const known = byPlace.get(place);
      if (known === undefined) byPlace.set(place, [j]);
      else known.push(j);
    }
  for (const i of leftA)
    for (const key of new Set(a[i]?.keys)) {
      const waiting = byPlace.get(`${a[i]?.by}\0${key}`) ?? [];
      while (waiting.length > 0 && !leftB.has(waiting[0] ?? -1)) waiting.shift();
      const [j] = waiting;
      if (j === undefined) continue;
      pair(i, j);
      break;
    }
  return pairs.sort(([one], [other]) => one - other);
}

function byName(groups: readonly GroupShape[]): Map<string, number> {
  return new Map([...groups.entries()].flatMap(([place, { name }]) => (name === undefined ? [] : [[name, place]])));
}

function byKind(groups: readonly GroupShape[], places: Iterable<number>): Map<string, number[]> {
  const kinds = new Map<string, number[]>();
  for (const place of places) {
    const { by = "", keys = [] } = groups[place] ?? {};
    const kind = `${by}\0${keys[0] ?? ""}`;
    const known = kinds.get(kind);
    if (known === undefined) kinds.set(kind, [place]);
    else known.push(place);
  }
  return kinds;
}

function ofOneKind(
  a: readonly GroupShape[],
  ours: readonly number[],
  b: readonly GroupShape[],
  theirs: readonly number[],
): (readonly [number, number])[] {
  if (ours.length === theirs.length) return ours.map((place, nth) => [place, theirs[nth] ?? 0]);
  const shape = (groups: readonly GroupShape[], place: number): string => (groups[place]?.keys ?? []).join("\0");
  const aligned = alignKeys(
    ours.map((place) => shape(a, place)),
    theirs.map((place) => shape(b, place)),
  );
  const pairs: (readonly [number, number])[] = [];
  let [onlyA, onlyB]: [number[], number[]] = [[], []];
  const between = (): void => {
    for (const [nth, i] of onlyA.entries()) {
      const j = onlyB[nth];
      if (j !== undefined) pairs.push([i, j]);
    }
    [onlyA, onlyB] = [[], []];
  };
  for (const [i, j] of aligned) {
    const [one, other] = [i === undefined ? undefined : ours[i], j === undefined ? undefined : theirs[j]];
    if (one !== undefined && other !== undefined) {
      between();
      pairs.push([one, other]);
    } else if (one !== undefined) onlyA.push(one);
    else if (other !== undefined) onlyB.push(other);
  }
  between();
  return pairs;
}
