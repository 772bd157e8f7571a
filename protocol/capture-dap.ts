// What is asked at a DAP stop: stackTrace, exceptionInfo after an exception; for a frame scopes, for each of them variables.
//
// Rules
// - The arguments are those that VS Code sends, in number and kind: its own request is then answered from this one's answer.
// - Scopes that are expensive, globals and registers are not asked for; debugpy and lldb do not call their globals expensive.
// - Pages (filter, start, count) only where the adapter counts more children than are wanted: others may not know them.
// - `evaluate` has the context `watch`: debugpy runs statements in `repl`, and prints.
// - Where no frame is wanted nothing is asked.
// - `lazy` variables are not opened: that would run a getter.
import type { Draft, DraftFrame, DraftVariable, FoundVariable, Marked, Question } from "./capture-draft.ts";
import type { Evaluated, Evaluation } from "./capture-evaluate.ts";
import { isCode, isFailedRepr, isNoise, lengthSaid } from "./capture-python.ts";
import { decodeDap } from "./dap.ts";
import type { Answer, Stop } from "./exchange.ts";
import { elements, isObject, member } from "./json.ts";

/** debugpy cuts longer values itself, so that their length is not known. */
const debugpyCuts = 65_536;

/** delve tells of a stop some ms before it stands, and says until then that the debuggee is running. */
const stackTries = 5;

/** Puts the first questions in. */
export function askDap(stop: Stop, draft: Draft, evaluation: Evaluation): void {
  const body = member(decodeDap(stop.frame), "body");
  draft.text = sentence(member(body, "text"), member(body, "description"));
  if (draft.limits.frames === 0) return draft.refine({ name: "" });
  const stack = (again: number): Question => ({
    ask: request("stackTrace", { threadId: stop.thread, startFrame: 0, levels: draft.limits.frames }),
    at: draft,
    take: (answer) => {
      const refused = answer.wire === "dap" && !answer.success && again > 0;
      if (refused) draft.ask(stack(again - 1));
      return refused || takeStack(draft, evaluation, answer);
    },
  });
  draft.ask(stack(stackTries - 1));
  if (stop.reason === "exception") {
    draft.ask({
      ask: request("exceptionInfo", { threadId: stop.thread }),
      at: {},
      take: (answer) => {
        const info = bodyOf(answer);
        draft.text = sentence(member(info, "exceptionId"), member(info, "description")) ?? draft.text;
        return true;
      },
    });
  }
}

function takeStack(draft: Draft, evaluation: Evaluation, answer: Answer): boolean {
  const body = bodyOf(answer);
  if (!Array.isArray(member(body, "stackFrames"))) return false;
  const found = elements(body, "stackFrames").filter(isObject);
  for (const frame of found) {
    const [path, reference] = [member(frame, "source", "path"), whole(member(frame, "source", "sourceReference"))];
    if (typeof path === "string" && reference !== undefined && reference > 0) draft.sources.set(path, reference);
  }
  const ids = found.map((frame) => whole(frame["id"]));
  draft.addFrames(found.map(frameOf), whole(member(body, "totalFrames")), (index) => {
    const frameId = ids[index];
    const frame = draft.frames[index];
    if (frameId === undefined || frame === undefined) return [];
    return [
      { ask: request("scopes", { frameId }), at: frame, take: (answer) => takeScopes(draft, frame, answer) },
      ...evaluation.questions(
        draft.frames,
        (expression) => request("evaluate", { expression, frameId, context: "watch" }),
        evaluated,
      ),
    ];
  });
  return true;
}

function evaluated(answer: Answer): Evaluated {
  const result = member(bodyOf(answer), "result");
  if (typeof result === "string") return { value: result };
  const why = answer.wire === "dap" ? answer.message : undefined;
  return { failure: why ?? "the debuggee did not say why" };
}

function frameOf(found: Record<string, unknown>): DraftFrame {
  const path = member(found, "source", "path");
  const line = whole(found["line"]);
  const column = whole(found["column"]);
  return {
    name: string(found["name"]),
    ...(typeof path === "string" && path !== "" ? { path } : {}),
    ...(line === undefined || line === 0 ? {} : { line }),
    ...(column === undefined || column === 0 ? {} : { column }),
  };
}

