// A breakpoint where it stands in a file of one service, and how each wire is told of it.
//
// Rules
// - Conditions and counts are the debuggee's work: a program stops only where it is wanted.
// - A log message is marked with the number of its breakpoint (protocol/log-marks.ts), so that it can be told from what a program prints.
import { marked } from "./log-marks.ts";
import { conditionQuoting } from "./pydevd-quoting.ts";

export interface Placed {
  /** Number of the SPEC that it comes from. */
  readonly spec: number;
  /** As a client names the file. */
  readonly path: string;
  /** From 1. */
  readonly line: number;
  readonly condition?: string;
  readonly hits?: { readonly op: ">=" | "==" | "%"; readonly count: number };
  /** `x={x}`: it is said, and the program does not stop. */
  readonly log?: string;
}

/** As setBreakpoints has it. */
export function sourceBreakpoint({ spec, line, condition, hits, log }: Placed): Record<string, unknown> {
  return {
    line,
    ...(condition === undefined ? {} : { condition }),
    ...(hits === undefined ? {} : { hitCondition: `${hits.op === "%" ? "%" : `${hits.op} `}${hits.count}` }),
    ...(log === undefined ? {} : { logMessage: marked(spec, log) }),
  };
}

/** Fields of a 111 by ID. */
export function setBreakText(id: number, { spec, path, line, condition, hits, log }: Placed): string {
  const hit =
    hits === undefined ? "None" : hits.op === "%" ? `@HIT@ % ${hits.count} == 0` : `@HIT@ ${hits.op} ${hits.count}`;
  const when = condition === undefined ? "None" : conditionQuoting.encode(condition);
  const said = log === undefined ? "None" : conditionQuoting.encode(logExpression(marked(spec, log)));
  const isLogpoint = log === undefined ? "False" : "True";
  return [id, "python-line", path, line, "None", when, said, hit, isLogpoint, "NONE"].join("\t");
}

/** DAP's `x={x}` as the Python expression that gives that text: `{` and `}` are doubled where they are meant as such. */
export function logExpression(template: string): string {
  const parts: string[] = [];
  const values: string[] = [];
  for (let at = 0; at < template.length;) {
    const open = template.indexOf("{", at);
    const end = open === -1 ? -1 : closing(template, open);
    if (end === -1) {
      parts.push(template.slice(at));
      break;
    }
    parts.push(template.slice(at, open), "\0");
    values.push(template.slice(open + 1, end));
    at = end + 1;
  }
  const format = parts.map((part) => (part === "\0" ? "%s" : part.replaceAll("%", "%%"))).join("");
  const quoted = JSON.stringify(format);
  return values.length === 0 ? `${quoted} % ()` : `${quoted} % (${values.map((value) => `(${value}),`).join(" ")})`;
}

/** Where the braces that open here close; -1 when they do not. */
function closing(text: string, open: number): number {
  let depth = 0;
  for (let at = open; at < text.length; at++) {
    if (text[at] === "{") depth++;
    else if (text[at] === "}" && --depth === 0) return at;
  }
  return -1;
}
