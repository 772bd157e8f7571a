// The words of a hit, by which it is found: those in its names and values, at whatever depth.
//
// Rules
// - A word is a run of letters, digits and `_ - . / @ :` in lower case, so `req-1234-ab`, `/opt/app/app.py` and `user@host` are one
//   each; quotes, brackets, `=` and backslashes part words. Dots and colons at its ends are no part of it. What is not ASCII never does: that a word is too long does no harm.
// - A text that is searched for is cut in the same way; a hit has it when each of its words stands somewhere in a word of the hit.
import type { Hit, SnapshotVariable } from "./hit.ts";

const partsWords = Uint8Array.from({ length: 128 }, (_, code) =>
  /[\w\-./@:]/.test(String.fromCharCode(code)) ? 0 : 1,
);

/** In the order of the text; the same one may come again. */
export function wordsOf(text: string): string[] {
  const folded = fold(text);
  const words: string[] = [];
  let start = 0;
  for (let at = 0; at <= folded.length; at++) {
    if (at < folded.length && partsWords[folded.charCodeAt(at)] !== 1) continue;
    let end = at;
    while (start < end && isStop(folded.charCodeAt(start))) start++;
    while (start < end && isStop(folded.charCodeAt(end - 1))) end--;
    if (end > start) words.push(folded.slice(start, end));
    start = at + 1;
  }
  return words;
}

/** A dot or a colon. */
function isStop(code: number): boolean {
  return code === 46 || code === 58;
}

/** Lower case, the same for a part of a word as for the whole: Greek has a small letter for the end of one. */
function fold(text: string): string {
  return text.toLowerCase().replaceAll("ς", "σ");
}

/** Whether each of `words` stands in a word of the hit. */
export function hasWords(hit: Hit, words: readonly string[]): boolean {
  const missing = new Set(words);
  for (const text of textsOf(hit)) {
    if (missing.size === 0) break;
    for (const word of wordsOf(text)) for (const part of missing) if (word.includes(part)) missing.delete(part);
  }
  return missing.size === 0;
}

/** What a hit says: its own words, its stack, and all names, types and values. */
export function* textsOf({ reason, text, thread, process, correlated = {}, snapshot }: Hit): Generator<string> {
  yield reason;
  if (text !== undefined) yield text;
  if (thread.name !== undefined) yield thread.name;
  if (process !== undefined) yield process;
  for (const [expression, value] of Object.entries(correlated)) {
    yield expression;
    yield value;
  }
  for (const { name, path, scopes = [] } of snapshot.frames) {
    yield name;
    if (path !== undefined) yield path;
    for (const { variables } of scopes) yield* textsOfVariables(variables);
  }
}

function* textsOfVariables(variables: readonly SnapshotVariable[]): Generator<string> {
  for (const { name, type, value, children } of variables) {
    yield name;
    if (type !== undefined) yield type;
    yield value;
    if (children !== undefined) yield* textsOfVariables(children);
  }
}
