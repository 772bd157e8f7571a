// Whether the values captured at a hit meet a condition: `len(tags) > 2 and context.project_id == 'demo'`.
//
// Rules
// - Nothing runs: names are those of the innermost frame, as they were captured. The grammar is in where-parse.ts.
// - What was not captured, was cut before the place that matters, or cannot be compared is unknown, and what depends on it is
//   too: `unknown or True` is true, `not unknown` is unknown. Whoever asks counts these.
// - Arithmetic is that of Python: whole numbers are exact, `/` gives a float, `//` and `%` go to the lower side.
// - As in Python: True is 1, a string is no number, `in` looks at the keys of a dict. Unlike Python an object that prints like a
//   string equals it: pydevd shows no quotes.
import type { SnapshotFrame, SnapshotVariable } from "./hit.ts";
import { findValue, textOf } from "./value-path.ts";
import { arithmetic, negated as negative, printed } from "./where-arithmetic.ts";
import type { CompareOp, Condition } from "./where-parse.ts";
import { booleanOf, isCollection, isDict, itemOf, itemsOf, lengthOf, memberOf, valueOf } from "./where-value.ts";
import type { Value } from "./where-value.ts";

type Truth = boolean | undefined;

/** Undefined: it cannot be said by what was captured. */
export function meets(condition: Condition, frame: SnapshotFrame | undefined): Truth {
  return truth(condition, frame ?? { name: "" });
}

/** What an expression gives, as Python prints it; undefined: it cannot be said by what was captured. */
export function compute(
  condition: Condition,
  frame: SnapshotFrame,
): { readonly value: string; readonly type?: string; readonly variable?: SnapshotVariable } | undefined {
  const value = evaluate(condition, frame);
  if (value === undefined || !isKnown(value)) return undefined;
  if (value.kind !== "object") return printed(value);
  const { variable } = value;
  return { value: variable.value, ...(variable.type === undefined ? {} : { type: variable.type }), variable };
}

function isKnown(value: Value): boolean {
  return value?.kind === "list" ? value.items.every((item) => isKnown(item)) : value !== undefined;
}

function truth(condition: Condition, frame: SnapshotFrame): Truth {
  switch (condition.kind) {
    case "and":
    case "or": {
      const decides = condition.kind === "or";
      let result: Truth = !decides;
      for (const part of condition.parts) {
        const met = truth(part, frame);
        if (met === decides) return decides;
        if (met === undefined) result = undefined;
      }
      return result;
    }
    case "not":
      return negated(truth(condition.of, frame));
    case "compare": {
      let left = evaluate(condition.first, frame);
      let result: Truth = true;
      for (const { op, right: next } of condition.rest) {
        const right = evaluate(next, frame);
        const met = compare(op, left, right);
        if (met === false) return false;
        if (met === undefined) result = undefined;
        left = right;
      }
      return result;
    }
    default:
      return isTrue(evaluate(condition, frame));
  }
}

function evaluate(condition: Condition, frame: SnapshotFrame): Value {
  switch (condition.kind) {
    case "literal":
      if (condition.value === null) return { kind: "none" };
      if (typeof condition.value === "boolean") return booleanOf(condition.value);
      if (typeof condition.value === "string") return { kind: "string", text: condition.value, cut: false };
      if (condition.value === Infinity || condition.value === -Infinity) return undefined;
      return { kind: "number", value: condition.value, ...(condition.float ? { as: "float" } : {}) };
    case "path": {
      const variable = findValue(condition.steps, frame);
      if (variable !== undefined) return valueOf(variable);
      // A string has no children: `name[0]` is told from its text.
      const last = condition.steps.at(-1);
      if (last?.kind !== "index") return undefined;
      const of = findValue(condition.steps.slice(0, -1), frame);
      return of && itemOf(valueOf(of), { kind: "number", value: last.at });
    }
    case "list": {
      const items = condition.items.map((item) => evaluate(item, frame));
      return { kind: "list", items, ...(condition.tuple ? { as: "tuple" } : {}) };
    }
    case "len": {
      const length = lengthOf(evaluate(condition.of, frame));
      return length === undefined ? undefined : { kind: "number", value: length };
    }
    case "negative":
      return negative(evaluate(condition.of, frame));
    case "arithmetic":
      return arithmetic(condition.op, evaluate(condition.left, frame), evaluate(condition.right, frame));
    case "item":
      return itemOf(evaluate(condition.of, frame), evaluate(condition.at, frame));
    case "member":
      return memberOf(evaluate(condition.of, frame), condition.name);
    case "and":
    case "or":
      return deciding(condition, frame);
    default: {
      const met = truth(condition, frame);
      return met === undefined ? undefined : booleanOf(met);
    }
  }
}

