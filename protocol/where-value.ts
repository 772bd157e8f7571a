// A captured value as conditions and expressions work with it.
//
// Rules
// - What was not captured, or was cut before the part that matters, is unknown: undefined.
// - pydevd shows strings without quotes: its type tells. An object is what its debuggee printed, with the children that were captured.
import type { SnapshotVariable } from "./hit.ts";
import { child, indexOf, unquoted } from "./value-path.ts";

/** A value as far as it is known; undefined: not at all. `cut`: a string of which only the beginning is. */
export type Value =
  | { readonly kind: "none" }
  | { readonly kind: "number"; readonly value: number | bigint; readonly as?: "bool" | "float" }
  | { readonly kind: "string"; readonly text: string; readonly cut: boolean; readonly as?: "bytes" }
  | { readonly kind: "list"; readonly items: readonly (Value | undefined)[]; readonly as?: "tuple" }
  | { readonly kind: "object"; readonly variable: SnapshotVariable }
  | undefined;

const bytes = { as: "bytes" } as const;
const stringTypes = new Set(["str", "string", "unicode", "bytes", "String", "&str", "std::string"]);
const dictTypes = /(?:[dD]ict|mappingproxy|_Environ)$|^Map$|^map\[/;

export function booleanOf(met: boolean): Value {
  return { kind: "number", value: met ? 1 : 0, as: "bool" };
}

export function valueOf(variable: SnapshotVariable): Value {
  const { value, type, cut, failed } = variable;
  if (failed) return undefined;
  const quoted = unquoted(value);
  if (cut?.by === "string" && (stringTypes.has(type ?? "") || /^b?['"]/.test(value)))
    return { kind: "string", text: value.replace(/^b?['"]/, ""), cut: true };
  if (quoted !== undefined)
    return { kind: "string", text: quoted, cut: false, ...(value.startsWith("b") ? bytes : {}) };
  if (stringTypes.has(type ?? ""))
    return { kind: "string", text: value, cut: false, ...(type === "bytes" ? bytes : {}) };
  if (/^(?:None|null|nil|undefined)$/.test(value)) return { kind: "none" };
  if (/^(?:True|true)$/.test(value)) return booleanOf(true);
  if (/^(?:False|false)$/.test(value)) return booleanOf(false);
  if (/^[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/.test(value)) {
    const number = Number(value);
    return {
      kind: "number",
      value: /^[+-]?\d+$/.test(value) && !Number.isSafeInteger(number) ? BigInt(value) : number,
      ...(/^[+-]?\d+$/.test(value) ? {} : { as: "float" }),
    };
  }
  return { kind: "object", variable };
}

function isKey(name: string, at: Value): boolean {
  if (at?.kind === "string") return !at.cut && (unquoted(name) ?? name) === at.text;
  return at?.kind === "number" && name === String(at.value);
}

/** Of a list, a string or a dict; undefined where it was not captured. */
export function itemOf(of: Value, at: Value): Value {
  if (of?.kind === "object" && isCollection(of.variable) && isDict(of.variable)) {
    const found = of.variable.children?.find(({ name }) => isKey(name, at));
    return found && valueOf(found);
  }
  if (at?.kind !== "number" || at.as === "float") return undefined;
  const wanted = Number(at.value);
  const length = lengthOf(of);
  if (wanted < 0 && length === undefined) return undefined;
  const index = wanted < 0 ? wanted + (length ?? 0) : wanted;
  if (of?.kind === "list") return of.items[index];
  if (of?.kind === "string") {
    if (of.cut || of.as !== undefined) return undefined;
    const found = Array.from(of.text)[index];
    return found === undefined ? undefined : { kind: "string", text: found, cut: false };
  }
  if (of?.kind !== "object" || !isCollection(of.variable)) return undefined;
  const found = of.variable.children?.find(({ name }) => indexOf(name) === index);
  return found && valueOf(found);
}

/** An attribute of an object, or what its dict has at that key. */
export function memberOf(of: Value, name: string): Value {
  const found = of?.kind === "object" ? child(of.variable.children ?? [], { kind: "name", text: name }) : undefined;
  return found && valueOf(found);
}

export function lengthOf(value: Value): number | undefined {
  if (value?.kind === "string") return value.cut ? undefined : Array.from(value.text).length;
  if (value?.kind === "list") return value.items.length;
  if (value?.kind !== "object" || !isCollection(value.variable)) return undefined;
  const { children = [], cut } = value.variable;
  if (cut === undefined) return children.length;
  return cut.by === "string" ? undefined : cut.of;
}

/** All items of a list, in order; undefined when it is none, or some are missing. */
export function itemsOf(variable: SnapshotVariable): readonly SnapshotVariable[] | undefined {
  if (!isCollection(variable) || isDict(variable) || variable.cut !== undefined) return undefined;
  return variable.children ?? [];
}

export function isCollection({ value, type = "", children = [] }: SnapshotVariable): boolean {
  return (
    /^[([{]|^(?:set|frozenset|OrderedDict|defaultdict|deque|Array|Map|Set)\(/.test(value) ||
    /^(?:list|tuple|set|frozenset|deque|Array|Set)$/.test(type) ||
    dictTypes.test(type) ||
    (children.length > 0 && children.every(({ name }) => indexOf(name) !== undefined))
  );
}

export function isDict({ value, type = "", children = [] }: SnapshotVariable): boolean {
  if (dictTypes.test(type)) return true;
  return value.startsWith("{") && !/set/i.test(type) && children.some(({ name }) => indexOf(name) === undefined);
}
