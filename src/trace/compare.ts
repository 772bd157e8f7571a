// Two traces of the same program: which hit of one is which of the other, and what differs between them.
//
// Rules
// - Hits are found by the index; their values are read once, pair by pair, and none of them stays in memory.
// - A hit's place is said in the second trace's terms: its file by where both have their sources, its line by the texts that were recorded.
// - Hits that differ are kept up to a number, all of them are counted: so a result has a bound, whatever is compared.
import { alignKeys } from "../../protocol/compare-align.ts";
import { pairGroups, type GroupShape } from "../../protocol/compare-groups.ts";
import { compareHits, placeKey, type HitComparison, type HitDifference } from "../../protocol/compare-hits.ts";
import { Renaming } from "../../protocol/compare-renaming.ts";
import { ComparedPlaces } from "./compare-places.ts";
import { groupsOf, type RowGroup } from "./compare-groups.ts";
import { HitIndex, type IndexProgress } from "./hit-index.ts";
import type { HitRow } from "./hit-row.ts";
import type { Trace } from "./reader.ts";

/** Names; all where absent. */
export interface ComparedHits {
  readonly sessions?: ReadonlySet<string>;
  readonly services?: ReadonlySet<string>;
}

export interface CompareOptions extends ComparedHits {
  /** `places` of a comparison of two runs of the same version: what differs there is left out. */
  readonly volatile?: ReadonlySet<string>;
  readonly onProgress?: IndexProgress;
}

export interface ChangedHit extends HitDifference {
  readonly a: HitRow;
  readonly b: HitRow;
}

/** A variable, and at how many hits it differs. */
export interface VariableCount {
  readonly service: string;
  readonly function: string;
  readonly file?: string;
  readonly path: string;
  readonly hits: number;
}

export interface Comparison {
  /** Hits that were looked at. */
  readonly hits: readonly [a: number, b: number];
  /** Pairs without a difference. */
  readonly equal: number;
  readonly onlyA: readonly HitRow[];
  readonly onlyB: readonly HitRow[];
  /** The first of them, in the order of the first trace; `changedCount` counts all. */
  readonly changed: readonly ChangedHit[];
  readonly changedCount: number;
  /** The earliest of all that differs; absent: nothing does. */
  readonly first?: ChangedHit | { readonly a: HitRow } | { readonly b: HitRow };
  /** Most frequent first. */
  readonly variables: readonly VariableCount[];
  /** {@link placeKey}s of all that differs, by the paths of either trace. */
  readonly places: ReadonlySet<string>;
  /** Differences that `volatile` has, and at how many variables. */
  readonly hidden: { readonly differences: number; readonly places: number };
  /** Values, or lists of them, that were cut in one of the two. */
  readonly cut: number;
  /** Pairs of which one cannot be read any more. */
  readonly unreadable: number;
}

const mostChanged = 1000;
const mostPlaces = 100_000;

interface Pairs {
  readonly pairs: readonly { readonly a: HitRow; readonly b: HitRow }[];
  readonly onlyA: readonly HitRow[];
  readonly onlyB: readonly HitRow[];
  /** Of a hit that only the second has: when it would have stopped in the first. */
  readonly timeOfB: ReadonlyMap<HitRow, number>;
}

/** Both stay the caller's to close. */
export async function compareTraces(a: Trace, b: Trace, options: CompareOptions = {}): Promise<Comparison> {
  const [ofA, ofB] = [await HitIndex.open(a, options.onProgress), await HitIndex.open(b, options.onProgress)];
  try {
    const [rowsA, rowsB] = [rowsOf(ofA, options), rowsOf(ofB, options)];
    const places = await ComparedPlaces.open(a, b, rowsA, rowsB);
    const paired = pairUp(groupsOf(rowsA), groupsOf(rowsB), places);
    const gathered = new Gathered(options.volatile ?? new Set(), places);
    await gathered.read(ofA, ofB, paired.pairs);
    return { hits: [rowsA.length, rowsB.length], ...gathered.result(paired) };
  } finally {
    ofA.close();
    ofB.close();
  }
}

function rowsOf(index: HitIndex, { sessions, services }: ComparedHits): HitRow[] {
  const rows: HitRow[] = [];
  for (let number = index.first; number <= index.size; number++) {
    const row = index.row(number);
    if (sessions === undefined && services === undefined) rows.push(row);
    else if (sessions?.has(row.session) === true || services?.has(row.service) === true) rows.push(row);
  }
  return rows;
}

