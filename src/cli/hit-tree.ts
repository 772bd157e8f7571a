// One hit in full: its stack, and the values of each frame as a tree.
//
//   hit 42  cinder-api#1:3  +1.204s  breakpoint  MainThread
//        context.request_id = req-5f1c…
//     0  create (/opt/app/app.py:12)
//          11    req = parse(body)
//        → 12    size = req.size / count
//          Locals
//            volume: dict = {'id': …} … 5 of 12
//              'size': int = 10
//     1  handle (/opt/app/wsgi.py:40)
//
// Rules
// - Values are shown as deep as they were captured, or as is asked for; what is left out of sight says how much it is.
// - With `find` only paths that have it in them, each in a line of its own: `volume['size']: int = 10`.
import { whereOf } from "../../protocol/hit-summary.ts";
import type { Hit, SnapshotFrame, SnapshotVariable } from "../../protocol/hit.ts";
import { pathWithin } from "../../protocol/value-path.ts";
import { cutLine, saidLines, textLines, variableLine, type TextOf } from "./hit-lines.ts";
import { clean, painter, type Paint } from "./paint.ts";

const indent = "     ";

export interface TreeOptions {
  readonly color: boolean;
  readonly textOf: TextOf;
  /** Only this frame, from 0, innermost first. */
  readonly frame?: number;
  /** Levels of values. */
  readonly depth?: number;
  /** In lower case. */
  readonly find?: string;
}

/** All but the first line. */
export function treeLines(hit: Hit, options: TreeOptions): string[] {
  const paint = painter(options.color);
  const { frames, cut } = hit.snapshot;
  const stack = frames.flatMap((frame, i) =>
    options.frame === undefined || options.frame === i ? frameLines(frame, i, options, paint) : [],
  );
  const missing = options.frame === undefined ? cutLine(cut, frames.length, paint) : [];
  return [
    ...[...saidLines(hit, paint)].map((line) => indent + line),
    ...stack,
    ...missing.map((line) => indent + line),
  ];
}

function frameLines(frame: SnapshotFrame, number: number, options: TreeOptions, paint: Paint): string[] {
  const { scopes, cut } = frame;
  const head = `${String(number).padStart(3)}  ${paint.bold(clean(whereOf(frame, true)))}`;
  const lines = (scopes ?? []).flatMap(({ name, variables, cut }) => [
    ...(options.find === undefined ? [paint.dim(clean(name))] : []),
    ...variables.flatMap((variable) =>
      options.find === undefined
        ? tree(variable, options.depth ?? Infinity, paint)
        : found(variable, "", options.find, paint),
    ),
    ...cutLine(cut, variables.length, paint).map((line) => `  ${line}`),
  ]);
  if (options.find !== undefined && lines.length === 0) return [];
  const wantsText = options.find === undefined && (scopes !== undefined || options.frame !== undefined);
  const shown = wantsText ? textLines(frame, options.textOf, paint) : [];
  return [head, ...[...shown, ...lines, ...cutLine(cut, scopes?.length ?? 0, paint)].map((line) => indent + line)];
}

function tree(variable: SnapshotVariable, depth: number, paint: Paint): string[] {
  const { children = [] } = variable;
  const inside = depth > 1 ? children.flatMap((child) => tree(child, depth - 1, paint)) : [];
  const hidden = depth > 1 || children.length === 0 ? "" : ` ${paint.dim(`(${children.length} inside)`)}`;
  return [`  ${variableLine(variable, paint)}${hidden}`, ...inside.map((line) => `  ${line}`)];
}

function found(variable: SnapshotVariable, before: string, wanted: string, paint: Paint): string[] {
  const path = pathWithin(before, variable.name);
  const own = path.toLowerCase().includes(wanted) ? [`  ${variableLine({ ...variable, name: path }, paint)}`] : [];
  return [...own, ...(variable.children ?? []).flatMap((child) => found(child, path, wanted, paint))];
}
