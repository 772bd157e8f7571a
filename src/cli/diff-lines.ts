// The result of a comparison for a person.
//
//   hit 3 ↔ hit 3  cinder-api  create (volumes.py:212)  ← the first difference
//     - volume['size'] = 10
//     + volume['size'] = 11
//   only in A: hit 5  cinder-api  delete (volumes.py:240)
//   2 of 10 hits differ: 1 has other values, 1 is only in A
//
// Rules
// - The first difference stands first; then hits that only one has, then what differs in the others.
// - Of a long text the part around its first difference is shown. What is not shown is counted.
import { whereOf } from "../../protocol/hit-summary.ts";
import type { ChangedHit, Comparison } from "../trace/index.ts";
import type { HitRow } from "../trace/index.ts";
import { clean, clip, painter, type Paint } from "./paint.ts";

const valueWidth = 120;
const mostValues = 10;
const mostOnly = 20;
const mostVariables = 10;

export interface DiffLinesOptions {
  readonly dirs: readonly [a: string, b: string];
  readonly comparison: Comparison;
  /** Differing hits that are shown. */
  readonly count: number;
  readonly color: boolean;
}

export function* diffLines({ dirs, comparison, count, color }: DiffLinesOptions): Generator<string> {
  const paint = painter(color);
  const { hits, changed, onlyA, onlyB, first } = comparison;
  yield `A  ${clean(dirs[0])}  ${paint.dim(hitCount(hits[0]))}`;
  yield `B  ${clean(dirs[1])}  ${paint.dim(hitCount(hits[1]))}`;
  if (first !== undefined) {
    yield "";
    yield paint.dim("the first difference");
    yield* "values" in first
      ? changedLines(first, paint)
      : ["a" in first ? onlyLine("A", first.a, paint) : onlyLine("B", first.b, paint)];
  }
  const others = (rows: readonly HitRow[]): readonly HitRow[] =>
    rows.filter((row) => first === undefined || "values" in first || row !== ("a" in first ? first.a : first.b));
  for (const [side, rows] of [
    ["A", others(onlyA)],
    ["B", others(onlyB)],
  ] as const) {
    if (rows.length > 0) yield "";
    for (const row of rows.slice(0, mostOnly)) yield onlyLine(side, row, paint);
    if (rows.length > mostOnly) yield paint.dim(`… ${rows.length - mostOnly} more only in ${side}`);
  }
  for (const each of changed.filter((each) => each !== first).slice(0, count - 1)) {
    yield "";
    yield* changedLines(each, paint);
  }
  yield* restLines(comparison, count, paint);
  yield "";
  yield* sumLines(comparison, paint);
}

function* changedLines({ a, b, stack, values }: ChangedHit, paint: Paint): Generator<string> {
  yield `${paint.bold(`hit ${a.number} ↔ hit ${b.number}`)}  ${placeOf(b)}`;
  for (const { a: ours, b: theirs } of stack) {
    if (ours !== undefined) yield paint.red(`  - called by ${clean(ours)}`);
    if (theirs !== undefined) yield paint.green(`  + called by ${clean(theirs)}`);
  }
  let frame = 0;
  for (const each of values.slice(0, mostValues)) {
    if (each.frame > 0 && each.frame !== frame)
      yield paint.dim(
        `  in ${clean(whereOf({ name: each.function, ...(each.file === undefined ? {} : { path: each.file }) }))}`,
      );
    frame = each.frame;
    const [ours, theirs] = excerpts(each.a ?? "", each.b ?? "");
    const name = (type: string | undefined): string => clean(type === undefined ? each.path : `${each.path}: ${type}`);
    const note = each.renamed ? `  ${paint.dim("(another thing than elsewhere)")}` : "";
    if (each.a !== undefined)
      yield `${paint.red(`  - ${name(each.types?.[0])} = ${ours}`)}${each.b === undefined ? note : ""}`;
    if (each.b !== undefined) yield `${paint.green(`  + ${name(each.types?.[1])} = ${theirs}`)}${note}`;
  }
  if (values.length > mostValues) yield paint.dim(`  … ${values.length - mostValues} more values`);
}

/** What is not shown, by variable: mostly one has changed everywhere. */
function* restLines({ changedCount, variables }: Comparison, count: number, paint: Paint): Generator<string> {
  if (changedCount <= count) return;
  yield "";
  yield `… ${changedCount - count} more hits differ. In all of them, by variable:`;
  for (const { path, function: fn, file, hits } of variables.slice(0, mostVariables))
    yield `  ${String(hits).padStart(6)}  ${paint.cyan(clean(path))}  ${paint.dim(clean(whereOf({ name: fn, ...(file === undefined ? {} : { path: file }) })))}`;
  if (variables.length > mostVariables)
    yield paint.dim(`          … ${variables.length - mostVariables} more variables`);
}

function* sumLines(comparison: Comparison, paint: Paint): Generator<string> {
  yield paint.bold(sumText(comparison));
  for (const note of notes(comparison)) yield paint.dim(note);
}

export function sumText({ equal, changedCount, onlyA, onlyB }: Comparison): string {
  const parts = [
    `${hitCount(equal)} equal`,
    ...(changedCount === 0 ? [] : [`${changedCount} changed`]),
    ...(onlyA.length === 0 ? [] : [`${onlyA.length} only in A`]),
    ...(onlyB.length === 0 ? [] : [`${onlyB.length} only in B`]),
  ];
  return parts.join(", ");
}

/** What a reader must know beside it. */
export function notes({ hidden, cut, unreadable, changed, changedCount }: Comparison): string[] {
  const count = (number: number, what: string): string => `${number} ${what}${number === 1 ? "" : "s"}`;
  return [
    ...(hidden.differences === 0
      ? []
      : [`hidden by --noise: ${count(hidden.differences, "difference")} of ${count(hidden.places, "variable")}`]),
    ...(cut === 0 ? [] : [`cut off in one of the two, so compared as far as both go: ${count(cut, "value")}`]),
    ...(unreadable === 0 ? [] : [`not compared, since they cannot be read any more: ${count(unreadable, "hit")}`]),
    ...(changedCount > changed.length ? [`kept of the changed hits: the first ${changed.length}`] : []),
  ];
}

function onlyLine(side: "A" | "B", row: HitRow, paint: Paint): string {
  const text = `only in ${side}: hit ${row.number}  ${placeOf(row)}`;
  return side === "A" ? paint.red(text) : paint.green(text);
}

/** `cinder-api  create (volumes.py:212)`, and what it stopped for where that is no breakpoint. */
export function placeOf({ service, function: name = "?", file, line, reason }: HitRow): string {
  const place = { name, ...(file === undefined ? {} : { path: file }), ...(line === undefined ? {} : { line }) };
  return clean([service, whereOf(place), ...(reason === "breakpoint" ? [] : [reason])].join("  "));
}

/** Two texts from a little before their first difference on. */
export function excerpts(a: string, b: string, width = valueWidth): [string, string] {
  let same = 0;
  while (same < a.length && same < b.length && a[same] === b[same]) same++;
  const from = same < width / 2 || (a.length <= width && b.length <= width) ? 0 : same - Math.floor(width / 4);
  const part = (text: string): string => clip((from > 0 ? "…" : "") + clean(text.slice(from)), width);
  return [part(a), part(b)];
}

function hitCount(count: number): string {
  return `${count} hit${count === 1 ? "" : "s"}`;
}
