// Where a captured value is: a name and steps from it, `context.request_id`, `volume['size']`, `items[0].id`.
//
// Rules
// - Debuggees print keys in their own ways: `'request_id'` (debugpy, pydevd), `request_id` (JavaScript), `[0]` (lldb, delve),
//   `00` (the first of many, pydevd). `.x` and `['x']` both find an attribute and a key, exact ones first: the same
//   expression then serves what is an object in one service and a dict in the other.
// - A string is given as it is, without the quotes of its repr: values are compared across wires, and pydevd's has none.
import type { SnapshotFrame, SnapshotVariable } from "./hit.ts";

export type Step =
  | { readonly kind: "name" | "key"; readonly text: string }
  | { readonly kind: "index"; readonly at: number };

/** In the first scope of a frame that has the whole path; undefined where none has, or where its repr failed. */
export function findValue(steps: readonly Step[], frame: SnapshotFrame): SnapshotVariable | undefined {
  return allAt(steps, frame).find(({ failed }) => failed !== true);
}

/** As {@link findValue}, but what stands in place of a repr that failed is a value too. */
export function findShown(steps: readonly Step[], frame: SnapshotFrame): SnapshotVariable | undefined {
  return allAt(steps, frame)[0];
}

/** One of each scope that has the whole path. */
function allAt([first, ...rest]: readonly Step[], { scopes = [] }: SnapshotFrame): readonly SnapshotVariable[] {
  if (first?.kind !== "name") return [];
  return scopes.flatMap(({ variables }) => {
    let at = variables.find(({ name }) => name === first.text);
    for (const step of rest) at = at?.children === undefined ? undefined : child(at.children, step);
    return at ?? [];
  });
}

export function child(children: readonly SnapshotVariable[], step: Step): SnapshotVariable | undefined {
  if (step.kind === "index") return children.find(({ name }) => indexOf(name) === step.at);
  const isName = ({ name }: SnapshotVariable): boolean => name === step.text;
  const isKey = ({ name }: SnapshotVariable): boolean => unquoted(name) === step.text;
  const [one, other] = step.kind === "name" ? [isName, isKey] : [isKey, isName];
  return children.find(one) ?? children.find(other);
}

/** The number of an item by its name; undefined when it is no item of a list. */
export function indexOf(name: string): number | undefined {
  const digits = /^(?:\[(\d{1,15})\]|(\d{1,15}))$/.exec(name);
  return digits === null ? undefined : Number(digits[1] ?? digits[2]);
}

/** The text of a value: that of a string without the quotes of its repr. */
export function textOf({ value }: Pick<SnapshotVariable, "value">): string {
  return unquoted(value) ?? value;
}

/** What a repr of a string stands for; undefined for anything else. */
export function unquoted(text: string): string | undefined {
  const from = text.startsWith("b") ? 1 : 0;
  const quote = text[from];
  if ((quote !== "'" && quote !== '"') || text.length < from + 2 || !text.endsWith(quote)) return undefined;
  return unescape(text.slice(from + 1, -1));
}

const escapes: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r" };

/** The text that stands between the quotes of a literal, without its backslashes. */
export function unescape(text: string): string {
  return text.replace(/\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|(.))/gs, (_, x?: string, u?: string, char = "") => {
    const code = x ?? u;
    return code === undefined ? (escapes[char] ?? char) : String.fromCharCode(Number.parseInt(code, 16));
  });
}

/** The path of a value within another, as conditions take it: `volume['size']`, `items[0]`, `self.name`. */
export function pathWithin(before: string, name: string): string {
  if (before === "") return name;
  if (/^\d+$/.test(name)) return `${before}[${Number(name)}]`;
  if (name.startsWith("[")) return before + name;
  return unquoted(name) === undefined ? `${before}.${name}` : `${before}[${name}]`;
}
