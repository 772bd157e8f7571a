// Where the parts of a JSON text stand, to change one and leave the bytes of the others.
//
// Rules
// - The text is valid JSON (it was parsed): nothing is checked again, but nothing throws or runs on for ever on what is not.
// - `from` is the first character of a value, without space before it.

/** A value: its first character and the one behind its last. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** One of an object: its value; `key` is as written, without its quotes, of which the first stands at `keyFrom`. */
export interface Member extends Span {
  readonly key: string;
  readonly keyFrom: number;
}

const QUOTE = 34;
const OPEN_BRACKET = 91;
const CLOSE_BRACKET = 93;
const OPEN_BRACE = 123;
const CLOSE_BRACE = 125;

/** The members of the object at `from`, none if there is none. */
export function members(text: string, from: number): Member[] {
  const found: Member[] = [];
  if (text[from] !== "{") return found;
  let at = spaceEnd(text, from + 1);
  while (text[at] === '"') {
    const keyEnd = valueEnd(text, at);
    const key = text.slice(at + 1, keyEnd - 1);
    const start = spaceEnd(text, spaceEnd(text, keyEnd) + 1);
    const to = valueEnd(text, start);
    found.push({ key, keyFrom: at, from: start, to });
    at = spaceEnd(text, to);
    if (text[at] === ",") at = spaceEnd(text, at + 1);
  }
  return found;
}

/** The items of the array at `from`, none if there is none. */
export function items(text: string, from: number): Span[] {
  const found: Span[] = [];
  if (text[from] !== "[") return found;
  let at = spaceEnd(text, from + 1);
  while (at < text.length && text[at] !== "]") {
    const to = valueEnd(text, at);
    found.push({ from: at, to });
    at = spaceEnd(text, to);
    if (text[at] !== ",") break;
    at = spaceEnd(text, at + 1);
  }
  return found;
}

/** Where the first value of a text begins. */
export function spaceEnd(text: string, from: number): number {
  let at = from;
  while (text[at] === " " || text[at] === "\n" || text[at] === "\t" || text[at] === "\r") at++;
  return at;
}

function valueEnd(text: string, from: number): number {
  const first = text[from];
  if (first === '"') return stringEnd(text, from);
  if (first !== "{" && first !== "[") return scalarEnd(text, from + 1);
  let depth = 0;
  for (let at = from; at < text.length;) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      at = stringEnd(text, at);
      continue;
    }
    if (code === OPEN_BRACE || code === OPEN_BRACKET) depth++;
    else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) depth--;
    at++;
    if (depth === 0) return at;
  }
  return text.length;
}

function stringEnd(text: string, from: number): number {
  for (let at = text.indexOf('"', from + 1); at !== -1; at = text.indexOf('"', at + 1)) {
    let backslashes = 0;
    while (text[at - 1 - backslashes] === "\\") backslashes++;
    if (backslashes % 2 === 0) return at + 1;
  }
  return text.length;
}

function scalarEnd(text: string, from: number): number {
  let at = from;
  while (at < text.length && !",]} \n\t\r".includes(text[at] ?? "")) at++;
  return at;
}
