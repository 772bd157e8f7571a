// How a hit of a trace looks: for a person, and as JSON.
//
//   #3  +1.204s  breakpoint  MainThread  create (app.py:12)
//        create (/opt/app/app.py:12)
//          11    req = parse(body)
//        → 12    size = req.size / count
//          13    return size
//          Locals
//            req: Request = <Request 0x7f…>
//            … 50 of 312
//        handle (/opt/app/wsgi.py:40)
//
// Rules
// - A person gets the text around the stopped line, as it was then, and one line for each variable of the top frame; JSON has all that
//   was captured.
// - What is cut says so where it would stand.
import { cutText, summarizeHit, whereOf } from "../../protocol/hit-summary.ts";
import type { Cut, Hit, SnapshotFrame, SnapshotScope, SnapshotVariable } from "../../protocol/hit.ts";
import type { TraceHit } from "../trace/index.ts";
import { clean, clip, painter } from "./paint.ts";
import type { Paint } from "./paint.ts";

const valueWidth = 200;
/** Lines of text before and after the one that a frame stands at. */
const around = 2;
const tab = " ".repeat(4);
const indent = "     ";

/** The text of a source by its SHA-256. */
export type TextOf = (sha256: string) => string | undefined;

export interface HitLinesOptions {
  readonly color: boolean;
  readonly named: boolean;
  readonly textOf: TextOf;
}

/** Head first; with `named` the session's name before it. */
export function hitLines({ at, session, hit }: TraceHit, { color, named, textOf }: HitLinesOptions): string[] {
  const paint = painter(color);
  const { number, reason, thread, where = "?" } = summarizeHit(hit);
  const time = paint.dim(`+${(at / 1000).toFixed(3)}s`);
  const head = [`#${number}`, time, paint.yellow(clean(reason)), clean(thread), clean(where)];
  const { frames, cut } = hit.snapshot;
  const stack = frames.flatMap((frame, i) => [
    clean(whereOf(frame, true)),
    ...(i === 0 ? [...textLines(frame, textOf, paint), ...valuesOf(frame, paint)] : []),
  ]);
  return [
    (named ? [session.name, ...head] : head).join("  "),
    ...[...saidLines(hit, paint), ...stack, ...cutLine(cut, frames.length, paint)].map((line) => indent + line),
  ];
}

/** What is said of the hit as a whole. */
export function saidLines({ text, correlated = {}, uncorrelated = {} }: Hit, paint: Paint): string[] {
  return [
    ...(text === undefined ? [] : [clip(clean(text), valueWidth)]),
    ...Object.entries(correlated).map(([name, value]) => valueLine(name, value, paint)),
    ...Object.entries(uncorrelated).map(([name, why]) =>
      paint.dim(`no ${clip(`${clean(name)}: ${clean(why)}`, valueWidth)}`),
    ),
  ];
}

/** The line that the frame stands at, and those around it. */
export function textLines({ source, noSource, line }: SnapshotFrame, textOf: TextOf, paint: Paint): string[] {
  if (noSource !== undefined) return [paint.dim(`  no source: ${clip(clean(noSource), valueWidth)}`)];
  const text = source === undefined ? undefined : textOf(source);
  if (text === undefined || line === undefined) return [];
  const first = Math.max(1, line - around);
  const lines = text.split(/\r\n?|\n/).slice(first - 1, line + around);
  const width = String(line + around).length;
  return lines.map((code, i) => {
    const number = first + i;
    const [space = ""] = /^[ \t]*/.exec(code) ?? [];
    const shown =
      `${String(number).padStart(width)}  ${space.replaceAll("\t", tab)}${clip(clean(code.trim()), valueWidth)}`.trimEnd();
    return number === line ? `→ ${shown}` : `  ${paint.dim(shown)}`;
  });
}

/** One hit as a line of JSON: all of it, under `hit`. */
export function hitJson({ time, at, session, hit }: TraceHit): Record<string, unknown> {
  return {
    session: session.name,
    time: new Date(time).toISOString(),
    at: Math.round(at * 1000) / 1000,
    hit,
  };
}

function valuesOf({ scopes = [], cut }: SnapshotFrame, paint: Paint): string[] {
  const lines = scopes.flatMap((scope) => scopeLines(scope, paint));
  return [...lines, ...cutLine(cut, scopes.length, paint)].map((line) => `  ${line}`);
}

function scopeLines({ name, variables, cut }: SnapshotScope, paint: Paint): string[] {
  const values = variables.map((variable) => variableLine(variable, paint));
  return [paint.dim(clean(name)), ...[...values, ...cutLine(cut, variables.length, paint)].map((line) => `  ${line}`)];
}

export function variableLine(
  { name, type, value, children = [], failed, cut }: SnapshotVariable,
  paint: Paint,
): string {
  const shown = failed ? `<its repr failed> ${value}` : value;
  const [mark] = cutLine(cut, cut?.by === "string" ? value.length : children.length, paint);
  const line = valueLine(type === undefined || type === "" ? name : `${name}: ${type}`, shown, paint);
  return mark === undefined ? line : `${line} ${mark}`;
}

function valueLine(name: string, value: string, paint: Paint): string {
  return `${paint.cyan(clean(name))} = ${clip(clean(value), valueWidth)}`;
}

export function cutLine(cut: Cut | undefined, shown: number, paint: Paint): string[] {
  return cut === undefined ? [] : [paint.dim(cutText(cut, shown))];
}