function pairUp(ours: readonly RowGroup[], theirs: readonly RowGroup[], places: ComparedPlaces): Pairs {
  const shapesOf = (groups: readonly RowGroup[], side: "a" | "b"): GroupShape[] =>
    groups.map(({ by, name, rows }) => ({
      by,
      ...(name === undefined ? {} : { name }),
      keys: rows.map((row) => places.keyOf(row, side)),
    }));
  const [shapesA, shapesB] = [shapesOf(ours, "a"), shapesOf(theirs, "b")];
  const [restA, restB] = [new Set(ours.keys()), new Set(theirs.keys())];
  const pairs: { a: HitRow; b: HitRow }[] = [];
  const [onlyA, onlyB]: [HitRow[], HitRow[]] = [[], []];
  const timeOfB = new Map<HitRow, number>();
  for (const [one, other] of pairGroups(shapesA, shapesB)) {
    restA.delete(one);
    restB.delete(other);
    const [rowsA, rowsB] = [ours[one]?.rows ?? [], theirs[other]?.rows ?? []];
    let time = rowsA[0]?.at ?? 0;
    for (const [i, j] of alignKeys(shapesA[one]?.keys ?? [], shapesB[other]?.keys ?? [])) {
      const [a, b] = [i === undefined ? undefined : rowsA[i], j === undefined ? undefined : rowsB[j]];
      time = a?.at ?? time;
      if (a !== undefined && b !== undefined) pairs.push({ a, b });
      else if (a !== undefined) onlyA.push(a);
      else if (b !== undefined) {
        onlyB.push(b);
        timeOfB.set(b, time);
      }
    }
  }
  for (const place of restA) for (const row of ours[place]?.rows ?? []) onlyA.push(row);
  for (const place of restB) for (const row of theirs[place]?.rows ?? []) onlyB.push(row);
  const inOrder = (a: HitRow, b: HitRow): number => a.number - b.number;
  pairs.sort((one, other) => inOrder(one.a, other.a));
  return { pairs, onlyA: onlyA.sort(inOrder), onlyB: onlyB.sort(inOrder), timeOfB };
}

class Gathered {
  readonly #comparison: HitComparison;
  readonly #places: ComparedPlaces;
  readonly #changed: ChangedHit[] = [];
  readonly #counts = new Map<string, { -readonly [Key in keyof VariableCount]: VariableCount[Key] }>();
  readonly #keys = new Set<string>();
  readonly #hidden = new Set<string>();
  #equal = 0;
  #changes = 0;
  #hiddenCount = 0;
  #cut = 0;
  #unreadable = 0;

  constructor(volatile: ReadonlySet<string>, places: ComparedPlaces) {
    this.#places = places;
    this.#comparison = {
      renaming: new Renaming(),
      fileOf: (path) => places.fileOf(places.service, path),
      lineOf: (one, other) => places.lineOf(one, other),
      volatile,
    };
  }

  async read(ofA: HitIndex, ofB: HitIndex, pairs: Pairs["pairs"]): Promise<void> {
    const theirs = ofB.read(pairs.map(({ b }) => b.number));
    let place = 0;
    for await (const { hit: a } of ofA.read(pairs.map(({ a }) => a.number))) {
      const next = await theirs.next();
      const b = next.done === true ? undefined : next.value.hit;
      const pair = pairs[place++];
      if (a === undefined || b === undefined || pair === undefined) {
        this.#unreadable++;
        continue;
      }
      this.#places.at(a, b);
      this.#add(pair, compareHits(a.hit, b.hit, this.#comparison));
    }
  }

  #add(pair: Pairs["pairs"][number], difference: HitDifference): void {
    const { stack, values, hidden, cut } = difference;
    this.#cut += cut;
    this.#hiddenCount += hidden.length;
    for (const key of hidden) this.#hidden.add(key);
    if (stack.length + values.length === 0) {
      this.#equal++;
      return;
    }
    this.#changes++;
    if (this.#changed.length < mostChanged) this.#changed.push({ ...pair, ...difference });
    const { service } = pair.b;
    for (const { function: fn, file, fileA, path } of values) {
      if (this.#keys.size >= mostPlaces) return;
      const key = placeKey(service, file, fn, path);
      this.#keys.add(key).add(placeKey(service, fileA, fn, path));
      const known = this.#counts.get(key);
      if (known !== undefined) known.hits++;
      else this.#counts.set(key, { service, function: fn, ...(file === undefined ? {} : { file }), path, hits: 1 });
    }
  }

  result({ onlyA, onlyB, timeOfB }: Pairs): Omit<Comparison, "hits"> {
    const [changed] = this.#changed;
    // What belongs to no group of the first trace comes behind all that does.
    const found = [
      ...(changed === undefined ? [] : [{ at: changed.a.at, first: changed }]),
      ...onlyA.slice(0, 1).map((a) => ({ at: a.at, first: { a } })),
      ...earliest(onlyB, timeOfB).map((b) => ({ at: timeOfB.get(b) ?? Infinity, first: { b } })),
    ].sort((one, other) => (one.at === other.at ? 0 : one.at - other.at));
    const [first] = found;
    return {
      equal: this.#equal,
      onlyA,
      onlyB,
      changed: this.#changed,
      changedCount: this.#changes,
      ...(first === undefined ? {} : { first: first.first }),
      variables: [...this.#counts.values()].sort((one, other) => other.hits - one.hits),
      places: this.#keys,
      hidden: { differences: this.#hiddenCount, places: this.#hidden.size },
      cut: this.#cut,
      unreadable: this.#unreadable,
    };
  }
}

function earliest(rows: readonly HitRow[], timeOf: ReadonlyMap<HitRow, number>): HitRow[] {
  let [first] = rows;
  for (const row of rows)
    if (first !== undefined && (timeOf.get(row) ?? Infinity) < (timeOf.get(first) ?? Infinity)) first = row;
  return first === undefined ? [] : [first];
}
