// Which hit of a trace is which expected one.
//
// Rules
// - Hits that are as expected are found first; between these, hits at the right place with other values are told as such; what then is left
//   is missing, or is one too many.
// - In order: if all that is expected can be found in order, that is what is taken; else the fewest that are missing (Myers).
// - In any order: what says most takes first, and gives a hit up where another expectation has no other.
// - Requests: each name is that of the first request, not yet named, that has all hits of the name; else of one that has its first.
import { align } from "./compare-align.ts";
import type { ExpectedHit, Expectation } from "./expect.ts";
import { firstFrom } from "./sorted.ts";

/** What is known of a hit: expectations, by their places, that mean it, and those whose values hold too. Requests are not looked at. */
export interface SeenHit {
  readonly request?: string;
  readonly meant: readonly number[];
  readonly held: readonly number[];
}

export interface Matched {
  /** By expectation: the hits that are as expected, and those at the right place with other values. Places of hits. */
  readonly held: readonly (readonly number[])[];
  readonly failed: readonly (readonly number[])[];
  /** By expectation: hits beyond its `times`. */
  readonly tooMany: readonly (readonly number[])[];
  /** Hits that nothing expects. */
  readonly extra: readonly number[];
}

/** Edits beyond which hits are no longer aligned but taken as they come. */
const mostEdits = 1500;
/** Steps in the search for another hit. */
const mostSteps = 1_000_000;

/** `seen` are in the order of their stops. */
export function matchHits(expectation: Expectation, seen: readonly SeenHit[]): Matched {
  const { hits: expected, order } = expectation;
  const requests = nameRequests(expected, seen);
  const isOf = (place: number, hit: SeenHit): boolean => {
    const { request } = expected[place] ?? {};
    return request === undefined || (hit.request !== undefined && requests.get(request) === hit.request);
  };
  const hits = seen.map((hit) => ({
    meant: new Set(hit.meant.filter((place) => isOf(place, hit))),
    held: new Set(hit.held.filter((place) => isOf(place, hit))),
  }));
  const match = new Match(expected, hits);
  if (order === "strict") match.inOrder();
  else match.inAnyOrder();
  match.takeMore(order === "strict");
  return match.result();
}

/** Name in the expectation -> request of the trace. */
function nameRequests(expected: readonly ExpectedHit[], seen: readonly SeenHit[]): Map<string, string> {
  const wanted = new Map<string, number[]>();
  for (const [place, { request, times }] of expected.entries()) {
    if (request === undefined || times.least === 0) continue;
    const known = wanted.get(request);
    if (known === undefined) wanted.set(request, [place]);
    else known.push(place);
  }
  const has = new Map<string, { readonly held: Set<number>; readonly meant: Set<number> }>();
  for (const { request, meant, held } of seen) {
    if (request === undefined) continue;
    let known = has.get(request);
    if (known === undefined) has.set(request, (known = { held: new Set(), meant: new Set() }));
    for (const place of held) known.held.add(place);
    for (const place of meant) known.meant.add(place);
  }
  const named = new Map<string, string>();
  for (const [name, places] of wanted) {
    let found: string | undefined;
    for (const [request, { held, meant }] of has) {
      if (places.every((place) => held.has(place))) {
        found = request;
        break;
      }
      if (found === undefined && meant.has(places[0] ?? -1)) found = request;
    }
    if (found === undefined) continue;
    named.set(name, found);
    has.delete(found);
  }
  return named;
}

interface Hit {
  readonly meant: ReadonlySet<number>;
  readonly held: ReadonlySet<number>;
}

class Match {
  readonly #expected: readonly ExpectedHit[];
  readonly #hits: readonly Hit[];
  readonly #held: number[][];
  readonly #failed: number[][];
  readonly #tooMany: number[][];
  /** By hit: the expectation that has it. */
  readonly #taken: Int32Array;

  constructor(expected: readonly ExpectedHit[], hits: readonly Hit[]) {
    this.#expected = expected;
    this.#hits = hits;
    [this.#held, this.#failed, this.#tooMany] = [
      expected.map(() => []),
      expected.map(() => []),
      expected.map(() => []),
    ];
    this.#taken = new Int32Array(hits.length).fill(-1);
  }

