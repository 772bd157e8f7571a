// Which items of two sequences are each other: the fewest that are in one alone (Myers), in the order of both.
//
// Rules
// - Sequences that differ in too much are aligned by how often each item came before, which takes no longer than sorting: the n-th of its kind
//   is the n-th of its kind, as far as their order agrees.
import { diffArrays } from "diff";
import { firstThat } from "./sorted.ts";

/** Items of both in their order; what only one has is undefined in the other. */
export type Aligned = (readonly [a: number | undefined, b: number | undefined])[];

/** Time and memory of Myers grow with the square of it. */
const mostEdits = 1500;

/** By any test; where the sequences differ in more than `mostEdits`, only equal beginnings are paired. */
export function align(a: number, b: number, same: (a: number, b: number) => boolean, edits = mostEdits): Aligned {
  let begin = 0;
  while (begin < a && begin < b && same(begin, begin)) begin++;
  const head: Aligned = Array.from({ length: begin }, (_, i) => [i, i] as const);
  if (begin === a && begin === b) return head;
  const [ours, theirs] = [range(begin, a), range(begin, b)];
  const changes = diffArrays(ours, theirs, { comparator: same, maxEditLength: edits });
  const rest =
    changes === undefined
      ? [...ours.map((i) => [i, undefined] as const), ...theirs.map((j) => [undefined, j] as const)]
      : fromChanges(changes, begin);
  return head.concat(rest);
}

/** By equal keys. Takes time that grows with the length but for a constant part. */
export function alignKeys(a: readonly string[], b: readonly string[]): Aligned {
  const [ofA, ofB] = [new Set(a), new Set(b)];
  // What only one has can be paired with nothing.
  const [ours, theirs] = [placesOf(a, ofB), placesOf(b, ofA)];
  const same = (i: number, j: number): boolean => a[ours[i] ?? 0] === b[theirs[j] ?? 0];
  const changes = diffArrays(range(0, ours.length), range(0, theirs.length), {
    comparator: same,
    maxEditLength: mostEdits,
  });
  const pairs =
    changes === undefined
      ? byOrdinal(
          ours.map((place) => a[place] ?? ""),
          theirs.map((place) => b[place] ?? ""),
        )
      : fromChanges(changes, 0).filter((pair): pair is readonly [number, number] => !pair.includes(undefined));
  const aligned: Aligned = [];
  let [i, j] = [0, 0];
  const upTo = (toA: number, toB: number): void => {
    while (i < toA) aligned.push([i++, undefined]);
    while (j < toB) aligned.push([undefined, j++]);
  };
  for (const [one, other] of pairs) {
    upTo(ours[one] ?? 0, theirs[other] ?? 0);
    aligned.push([i++, j++]);
  }
  upTo(a.length, b.length);
  return aligned;
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
}

function placesOf(keys: readonly string[], others: ReadonlySet<string>): number[] {
  const places: number[] = [];
  for (const [place, key] of keys.entries()) if (others.has(key)) places.push(place);
  return places;
}

function fromChanges(
  changes: readonly { readonly added: boolean; readonly removed: boolean; readonly count: number }[],
  from: number,
): Aligned {
  const aligned: Aligned = [];
  let [i, j] = [from, from];
  for (const { added, removed, count } of changes)
    for (let nth = 0; nth < count; nth++) aligned.push([added ? undefined : i++, removed ? undefined : j++]);
  return aligned;
}

/** The n-th of a key with the n-th of it; of these the longest part that rises in both. */
function byOrdinal(a: readonly string[], b: readonly string[]): (readonly [number, number])[] {
  const places = new Map<string, number[]>();
  for (const [place, key] of b.entries()) {
    const known = places.get(key);
    if (known === undefined) places.set(key, [place]);
    else known.push(place);
  }
  const used = new Map<string, number>();
  const pairs: (readonly [number, number])[] = [];
  for (const [place, key] of a.entries()) {
    const nth = used.get(key) ?? 0;
    used.set(key, nth + 1);
    const other = places.get(key)?.[nth];
    if (other !== undefined) pairs.push([place, other]);
  }
  return longestRising(pairs);
}

/** Patience: `tails` has, by length, the pair that ends a rising part of that length lowest. */
function longestRising(pairs: readonly (readonly [number, number])[]): (readonly [number, number])[] {
  const tails: number[] = [];
  const before: number[] = [];
  for (const [at, [, value]] of pairs.entries()) {
    const length = firstThat(tails.length, (place) => (pairs[tails[place] ?? 0]?.[1] ?? 0) >= value);
    before[at] = length === 0 ? -1 : (tails[length - 1] ?? -1);
    tails[length] = at;
  }
  const rising: (readonly [number, number])[] = [];
  for (let at = tails.at(-1) ?? -1; at >= 0; at = before[at] ?? -1) {
    const pair = pairs[at];
    if (pair !== undefined) rising.push(pair);
  }
  return rising.reverse();
}
