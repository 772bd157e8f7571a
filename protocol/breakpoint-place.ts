// The line of a Python file that a SPEC's text or function stands for.
//
//   text       the statement that has it, at its first line; for a comment the statement behind it
//   function   the first line of its body at which a program stops
//
// Rules
// - A line where nothing runs never stops: comments, docstrings, `global`, `nonlocal`, `else:`, an annotation without a value.
// - One text and one function are meant. None or several is an error that says what there is.
// - A name is looked for as it is (`API.create`, `outer.inner`), then as the end of longer ones.
// - A file that is no Python has lines only: a text stands for the line that has it.
import { DebugtapError } from "./errors.ts";
import { colonOf, pythonStatements } from "./python-statements.ts";
import type { PythonStatement, PythonWord } from "./python-statements.ts";

interface PythonFunction {
  /** With the classes and functions around it. */
  readonly name: string;
  readonly line: number;
  /** The first line of its body that runs. */
  readonly body: number;
}

const maxNamed = 8;
const tests = new Set(["if", "elif", "while", "assert", "with", "async", "match"]);

/** The line, from 1, where `pattern` (a regular expression without flags) stands. `path` is for the error. Throws DT_SPEC. */
export function findText(text: string, pattern: string, path: string): number {
  const wanted = new RegExp(pattern);
  const found = text.split(/\r\n|\r|\n/).flatMap((line, index) => (wanted.test(line) ? [index + 1] : []));
  const statements = isPython(text, path) ? pythonStatements(text) : undefined;
  const lines = new Set(
    found.map((line) => (statements === undefined ? line : runningLine(statements, line, true)) ?? line),
  );
  const [line, ...others] = lines;
  if (line === undefined) throw new DebugtapError("DT_SPEC", `no line of ${path} has /${pattern}/`);
  if (others.length === 0) return line;
  throw several(`${path} has /${pattern}/ ${lines.size} times`, path, [...lines]);
}

/** The first line, from 1, that runs in the function `name`: `create` or `API.create`. `path` is for the error. Throws DT_SPEC. */
export function findFunction(text: string, name: string, path: string): number {
  const functions = functionsOf(pythonStatements(text));
  const exact = functions.filter((each) => each.name === name);
  const found = exact.length > 0 ? exact : functions.filter((each) => each.name.endsWith(`.${name}`));
  const [one, ...others] = found;
  if (one === undefined) {
    const last = name.slice(name.lastIndexOf(".") + 1).toLowerCase();
    const alike = functions.filter((each) => each.name.toLowerCase().includes(last)).slice(0, maxNamed);
    throw new DebugtapError("DT_SPEC", `${path} has no function ${name}`, {
      why:
        alike.length > 0
          ? `it has ${alike.map((each) => each.name).join(", ")}`
          : `none of its ${functions.length} functions is called like that`,
    });
  }
  if (others.length === 0) return one.body;
  const names = [...new Set(found.map((each) => each.name))];
  const what =
    names.length > 1
      ? `${path} has ${names.slice(0, maxNamed).join(", ")}`
      : `${path} has ${name} ${found.length} times`;
  throw several(
    what,
    path,
    found.map(({ body }) => body),
  );
}

/** The line at which a breakpoint on `line` stops, as far as that can be told; undefined behind the last statement. */
export function executableLine(text: string, line: number): number | undefined {
  return runningLine(pythonStatements(text), line, false);
}

/** The files, from a directory of sys.path on, that may hold a module. */
export function moduleFiles(module: string): string[] {
  const path = module.replaceAll(".", "/");
  return [`${path}.py`, `${path}/__init__.py`];
}

function isPython(text: string, path: string): boolean {
  return /\.py[wxi]?$/.test(path) || /^#!.*python/.test(text);
}

function several(what: string, path: string, lines: readonly number[]): DebugtapError {
  const shown = lines.slice(0, maxNamed).join(", ");
  return new DebugtapError("DT_SPEC", what, {
    why: `they run from lines ${shown}${lines.length > maxNamed ? ", ..." : ""}`,
    fix: `${path}:${lines[0]}`,
  });
}

