// The breakpoints that a debuggee had at some moment, from what it was told until then: for sessions whose breakpoints an IDE had set.
//
//   DAP       setBreakpoints replaces those of a file
//   pydevd    111 sets one under an id, 112 removes it; 501 says whether that id is its own (ID) or the line (LINE)
//
// Rules
// - Line breakpoints only. One that says a message and does not stop (a logpoint) had no hits.
// - Paths are those that the debuggee was told. A count that no SPEC can say is left out.
import { formatSpec, type BreakpointSpec } from "./breakpoint-spec.ts";
import type { DapMessage } from "./dap.ts";
import { isRequest } from "./dap.ts";
import { hitConditionClauses } from "./hit-condition.ts";
import { elements, member } from "./json.ts";
import { plainPath } from "./path-map.ts";
import { parseSetBreak, type Grammar } from "./pydevd-breakpoints.ts";
import { conditionQuoting } from "./pydevd-quoting.ts";
import type { PydevdMessage } from "./pydevd.ts";

export class BreakpointsInForce {
  readonly #service: string;
  /** DAP: by file. pydevd: by type, file and id. */
  readonly #set = new Map<string, readonly BreakpointSpec[]>();
  #grammar: Grammar = "LINE";

  constructor(service: string) {
    this.#service = service;
  }

  /** In the order in which they were set first. */
  get specs(): readonly BreakpointSpec[] {
    return [...this.#set.values()].flat();
  }

  /** A message that the debuggee was given. */
  dap(message: DapMessage): void {
    if (!isRequest(message) || message.command !== "setBreakpoints") return;
    const path: unknown = member(message.arguments, "source", "path");
    if (typeof path !== "string") return;
    const specs = elements(message.arguments, "breakpoints").flatMap((each) => {
      const [line, condition, hits, log] = ["line", "condition", "hitCondition", "logMessage"].map((key) =>
        member(each, key),
      );
      if (typeof line !== "number" || !isLine(line) || isText(log)) return [];
      return [
        this.#spec(plainPath(path) ?? path, line, {
          ...(isText(condition) ? { condition } : {}),
          ...(isText(hits) ? clausesOf(hits) : {}),
        }),
      ];
    });
    if (specs.length === 0) this.#set.delete(path);
    else this.#set.set(path, specs);
  }

  /** The same. */
  pydevd({ id, text }: Pick<PydevdMessage, "id" | "text">): void {
    if (id === 501) this.#grammar = text.split("\t")[2]?.trim() === "ID" ? "ID" : "LINE";
    if (id === 112) this.#set.delete(text.trim());
    const set = id === 111 ? parseSetBreak(text, this.#grammar) : undefined;
    if (set === undefined || set.type !== "python-line" || set.isLogpoint || !isLine(Number(set.line))) return;
    const condition = conditionQuoting.decode(set.condition).trim();
    // `@HIT@ % 3 == 0` is DAP's `% 3`.
    const hits = /^@HIT@\s*(.*?)(?:(?<=%\s*\d+)\s*==\s*0)?$/.exec(set.hit.trim())?.[1];
    this.#set.set(`${set.type}\t${set.file}\t${set.id}`, [
      this.#spec(set.file, Number(set.line), {
        ...(condition === "" || condition === "None" ? {} : { condition }),
        ...(hits === undefined ? {} : clausesOf(hits)),
      }),
    ]);
  }

  #spec(path: string, line: number, clauses: Pick<BreakpointSpec, "condition" | "hits" | "max">): BreakpointSpec {
    const spec = { where: { kind: "line", path, line }, service: this.#service, ...clauses } as const;
    return { text: formatSpec(spec), ...spec };
  }
}

function clausesOf(written: string): Pick<BreakpointSpec, "hits" | "max"> {
  try {
    return hitConditionClauses(written.trim());
  } catch {
    return {};
  }
}

function isLine(line: number): boolean {
  return Number.isSafeInteger(line) && line > 0;
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value.trim() !== "";
}