  inOrder(): void {
    const units = this.#expected.flatMap(({ times }, place) => Array.from({ length: times.least }, () => place));
    let found = inTurn(units, this.#hitsOf("held"), 0, this.#hits.length);
    if (found.length < units.length) {
      const places = Array.from(this.#hits.keys()).filter((at) => (this.#hits[at]?.held.size ?? 0) > 0);
      const holds = (unit: number, at: number): boolean =>
        this.#hits[places[at] ?? 0]?.held.has(units[unit] ?? 0) === true;
      const pairs = align(units.length, places.length, holds, mostEdits).flatMap(([unit, at]) =>
        unit === undefined || at === undefined ? [] : [[unit, places[at] ?? 0] as const],
      );
      if (pairs.length > found.length) found = pairs;
    }
    const meant = this.#hitsOf("meant");
    let [unit, at] = [0, 0];
    for (const [nextUnit, nextAt] of [...found, [units.length, this.#hits.length] as const]) {
      // Between two that hold: hits at the right place, in order.
      for (const [i, other] of inTurn(units.slice(unit, nextUnit), meant, at, nextAt))
        this.#take(this.#failed, units[unit + i] ?? 0, other);
      const place = units[nextUnit];
      if (place !== undefined) this.#take(this.#held, place, nextAt);
      [unit, at] = [nextUnit + 1, nextAt + 1];
    }
  }

  inAnyOrder(): void {
    const bySize = Array.from(this.#expected.keys()).sort(
      (a, b) => sizeOf(this.#expected[b]) - sizeOf(this.#expected[a]),
    );
    const [holding, meaning] = [this.#hitsOf("held"), this.#hitsOf("meant")];
    let steps = mostSteps;
    /** Takes a hit for an expectation, if need be one that another can do without. */
    const takeOne = (place: number, asked: Set<number>): boolean => {
      for (const at of holding[place] ?? []) {
        if (steps-- <= 0) return false;
        if ((this.#taken[at] ?? -1) < 0) return this.#take(this.#held, place, at);
      }
      for (const at of holding[place] ?? []) {
        if (steps-- <= 0 || asked.size > 500) return false;
        const owner = this.#taken[at] ?? -1;
        if (owner === place || asked.has(at)) continue;
        asked.add(at);
        if (!takeOne(owner, asked)) continue;
        const owned = this.#held[owner] ?? [];
        owned.splice(owned.indexOf(at), 1);
        return this.#take(this.#held, place, at);
      }
      return false;
    };
    for (const place of bySize) {
      const { least = 0 } = this.#expected[place]?.times ?? {};
      // The first that are free, as they come; what is missing then is asked of others.
      for (const at of holding[place] ?? []) {
        if ((this.#held[place]?.length ?? 0) >= least) break;
        if ((this.#taken[at] ?? -1) < 0) this.#take(this.#held, place, at);
      }
      while ((this.#held[place]?.length ?? 0) < least && takeOne(place, new Set()));
    }
    for (const place of bySize) {
      let missing = (this.#expected[place]?.times.least ?? 0) - (this.#held[place]?.length ?? 0);
      for (const at of meaning[place] ?? []) {
        if (missing <= 0) break;
        if ((this.#taken[at] ?? -1) >= 0) continue;
        this.#take(this.#failed, place, at);
        missing--;
      }
    }
  }

  /** What may come more often, and what comes too often. In order: only next to those that are there. */
  takeMore(inOrder: boolean): void {
    const next = new Int32Array(this.#hits.length + 1).fill(this.#expected.length);
    for (let at = this.#hits.length - 1; at >= 0; at--) {
      const taken = this.#taken[at] ?? -1;
      next[at] = taken >= 0 ? taken : (next[at + 1] ?? 0);
    }
    let last = 0;
    for (const [at, { held }] of this.#hits.entries()) {
      const taken = this.#taken[at] ?? -1;
      if (taken >= 0) {
        last = taken;
        continue;
      }
      let over: number | undefined;
      let took = false;
      for (const place of held) {
        const { most, text } = this.#expected[place]?.times ?? { most: 0 };
        const isHere = !inOrder || (place >= last && place <= (next[at] ?? 0));
        took = isHere && (this.#held[place]?.length ?? 0) < most && this.#take(this.#held, place, at);
        if (took) break;
        if (text !== undefined) over ??= place;
      }
      if (took) last = this.#taken[at] ?? last;
      else if (over !== undefined) this.#take(this.#tooMany, over, at);
    }
  }

  result(): Matched {
    const extra: number[] = [];
    for (const [at, taken] of this.#taken.entries()) if (taken < 0) extra.push(at);
    return { held: this.#held, failed: this.#failed, tooMany: this.#tooMany, extra };
  }

  #hitsOf(what: "held" | "meant"): number[][] {
    const hits: number[][] = this.#expected.map(() => []);
    for (const [at, hit] of this.#hits.entries()) for (const place of hit[what]) hits[place]?.push(at);
    return hits;
  }

  #take(into: readonly number[][], place: number, at: number): true {
    into[place]?.push(at);
    this.#taken[at] = place;
    return true;
  }
}

/** For each unit the first hit that can be it, behind that of the one before; one that has none is left out. Places of units and hits. */
function inTurn(
  units: readonly number[],
  hitsOf: readonly (readonly number[])[],
  from: number,
  to: number,
): (readonly [unit: number, hit: number])[] {
  const pairs: (readonly [number, number])[] = [];
  let least = from;
  for (const [unit, place] of units.entries()) {
    const hits = hitsOf[place] ?? [];
    const hit = hits[firstFrom(hits, least)];
    if (hit === undefined || hit >= to) continue;
    pairs.push([unit, hit]);
    least = hit + 1;
  }
  return pairs;
}

/** How much an expectation says. */
function sizeOf(expected: ExpectedHit | undefined): number {
  if (expected === undefined) return 0;
  const { values, times: _, ...others } = expected;
  return values.length + Object.keys(others).length;
}
