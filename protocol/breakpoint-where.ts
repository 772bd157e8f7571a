// The place in a program that a breakpoint's SPEC begins with.
//
//   PATH:LINE          cinder/volume/manager.py:712
//   PATH:/REGEX/       cinder/volume/manager.py:/self\.driver\.create/
//   MODULE:FUNCTION    cinder.volume.manager:VolumeManager.create_volume
//
// Rules
// - PATH is the end of the debuggee's path, or a whole one of either side; which files it means is not decided here.
// - The first colon that a whole place follows ends the path, so that `C:\a.py:3` has one. A path may have spaces if it ends in
//   .py, .pyw, .pyx or .pyi; else a forgotten place would be looked for in the clauses.
// - Between the slashes `/` is written `\/`; nothing else is quoted.
// - A function is named by its module, not its file: `a.py:create` is refused with the module's name.
import { specError } from "./spec-error.ts";

export type Place =
  | { readonly kind: "line"; readonly path: string; readonly line: number }
  /** A JavaScript regular expression, without flags. */
  | { readonly kind: "text"; readonly path: string; readonly pattern: string }
  /** `name` may be `Class.method`. */
  | { readonly kind: "function"; readonly module: string; readonly name: string };

const maxLine = 1e9;
const identifier = String.raw`[\p{ID_Start}_][\p{ID_Continue}]*`;
const dotted = String.raw`${identifier}(?:\.${identifier})*`;
const wholeModule = new RegExp(`^${dotted}$`, "u");
const place = new RegExp(
  String.raw`(?:(?<line>\d+)|\/(?<pattern>(?:[^\/\\\n]|\\.)+)\/|(?<name>${dotted}))(?=\s|$)`,
  "uy",
);
const pythonFile = /\.py[wxi]?$/;

/** The place at the start of `text`, and where it ends. Throws DT_SPEC. */
export function parseWhere(text: string): { where: Place; end: number } {
  for (let colon = text.indexOf(":"); colon > 0; colon = text.indexOf(":", colon + 1)) {
    const path = text.slice(0, colon);
    if (/\s/.test(path) && !pythonFile.test(path)) continue;
    if (/^[A-Za-z]$/.test(path) && /^[\\/]/.test(text.slice(colon + 1))) continue;
    place.lastIndex = colon + 1;
    const found = place.exec(text);
    if (found === null) continue;
    const { line, pattern, name = "" } = found.groups ?? {};
    const end = colon + 1 + found[0].length;
    if (line !== undefined) return { where: lineOf(text, path, line), end };
    if (pattern !== undefined)
      return { where: { kind: "text", path, pattern: patternOf(text, colon + 2, pattern) }, end };
    if (wholeModule.test(path) && !pythonFile.test(path))
      return { where: { kind: "function", module: path, name }, end };
    throw noModule(text, path, text.slice(colon + 1));
  }
  throw specError(text, text.lastIndexOf(":") + 1, text === "" ? "it is empty" : "no place in a program stands here", {
    expected: "PATH:LINE, PATH:/REGEX/ or MODULE:FUNCTION",
    fix: "cinder/volume/manager.py:712",
  });
}

/** The text that {@link parseWhere} reads as `where`. */
export function formatWhere(where: Place): string {
  if (where.kind === "line") return `${where.path}:${where.line}`;
  if (where.kind === "function") return `${where.module}:${where.name}`;
  return `${where.path}:/${where.pattern.replace(/\\.|\//g, (found) => (found === "/" ? "\\/" : found))}/`;
}

function lineOf(text: string, path: string, digits: string): Place {
  // `a.py:3:7`, as compilers and editors write it.
  const [, file, line] = /^(.+):(\d+)$/.exec(path) ?? [];
  if (file !== undefined) {
    const rest = text.slice(path.length + 1 + digits.length);
    throw specError(text, path.length, "a place has a line and no column", {
      expected: "PATH:LINE",
      fix: `${file}:${line}${rest}`,
    });
  }
  const count = Number(digits);
  if (count >= 1 && count <= maxLine) return { kind: "line", path, line: count };
  throw specError(text, path.length + 1, `there is no line ${digits}`, { expected: "a number from 1 on" });
}

function patternOf(text: string, at: number, written: string): string {
  const pattern = written.replace(/\\(.)/g, (pair, char: string) => (char === "/" ? "/" : pair));
  try {
    void new RegExp(pattern);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message.replace(/^Invalid regular expression: /, "") : String(cause);
    const expected = "the special characters of a text with a backslash: `\\(`, `\\[`, `\\.`";
    throw specError(text, at, `no regular expression: ${why}`, { expected });
  }
  return pattern;
}

function noModule(text: string, path: string, rest: string) {
  const guess = path
    .replace(/(?:\/__init__)?\.py[wxi]?$/, "")
    .replace(/^[A-Za-z]:/, "")
    .replace(/^[\\/.]+/, "")
    .replace(/[\\/]+/g, ".");
  return specError(text, 0, `\`${path}\` is no module`, {
    expected: "a function by the name under which its module is imported, `package.module:function`",
    ...(wholeModule.test(guess) ? { fix: `${guess}:${rest}` } : {}),
  });
}
