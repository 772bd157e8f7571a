// Breakpoints that VS Code or one of its extensions wrote as JSON. VS Code itself has no file for them: it keeps them in the
// storage of the workspace, and extensions export them in their own forms.
//
//   file    [entry, …] · { breakpoints: [entry, …] } · [{ breakpoints: [entry, …] }, …]
//   entry   { uri: { path }, lineNumber }                     VS Code's storage (state.vscdb, key `debug.breakpoint`)
//           { location: { uri: { path }, range: [start, end] } }              vscode.debug.breakpoints as JSON
//           { location: "/a.py", line: [start, end] }         BreakpointIO, Breakpoints Manager: below the workspace
//           { location: "/work/a.py", range: [start, end] }   Breakpoint Bookmarks: absolute
//           { path, position: start }                         Breakpoints Exporter
//           { file | filePath | filepath, line | line_number }                plain lists
//           and `enabled`, `condition`, `hitCondition`, `logMessage`
//
// Rules
// - A `start` is { line, character }, counted from 0; a line that is a number counts from 1.
// - Comments and trailing commas are allowed, as VS Code allows them.
// - `hitCondition`: see protocol/hit-condition.ts.
// - A function breakpoint has no module, and exceptions and data have no line: those are refused, not left out. Disabled ones stay
//   disabled; of those only what can be said is kept.
import { posix } from "node:path";
import { formatSpec, parseSpec } from "../../protocol/breakpoint-spec.ts";
import type { BreakpointSpec } from "../../protocol/breakpoint-spec.ts";
import { DebugtapError } from "../../protocol/errors.ts";
import { hitConditionClauses } from "../../protocol/hit-condition.ts";
import { member } from "../../protocol/json.ts";
import { plainPath } from "../../protocol/path-map.ts";
import { oneLine } from "../../protocol/spec-error.ts";
import { ConfigSource } from "../config-source.ts";
import type { Path, Problem } from "../config-source.ts";

/** The breakpoints of a JSON text. `root` is the workspace, absolute; without it paths below it stay relative. Throws DT_SPEC. */
export function parseVscode(content: string, file: string, root?: string): BreakpointSpec[] {
  const source = new ConfigSource(withoutComments(content), file, "DT_SPEC");
  if (member(source.value, "configurations") !== undefined) throw noBreakpoints(file);
  const problems: Problem[] = [];
  const specs: BreakpointSpec[] = [];
  for (const [entry, path] of entriesOf(source, source.value, [])) {
    try {
      specs.push(specOf(entry, root));
    } catch (error) {
      const text = oneLine(error);
      if (member(entry, "enabled") !== false) problems.push({ offset: source.offsetOf(path), text });
    }
  }
  if (problems.length > 0) throw source.error("DT_SPEC", problems);
  return specs;
}

function noBreakpoints(file: string): DebugtapError {
  const storage = "~/.config/Code/User/workspaceStorage";
  return new DebugtapError("DT_SPEC", `${file} has no breakpoints: it says how to launch`, {
    why: "VS Code keeps breakpoints in the storage of the workspace, a state.vscdb in one of the directories that the fix prints",
    fix: `grep -l "$(basename "$PWD")" ${storage}/*/workspace.json`,
  });
}

function entriesOf(source: ConfigSource, value: unknown, path: Path): [entry: unknown, path: Path][] {
  const inner: unknown = member(value, "breakpoints");
  if (Array.isArray(inner)) return entriesOf(source, inner, [...path, "breakpoints"]);
  if (!Array.isArray(value)) {
    throw source.error("DT_SPEC", [{ offset: source.offsetOf(path), text: "here is no list of breakpoints" }]);
  }
  return value.flatMap((item: unknown, index): [unknown, Path][] =>
    Array.isArray(member(item, "breakpoints")) ? entriesOf(source, item, [...path, index]) : [[item, [...path, index]]],
  );
}

function specOf(entry: unknown, root: string | undefined): BreakpointSpec {
  const text = (key: string): string | undefined => {
    const value = member(entry, key);
    return typeof value === "string" && value.trim() !== "" ? value.trim() : undefined;
  };
  const [path, line] = placeOf(entry, root);
  const condition = text("condition");
  const hitCondition = text("hitCondition");
  const log = text("logMessage");
  return parseSpec(
    formatSpec({
      where: { kind: "line", path, line },
      ...(condition === undefined ? {} : { condition }),
      ...(hitCondition === undefined ? {} : hitConditionClauses(hitCondition)),
      ...(log === undefined ? {} : { log }),
      ...(member(entry, "enabled") === false ? { disabled: true } : {}),
    }),
  );
}

function placeOf(entry: unknown, root: string | undefined): [path: string, line: number] {
  const location = member(entry, "location");
  const isBelow = typeof location === "string" && Array.isArray(member(entry, "line"));
  const names = ["path", "file", "filePath", "filepath", "uri"].map((key) => member(entry, key));
  const path = pathOf(location ?? names.find((value) => value !== undefined));
  const from0 = [member(location, "range"), member(entry, "range"), member(entry, "position"), member(entry, "line")];
  const from1 = [member(entry, "lineNumber"), member(entry, "line_number"), member(entry, "line")];
  const counted = from0.map(startOf).find((line) => line !== undefined);
  const line = counted === undefined ? from1.find((value) => typeof value === "number") : counted + 1;
  if (path !== undefined && typeof line === "number") {
    const below = isBelow || !/^(?:\/|[A-Za-z]:[\\/]|\\\\)/.test(path) ? path.replace(/^[\\/]+/, "") : undefined;
    return [below === undefined ? path : root === undefined ? below : posix.join(root, below), line];
  }
  const name = member(entry, "functionName") ?? (line === undefined ? member(entry, "name") : undefined);
  throw new DebugtapError(
    "DT_SPEC",
    typeof name === "string"
      ? `a function breakpoint (\`${name}\`) says no module: disable it, and write \`package.module:${name}\` in a file of debugtap`
      : "here is no breakpoint with a file and a line",
  );
}

/** A URI as text or in parts, a location with one, or a path. */
function pathOf(value: unknown): string | undefined {
  const path =
    typeof value === "string" ? value : (member(value, "uri", "path") ?? member(value, "path") ?? member(value, "uri"));
  if (typeof path !== "string" || path === "") return undefined;
  return (plainPath(path) ?? path).replace(/^\/(?=[A-Za-z]:)/, "");
}

/** The line, from 0, of a position, or of the first of two. */
function startOf(value: unknown): number | undefined {
  const start: unknown = Array.isArray(value) ? value[0] : (member(value, "start") ?? value);
  const line = member(start, "line") ?? member(start, "_line");
  return typeof line === "number" ? line : undefined;
}

/** JSON with comments and tabs as spaces, so that all else stays at its offset. */
export function withoutComments(text: string): string {
  return text.replace(/"(?:[^"\\\n]|\\.)*"|\/\/[^\n]*|\/\*[^]*?\*\/|\t/g, (found) =>
    found.startsWith('"') ? found : found.replace(/[^\n]/g, " "),
  );
}
