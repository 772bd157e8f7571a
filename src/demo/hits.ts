// A hit as the scripted IDEs print it, and how the demo shows it.
import { posix } from "node:path";
import type { Breakpoint } from "./services.ts";

export interface Hit {
  readonly service: string;
  readonly file: string;
  readonly line: number;
  readonly function: string;
  /** The innermost frame first. */
  readonly stack: readonly { readonly function: string; readonly file?: string; readonly line: number }[];
  /** Name -> value, as the debugger renders it. */
  readonly locals: Readonly<Record<string, string>>;
}

/** A line of a scripted IDE's --json. */
export function parseHit(line: string): Hit {
  const hit: Hit = JSON.parse(line);
  return hit;
}

const framesShown = 4;
const width = 100;

export function hitLines(hit: Hit, breakpoint: Breakpoint): string[] {
  const frames = hit.stack.slice(0, framesShown).map((frame) => `${frame.function}  ${place(frame)}`);
  const more = hit.stack.length - frames.length;
  if (more > 0) frames.push(`and ${more} more`);
  const locals = Object.entries(hit.locals).map(([name, value]) => `${name} = ${value}`);
  return [
    `${hit.service} stopped in ${hit.function}, ${place(hit)}`,
    ...labelled("line", [breakpoint.text]),
    ...labelled("stack", frames),
    ...labelled("locals", locals),
  ].map(cut);
}

function labelled(label: string, lines: readonly string[]): string[] {
  return lines.map((line, index) => `  ${(index === 0 ? label : "").padEnd(7)} ${line}`);
}

function place({ file, line }: { readonly file?: string; readonly line: number }): string {
  return `${posix.basename(file ?? "?")}:${line}`;
}

function cut(line: string): string {
  return line.length > width ? `${line.slice(0, width - 1)}…` : line;
}
