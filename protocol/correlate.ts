// Values that tell which hits belong together, a request id for one, looked up in what was captured:
//
//   context.request_id     kwargs['request_id']     self.headers["X-Request-Id"]     items[0].id
//
// Rules
// - Nothing is evaluated: a step that has not been captured gives no value, and a call or an operator is no expression here.
// - The innermost frame that has the whole path wins.
import type { Snapshot } from "./hit.ts";
import { findValue, textOf, unescape, type Step } from "./value-path.ts";

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

function lookUp(steps: readonly Step[], { frames }: Pick<Snapshot, "frames">): string | undefined {
  for (const frame of frames) {
    const found = findValue(steps, frame);
    if (found !== undefined) return textOf(found);
  }
  return undefined;
}
