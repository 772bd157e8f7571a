// The messages that a replay sends, by the types of @vscode/debugprotocol: which members they must have, and of what kind.
import type { DapMessage } from "../../protocol/dap.ts";
import { isEvent, isResponse } from "../../protocol/dap.ts";
import { isObject } from "../../protocol/json.ts";

type Check = (value: unknown) => boolean;

const number: Check = (value) => Number.isSafeInteger(value);
const text: Check = (value) => typeof value === "string";
const truth: Check = (value) => typeof value === "boolean";
const each =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every((one) => check(one));
const perhaps =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value);
const oneOf =
  (...words: string[]): Check =>
  (value) =>
    words.includes(String(value));
const nothing: Check = (value) => value === undefined;
/** These members and no other. */
const object =
  (members: Readonly<Record<string, Check>>): Check =>
  (value) =>
    isObject(value) &&
    Object.entries(members).every(([key, check]) => check(value[key])) &&
    Object.keys(value).every((key) => key in members);

const source = object({ name: text, path: text, sourceReference: perhaps(number), origin: perhaps(text) });
const breakpoints = object({
  breakpoints: each(object({ id: number, verified: truth, line: perhaps(number), message: text })),
});
const hint = object({ kind: perhaps(text), attributes: each(text) });
const stopped = object({
  reason: text,
  description: text,
  threadId: number,
  text,
  allThreadsStopped: truth,
});
/** What @vscode/debugprotocol says of the bodies of responses: required members and their kinds. */
export const bodies: Readonly<Record<string, Check>> = {
  initialize: (value) =>
    isObject(value) &&
    Object.entries(value).every(([key, on]) =>
      /^supports[A-Z]/.test(key)
        ? on === true
        : key === "exceptionBreakpointFilters" && each(object({ filter: text, label: text, default: truth }))(on),
    ),
  setBreakpoints: breakpoints,
  setFunctionBreakpoints: breakpoints,
  threads: object({ threads: each(object({ id: number, name: text })) }),
  stackTrace: object({
    stackFrames: each(
      object({
        id: number,
        name: text,
        line: number,
        column: number,
        source: perhaps(source),
        presentationHint: perhaps(oneOf("label")),
      }),
    ),
    totalFrames: number,
  }),
  scopes: object({
    scopes: each(
      object({ name: text, variablesReference: number, expensive: truth, presentationHint: perhaps(oneOf("locals")) }),
    ),
  }),
  variables: object({
    variables: each(
      object({
        name: text,
        value: text,
        type: perhaps(text),
        evaluateName: perhaps(text),
        variablesReference: number,
        presentationHint: perhaps(hint),
      }),
    ),
  }),
  evaluate: object({ result: text, type: perhaps(text), variablesReference: number, presentationHint: perhaps(hint) }),
  exceptionInfo: object({
    exceptionId: text,
    description: perhaps(text),
    breakMode: oneOf("never", "always", "unhandled", "userUnhandled"),
    details: perhaps(object({ stackTrace: text })),
  }),
  source: object({ content: text }),
  loadedSources: object({ sources: each(source) }),
  gotoTargets: object({ targets: each(object({ id: number, label: text, line: number })) }),
  continue: perhaps(object({ allThreadsContinued: truth })),
};
const events: Readonly<Record<string, Check>> = {
  stopped,
  initialized: nothing,
  terminated: perhaps(object({})),
  output: object({ category: oneOf("console", "important"), output: text }),
};
const failure = object({
  error: object({ id: number, format: text, variables: object({ why: text }), showUser: truth }),
});

/** What is wrong with a message; undefined: nothing. */
export function wrongWith(message: DapMessage, seq: number): string | undefined {
  if (message.seq !== seq) return `seq ${message.seq}, not ${seq}`;
  if (isEvent(message)) {
    const { event, body } = message;
    return events[event]?.(body) === true ? undefined : `event ${event} ${JSON.stringify(body)}`;
  }
  if (!isResponse(message)) return "a request";
  const { success, command, body, message: said } = message;
  const check = success ? (bodies[command] ?? nothing) : failure;
  return check(body) && (success || text(said)) ? undefined : `${command} ${JSON.stringify(message)}`;
}
