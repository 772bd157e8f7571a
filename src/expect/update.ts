// The expectation that a trace meets: what its hits were, without what is another thing in each run.
//
// Rules
// - Ids, addresses, times, masked secrets and the like are left out: compare-words.ts says which they are. So is what was cut, and what cannot
//   be written as a plain value.
// - Each value that is written has been compared as `check` does: what is written here holds for this trace.
// - A line is written as its text, which moves with the code, where no other line of the file has it.
import { isMeant, valueFailures, type Expectation, type ExpectedHit, type ExpectedLiteral } from "../../protocol/expect.ts";
import { contextOf, wordsOf, type WordContext } from "../../protocol/compare-words.ts";
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
  const found: { readonly at: number; readonly request?: string; readonly expected: ExpectedHit }[] = [];
  for await (const { hit } of numbered(trace)) {
    const [request] = Object.values(hit.correlated ?? {});
    found.push({ at: hit.at, expected: expectedHit(hit, texts), ...(request === undefined ? {} : { request }) });
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

function expectedHit(hit: Hit, texts: LineTexts): ExpectedHit {
  const [top] = hit.snapshot.frames;
  const file = top?.path?.split(/[/\\]/).slice(-2).join("/").replace(/^\//, "");
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
      if (valueFailures(alone, hit).length === 0 && name !== "__proto__" && !values.some((known) => known.name === name))
        values.push(one);
    } else if (depth < mostDepth) for (const child of variable.children ?? []) add(child, name, depth + 1);
  };
  for (const { variables } of top?.scopes ?? []) for (const variable of variables) add(variable, "", 1);
  return values;
}

/** True for what is, or holds, an id, an address, a time: of an object whose text has its address, the inside is looked at. */
function isVolatile({ name, value, children = [] }: SnapshotVariable, context: WordContext): boolean {
  const { words } = wordsOf(value, context, unquoted(name) ?? name);
  return children.length === 0 ? words.length > 0 : words.some(({ kind }) => kind === "id" || kind === "time");
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
