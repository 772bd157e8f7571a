// The comparison of two traces as lines, in the order in which a person reads them: what differs first comes first.
//
//   hit 3 ↔ hit 3  cinder-api  create (volumes.py:212)      head
//     volume['size'] = 10                                   removed
//     volume['size'] = 11                                   added
//   only in A: hit 5  cinder-api  delete (volumes.py:240)   removed
//   9 equal, 1 changed, 1 only in A                         note
import type { DiffView } from "../../protocol/api.ts";
import { whereOf } from "../../protocol/hit-summary.ts";
import type { ChangedHit, Comparison, HitRow } from "../trace/index.ts";

type Line = DiffView["lines"][number];

const mostHits = 500;
const mostValues = 50;
const longest = 2000;

export function diffView(comparison: Comparison): DiffView {
  const { changed, changedCount, onlyA, onlyB, equal, first, unreadable, cut } = comparison;
  const count = (number: number, what: string): string[] => (number === 0 ? [] : [`${number} ${what}`]);
  const sums = [
    `${equal} equal`,
    ...count(changedCount, "changed"),
    ...count(onlyA.length, "only in A"),
    ...count(onlyB.length, "only in B"),
    ...count(unreadable, "cannot be read"),
    ...count(cut, "values were cut, and are compared as far as both go"),
  ];
  const lines: Line[] = [{ kind: "note", text: sums.join(", ") }];
  const both = first !== undefined && "values" in first ? [first] : [];
  for (const hit of [...both, ...changed.filter((each) => each !== first)].slice(0, mostHits))
    lines.push(...linesOf(hit));
  for (const row of onlyA.slice(0, mostHits)) lines.push({ kind: "removed", text: `only in A: ${rowText(row)}` });
  for (const row of onlyB.slice(0, mostHits)) lines.push({ kind: "added", text: `only in B: ${rowText(row)}` });
  const left = [changedCount, onlyA.length, onlyB.length].reduce((sum, n) => sum + Math.max(0, n - mostHits), 0);
  if (left > 0) lines.push({ kind: "note", text: `${left} more differ` });
  return { equal: changedCount + onlyA.length + onlyB.length + unreadable === 0, lines };
}

function linesOf({ a, b, stack, values }: ChangedHit): Line[] {
  const lines: Line[] = [{ kind: "head", text: `hit ${a.number} ↔ ${rowText(b)}` }];
  const add = (kind: "removed" | "added", text: string | undefined, before: string): void => {
    if (text !== undefined) lines.push({ kind, text: cutText(`${before}${text}`) });
  };
  for (const { a: ours, b: theirs } of stack) {
    add("removed", ours, "called by ");
    add("added", theirs, "called by ");
  }
  for (const { path, types, a: ours, b: theirs } of values.slice(0, mostValues)) {
    const name = (type: string | undefined): string => (type === undefined ? `${path} = ` : `${path}: ${type} = `);
    add("removed", ours, name(types?.[0]));
    add("added", theirs, name(types?.[1]));
  }
  if (values.length > mostValues) lines.push({ kind: "note", text: `${values.length - mostValues} more values` });
  return lines;
}

function rowText({ number, service, function: name = "?", file, line }: HitRow): string {
  const place = { name, ...(file === undefined ? {} : { path: file }), ...(line === undefined ? {} : { line }) };
  return `hit ${number}  ${service}  ${whereOf(place)}`;
}

function cutText(text: string): string {
  return text.length <= longest ? text : `${text.slice(0, longest - 1)}…`;
}