function takeScopes(draft: Draft, frame: DraftFrame, answer: Answer): boolean {
  const body = bodyOf(answer);
  if (!Array.isArray(member(body, "scopes"))) return false;
  frame.scopes = [];
  for (const found of elements(body, "scopes").filter(isObject)) {
    if (!isWanted(found)) continue;
    const scope = draft.addScope(frame, string(found["name"]));
    if (scope === undefined) break;
    for (const question of variables(draft, found, scope, () => scope.variables, 1)) draft.ask(question);
  }
  return true;
}

function isWanted(scope: Record<string, unknown>): boolean {
  const { name, expensive, presentationHint: hint } = scope;
  return (
    expensive !== true && hint !== "globals" && hint !== "registers" && !/^(?:globals|registers)\b/i.test(string(name))
  );
}

/** What asks for the variables of a scope or a variable: one request, or one for each kind when they are to be paged. */
function variables(
  draft: Draft,
  container: Record<string, unknown>,
  at: Marked,
  into: () => DraftVariable[],
  level: number,
): Question[] {
  const variablesReference = whole(container["variablesReference"]);
  if (variablesReference === undefined || variablesReference === 0) return [];
  const named = whole(container["namedVariables"]) ?? 0;
  const indexed = whole(container["indexedVariables"]) ?? 0;
  const { items } = draft.limits;
  const question = (more: object, of: number | undefined): Question => ({
    ask: request("variables", { variablesReference, ...more }),
    at,
    take: (answer) => takeVariables(draft, at, into, level, of, answer),
  });
  if (named <= items && indexed <= items) return [question({}, undefined)];
  const page = (filter: string, count: number): Question[] =>
    count === 0 ? [] : [question({ filter, start: 0, count: Math.min(count, items) }, named + indexed)];
  return [...page("named", named), ...page("indexed", indexed)];
}

function takeVariables(
  draft: Draft,
  at: Marked,
  into: () => DraftVariable[],
  level: number,
  of: number | undefined,
  answer: Answer,
): boolean {
  const body = bodyOf(answer);
  if (!Array.isArray(member(body, "variables"))) return false;
  const all = elements(body, "variables").filter(isObject);
  let said = of;
  const found = all.filter((each) => {
    const name = string(each["name"]);
    said ??= lengthSaid(name, string(each["value"]));
    const type = string(each["type"]);
    return !isNoise(name, type, type === "" ? name : undefined);
  });
  const wanted = found.slice(0, draft.limits.items).map((each) => variableOf(draft, each));
  draft.addVariables(at, into(), level, wanted, Math.max(said ?? 0, found.length));
  return true;
}

function variableOf(draft: Draft, found: Record<string, unknown>): FoundVariable {
  const type = string(found["type"]);
  const value = string(found["value"]);
  return {
    name: string(found["name"]),
    type,
    value,
    failed: isFailedRepr(value),
    shortened: value.length >= debugpyCuts,
    ...((whole(found["variablesReference"]) ?? 0) === 0
      ? {}
      : {
          children:
            isCode(type) || member(found, "presentationHint", "lazy") === true
              ? { by: "depth" }
              : (variable, level) => variables(draft, found, variable, () => (variable.children ??= []), level),
        }),
  };
}

function request(command: string, args: object): Question["ask"] {
  return { wire: "dap", command, arguments: args };
}

function bodyOf(answer: Answer): unknown {
  return answer.wire === "dap" && answer.success ? answer.body : undefined;
}

function string(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** A count, an id or a line: whole and not negative. */
function whole(value: unknown): number | undefined {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}

/** `ZeroDivisionError: division by zero` */
function sentence(what: unknown, description: unknown): string | undefined {
  const parts = [string(what), string(description)].filter((part) => part !== "");
  return parts.length === 0 ? undefined : [...new Set(parts)].join(": ");
}
