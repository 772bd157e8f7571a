// The words of Python source: enough of its grammar to know what is a string, a bracket, a comment and the end of a line.
//
//   name      `volume`, `if`, `None`          operator  `==`, `(`, `:`, `@`
//   number    `1`, `0x1f`, `1.5e-3`           comment   from `#` to the end of its line
//   string    with prefix and quotes          newline   every end of a line, also those within brackets
//
// Rules
// - Nothing is refused: a quote that is never closed gives a string with `open`, which ends with its line (three quotes: with the
//   text), and what is no word of Python is an operator of one character.
// - A backslash at the end of a line joins it with the next: it gives no token.
// - In an f-string what stands in braces is skipped as Python 3.12 reads it, so it may have the same quotes again. What older
//   Pythons accept reads the same.

export interface PythonToken {
  readonly kind: "name" | "number" | "string" | "operator" | "comment" | "newline";
  readonly text: string;
  /** Offset of its first character. */
  readonly start: number;
  /** Of a string: its closing quote is missing. */
  readonly open?: true;
}

const words = {
  space: /(?:[ \t\f\uFEFF]|\\(?:\r\n|\r|\n))+/,
  newline: /\r\n|\r|\n/,
  comment: /#[^\r\n]*/,
  /** Its beginning. */
  string: /(?:[rR][bBfFtT]|[bBfFtT][rR]|[rRbBuUfFtT])?(?:"""|'''|"|')/,
  name: /[\p{ID_Start}_][\p{ID_Continue}]*/u,
  number: /\.?\d[\d_]*(?:[xX][\da-fA-F_]+|[oObB][\d_]+|\.[\d_]*)?(?:[eE][+-]?\d[\d_]*)?(?:[jJ](?!\p{ID_Continue}))?/u,
  operator: /\*\*=?|\/\/=?|<<=?|>>=?|->|:=|\.\.\.|[=!<>+\-*/%&|^@]=|[^]/u,
};
const kinds = ["name", "number", "comment", "newline", "operator"] as const;
const word = new RegExp(
  Object.entries(words)
    .map(([kind, { source }]) => `(?<${kind}>${source})`)
    .join("|"),
  "uy",
);

/** The tokens of `text` from an offset on. */
export function* pythonTokens(text: string, from = 0): Generator<PythonToken> {
  let at = from;
  while (at < text.length) {
    word.lastIndex = at;
    const { 0: found = "", groups } = word.exec(text) ?? {};
    if (groups === undefined) return;
    const start = at;
    at += found.length;
    if (groups["space"] !== undefined) continue;
    if (groups["string"] !== undefined) {
      const end = stringEnd(text, start, found);
      at = end.at;
      yield { kind: "string", text: text.slice(start, at), start, ...(end.open ? { open: true } : {}) };
      continue;
    }
    const kind = kinds.find((kind) => groups[kind] !== undefined) ?? "operator";
    yield { kind, text: found, start };
  }
}

interface StringEnd {
  readonly at: number;
  readonly open: boolean;
}

/** Where the string ends whose prefix and opening quotes are `opening`. */
function stringEnd(text: string, start: number, opening: string): StringEnd {
  const quote = /["']+$/.exec(opening)?.[0] ?? '"';
  const formatted = /[fFtT]/.test(opening);
  let at = start + opening.length;
  while (at < text.length) {
    const char = text[at] ?? "";
    if (text.startsWith(quote, at)) return { at: at + quote.length, open: false };
    if (quote.length === 1 && (char === "\n" || char === "\r")) return { at, open: true };
    if (char === "\\" && !(formatted && text[at + 1] === "{")) at += text.startsWith("\r\n", at + 1) ? 3 : 2;
    else if (formatted && char === "{") at = text[at + 1] === "{" ? at + 2 : fieldEnd(text, at + 1, quote);
    else at++;
  }
  return { at: text.length, open: true };
}

/** Behind the brace that closes a field of an f-string; where its line or text ends if none does. */
function fieldEnd(text: string, from: number, quote: string): number {
  let depth = 0;
  for (const { kind, text: token, start, open } of pythonTokens(text, from)) {
    // Only a field of Python before 3.12 that is not closed at all meets these.
    if (open === true || (kind === "newline" && quote.length === 1 && depth === 0)) return start;
    if (kind !== "operator") continue;
    if (token === "}" && depth === 0) return start + 1;
    if (token === ":" && depth === 0) return formatEnd(text, start + 1, quote);
    if (token === ":=" && depth === 0) return formatEnd(text, start + 2, quote);
    if ("([{".includes(token)) depth++;
    else if (")]}".includes(token)) depth--;
  }
  return text.length;
}

/** Behind the brace that closes a field whose format begins at `from`: text, in which fields may stand again. */
function formatEnd(text: string, from: number, quote: string): number {
  let at = from;
  while (at < text.length && text[at] !== "}") {
    if (text.startsWith(quote, at) || (quote.length === 1 && text[at] === "\n")) return at;
    at = text[at] === "{" ? fieldEnd(text, at + 1, quote) : at + 1;
  }
  return Math.min(at + 1, text.length);
}