/** With `whole` the first line of the statement that `line` belongs to, else the line itself if something begins on it. */
function runningLine(statements: readonly PythonStatement[], line: number, whole: boolean): number | undefined {
  const at = statements.findIndex(({ end }) => end >= line);
  const here = statements[at];
  if (here === undefined) return undefined;
  const first = runsAt(statements, at);
  if (first !== undefined && line > here.line && !whole && mayRun(here, line)) return line;
  for (let next = at; next < statements.length; next++) {
    const found = runsAt(statements, next);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Whether a line within a statement has code of its own: it takes the value of a name. */
function mayRun({ words }: PythonStatement, line: number): boolean {
  if (/^(?:from|import|def|class|async)$/.test(words[0]?.text ?? "")) return false;
  return words.some(
    ({ line: on, kind, text }, i) =>
      on === line && kind === "name" && !/^(?:None|True|False)$/.test(text) && words[i + 1]?.text !== "=",
  );
}

/** The line at which the statement first stops; undefined where nothing of it runs. */
function runsAt(statements: readonly PythonStatement[], at: number): number | undefined {
  const { words = [] } = statements[at] ?? {};
  return firstRunning(words, isDocstring(statements, at));
}

/** Of the parts between `;`, and the one behind `else:`, the first that runs. */
function firstRunning(words: readonly PythonWord[], docstring: boolean): number | undefined {
  const [first, second] = words;
  if (first === undefined) return undefined;
  const rest = (from: number): number | undefined => (from < 1 ? undefined : firstRunning(words.slice(from), false));
  const part = words.findIndex(({ text }) => text === ";") + 1;
  if (docstring || first.text === "global" || first.text === "nonlocal") return rest(part);
  if (first.text === "else" || first.text === "finally") return rest(colonOf(words) + 1);
  // `x: int`, and not `try: x = 1`.
  const isAnnotation = first.kind === "name" && second?.text === ":" && !/^(?:try|except|lambda)$/.test(first.text);
  const statement = part > 0 ? words.slice(0, part - 1) : words;
  if (isAnnotation && !statement.some(({ text }) => text === "=")) return rest(part);
  // `if (` on a line of its own has no code: its first operand has.
  if (!tests.has(first.text)) return first.line;
  return words.find(({ text }) => !tests.has(text) && text !== "(" && text !== "not")?.line ?? first.line;
}

/** A string alone at the beginning of a function. That of a class or module runs: it is stored. */
function isDocstring(statements: readonly PythonStatement[], at: number): boolean {
  const { words = [], indent = 0 } = statements[at] ?? {};
  const { words: before = [], indent: outer = indent } = statements[at - 1] ?? {};
  return outer < indent && /^(?:def|async)$/.test(before[0]?.text ?? "") && isString(words);
}

/** Strings alone, up to a `;`. */
function isString(words: readonly PythonWord[]): boolean {
  const end = words.findIndex(({ text }) => text === ";");
  const part = (end < 0 ? words : words.slice(0, end)).filter(({ text }) => text !== "(" && text !== ")");
  return part.length > 0 && part.every(({ kind, text }) => kind === "string" && !/^[^"']*[bBfFtT]/.test(text));
}

function functionsOf(statements: readonly PythonStatement[]): PythonFunction[] {
  const functions: PythonFunction[] = [];
  const around: { name: string; indent: number }[] = [];
  for (const [at, { words, indent, line }] of statements.entries()) {
    while ((around.at(-1)?.indent ?? -1) >= indent) around.pop();
    const [keyword, named] = words[0]?.text === "async" ? words.slice(1) : words;
    if (named?.kind !== "name" || (keyword?.text !== "def" && keyword?.text !== "class")) continue;
    around.push({ name: named.text, indent });
    if (keyword.text === "class") continue;
    functions.push({ name: around.map(({ name }) => name).join("."), line, body: bodyLine(statements, at) });
  }
  return functions;
}

function bodyLine(statements: readonly PythonStatement[], at: number): number {
  const { words = [], indent = 0, line = 0 } = statements[at] ?? {};
  const inline = words.slice(colonOf(words) + 1);
  const [first] = inline;
  if (first !== undefined) return firstRunning(inline, isString(inline)) ?? first.line;
  for (let next = at + 1; (statements[next]?.indent ?? -1) > indent; next++) {
    const found = runsAt(statements, next);
    if (found !== undefined) return found;
  }
  // Nothing but a docstring: it returns at its `def`, or what decorates that.
  let from = at;
  while (statements[from - 1]?.words[0]?.text === "@") from--;
  return statements[from]?.line ?? line;
}
