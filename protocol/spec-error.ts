// What is wrong with a breakpoint's SPEC: the text, a caret under the place, what was expected there.
import { DebugtapError } from "./errors.ts";

export interface SpecHelp {
  /** What could stand there instead. */
  readonly expected?: string;
  /** A whole SPEC that can be pasted. */
  readonly fix?: string;
}

const maxQuoted = 96;

/** DT_SPEC for the place `at` (an offset in `text`); a SPEC of many lines or a long one is shown around it. */
export function specError(text: string, at: number, what: string, { expected, fix }: SpecHelp = {}): DebugtapError {
  const from = at > maxQuoted - 16 ? at - maxQuoted / 2 : 0;
  // Control characters would move the caret, or the terminal.
  const quoted = text
    .slice(from, from + maxQuoted)
    .replace(/\p{Cc}/gu, " ")
    .trimEnd();
  const message = `breakpoint, column ${at + 1}: ${what}\n    ${quoted}\n    ${" ".repeat(at - from)}^`;
  return new DebugtapError("DT_SPEC", message, {
    ...(expected === undefined ? {} : { why: `expected ${expected}` }),
    ...(fix === undefined ? {} : { fix: `'${fix.replaceAll("'", String.raw`'\''`)}'` }),
  });
}

/** What an error about a SPEC says, in one line: for a file, which shows the place itself. Throws again what is no such error. */
export function oneLine(error: unknown): string {
  if (!(error instanceof DebugtapError)) throw error;
  const [what = ""] = error.message.split("\n");
  return error.why === undefined ? what : `${what}; ${error.why}`;
}
