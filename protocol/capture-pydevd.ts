// What is asked at a stop of pydevd's own wire. The stack is in the 105 itself; values are asked for by their place:
//
//   114  thread TAB frame TAB FRAME                     the locals of a frame
//   110  thread TAB frame TAB FRAME TAB name TAB …      the children of a local, of a child of it, …
//   113  thread TAB frame TAB FRAME TAB expr TAB 1       an expression of the user's, where that is allowed
//   155  thread                                         the exception it stopped at
//
// Rules
// - Nothing else is asked: 115, 117 and 121 run code in the debuggee too, and statements.
// - An expression with a tab or a newline in it cannot be asked for.
// - A name in a locator is the one that the debuggee gave, dict keys with the id that it adds: `'n' (9905664)`. In the
//   snapshot they stand without it. A name with a newline cannot be asked for.
// - Values come as `int: 2` or `<class 'list'>: [1]`; what stands before the colon is the type, which is kept apart.
// - 155 comes after the locals of the innermost frame: a pydevd too old to know it does not answer at all.
import type { Draft, DraftVariable, FoundVariable, Marked, Question } from "./capture-draft.ts";
import type { Evaluated, Evaluation } from "./capture-evaluate.ts";
import { isCode, isFailedRepr, isNoise, lengthSaid } from "./capture-python.ts";
import type { Answer, Stop } from "./exchange.ts";
import { locatorQuoting } from "./pydevd-quoting.ts";
import { parsePydevdXml } from "./pydevd-xml.ts";
import type { PydevdVariable } from "./pydevd-xml.ts";
import { decodePydevd } from "./pydevd.ts";

/** pydevd cuts longer values, and adds three dots. */
const pydevdCuts = 1000;

/** Puts the stack and the first questions in. */
export function askPydevd(stop: Stop, draft: Draft, evaluation: Evaluation): void {
  const text = decodePydevd(stop.frame, "debuggee")?.text ?? "";
  const thread = parsePydevdXml(text)?.threads[0];
  if (thread === undefined) {
    draft.cut = { by: "gone" };
    return;
  }
  draft.text = thread.message;
  const frames = thread.frames.map(({ name, file, line }) => ({
    name,
    ...(file === "" ? {} : { path: file }),
    ...(line > 0 ? { line } : {}),
  }));
  const exception: Question = {
    ask: { wire: "pydevd", id: 155, text: thread.id },
    at: {},
    take: (answer) => {
      const { type, description } = xmlOf(answer, 155)?.threads[0]?.exception ?? {};
      if (description !== undefined) draft.text = `${thread.message ?? type ?? ""}: ${description}`;
      return true;
    },
  };
  draft.addFrames(frames, frames.length, (index) => {
    const frame = draft.frames[index];
    const id = thread.frames[index]?.id ?? "";
    if (frame === undefined || id === "") return [];
    const place = `${thread.id}\t${id}\tFRAME`;
    const values: Question = {
      ask: { wire: "pydevd", id: 114, text: place },
      at: frame,
      take: (answer) => {
        if (index === 0 && stop.reason === "exception") draft.ask(exception);
        const found = xmlOf(answer, 114)?.vars;
        if (found === undefined) return false;
        frame.scopes = [];
        const scope = draft.addScope(frame, "Locals");
        if (scope !== undefined) addAll(draft, scope, scope.variables, 1, found, place);
        return true;
      },
    };
    const evaluations = evaluation.questions(
      draft.frames,
      (expression) =>
        /[\t\r\n]/.test(expression) ? undefined : { wire: "pydevd", id: 113, text: `${place}\t${expression}\t1` },
      evaluated,
    );
    return [values, ...evaluations];
  });
}

function evaluated(answer: Answer): Evaluated {
  const found = xmlOf(answer, 113)?.vars[0];
  if (found === undefined) return { failure: answer.wire === "pydevd" ? answer.text : "" };
  return found.isErrorOnEval ? { failure: `${found.type}: ${valueOf(found)}` } : { value: valueOf(found) };
}

function children(draft: Draft, variable: DraftVariable, level: number, place: string): Question {
  return {
    ask: { wire: "pydevd", id: 110, text: place },
    at: variable,
    take: (answer) => {
      const found = xmlOf(answer, 110)?.vars;
      if (found === undefined) return false;
      addAll(draft, variable, (variable.children ??= []), level, found, place);
      return true;
    },
  };
}

function addAll(
  draft: Draft,
  at: Marked,
  into: DraftVariable[],
  level: number,
  vars: readonly PydevdVariable[],
  place: string,
): void {
  let said: number | undefined;
  const kept = vars.filter((each) => {
    said ??= lengthSaid(each.name, valueOf(each));
    return !isNoise(each.name, each.type, each.scope);
  });
  const wanted = kept.slice(0, draft.limits.items).map((each) => variableOf(draft, each, place));
  draft.addVariables(at, into, level, wanted, Math.max(said ?? 0, kept.length));
}

function variableOf(draft: Draft, found: PydevdVariable, place: string): FoundVariable {
  const { name, type, value, isContainer, isErrorOnEval, isRetVal } = found;
  return {
    name: isRetVal ? `(return) ${name}` : name.replace(/ \(\d+\)$/, ""),
    type,
    value: valueOf(found),
    failed: isErrorOnEval || isFailedRepr(value),
    shortened: value.length === pydevdCuts + 3 && value.endsWith("..."),
    ...(isContainer
      ? {
          children:
            isCode(type) || isRetVal
              ? { by: "depth" }
              : name.includes("\n")
                ? { by: "gone" }
                : (variable, level) => [children(draft, variable, level, `${place}\t${locatorQuoting.encode(name)}`)],
        }
      : {}),
  };
}

/** A value without the type that pydevd puts before it. */
export function valueOf({ type, value }: Pick<PydevdVariable, "type" | "value">): string {
  if (value.startsWith(`${type}: `)) return value.slice(type.length + 2);
  return value.replace(/^<(?:class|type) '[^']*'>: /, "");
}

function xmlOf(answer: Answer, id: number): ReturnType<typeof parsePydevdXml> {
  return answer.wire === "pydevd" && answer.id === id ? parsePydevdXml(answer.text) : undefined;
}
