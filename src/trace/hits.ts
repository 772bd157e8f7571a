// A hit as a record: as it was captured, or with less where it is too large for one.
//
// Rules
// - The capture's limits have cut it already: its texts are stored as they are.
// - What is read is looked at all the way down before it is called a hit: whoever shows it may trust its types.
// - What has no room is left out in steps, and marked: first the values of all frames, then the frames too, and long texts.
import type { Hit, SnapshotFrame } from "../../protocol/hit.ts";
import { isObject } from "../../protocol/json.ts";
import { jsonPayload } from "./batch.ts";

const encoder = new TextEncoder();
/** Levels of values that are believed. */
const maxDepth = 64;

/** The record's payload, of at most `most` bytes. */
export function hitPayload(session: number, hit: Hit, most: number): Uint8Array {
  const whole = encoder.encode(JSON.stringify({ session, hit }));
  if (whole.length <= most) return whole;
  const { snapshot, correlated: _, uncorrelated: __, ...head } = hit;
  const frames = snapshot.frames.map((frame) => withoutValues(frame));
  const stack = encoder.encode(JSON.stringify({ session, hit: { ...hit, snapshot: { ...snapshot, frames } } }));
  if (stack.length <= most) return stack;
  const cut = { by: "bytes", of: snapshot.frames.length };
  return jsonPayload({ session, hit: { ...head, snapshot: { took: snapshot.took, frames: [], cut } } });
}

function withoutValues(frame: SnapshotFrame): SnapshotFrame {
  const { scopes, ...rest } = frame;
  return scopes === undefined ? frame : { ...rest, cut: { by: "bytes" } };
}

export function isHit(value: unknown): value is Hit {
  return (
    isObject(value) &&
    has(value, "number", "number", "at") &&
    has(value, "string", "session", "service", "reason") &&
    may(value, "string", "text", "process", "breakpoint") &&
    may(value, "number", "trigger") &&
    isObject(value["thread"]) &&
    ["string", "number"].includes(typeof value["thread"]["id"]) &&
    may(value["thread"], "string", "name") &&
    (value["correlated"] === undefined || isTexts(value["correlated"])) &&
    (value["uncorrelated"] === undefined || isTexts(value["uncorrelated"])) &&
    isObject(value["snapshot"]) &&
    has(value["snapshot"], "number", "took") &&
    isCut(value["snapshot"]["cut"]) &&
    isList(value["snapshot"]["frames"], isFrame)
  );
}

function isFrame(value: unknown): boolean {
  return (
    isObject(value) &&
    has(value, "string", "name") &&
    may(value, "string", "path", "source") &&
    may(value, "number", "line", "column") &&
    isCut(value["cut"]) &&
    (value["scopes"] === undefined || isList(value["scopes"], isScope))
  );
}

function isScope(value: unknown): boolean {
  return (
    isObject(value) &&
    has(value, "string", "name") &&
    isCut(value["cut"]) &&
    isList(value["variables"], (variable) => isVariable(variable, 1))
  );
}

function isVariable(value: unknown, depth: number): boolean {
  return (
    isObject(value) &&
    has(value, "string", "name", "value") &&
    may(value, "string", "type") &&
    isCut(value["cut"]) &&
    (value["children"] === undefined ||
      (depth < maxDepth && isList(value["children"], (child) => isVariable(child, depth + 1))))
  );
}

function isCut(value: unknown): boolean {
  return value === undefined || (isObject(value) && has(value, "string", "by") && may(value, "number", "of"));
}

function isTexts(value: unknown): boolean {
  return isObject(value) && Object.values(value).every((text) => typeof text === "string");
}

function isList(value: unknown, isItem: (item: unknown) => boolean): boolean {
  return Array.isArray(value) && value.every(isItem);
}

function has(value: Record<string, unknown>, type: "string" | "number", ...keys: readonly string[]): boolean {
  return keys.every((key) => typeof value[key] === type);
}

/** Those that are there. */
function may(value: Record<string, unknown>, type: "string" | "number", ...keys: readonly string[]): boolean {
  return keys.every((key) => value[key] === undefined || typeof value[key] === type);
}
