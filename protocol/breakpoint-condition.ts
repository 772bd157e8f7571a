// Where the Python expression behind `if` ends in a breakpoint's SPEC.
//
// Rules
// - A word behind a complete operand (a name, a number, a string, a closing bracket) is no Python unless it is one of Python's own
//   operators (`and`, `in`, `is`, `if`, `else`, ...). So a clause begins exactly there, and an expression may have the names `max`,
//   `log` or `hits` anywhere: `if max(x) > 3 max 5`.
// - `in` is such an operator: behind `if EXPR` it is Python's, `if user in admins`. What can only be meant for a service is
//   refused instead of taken for a condition that is never true: `if x > 3 in api` (a second comparison) and `if x in nova-api`
//   (a name with a dash). Parentheses say that it is Python.
// - What no condition may have is refused here and not found at the first hit: `=`, a comment, an open quote or bracket.
// - That the whole is Python is the debuggee's to say. Other languages differ little (`===` is let through); in parentheses anything is.
import { pythonTokens } from "./python-tokens.ts";
import type { PythonToken } from "./python-tokens.ts";
import { specError } from "./spec-error.ts";

const operators = new Set(["and", "or", "not", "in", "is", "if", "else", "for", "async", "await", "lambda", "yield"]);
const comparisons = new Set(["==", "!=", "<", ">", "<=", ">=", "is", "in"]);
/** These begin another expression, in which nothing has been compared yet. */
const separators = new Set(["and", "or", "if", "else", ":"]);
const closing: Readonly<Record<string, string>> = { "(": ")", "[": "]", "{": "}" };

export interface ConditionEnd {
  /** Behind its last character. */
  readonly end: number;
  /** How it ends when it does so like the clause `in SERVICE`. */
  readonly service?: { readonly at: number; readonly name: string };
}

/** The end of the expression that begins at `from`. `isClause` knows the words of clauses. Throws DT_SPEC. */
export function conditionEnd(text: string, from: number, isClause: (word: string) => boolean): ConditionEnd {
  const brackets: PythonToken[] = [];
  let before: PythonToken | undefined;
  let end = from;
  let compared = 0;
  let lambda = false;
  let lastIn: PythonToken | undefined;
  for (const token of pythonTokens(text, from)) {
    const { kind, start, text: word } = token;
    if (kind === "newline") continue;
    if (kind === "comment") throw specError(text, start, "a condition has no comment");
    if (token.open === true)
      throw specError(text, start, "this quote is not closed", { expected: `a second ${quote(word)}` });
    if (brackets.length === 0 && before !== undefined && isOperand(before) && beginsOperand(token)) {
      if (kind === "name" && isClause(word)) break;
      if (kind !== "string" || before.kind !== "string") {
        throw specError(
          text,
          start,
          `\`${word}\` stands behind \`${before.text}\` and is neither an operator nor a clause`,
          {
            expected: "an operator of Python, or hits, log, max, rate, required, disabled",
          },
        );
      }
    }
    if (kind === "operator" && closing[word] !== undefined) brackets.push(token);
    else if (kind === "operator" && ")]}".includes(word)) {
      const opened = brackets.pop();
      if (opened === undefined || closing[opened.text] !== word) {
        throw specError(text, start, `\`${word}\` closes no bracket`);
      }
    }
    if (brackets.length === 0) {
      lambda ||= word === "lambda";
      if (word === "=" && !lambda && !/[=!<>]/.test(`${text[start - 1]}${text[start + 1]}`))
        throw specError(text, start, "`=` assigns", { expected: "`==`, which compares" });
      if (separators.has(word)) compared = 0;
      else if (comparisons.has(word)) compared++;
      if (word === "in" && before?.text !== "not") lastIn = token;
    }
    before = token;
    end = start + word.length;
  }
  const open = brackets.at(-1);
  if (open !== undefined) {
    throw specError(text, open.start, `\`${open.text}\` is not closed`, { expected: `a \`${closing[open.text]}\`` });
  }
  if (before === undefined)
    throw specError(text, from, "`if` has no expression", { expected: "Python such as `x > 3`" });
  if (!isOperand(before) && before.text !== "...") {
    throw specError(text, end, `the expression ends with \`${before.text}\``, { expected: "a value behind it" });
  }
  const name = lastIn === undefined ? undefined : /^in\s+([\w.-]+)$/.exec(text.slice(lastIn.start, end))?.[1];
  const serviceAlone = name !== undefined && (compared > 1 || /^[A-Za-z][\w.]*-[\w.-]+$/.test(name));
  return { end, ...(serviceAlone && lastIn !== undefined ? { service: { at: lastIn.start, name } } : {}) };
}

/** The condition as it can stand at the end of a SPEC that names no service: in parentheses where its `in` would be asked about. */
export function plainCondition(condition: string): string {
  try {
    return conditionEnd(condition, 0, () => false).service === undefined ? condition : `(${condition})`;
  } catch {
    // Whoever reads the SPEC says what is wrong with it.
    return condition;
  }
}

function isOperand({ kind, text }: PythonToken): boolean {
  if (kind === "name") return !operators.has(text);
  return kind === "number" || kind === "string" || (kind === "operator" && [")", "]", "}", "..."].includes(text));
}

function beginsOperand({ kind, text }: PythonToken): boolean {
  return kind === "number" || kind === "string" || (kind === "name" && !operators.has(text));
}

function quote(string: string): string {
  return /^[A-Za-z]*("""|'''|"|')/.exec(string)?.[1] ?? '"';
}
