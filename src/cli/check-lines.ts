// What is not as expected, a line each.
//
//   3  create (volumes.py:212)  hit 5: volume['size'] expected 1, found 2
//   4  delete (volumes.py:240)  expected 2 hits, found 1
//   hit 7  cinder-api  poll (x.py:3)  is not expected
import { expectedText, type Expectation } from "../../protocol/expect.ts";
import type { CheckResult, Failure } from "../expect/check.ts";
import { placeOf } from "./diff-lines.ts";
import { clean, clip, painter } from "./paint.ts";

const valueWidth = 120;

export function failureLine(failure: Failure, expectation: Expectation, color: boolean): string {
  const paint = painter(color);
  const name = "number" in failure ? `${paint.bold(nameOf(failure.number, expectation))}  ` : "";
  return `${paint.red("FAIL")}  ${name}${failureText(failure, expectation)}`;
}

/** `3  create (volumes.py:212)` */
export function nameOf(number: number, { hits }: Expectation): string {
  const one = hits[number - 1];
  return `${number}  ${one === undefined ? "" : clip(clean(expectedText(one)), valueWidth)}`.trim();
}

/** Without the name of the expectation. */
export function failureText(failure: Failure, { hits }: Expectation): string {
  if (failure.kind === "value") {
    const values = failure.values.map(
      ({ name, expected, found }) => `${clean(name)} expected ${part(expected)}, found ${part(found)}`,
    );
    return `hit ${failure.hit.number}: ${values.join("; ")}`;
  }
  if (failure.kind === "extra") return `hit ${failure.hit.number}  ${placeOf(failure.hit)}  is not expected`;
  const { least = 1, text = "1" } = hits[failure.number - 1]?.times ?? {};
  if (failure.kind === "too-many")
    return text === "0"
      ? `hit ${failure.hit.number}: expected never`
      : `hit ${failure.hit.number}: one more than times: ${text}`;
  const wanted = `${text.startsWith(">") ? "at least " : ""}${least} hit${least === 1 ? "" : "s"}`;
  return `expected ${wanted}, found ${failure.found === 0 ? "none" : failure.found}`;
}

export function resultLine({ failures, hits, extra }: CheckResult, expectation: Expectation, color: boolean): string {
  const paint = painter(color);
  const all = expectation.hits.length;
  const failed = new Set(failures.flatMap((failure) => ("number" in failure ? [failure.number] : []))).size;
  const others = failures.filter(({ kind }) => kind === "extra").length;
  const sum = `${all - failed} of ${all} expectations hold, ${hits} hit${hits === 1 ? "" : "s"}`;
  const rest = [
    ...(others === 0 ? [] : [`${others} not expected`]),
    ...(extra === 0 ? [] : [paint.dim(`${extra} others, which are allowed`)]),
  ];
  return [failures.length === 0 ? paint.green(sum) : paint.red(sum), ...rest].join(", ");
}

function part(text: string): string {
  return clip(clean(text), valueWidth);
}
