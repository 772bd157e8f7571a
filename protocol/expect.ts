// What a hit is expected to be: which one is meant, and what its values must be.
//
// Rules
// - Nothing that is not said matters. What selects a hit (service, file, line, function, reason, request) and what must hold there
//   (values, where) are apart: a hit at the right place with a wrong value is told as that, not as one that is missing.
// - Values are those of the innermost frame, compared as `where` does; what cannot be judged does not hold.
import type { Hit, SnapshotFrame } from "./hit.ts";
import { compute, meets } from "./where.ts";
import type { Condition } from "./where-parse.ts";

export type ExpectedLiteral = string | number | boolean | null | readonly (string | number | boolean | null)[];

export interface ExpectedValue {
  /** `volume['size']`, `len(tags)`, as it is written. */
  readonly name: string;
  readonly expression: Condition;
  readonly value: ExpectedLiteral;
}

/** A hit, or several, that should be in a trace. */
export interface ExpectedHit {
  readonly service?: string;
  /** The end of a path. */
  readonly file?: string;
  /** Its number, or what its text has in it. */
  readonly line?: number | string;
  readonly function?: string;
  readonly reason?: string;
  /** Any name: hits of one name belong to one request, those of another to another. */
  readonly request?: string;
  readonly values: readonly ExpectedValue[];
  readonly where?: { readonly text: string; readonly condition: Condition };
  readonly times: Times;
}

export interface Times {
  readonly least: number;
  readonly most: number;
  /** As it is written; absent: once. */
  readonly text?: string;
}

export interface Expectation {
  /** strict: in this order. */
  readonly order: "strict" | "any";
  /** Whether there may be others. */
  readonly extra: "allow" | "refuse";
  readonly hits: readonly ExpectedHit[];
}

/** One value that is not as expected. */
export interface ValueFailure {
  readonly name: string;
  readonly expected: string;
  readonly found: string;
}

/** `lineText`: of the line that it stands at. The request is not looked at. */
export function isMeant(expected: ExpectedHit, hit: Hit, lineText: () => string | undefined): boolean {
  const { service, file, line, function: fn, reason } = expected;
  const [top] = hit.snapshot.frames;
  return (
    (service === undefined || hit.service === service) &&
    (reason === undefined || hit.reason === reason) &&
    (fn === undefined || top?.name === fn || top?.name.endsWith(`.${fn}`) === true) &&
    (file === undefined || endsWith(top?.path ?? "", file)) &&
    (line === undefined || (typeof line === "number" ? top?.line === line : lineText()?.includes(line) === true))
  );
}

/** Values that do not hold at a hit; none: it is as expected. */
export function valueFailures({ values, where }: ExpectedHit, { snapshot }: Hit): ValueFailure[] {
  const [frame] = snapshot.frames;
  const failures = values.flatMap(({ name, expression, value }) => {
    const right = literal(value);
    if (meets({ kind: "compare", first: expression, rest: [{ op: "==", right }] }, frame) === true) return [];
    const found = textOf(expression, frame) ?? "nothing that was captured";
    return [{ name, expected: textOf(right, frame) ?? "", found }];
  });
  if (where === undefined) return failures;
  const met = meets(where.condition, frame);
  if (met === true) return failures;
  const found = met === undefined ? "what cannot be judged by what was captured" : "false";
  return [...failures, { name: where.text, expected: "true", found }];
}

/** `create (api.py:12)` in the words of the expectation. */
export function expectedText({ service, file, line, function: fn, reason, request }: ExpectedHit): string {
  const place = [file, line].filter((part) => part !== undefined).join(typeof line === "string" ? ": " : ":");
  const parts = [
    service,
    fn === undefined ? place : place === "" ? fn : `${fn} (${place})`,
    reason,
    request === undefined ? undefined : `of request ${request}`,
  ];
  const text = parts.filter((part) => part !== undefined && part !== "").join("  ");
  return text === "" ? "any hit" : text;
}

function textOf(expression: Condition, frame: SnapshotFrame | undefined): string | undefined {
  return compute(expression, frame ?? { name: "" })?.value;
}

function literal(value: ExpectedLiteral): Condition {
  if (isList(value)) return { kind: "list", items: value.map(literal) };
  const isFloat = typeof value === "number" && !Number.isInteger(value);
  return { kind: "literal", value, ...(isFloat ? { float: true } : {}) };
}

function isList(value: ExpectedLiteral): value is Extract<ExpectedLiteral, readonly unknown[]> {
  return Array.isArray(value);
}

function endsWith(path: string, end: string): boolean {
  const [whole, wanted] = [path.replaceAll("\\", "/"), end.replaceAll("\\", "/").replace(/^(?:\.?\/)+/, "")];
  return whole === wanted || whole.endsWith(`/${wanted}`);
}
