// Secrets that were masked in a trace («redacted:1f9c22ab»), where what was recorded is to be said again: which there are, and the
// variable of the environment that each comes from.
//
//   X-Auth-Token: «redacted:1f9c22ab»       DEBUGTAP_SECRET_X_AUTH_TOKEN
//   {"password": "«redacted:1f9c22ab»"}     DEBUGTAP_SECRET_PASSWORD
//   --api-key «redacted:1f9c22ab»           DEBUGTAP_SECRET_API_KEY
//   https://me:«redacted:1f9c22ab»@host     DEBUGTAP_SECRET_1
//
// Rules
// - Equal markers are one secret, and have one variable. Of several secrets with one name the second is NAME_2.
// - A value takes the place of its marker as it is: nothing is quoted.
import { failedMarker } from "./redact.ts";

export interface MaskedWord {
  readonly marker: string;
  readonly variable: string;
  /** What stands before it: `X-Auth-Token`. */
  readonly name?: string;
}

const marker = /«redacted:(?:[0-9a-f]{8}|unreadable)»/g;
const prefix = "DEBUGTAP_SECRET_";
/** Characters before a marker in which its name is looked for. */
const before = 200;
const named = /(?:^|[^\w.-])-{0,2}([A-Za-z][\w.-]*)["']?\s*[:=]\s*["']?(?:(?:Bearer|Basic|Token)\s+)?["']?$/i;
const option = /(?:^|\n)--?([A-Za-z][\w-]*)\n$/;

/** Secrets of texts that stand one behind the other, such as the arguments of a command; in their order. */
export function maskedWords(texts: readonly string[]): MaskedWord[] {
  const all = texts.join("\n");
  const found = new Map<string, MaskedWord>();
  const taken = new Set<string>();
  let unnamed = 0;
  for (const { 0: text, index } of all.matchAll(marker)) {
    if (text === failedMarker || found.has(text)) continue;
    const name = nameOf(all.slice(Math.max(0, index - before), index), all[index + text.length]);
    const base = prefix + (name?.replaceAll(/[^A-Za-z0-9]+/g, "_").toUpperCase() ?? ++unnamed);
    let variable = base;
    for (let nth = 2; taken.has(variable); nth++) variable = `${base}_${nth}`;
    taken.add(variable);
    found.set(text, { marker: text, variable, ...(name === undefined ? {} : { name }) });
  }
  return [...found.values()];
}

/** Something stood here that could not be looked through: it cannot be said again. */
export function isUnreadable(text: string): boolean {
  return text.includes(failedMarker);
}

/** The text with the secrets in place of their markers. */
export function unmasked(text: string, values: ReadonlyMap<string, string>): string {
  return text.replace(marker, (found) => values.get(found) ?? found);
}

function nameOf(text: string, next: string | undefined): string | undefined {
  // The user of an URL is no name.
  if (next === "@") return undefined;
  return (option.exec(text) ?? named.exec(text))?.[1];
}
