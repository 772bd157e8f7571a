// JSON from a peer: nothing about it is known until it is looked at.

// One for all: it keeps no state between calls. A byte order mark is no JSON, so it may stay to be refused.
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

export function decodeText(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}

/** The value, or undefined for what is not JSON in UTF-8. */
export function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(decoder.decode(bytes));
  } catch {
    return undefined;
  }
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** An object without members for what is none. */
export function asObject(value: unknown): Record<string, unknown> {
  return isObject(value) ? value : {};
}

/** `value[key][key]…`, undefined as soon as one is missing. */
export function member(value: unknown, ...keys: readonly string[]): unknown {
  let at = value;
  for (const key of keys) {
    if (!isObject(at) || !Object.hasOwn(at, key)) return undefined;
    at = at[key];
  }
  return at;
}

/** A value as it may stand in a sentence: `String` would call what a peer may have put in its place. */
export function sayJson(value: unknown): string {
  const text: string | undefined = JSON.stringify(value);
  return (text ?? "undefined").slice(0, 100);
}

/** The elements of `value[key]…`, none when it is not an array. */
export function elements(value: unknown, ...keys: readonly string[]): readonly unknown[] {
  const at = member(value, ...keys);
  return Array.isArray(at) ? at : [];
}
