// Secrets in a text of any kind: a repr, a log line, headers, a command line, a query string, JSON within text, a line of code.
//
//   password='x'   "token": "x"   X-Auth-Token: x   --secret x   ('cookie', 'x')   <password>x</password>
//
//   and what secret-patterns.ts knows by its look, secret-commands.ts by its program, secret-fields.ts by what stands beside it, and
//   secret-prose.ts in a sentence
//
// Rules
// - Only the value is a secret, never its name, its quotes or what stands beside it. What says that there is none stays: see isHarmless.
// - A word behind `name =` or `name: ` at the beginning of a line, and behind a header's name, goes on to the end of the line.
// - Code says no secrets: `token=token`, `password: str`, `get_password()` stay; texts in quotes do not.
// - Where a rule must guess, it takes too much rather than too little.
// - The time is linear in the text's length, whatever is in it: no rule looks at the same stretch from each of its places.
import { byFields, byKeyType } from "./secret-fields.ts";
import { byProse } from "./secret-prose.ts";
import { commandRanges } from "./secret-commands.ts";
import { isEnclosed, isHarmless, quotedAt, textEnd, textValue, ValueReader } from "./secret-values.ts";
import type { Value } from "./secret-values.ts";
import type { SecretKind, SecretNames } from "./secret-names.ts";
import { patternRanges } from "./secret-patterns.ts";
import type { Range } from "./secret-patterns.ts";
import { unquote } from "./pydevd-quoting.ts";