/** The part that decides an `and` or `or`, or the last one: that is its value, as in Python. */
function deciding({ kind, parts }: Extract<Condition, { kind: "and" | "or" }>, frame: SnapshotFrame): Value {
  let value: Value;
  for (const part of parts) {
    value = evaluate(part, frame);
    const met = isTrue(value);
    if (met === undefined && part !== parts.at(-1)) return undefined;
    if (met === (kind === "or")) return value;
  }
  return value;
}

function compare(op: CompareOp, left: Value, right: Value): Truth {
  switch (op) {
    case "==":
      return equal(left, right);
    case "!=":
      return negated(equal(left, right));
    case "in":
      return contains(right, left);
    case "not in":
      return negated(contains(right, left));
    case "<":
      return less(left, right);
    case ">":
      return less(right, left);
    case "<=":
      return negated(less(right, left));
    default:
      return negated(less(left, right));
  }
}

function equal(left: Value, right: Value): Truth {
  if (left === undefined || right === undefined) return undefined;
  if (left.kind === "object" || right.kind === "object") return equalObject(left, right);
  if (left.kind === "list" && right.kind === "list") return equalItems(left.items, right.items);
  if (left.kind === "string" && right.kind === "string") {
    const [long, short] = left.text.length >= right.text.length ? [left, right] : [right, left];
    if (!left.cut && !right.cut) return left.text === right.text;
    // A whole one that is shorter than what is known of the other is another; so is what begins otherwise.
    return long.text.startsWith(short.text) && (short.cut || long.text === short.text) ? undefined : false;
  }
  if (left.kind === "number" && right.kind === "number") return order(left.value, right.value) === 0;
  return left.kind === right.kind;
}

function equalObject(left: Exclude<Value, undefined>, right: Exclude<Value, undefined>): Truth {
  const [object, other] = left.kind === "object" ? [left, right] : [right, left];
  if (object.kind !== "object" || other.kind === "none") return false;
  const { variable } = object;
  const items = itemsOf(variable);
  if (other.kind === "list") return items === undefined ? undefined : equalItems(items.map(valueOf), other.items);
  if (other.kind === "string")
    return variable.value === other.text ? true : variable.cut?.by === "string" ? undefined : false;
  return other.kind === "object" && variable.value === other.variable.value ? true : undefined;
}

function equalItems(left: readonly Value[], right: readonly Value[]): Truth {
  if (left.length !== right.length) return false;
  const each = new Set(left.map((item, i) => equal(item, right[i])));
  return each.has(false) ? false : each.has(undefined) ? undefined : true;
}

function less(left: Value, right: Value): Truth {
  if (left?.kind === "number" && right?.kind === "number") return order(left.value, right.value) < 0;
  if (left?.kind !== "string" || right?.kind !== "string") return undefined;
  if (!left.cut && !right.cut) return left.text < right.text;
  const length = Math.min(left.text.length, right.text.length);
  const [a, b] = [left.text.slice(0, length), right.text.slice(0, length)];
  return a === b ? undefined : a < b;
}

function order(left: number | bigint, right: number | bigint): number {
  return left < right ? -1 : left > right ? 1 : 0;
}

function contains(container: Value, item: Value): Truth {
  if (container === undefined || item === undefined) return undefined;
  if (container.kind === "list") return isAmong(item, container.items);
  if (container.kind === "string") {
    if (item.kind !== "string" || item.cut) return undefined;
    return container.text.includes(item.text) ? true : container.cut ? undefined : false;
  }
  if (container.kind !== "object" || !isCollection(container.variable)) return undefined;
  const { children = [], cut } = container.variable;
  const found = isDict(container.variable)
    ? isAmong(
        item,
        children.map(({ name }) => valueOf({ name, value: name })),
      )
    : isAmong(item, children.map(valueOf));
  return found === false && cut !== undefined ? undefined : found;
}

function isAmong(item: Value, items: readonly Value[]): Truth {
  const each = new Set(items.map((other) => equal(item, other) ?? (sameText(item, other) ? true : undefined)));
  return each.has(true) ? true : each.has(undefined) ? undefined : false;
}

/** Names of JavaScript's keys have no quotes. */
function sameText(item: Value, other: Value): boolean {
  return item?.kind === "string" && other?.kind === "object" && textOf(other.variable) === item.text;
}

function isTrue(value: Value): Truth {
  if (value === undefined) return undefined;
  if (value.kind === "none") return false;
  if (value.kind === "number") return Number(value.value) !== 0;
  if (value.kind === "string" && value.cut) return true;
  const length = lengthOf(value);
  return length === undefined ? undefined : length > 0;
}

function negated(met: Truth): Truth {
  return met === undefined ? undefined : !met;
}
