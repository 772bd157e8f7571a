// A hit as text, to be pasted into a mail or an issue: the stop, the stack, the values as they were captured.
import type { HitDetail } from "../../protocol/api.ts";
import type { SnapshotVariable } from "../../protocol/hit.ts";
import { dateTime } from "./format.ts";
import { plainText } from "./visible-text.ts";
import { cutWords } from "./value-tree.ts";

const mostLines = 5000;
const mostCharacters = 2000;

export function hitText({ row, hit }: HitDetail): string {
  const lines = [`${row.name}  ${hit.reason}  ${dateTime(hit.at)}`];
  if (hit.text !== undefined) lines.push(line(hit.text));
  if (row.request !== undefined) lines.push(`request ${line(row.request)}`);
  const { frames, cut } = hit.snapshot;
  for (const [at, frame] of frames.entries()) {
    lines.push(
      `#${at} ${line(frame.name)}${frame.path === undefined ? "" : `  ${line(frame.path)}:${frame.line ?? "?"}`}`,
    );
    for (const scope of frame.scopes ?? []) {
      lines.push(`    ${line(scope.name)}`);
      for (const variable of scope.variables) value(lines, variable, "      ");
      if (scope.cut !== undefined) lines.push(`      ${cutWords(scope.cut, scope.variables.length)}`);
    }
  }
  if (cut !== undefined) lines.push(cutWords(cut, frames.length));
  if (lines.length > mostLines) lines.splice(mostLines, lines.length, `… ${lines.length - mostLines} more lines`);
  return `${lines.join("\n")}\n`;
}

function value(lines: string[], variable: SnapshotVariable, indent: string): void {
  lines.push(`${indent}${line(variable.name)} = ${line(variable.value)}`);
  for (const child of variable.children ?? []) value(lines, child, `${indent}  `);
  if (variable.cut !== undefined) lines.push(`${indent}  ${cutWords(variable.cut, variable.children?.length ?? 0)}`);
}

function line(text: string): string {
  return plainText(text, mostCharacters);
}
