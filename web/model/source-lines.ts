// A source as lines of pieces: Python's words told apart, anything else as it is.
import { pythonTokens } from "../../protocol/python-tokens.ts";

export interface CodePiece {
  readonly text: string;
  readonly kind?: "keyword" | "string" | "comment" | "number";
}

/** Longer ones are shown plain. */
const mostHighlighted = 400_000;
/** Of one line. */
const mostCharacters = 1000;

const keywords = new Set(
  "False None True and as assert async await break class continue def del elif else except finally for from global if import in is lambda nonlocal not or pass raise return try while with yield match case".split(
    " ",
  ),
);

export function sourceLines(text: string, python: boolean): CodePiece[][] {
  if (!python || text.length > mostHighlighted) return text.split(/\r\n|\r|\n/).map((line) => [{ text: short(line) }]);
  const lines: CodePiece[][] = [[]];
  const put = (part: string, kind?: CodePiece["kind"]): void => {
    for (const [at, line] of part.split(/\r\n|\r|\n/).entries()) {
      if (at > 0) lines.push([]);
      if (line !== "") lines.at(-1)?.push({ text: short(line), ...(kind === undefined ? {} : { kind }) });
    }
  };
  let at = 0;
  for (const { kind, text: word, start } of pythonTokens(text)) {
    if (start > at) put(text.slice(at, start));
    const known = kind === "string" || kind === "comment" || kind === "number";
    put(word, known ? kind : kind === "name" && keywords.has(word) ? "keyword" : undefined);
    at = start + word.length;
  }
  put(text.slice(at));
  return lines;
}

function short(line: string): string {
  return line.length > mostCharacters
    ? `${line.slice(0, mostCharacters)} … ${line.length - mostCharacters} characters more`
    : line;
}
