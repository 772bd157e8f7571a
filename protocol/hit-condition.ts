// DAP's `hitCondition` as clauses of a SPEC. It is what debugpy takes: `N` and `== N`, `> N`, `>= N`, `% N`; `< N` and `<= N` become `max`.
import type { BreakpointSpec } from "./breakpoint-spec.ts";
import { DebugtapError } from "./errors.ts";

/** Throws DT_SPEC. */
export function hitConditionClauses(written: string): Pick<BreakpointSpec, "hits" | "max"> {
  const [, op = "==", digits = ""] = /^(==?|>=?|<=?|%)?\s*(\d{1,9})$/.exec(written) ?? [];
  const count = Number(digits);
  if (digits === "" || count === 0 || (op === "<" && count === 1)) {
    throw new DebugtapError(
      "DT_SPEC",
      `hitCondition \`${written}\` is none of \`N\`, \`== N\`, \`> N\`, \`>= N\`, \`< N\`, \`<= N\`, \`% N\``,
    );
  }
  if (op === "%") return { hits: { op, count } };
  if (op.startsWith(">")) return { hits: { op: ">=", count: op === ">" ? count + 1 : count } };
  if (op.startsWith("<")) return { max: op === "<" ? count - 1 : count };
  return { hits: { op: "==", count } };
}