const signs =
  /(?<![\w$@.%-])([A-Za-z_$@][\w$@.-]{0,127}|--?[A-Za-z][\w-]{0,127})((?:\\*["'`\])]|&quot;|&#39;|&#34;)*)([ \t]*)(===?|!==?|:=|=>|=|:(?!:)|%3[ADad]|\\u003[adAD])([ \t]*)/g;
const wordBefore = /([A-Za-z]+)[ \t]$/;
const annotation = /[A-Za-z_][\w.]*(?:\[[^=\n]{0,200}?\])?(?:\s*\|\s*[\w.]+)*\s*=(?!=)\s*/y;
const typeName =
  /^(?:str|bytes|bytearray|int|float|bool|object|any|optional|union|list|dict|tuple|set|sequence|mapping|string|number|boolean|unknown|void|char|std|type|callable|secretstr)$/i;
const header =
  /^(?:(?:http[_-])?(?:proxy[_-])?authorization|(?:http[_-])?(?:set[_-])?cookie2?|(?:http_)?(?:x|openstack)[_-][\w-]+)$/i;
/** A text of several lines in YAML. */
const block = /[|>][-+]?[ \t]*\r?\n(?:[ \t]+[^\n]*(?:\n|$))+/y;
const flags = /(?<![\w-])(--?[A-Za-z][\w-]*)(?:[ \t]+|\\*["'],\s*(?=[bu]?\\*["']))(?!-)/g;
const userFlag = /(?<![\w-])(?:-u|--user|--proxy-user|-U)(?:[ \t]+|["'],\s*)["']?[\w.@\\-]+:(?!\/\/)([^\s"']+)/dg;
const pairs = /(?:[([]|\bset\w*\([^()'"]{0,60},)\s*[bu]?(\\*["'])([\w$@. -]{3,64})\1\s*,\s*/g;
const element = /<([A-Za-z_][\w.:-]{2,80})(?:\s[^<>]{0,200})?>([^<]+)/dg;
const coded = /(?<![^\s<>"'])[^\s<>"']*%(?:25)?(?:22|27|3[ADad])[^\s<>"']*/g;
const pair =
  /(?:[A-Za-z_][\w.]{0,100}(?:\[[\w., ]{0,100}\])?\(|[([<]|[bu]?\\*["'])\s*[bu]?\\*["'][^,]{0,1000},\s*[bu]?\\*["']/y;
/** How often a word is decoded: no program codes it more often. */
const mostCoded = 3;
/** A name or a type is not longer. */
const longestCode = 200;

type Add = (value: Value | Range | undefined, kind: SecretKind) => void;

/** Where the secrets of a text are, in order, without overlap. `code`: it is a program's source, where only texts in quotes are values. */
export function secretRanges(text: string, names: SecretNames, code = false, coded = mostCoded): Range[] {
  const found = patternRanges(text, text.toLowerCase());
  const values = new ValueReader(text);
  const add: Add = (value, kind) => {
    if (value === undefined || value.to <= value.from) return;
    const many = kind === "many";
    if (isHarmless(text.slice(value.from, value.to), many)) return;
    // With its brackets: `<function f at 0x7f00>`, `{placeholder}`.
    if ("form" in value && value.form === "group" && isHarmless(text.slice(value.from - 1, value.to + 1), many)) return;
    found.push(value);
  };
  signed(text, names, code, values, add);
  byKeyType(text, add);
  for (const secret of commandRanges(text, names)) add(secret, "one");
  if (code) return merged(found);
  byFlags(text, names, values, add);
  byPairs(text, names, add);
  byFields(text, names, values, add);
  byProse(text, names, (at, name) => kindOf(text, at, name, names), add);
  for (const match of text.matchAll(element)) {
    const [from, to] = match.indices?.[2] ?? [0, 0];
    const kind = names.kind(match[1] ?? "");
    if (kind !== undefined && kind !== "pair") add({ from, to }, kind);
  }
  return merged([...found, ...byCoding(text, names, found, coded)]);
}

/** `name = value` and all that looks like it. */
function signed(text: string, names: SecretNames, code: boolean, values: ValueReader, add: Add): void {
  signs.lastIndex = 0;
  for (let match = signs.exec(text); match !== null; match = signs.exec(text)) {
    const [whole, name = "", quotes = "", before = "", sign = "", after = ""] = match;
    const kind = kindOf(text, match.index, name, names);
    if (kind === undefined) continue;
    let at = match.index + whole.length;
    if (sign.startsWith(":")) {
      annotation.lastIndex = at;
      if (annotation.test(text)) at = annotation.lastIndex;
      if (text.startsWith("//", at)) continue;
    }
    if (kind === "pair" && isEnclosed(text, at) && !isPair(text, at)) continue;
    const found = code ? quotedAt(text, at) : values.at(at);
    if (found === undefined) continue;
    if (kind === "pair" && found.form !== "word" && !isWholePair(text, found)) continue;
    if (found.form === "word") {
      if (isCode(text.slice(found.from, found.to), name, sign, text[found.end])) continue;
      block.lastIndex = found.from;
      if (block.test(text)) {
        add({ from: found.to, to: block.lastIndex }, kind);
        signs.lastIndex = block.lastIndex;
        continue;
      }
      const isHeader = quotes === "" && sign === ":" && header.test(name);
      const isLine =
        quotes === "" &&
        before + after !== "" &&
        /(?:^|[\r\n]|\\n)[ \t-]*(?:export )?$/.test(text.slice(Math.max(0, match.index - 16), match.index));
      const to = isHeader || isLine ? endInLine(text, found.from, match.index, values.lineEnd(found.from)) : found.to;
      add({ from: found.from, to }, kind);
      signs.lastIndex = Math.max(at, to);
    } else {
      if (found.form === "group" && isNameOnly(text.slice(found.from, found.to), names)) continue;
      add(found, kind);
      signs.lastIndex = found.end;
    }
  }
}

/** `API key` is two words; `key` alone is no secret, nor is a well known file. */
function kindOf(text: string, at: number, name: string, names: SecretNames): SecretKind | undefined {
  const kind = names.kind(name);
  if (name === "passwd" && text.startsWith("/etc/", at - 5)) return undefined;
  if (kind !== undefined || !/^keys?$/i.test(name)) return kind;
  const before = wordBefore.exec(text.slice(Math.max(0, at - 20), at))?.[1];
  return before === undefined ? undefined : names.kind(`${before} ${name}`);
}

/** Where a value ends that goes on to `end`, that of its line, or to that of the text in quotes that began right before the name. */
function endInLine(text: string, from: number, nameAt: number, end: number): number {
  const quote = /(?:^|[^\\])(\\{0,7}["'`])$/.exec(text.slice(Math.max(0, nameAt - 10), nameAt))?.[1];
  const to = quote === undefined ? end : textEnd(text.slice(0, end), from, quote).to;
  return from + text.slice(from, to).trimEnd().length;
}

/** A name, a type or a call, where a value might stand: nothing secret is said by it. */
function isCode(word: string, name: string, sign: string, next: string | undefined): boolean {
  if (word.length > longestCode) return false;
  if (typeName.test(word.replace(/[?[|].*$/, "")) || /^[A-Za-z_][\w.]*\[$/.test(word) || next === "(") return true;
  const last = /[^.]+$/.exec(word)?.[0] ?? "";
  const same = /^[A-Za-z_][\w.]*$/.test(word) && /\w+$/.exec(name)?.[0].toLowerCase() === last.toLowerCase();
  // Prose: `unexpected token: end of file`.
  const prose =
    sign === ":" && /^(?:[\w.]+\.)?(?:token|secret|cookie|tokens|cookies)$/i.test(name) && /^[a-z]{1,12}$/.test(word);
  return same || prose;
}

/** Two texts, in brackets or in a text: `('me', 'x')`. Asked before the value is read, so that none is read in vain. */
function isPair(text: string, at: number): boolean {
  pair.lastIndex = at;
  return pair.test(text);
}

/** Not `properties("Auth")` with the second text behind it. What is not ended in this text is one. */
function isWholePair(text: string, { from, to, end }: Value): boolean {
  return end === text.length || /^\s*[bu]?\\*["'][^,]*,\s*[bu]?\\*["']/.test(text.slice(from, to));
}

/** `os.environ.get("DB_PASSWORD")`: what is asked for, not what it is. */
function isNameOnly(group: string, names: SecretNames): boolean {
  const inner = textValue(group, 0);
  return inner !== undefined && inner.end === group.length && /[A-Z_-]/.test(group) && names.kind(group) === "one";
}

/** `--password x`, `'--password', 'x'`, `curl -u me:x`. */
function byFlags(text: string, names: SecretNames, values: ValueReader, add: Add): void {
  for (const match of text.matchAll(flags)) {
    const [whole, flag = ""] = match;
    const kind = names.kind(flag);
    if (kind === undefined || kind === "pair") continue;
    const found = values.at(match.index + whole.length);
    // What a usage says: `--password PASSWORD`.
    const said = found?.form === "word" ? text.slice(found.from, found.to) : "";
    if (!/^[A-Z]+$/.test(said) || !flag.toUpperCase().endsWith(said)) add(found, kind);
  }
  for (const match of text.matchAll(userFlag)) {
    const [from, to] = match.indices?.[1] ?? [0, 0];
    if (/\D/.test(text.slice(from, to))) add({ from, to }, "one");
  }
}

/** `('authorization', 'x')` and `["token", "x"]`, but not a list of names. */
function byPairs(text: string, names: SecretNames, add: Add): void {
  for (const match of text.matchAll(pairs)) {
    const kind = names.kind(match[2] ?? "");
    if (kind === undefined || kind === "pair") continue;
    const found = textValue(text, match.index + match[0].length);
    if (found === undefined || !/^\s*(?:[)\]]|,\s*\w+\s*[)\]]|$)/.test(text.slice(found.end, found.end + 40))) continue;
    const listed = match[0].startsWith("[") && /^[a-z_]+$/.test(text.slice(found.from, found.to));
    if (!listed) add(found, kind);
  }
}

/** A percent-coded word that says a secret once it is decoded is one as a whole, unless the secret was found in it. */
function byCoding(text: string, names: SecretNames, found: readonly Range[], times: number): Range[] {
  const out: Range[] = [];
  const sorted = found.toSorted((a, b) => a.from - b.from);
  let i = 0;
  for (const match of text.matchAll(coded)) {
    const [from, to] = [match.index, match.index + match[0].length];
    let isFound = false;
    while ((sorted[i]?.from ?? to) < from) i++;
    for (; (sorted[i]?.from ?? to) < to; i++) isFound ||= (sorted[i]?.to ?? to) <= to;
    if (isFound) continue;
    const decoded = unquote(unquote(match[0]));
    if (decoded === match[0]) continue;
    if (times === 0 || secretRanges(decoded, names, false, times - 1).length > 0) out.push({ from, to });
  }
  return out;
}

function merged(ranges: readonly Range[]): Range[] {
  const out: { from: number; to: number }[] = [];
  for (const { from, to } of ranges.toSorted((a, b) => a.from - b.from)) {
    const last = out.at(-1);
    if (last !== undefined && from < last.to) last.to = Math.max(last.to, to);
    else out.push({ from, to });
  }
  return out;
}
