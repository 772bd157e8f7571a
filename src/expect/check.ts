// Whether the hits of a trace are as expected.
//
// Rules
// - Hits are read through, and only what expectations mean them is kept; those with values that do not hold are read once more, to say which.
import {
  isMeant,
  valueFailures,
  type Expectation,
  type ExpectedHit,
  type ValueFailure,
} from "../../protocol/expect.ts";
import { matchHits, type SeenHit } from "../../protocol/expect-match.ts";
import type { Hit } from "../../protocol/hit.ts";
import { rowOf, type HitRow, type Trace } from "../trace/index.ts";
import { LineTexts } from "./line-texts.ts";

/** What is wrong. `number`: of the expectation, from 1. */
export type Failure =
  | { readonly kind: "value"; readonly number: number; readonly hit: HitRow; readonly values: readonly ValueFailure[] }
  | { readonly kind: "missing"; readonly number: number; readonly found: number }
  | { readonly kind: "too-many"; readonly number: number; readonly hit: HitRow }
  | { readonly kind: "extra"; readonly hit: HitRow };

export interface CheckResult {
  readonly hits: number;
  /** By expectation, and at the end those that belong to none. */
  readonly failures: readonly Failure[];
  /** Hits that nothing expects, where that is allowed. */
  readonly extra: number;
}

interface Seen extends SeenHit {
  readonly row: HitRow;
}

export async function checkTrace(trace: Trace, expectation: Expectation): Promise<CheckResult> {
  const { hits: expected, extra } = expectation;
  const seen = await seenHits(trace, expected);
  const matched = matchHits(expectation, seen);
  const wrong = new Map<number, number>();
  const rowsAt = (places: readonly number[] = []): HitRow[] =>
    places.flatMap((at) => {
      const hit = seen[at];
      return hit === undefined ? [] : [hit.row];
    });
  for (const [place, hits] of matched.failed.entries()) for (const { number } of rowsAt(hits)) wrong.set(number, place);
  const values = await failuresOf(trace, expected, wrong);
  const failures: Failure[] = [];
  for (const [place, { times }] of expected.entries()) {
    const number = place + 1;
    const [held, failed] = [matched.held[place]?.length ?? 0, rowsAt(matched.failed[place])];
    for (const hit of failed) failures.push({ kind: "value", number, hit, values: values.get(hit.number) ?? [] });
    if (held + failed.length < times.least) failures.push({ kind: "missing", number, found: held + failed.length });
    for (const hit of rowsAt(matched.tooMany[place])) failures.push({ kind: "too-many", number, hit });
  }
  if (extra === "refuse") for (const hit of rowsAt(matched.extra)) failures.push({ kind: "extra", hit });
  return { hits: seen.length, failures, extra: extra === "refuse" ? 0 : matched.extra.length };
}

/** In the order of their stops. */
async function seenHits(trace: Trace, expected: readonly ExpectedHit[]): Promise<Seen[]> {
  const texts = new LineTexts(trace);
  const candidates = byPlace(expected);
  const seen: Seen[] = [];
  for await (const { number, hit } of numbered(trace)) {
    const meant = candidates(hit).filter((place) => {
      const one = expected[place];
      return one !== undefined && isMeant(one, hit, () => texts.of(hit.snapshot.frames[0]));
    });
    const held = meant.filter((place) => {
      const one = expected[place];
      return one !== undefined && valueFailures(one, hit).length === 0;
    });
    const [request] = Object.values(hit.correlated ?? {});
    seen.push({ row: rowOf(number, hit), meant, held, ...(request === undefined ? {} : { request }) });
  }
  return seen.sort((a, b) => a.row.at - b.row.at || a.row.number - b.row.number);
}

/** Expectations that may mean a hit: those that name its function, and those that name none. */
function byPlace(expected: readonly ExpectedHit[]): (hit: Hit) => readonly number[] {
  const lastPart = (name: string): string => name.slice(name.lastIndexOf(".") + 1);
  const byName = new Map<string | undefined, number[]>();
  for (const [place, { function: fn }] of expected.entries()) {
    const key = fn === undefined ? undefined : lastPart(fn);
    const known = byName.get(key);
    if (known === undefined) byName.set(key, [place]);
    else known.push(place);
  }
  return ({ snapshot }) => [
    ...(byName.get(lastPart(snapshot.frames[0]?.name ?? "")) ?? []),
    ...(byName.get(undefined) ?? []),
  ];
}

async function failuresOf(
  trace: Trace,
  expected: readonly ExpectedHit[],
  wrong: ReadonlyMap<number, number>,
): Promise<ReadonlyMap<number, readonly ValueFailure[]>> {
  const failures = new Map<number, readonly ValueFailure[]>();
  if (wrong.size === 0) return failures;
  for await (const { number, hit } of numbered(trace)) {
    const one = expected[wrong.get(number) ?? -1];
    if (one !== undefined) failures.set(number, valueFailures(one, hit));
  }
  return failures;
}

/** With the numbers that `debugtap hits` gives them. */
export async function* numbered(trace: Trace): AsyncGenerator<{ readonly number: number; readonly hit: Hit }> {
  let number = trace.dropped?.hits ?? 0;
  for await (const { hit } of trace.hits()) yield { number: ++number, hit };
}
