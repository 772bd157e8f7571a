// Secrets in sentences and tables, which have no sign between name and value.
//
//   password 'x'   the password is x1   new password for server: x1   password was changed to x1   | adminPass | x |
//
// Rules
// - What stands in quotes behind the name of a password is one. Another word is one when it does not read like a word: with a digit, a
//   capital within, or a sign. `password is required` stays, and so do short numbers, dates, paths and names of hashes.
// - `password is: x` says any word, if it is the last one.
// - Of a table with two columns, such as openstack prints, the second is the value of the first, if it is one word and none like `Name`.
import { textValue } from "./secret-values.ts";
import type { SecretKind, SecretNames } from "./secret-names.ts";
import type { Range } from "./secret-patterns.ts";

const quotedBehind = /(?<![\w$@.%-])([A-Za-z_][\w.-]{0,80}) +(?:is +)?(?=[bu]?\\*["'])/g;
/** What may begin behind a name. */
const saying = /[ \t](?:(?:is|was|has|to|for|of)\b|\()/g;
const nameBefore = /(?<![\w$@.%/-])([A-Za-z_][\w.-]{0,80})[ \t]*$/;
/** Whose it is, and the verb or the colon. */
const link =
  /(?:[ \t]+(?:for|of)(?:[ \t]+[\w.@'"-]{1,64}){1,3}?|[ \t]+\([^()\r\n]{1,60}\))?(?:[ \t]+(?:(?:is|was|has been)(?: now)?(?: (?:re)?set to| changed to)?|to)(:)?|:)[ \t]+/y;
const word = /[^\s"'`<>()[\]{}|,;\\]{4,}/y;
const row = /(?:^|[\r\n]|\\n)[ \t]*\|[ \t]*([A-Za-z][^|\r\n\\]{1,80})\|([^|\r\n\\]+)\|(?=[ \t]*(?:[\r\n]|\\+[rn]|$))/dg;

/** What a cell says that is no value: a heading, a type, words. */
const title = /^[A-Z][a-z]+$|^(?:string|str|bytes|text|object)$|\s/;

/** `kindOf`: of the name at a place of the text. */
export function byProse(
  text: string,
  names: SecretNames,
  kindOf: (at: number, name: string) => SecretKind | undefined,
  add: (value: Range | undefined, kind: SecretKind) => void,
): void {
  for (const match of text.matchAll(quotedBehind)) {
    const name = match[1] ?? "";
    if (names.kind(name) === "one" && /pass|secret|pwd/i.test(name))
      add(textValue(text, match.index + match[0].length), "one");
  }
  for (const match of text.matchAll(saying)) {
    const name = nameBefore.exec(text.slice(Math.max(0, match.index - 100), match.index))?.[1];
    if (name === undefined || kindOf(match.index - name.length, name) !== "one") continue;
    link.lastIndex = match.index;
    const isSaid = link.exec(text)?.[1] === ":";
    if (link.lastIndex === 0) continue;
    word.lastIndex = link.lastIndex;
    const from = word.lastIndex;
    const found = unended(word.exec(text)?.[0] ?? "");
    const isLast = /^[.!?]?(?:[\s"'`]*$|["'`)\]},;]|\s*[\r\n]|\\|\. )/.test(
      text.slice(from + found.length, from + found.length + 20),
    );
    if ((isSaid && isLast) || !isProse(found)) add({ from, to: from + found.length }, "one");
  }
  if (!text.includes("|")) return;
  for (const match of text.matchAll(row)) {
    const kind = names.kind((match[1] ?? "").trim());
    const cell = match[2] ?? "";
    const said = cell.trim();
    const from = (match.indices?.[2]?.[0] ?? 0) + cell.indexOf(said);
    if (kind !== undefined && kind !== "pair" && !title.test(said)) add({ from, to: from + said.length }, kind);
  }
}

/** Without the signs that end a sentence. */
function unended(said: string): string {
  let end = said.length;
  while (end > 0 && ".:!?".includes(said[end - 1] ?? "")) end--;
  return said.slice(0, end);
}

/** What reads like a word of a sentence, and what says something of a secret and not the secret. */
function isProse(said: string): boolean {
  return (
    /^(?:[A-Z]?[a-z]*|[A-Z]+)(?:['’/-][A-Z]?[a-z]*)*$/.test(said) ||
    // Names of a program: `token is my_token`, `Token.end`, `AnyToken`.
    /^[*_]+[A-Za-z]+[*_]+$|^_*[A-Za-z]+(?:[._]+[A-Za-z]+)+$|^(?:[A-Z][a-z]+){2,}$/.test(said) ||
    /^[\d.,%+-]{0,5}[a-z]{0,2}$/.test(said) ||
    /^\d{4}-\d\d-|^[./~]|:\/\/|^(?:sha|md|base|utf|uuid|v|aes|rsa)[-_]?\d/i.test(said)
  );
}
