// Values that tell which hits belong together, a request id for one, looked up in what was captured:
//
//   context.request_id     kwargs['request_id']     self.headers["X-Request-Id"]     items[0].id
//
// Rules
// - Nothing is evaluated: a step that has not been captured gives no value, and a call or an operator is no expression here.
// - The innermost frame that has the whole path wins.
// - Debuggees print keys in their own ways: `'request_id'` (debugpy, pydevd), `request_id` (JavaScript), `[0]` (lldb, delve),
//   `00` (the first of many, pydevd). `.x` and `['x']` both find an attribute and a key, exact ones first: the same
//   expression then serves what is an object in one service and a dict in the other.
// - A string is given as it is, without the quotes of its repr: values are compared across wires, and pydevd's has none.
import type { Snapshot, SnapshotVariable } from "./hit.ts";

type Step = { readonly kind: "name" | "key"; readonly text: string } | { readonly kind: "index"; readonly at: number };

/** For each expression that has a value its text. */
export function correlate(expressions: readonly string[], snapshot: Pick<Snapshot, "frames">): Record<string, string> {
  const found: [string, string][] = [];
  for (const expression of expressions) {
    const steps = parsePath(expression);
    const value = steps === undefined ? undefined : lookUp(steps, snapshot);
    if (value !== undefined) found.push([expression, value]);
  }
  // Not by assignment: an expression may be called `__proto__`.
  return Object.fromEntries(found);
}

/** True for what {@link correlate} understands. */
export function isCorrelatePath(expression: string): boolean {
  return parsePath(expression) !== undefined;
}

function parsePath(expression: string): readonly Step[] | undefined {
  const first = /^\s*([\p{ID_Start}_$][\p{ID_Continue}$]*)/u.exec(expression);
  if (first === null) return undefined;
  const steps: Step[] = [{ kind: "name", text: first[1] ?? "" }];
  const step =
    /\s*(?:\.\s*([\p{ID_Start}_$][\p{ID_Continue}$]*)|\[\s*(?:(\d{1,15})|'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")\s*\])/uy;
  let at = first[0].length;
  while (expression.slice(at).trim() !== "") {
    step.lastIndex = at;
    const match = step.exec(expression);
    if (match === null) return undefined;
    const [whole, name, index, single, double] = match;
    if (name !== undefined) steps.push({ kind: "name", text: name });
    else if (index !== undefined) steps.push({ kind: "index", at: Number(index) });
    else steps.push({ kind: "key", text: unescape(single ?? double ?? "") });
    at += whole.length;
  }
  return steps;
}

function lookUp([first, ...rest]: readonly Step[], { frames }: Pick<Snapshot, "frames">): string | undefined {
  if (first?.kind !== "name") return undefined;
  for (const { scopes = [] } of frames) {
    for (const { variables } of scopes) {
      let at = variables.find(({ name }) => name === first.text);
      for (const step of rest) at = at?.children === undefined ? undefined : child(at.children, step);
      if (at !== undefined && at.failed !== true) return textOf(at);
    }
  }
  return undefined;
}

function child(children: readonly SnapshotVariable[], step: Step): SnapshotVariable | undefined {
  if (step.kind === "index") return children.find(({ name }) => indexOf(name) === step.at);
  const isName = ({ name }: SnapshotVariable): boolean => name === step.text;
  const isKey = ({ name }: SnapshotVariable): boolean => unquoted(name) === step.text;
  const [one, other] = step.kind === "name" ? [isName, isKey] : [isKey, isName];
  return children.find(one) ?? children.find(other);
}

function indexOf(name: string): number | undefined {
  const digits = /^(?:\[(\d{1,15})\]|(\d{1,15}))$/.exec(name);
  return digits === null ? undefined : Number(digits[1] ?? digits[2]);
}

/** The text of a value: that of a string without the quotes of its repr. */
export function textOf({ value }: Pick<SnapshotVariable, "value">): string {
  return unquoted(value) ?? value;
}

/** What a repr of a string stands for; undefined for anything else. */
function unquoted(text: string): string | undefined {
  const from = text.startsWith("b") ? 1 : 0;
  const quote = text[from];
  if ((quote !== "'" && quote !== '"') || text.length < from + 2 || !text.endsWith(quote)) return undefined;
  return unescape(text.slice(from + 1, -1));
}

const escapes: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r" };

function unescape(text: string): string {
  return text.replace(/\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|(.))/gs, (_, x?: string, u?: string, char = "") => {
    const code = x ?? u;
    return code === undefined ? (escapes[char] ?? char) : String.fromCharCode(Number.parseInt(code, 16));
  });
}
