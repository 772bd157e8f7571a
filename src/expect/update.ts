// The expectation that a trace meets: what its hits were, without what is another thing in each run.
//
// Rules
// - Ids, addresses, times, masked secrets and the like are left out: compare-words.ts says which they are. So is what was cut, and what cannot
//   be written as a plain value.
// - Attributes that begin with `_` are their object's own matter.
// - Each value that is written has been compared as `check` does: what is written here holds for this trace.
// - A line is written as its text, which moves with the code, where no other line of the file has it.
import {
  isMeant,
  valueFailures,
  type Expectation,
  type ExpectedHit,
  type ExpectedLiteral,
} from "../../protocol/expect.ts";
import { contextOf, isOneWord, wordsOf, type WordContext } from "../../protocol/compare-words.ts";
import type { Hit, SnapshotFrame, SnapshotVariable } from "../../protocol/hit.ts";
import { pathWithin, unquoted } from "../../protocol/value-path.ts";
import { parseWhere } from "../../protocol/where-parse.ts";
import type { Trace } from "../trace/index.ts";
import { numbered } from "./check.ts";
import { LineTexts } from "./line-texts.ts";

/** Values of one hit, and levels of them. */
const mostValues = 30;
const mostDepth = 2;
const longestText = 200;
const longestLine = 120;

export async function expectationOf(
  trace: Trace,
  { order, extra }: Pick<Expectation, "order" | "extra">,
): Promise<Expectation> {
  const texts = new LineTexts(trace);
  const fileOf = await belowRoot(trace);
  const found: { readonly at: number; readonly request?: string; readonly expected: ExpectedHit }[] = [];
  for await (const { hit } of numbered(trace)) {
    const [request] = Object.values(hit.correlated ?? {});
    found.push({
      at: hit.at,
      expected: expectedHit(hit, texts, fileOf),
      ...(request === undefined ? {} : { request }),
    });
  }
  const names = new Map<string, string>();
  const hits: ExpectedHit[] = [];
  let [before, count] = ["", 0];
  // Sorting keeps the order of hits that stopped at once.
  for (const { request, expected } of found.sort((a, b) => a.at - b.at)) {
    if (request !== undefined && !names.has(request)) names.set(request, String(names.size + 1));
    const name = request === undefined ? undefined : names.get(request);
    const hit = name === undefined ? expected : { ...expected, request: name };
    const key = JSON.stringify(hit, (key, value: unknown) => (key === "expression" ? undefined : value));
    count = key === before ? count + 1 : 1;
    before = key;
    if (count > 1) hits.pop();
    hits.push(count > 1 ? { ...hit, times: { least: count, most: count, text: String(count) } } : hit);
  }
  return { order, extra, hits };
}

/** A path as it is below the directory that has all files in which hits stand: that directory may be another one tomorrow. */
async function belowRoot(trace: Trace): Promise<(path: string) => string> {
  let root: readonly string[] | undefined;
  for await (const { hit } of numbered(trace)) {
    const path = hit.snapshot.frames[0]?.path;
    if (path === undefined) continue;
    const dirs = path.split(/[/\\]/).slice(0, -1);
    const other = (root ?? dirs).findIndex((dir, i) => dir !== dirs[i]);
    root = (root ?? dirs).slice(0, other < 0 ? undefined : other);
  }
  return (path) => path.split(/[/\\]/).slice(root?.length).join("/");
}

function expectedHit(hit: Hit, texts: LineTexts, fileOf: (path: string) => string): ExpectedHit {
  const [top] = hit.snapshot.frames;
  const file = top?.path === undefined ? undefined : fileOf(top.path);
  const line = top === undefined ? undefined : lineOf(top, texts);
  const selects: ExpectedHit = {
    service: hit.service,
    ...(file === undefined || file === "" ? {} : { file }),
    ...(line === undefined ? {} : { line }),
    ...(top === undefined || top.name === "" ? {} : { function: top.name }),
    ...(hit.reason === "breakpoint" ? {} : { reason: hit.reason }),
    values: [],
    times: { least: 1, most: 1 },
  };
  const meant = isMeant(selects, hit, () => texts.of(top));
  const { file: _, line: __, ...known } = selects;
  return { ...(meant ? selects : known), values: valuesOf(hit) };
}

function lineOf(frame: SnapshotFrame, texts: LineTexts): number | string | undefined {
  const text = texts.of(frame);
  if (text === undefined || text === "" || text.length > longestLine) return frame.line;
  const same = texts.linesOf(frame).filter((line) => line.includes(text)).length;
  return same === 1 && !/\p{Cc}/u.test(text) ? text : frame.line;
}

function valuesOf(hit: Hit): ExpectedHit["values"] {
  const [top] = hit.snapshot.frames;
  const context = contextOf(hit);
  const values: ExpectedHit["values"][number][] = [];
  const add = (variable: SnapshotVariable, before: string, depth: number): void => {
    if (values.length >= mostValues || isVolatile(variable, context)) return;
    const name = pathWithin(before, variable.name);
    const value = literalOf(variable);
    const expression = value === undefined ? undefined : pathOf(name);
    if (value !== undefined && expression !== undefined) {
      const one = { name, expression, value };
      const alone: ExpectedHit = { values: [one], times: { least: 1, most: 1 } };
      if (
        valueFailures(alone, hit).length === 0 &&
        name !== "__proto__" &&
        !values.some((known) => known.name === name)
      )
        values.push(one);
    } else if (depth < mostDepth)
      for (const child of variable.children ?? []) if (!child.name.startsWith("_")) add(child, name, depth + 1);
  };
  for (const { variables } of top?.scopes ?? []) for (const variable of variables) add(variable, "", 1);
  return values;
}

/** True for what has an id, an address or a time in it; of a value with an inside for what is nothing else. */
function isVolatile({ name, value, children = [] }: SnapshotVariable, context: WordContext): boolean {
  const found = wordsOf(value, context, unquoted(name) ?? name);
  return children.length === 0 ? found.words.length > 0 : isOneWord(found);
}

function literalOf({ value, type, cut, failed, children = [] }: SnapshotVariable): ExpectedLiteral | undefined {
  if (cut !== undefined || failed || children.length > 0 || value.length > longestText) return undefined;
  const text = type === "str" || type === "string" || type === "unicode" ? (unquoted(value) ?? value) : unquoted(value);
  if (text !== undefined) return type === "bytes" ? undefined : text;
  if (value === "None" || value === "null" || value === "nil") return null;
  if (/^(?:true|false)$/i.test(value)) return value.toLowerCase() === "true";
  const number = /^-?\d+(?:\.\d+)?$/.test(value) ? Number(value) : Number.NaN;
  const isExact = Number.isInteger(number) ? Number.isSafeInteger(number) : Number.isFinite(number);
  return isExact ? number : undefined;
}

/** Undefined for what conditions cannot name. */
function pathOf(name: string): ExpectedHit["values"][number]["expression"] | undefined {
  try {
    const expression = parseWhere(name);
    return expression.kind === "path" ? expression : undefined;
  } catch {
    return undefined;
  }
}
