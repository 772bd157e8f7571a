// The result of a check as JUnit XML, as CI systems read it: one suite, a case for each expectation, one for hits that nothing expects.
import type { Expectation } from "../../protocol/expect.ts";
import type { CheckResult, Failure } from "../expect/check.ts";
import { failureText, nameOf } from "./check-lines.ts";

/** `name`: of the suite. */
export function toJunit(
  { failures }: CheckResult,
  expectation: Expectation,
  { name, at }: { readonly name: string; readonly at: Date },
): string {
  const byNumber = new Map<number, Failure[]>();
  for (const failure of failures) {
    // Those that belong to no expectation are one case, behind the others.
    const number = "number" in failure ? failure.number : 0;
    const known = byNumber.get(number);
    if (known === undefined) byNumber.set(number, [failure]);
    else known.push(failure);
  }
  const cases = expectation.hits.map((_, place) =>
    caseOf(nameOf(place + 1, expectation), byNumber.get(place + 1) ?? [], expectation, name),
  );
  if (expectation.extra === "refuse") cases.push(caseOf("no other hits", byNumber.get(0) ?? [], expectation, name));
  const counts = `tests="${cases.length}" failures="${byNumber.size}" errors="0" skipped="0" time="0"`;
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="debugtap check" ${counts.replace(' skipped="0"', "")}>`,
    `  <testsuite name="${escape(name)}" ${counts} timestamp="${at.toISOString().slice(0, 19)}">`,
    ...cases,
    "  </testsuite>",
    "</testsuites>",
    "",
  ].join("\n");
}

function caseOf(name: string, failures: readonly Failure[], expectation: Expectation, suite: string): string {
  const head = `    <testcase classname="${escape(suite)}" name="${escape(name)}" time="0"`;
  const [first] = failures;
  if (first === undefined) return `${head}/>`;
  const texts = failures.map((failure) => failureText(failure, expectation));
  return [
    `${head}>`,
    `      <failure type="${first.kind}" message="${escape(texts[0] ?? "")}">${escape(texts.join("\n"))}</failure>`,
    "    </testcase>",
  ].join("\n");
}

/** Characters that XML cannot have at all are shown by their number; half a pair of surrogates is none. */
function escape(text: string): string {
  const entities: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
  return text
    .replace(/(?![\t\n\r])\p{Cc}/gu, (char) => `\\x${char.charCodeAt(0).toString(16)}`)
    .replace(/[\ud800-\udfff\ufffe\uffff]/gu, "\ufffd")
    .replace(/[&<>"]/g, (char) => entities[char] ?? char);
}
