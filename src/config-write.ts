// Puts a `source:` into the text of a debugtap.yml, and changes nothing else of it: comments, order and spacing stay.
//
// Rules
// - The key stands at the end of a service in braces, and first in one that is written in lines: both ends are known without
//   guessing where comments belong.
// - What was changed is read again by whoever writes it; a service that is an alias, or merged, is not touched.
import { isMap, isScalar, isSeq, parseDocument } from "yaml";
import { DebugtapError } from "../protocol/errors.ts";

export interface SourcePair {
  readonly local: string;
  readonly remote: string;
}

/** One line, as YAML and, with `json`, as JSON too. */
export function sourceLine(pairs: readonly SourcePair[], json = false): string {
  const text = (value: string): string =>
    json || !/^[/~][A-Za-z0-9/~._@+-]*$/.test(value) ? JSON.stringify(value) : value;
  const key = (name: string): string => (json ? JSON.stringify(name) : name);
  const items = pairs.map(
    ({ local, remote }) => `{ ${key("local")}: ${text(local)}, ${key("remote")}: ${text(remote)} }`,
  );
  return `${key("source")}: ${items.length === 1 ? items.join("") : `[${items.join(", ")}]`}`;
}

/** The text with this as the service's `source`, in place of one that is there. Throws DT_CONFIG_INVALID. */
export function withSource(text: string, service: string, pairs: readonly SourcePair[]): string {
  const document = parseDocument(text, { logLevel: "error" });
  const map: unknown = document.getIn(["services", service], true);
  if (!isMap(map) || map.range === null || map.range === undefined) throw notWritable(service);
  const [from, to] = map.range;
  const [first] = map.items;
  const firstKey = first?.key;
  if (!isScalar(firstKey) || firstKey.range === null || firstKey.range === undefined) throw notWritable(service);
  const json = text[firstKey.range[0]] === '"' && map.flow === true;
  const line = sourceLine(pairs, json);
  const present = map.items.find(({ key }) => isScalar(key) && key.value === "source");
  if (present !== undefined) {
    const span = spanOf(present.key, present.value);
    if (span === undefined) throw notWritable(service);
    const end = span.from + text.slice(span.from, span.to).trimEnd().length;
    return text.slice(0, span.from) + line + text.slice(end);
  }
  if (map.flow === true) {
    const close = text.lastIndexOf("}", to - 1);
    if (close <= from) throw notWritable(service);
    const before = text.slice(0, close).trimEnd();
    const comma = before.endsWith(",") ? " " : ", ";
    return before + comma + line + text.slice(before.length);
  }
  const at = firstKey.range[0];
  const indent = /[^\n]*$/.exec(text.slice(0, at))?.[0] ?? "";
  if (indent.trim() !== "") throw notWritable(service);
  return `${text.slice(0, at)}${line}\n${indent}${text.slice(at)}`;
}

function spanOf(key: unknown, value: unknown): { readonly from: number; readonly to: number } | undefined {
  const [from] = rangeOf(key);
  const to = endOf(value);
  return from === undefined || to === undefined ? undefined : { from, to };
}

/** Of what is written in lines, the end of the last line's value: what follows may be a comment on something else. */
function endOf(node: unknown): number | undefined {
  if (isSeq(node) && node.flow !== true && node.items.length > 0) return endOf(node.items.at(-1));
  if (isMap(node) && node.flow !== true && node.items.length > 0) return endOf(node.items.at(-1)?.value);
  return rangeOf(node)[1];
}

/** Where a node begins and ends; empty for what is none. */
function rangeOf(node: unknown): number[] {
  const range: unknown = Reflect.get(Object(node), "range");
  return Array.isArray(range) ? range.map(Number) : [];
}

function notWritable(service: string): DebugtapError {
  return new DebugtapError("DT_CONFIG_INVALID", `the source of ${service} cannot be put into the file`, {
    why: "its service is not a plain map there",
    fix: `debugtap paths ${service}`,
  });
}
