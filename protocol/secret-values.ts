// Where a value ends that is written behind a name, in any notation: 'text', b"bytes", \"text in a text\", {…}, Call(…), <Object …>, word.
//
// Rules
// - A quote within a text has more backslashes before it than the one that opened it: texts in texts end where they should.
// - What is not ended by the end of the text goes to the end: a debugger has cut it off.
// - Quotes, brackets and the name of a call are no part of what is secret.
import type { Range } from "./secret-patterns.ts";

/** A value: the secret is `from` to `to`, the whole of it ends at `end`. */
export interface Value extends Range {
  readonly end: number;
  readonly form: "text" | "group" | "word";
}

const opening = /[bBuUrRfF]{0,2}(\\*["'`]|&quot;|&#39;|&apos;|&#34;)/y;
const call = /(?:new\s+)?[A-Za-z_][\w.]*(?:\[[\w., ]*\])?\(/y;
const endOfLine = /[\r\n]|(?<!\\)\\+[rn]|\\u000[adAD]|$/g;
const bareWord = /(?:\$\{\w+\}|[^\s,;&)\]}>"'`\\<]|\\(?![nrt"'`\\]))+/y;
const scheme = /(?:bearer|basic|token|digest|negotiate|apikey|jwt|hawk)(?:[ \t]+|%20)/iy;
const closers: Readonly<Record<string, string>> = { "(": ")", "[": "]", "{": "}", "<": ">" };
/** Brackets within brackets that are followed. */
const maxDepth = 200;

/**
 * Reads the values of one text, which may lie within each other so that the same stretch is read again and again. When that has taken
 * too long, everything behind is one value: what cannot be looked through is masked.
 */
export class ValueReader {
  readonly #text: string;
  #left: number;
  /** The last line that was asked for, from where on. */
  #line = { from: 0, to: -1 };

  constructor(text: string) {
    this.#text = text;
    this.#left = 100_000 + 40 * text.length;
  }

  /** The value at `at`; undefined when there is none. */
  at(at: number): Value | undefined {
    const { length } = this.#text;
    if (this.#left < 0) return { from: at, to: length, end: length, form: "text" };
    const found = valueAt(this.#text, at);
    this.#left -= found === undefined ? 1 : found.end - at;
    return found;
  }

  /** Where the line ends that `at` is in, also as a text in quotes writes it. */
  lineEnd(at: number): number {
    if (at < this.#line.from || at > this.#line.to) {
      endOfLine.lastIndex = at;
      this.#line = { from: at, to: endOfLine.exec(this.#text)?.index ?? this.#text.length };
    }
    return this.#line.to;
  }
}

function valueAt(text: string, at: number): Value | undefined {
  const quoted = quotedAt(text, at);
  if (quoted !== undefined) return quoted;
  const char = text[at] ?? "";
  if (Object.hasOwn(closers, char)) return groupAt(text, at);
  call.lastIndex = at;
  const called = call.exec(text);
  if (called !== null) return groupAt(text, call.lastIndex - 1);
  scheme.lastIndex = at;
  const from = scheme.test(text) ? scheme.lastIndex : at;
  bareWord.lastIndex = from;
  if (!bareWord.test(text)) return undefined;
  return { from, to: bareWord.lastIndex, end: bareWord.lastIndex, form: "word" };
}

/** The text in quotes at `at`, or behind `Bearer ` and the like. */
export function quotedAt(text: string, at: number): Value | undefined {
  scheme.lastIndex = at;
  return textValue(text, scheme.test(text) ? scheme.lastIndex : at);
}

/** Whether what stands at `at` is in quotes or brackets, which are not looked through. */
export function isEnclosed(text: string, at: number): boolean {
  opening.lastIndex = at;
  call.lastIndex = at;
  return Object.hasOwn(closers, text[at] ?? "") || opening.test(text) || call.test(text);
}

/** The text in quotes at `at`; `Bearer ` and the like at its beginning are no part of the secret. */
export function textValue(text: string, at: number): Value | undefined {
  opening.lastIndex = at;
  const quote = opening.exec(text)?.[1];
  if (quote === undefined) return undefined;
  let from = opening.lastIndex;
  const isTriple = text.startsWith(quote + quote, from);
  if (isTriple) from += 2 * quote.length;
  const { to, end } = isTriple ? tripleEnd(text, from, quote) : textEnd(text, from, quote);
  scheme.lastIndex = from;
  if (scheme.test(text) && scheme.lastIndex < to) from = scheme.lastIndex;
  return { from, to, end, form: "text" };
}

/** Where the text ends that began at `from`, behind `quote`: a quote with its backslashes, or an entity. */
export function textEnd(text: string, from: number, quote: string): { to: number; end: number } {
  const mark = quote.at(-1) ?? "";
  if (mark === ";") {
    const at = text.indexOf(quote, from);
    return at === -1 ? { to: text.length, end: text.length } : { to: at, end: at + quote.length };
  }
  const own = quote.length - 1;
  for (let at = text.indexOf(mark, from); at !== -1; at = text.indexOf(mark, at + 1)) {
    let backslashes = 0;
    while (at - 1 - backslashes >= from && text[at - 1 - backslashes] === "\\") backslashes++;
    const more = backslashes - own;
    // Those of a text within texts are doubled on each level.
    if (more >= 0 && more % (2 * (own + 1)) === 0) return { to: at - own, end: at + 1 };
    // The end of a text around this one, which is therefore cut off.
    if (backslashes < own) return { to: at - backslashes, end: at - backslashes };
  }
  return { to: text.length, end: text.length };
}

function tripleEnd(text: string, from: number, quote: string): { to: number; end: number } {
  const at = text.indexOf(quote.repeat(3), from);
  return at === -1 ? { to: text.length, end: text.length } : { to: at, end: at + 3 * quote.length };
}

/** What stands in brackets, of which `at` is the first. */
function groupAt(text: string, at: number): Value {
  const open: string[] = [];
  for (let i = at; i < text.length; i++) {
    const char = text[i] ?? "";
    if (char === '"' || char === "'" || char === "`" || char === "\\") {
      const inner = textValue(text, i);
      if (inner !== undefined) i = inner.end - 1;
      else while (text[i + 1] === "\\") i++;
    } else if (Object.hasOwn(closers, char)) {
      // An arrow or a comparison is no bracket.
      if (char !== "<" || i === at) open.push(closers[char] ?? "");
      if (open.length > maxDepth) break;
    } else if (char === open.at(-1)) {
      open.pop();
      if (open.length === 0) return { from: at + 1, to: i, end: i + 1, form: "group" };
    }
  }
  return { from: at + 1, to: text.length, end: text.length, form: "group" };
}

const nothing =
  /^(?:None|null|yes|no|nil|undefined|True|False|NaN|Ellipsis|\.{3}|…|<?(?:unset|not set|redacted|hidden|masked)>?|\[(?:redacted|filtered)\]|[*•]+|x{3,}|0)$/i;
const placeholder = /^(?:%s|%\(\w+\)s|\{\w*\}|\$\{\w+\}|\$[A-Z_]+|\{\{[^}]*\}\})$/;
const code =
  /^(?:<(?:async )?(?:function|module|generator|coroutine|built-in (?:function|method)|(?:un)?bound method|method|property|slot wrapper)\b[\w.<>: -]*>|<class '[\w.<>]+'>|(?:async )?function\b[\w ]*\(|ƒ )/;
const anyObject = /^<?[\w.<>]+(?: object| instance)? at 0x[0-9a-fA-F]+>?$/;
const numbers = /^[\s\d.,+-]*$/;

/** What a value says that is no secret: that there is none, a count under `many`, a function, a placeholder, a mark of ours. */
export function isHarmless(value: string, many: boolean): boolean {
  const text = value.trim();
  return (
    text === "" ||
    (text.startsWith("«redacted:") && text.endsWith("»")) ||
    nothing.test(text) ||
    placeholder.test(text) ||
    (many && numbers.test(text)) ||
    anyObject.test(text) ||
    code.test(text)
  );
}
