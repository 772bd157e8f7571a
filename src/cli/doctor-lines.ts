// What `doctor` prints for a person: a head for each subject, a line for each finding, its why and fix below it.
import type { Finding, Status } from "../doctor/finding.ts";
import { clean, type Paint } from "./paint.ts";

const words: Readonly<Record<Status, string>> = { ok: "ok", note: "note", wrong: "WRONG", unseen: "?" };
const width = 7;

export function findingLines(findings: readonly Finding[], paint: Paint): string[] {
  const lines: string[] = [];
  let subject = "";
  for (const finding of findings) {
    if (finding.subject !== subject) lines.push(...(subject === "" ? [] : [""]), paint.bold(clean(finding.subject)));
    subject = finding.subject;
    lines.push(...linesOf(finding, paint));
  }
  const count = (status: Status): number => findings.filter((each) => each.status === status).length;
  const rest = [
    ...(count("note") > 0 ? [`${count("note")} to note`] : []),
    ...(count("unseen") > 0 ? [`${count("unseen")} not looked at`] : []),
  ];
  return [...lines, "", [`${count("wrong")} wrong`, ...rest, `${count("ok")} ok`].join(", ")];
}

function linesOf({ status, code, what, why, fix }: Finding, paint: Paint): string[] {
  const color = { ok: paint.green, note: paint.yellow, wrong: paint.red, unseen: paint.yellow }[status];
  const head = `  ${color(words[status].padEnd(width))}`;
  const unseen = status === "unseen" ? "not looked at: " : "";
  return [
    `${head}${status === "ok" ? "" : `${code}: `}${unseen}${clean(what)}`,
    ...(why === undefined ? [] : [`${" ".repeat(width + 2)}why: ${clean(why)}`]),
    // Whole, in one line: it is to be pasted.
    ...(fix === undefined ? [] : [`${" ".repeat(width + 2)}fix: ${clean(fix)}`]),
  ];
}
