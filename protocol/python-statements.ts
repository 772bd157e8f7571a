// The statements of a Python file: which lines each takes, how far it is indented, and its words.
//
// Rules
// - A statement goes on over lines while a bracket is open, a string is not closed or a backslash ends the line. What `;` separates, or
//   follows the colon of `if x:` on its line, is one statement here.
// - Comments and empty lines belong to none.
// - A file that is no Python gives what it gives: nothing is refused.
import { pythonTokens } from "./python-tokens.ts";
import type { PythonToken } from "./python-tokens.ts";

export interface PythonWord extends PythonToken {
  /** Where it begins, from 1. */
  readonly line: number;
}

export interface PythonStatement {
  /** Columns, a tab to the next multiple of 8. */
  readonly indent: number;
  /** Not empty, without comments. */
  readonly words: readonly PythonWord[];
  readonly line: number;
  /** The last line that it reaches. */
  readonly end: number;
}

export function pythonStatements(text: string): PythonStatement[] {
  const statements: PythonStatement[] = [];
  let words: PythonWord[] = [];
  let depth = 0;
  const starts = [0, ...Array.from(text.matchAll(/\r\n|\r|\n/g), (end) => end.index + end[0].length)];
  let line = 1;
  /** Offsets come in order. */
  const lineAt = (offset: number): number => {
    while ((starts[line] ?? Infinity) <= offset) line++;
    return line;
  };
  const close = (offset: number): void => {
    const [first] = words;
    if (first !== undefined)
      statements.push({ indent: indentOf(text, first.start), words, line: first.line, end: lineAt(offset) });
    words = [];
    depth = 0;
  };
  for (const token of pythonTokens(text)) {
    if (token.kind === "comment") continue;
    if (token.kind === "newline") {
      if (depth === 0) close(token.start);
      continue;
    }
    words.push({ ...token, line: lineAt(token.start) });
    if (token.kind !== "operator") continue;
    if ("([{".includes(token.text)) depth++;
    else if (")]}".includes(token.text)) depth = Math.max(0, depth - 1);
  }
  close(text.length);
  return statements;
}

/** The index in `words` of the colon that ends the head of `if x:` or `def f():`; -1 without one. */
export function colonOf(words: readonly PythonToken[]): number {
  let depth = 0;
  let lambdas = 0;
  return words.findIndex(({ kind, text }) => {
    if (depth === 0 && text === "lambda") lambdas++;
    if (kind !== "operator") return false;
    if ("([{".includes(text)) depth++;
    else if (")]}".includes(text)) depth--;
    return text === ":" && depth === 0 && lambdas-- <= 0;
  });
}

function indentOf(text: string, start: number): number {
  let from = start;
  while (from > 0 && /[ \t\f]/.test(text[from - 1] ?? "")) from--;
  let column = 0;
  for (const char of text.slice(from, start)) {
    if (char === "\f") column = 0;
    else column = char === "\t" ? column + 8 - (column % 8) : column + 1;
  }
  return column;
}
