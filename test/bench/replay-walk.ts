// A walk through a replay as an IDE makes it: moves, and at each stop what is shown there and what a user opens and asks.
//
// Rules
// - The same seed gives the same walk.
// - Each answer is timed alone, in this process: what the wire adds is the same for every adapter.
import type { DapMessage, DebugProtocol } from "../../protocol/dap.ts";
import { isEvent, isResponse } from "../../protocol/dap.ts";
import { elements, member } from "../../protocol/json.ts";
import type { DapReplay } from "../../protocol/replay-dap.ts";
import { askedExpression, rare } from "./replay-trace.ts";

/** What one request is, by what it costs. */
export const requestKinds = [
  "continue",
  "reverseContinue",
  "continue to a rare breakpoint",
  "next",
  "stepOut",
  "goto",
  "stackTrace",
  "scopes",
  "scopes of a caller",
  "variables",
  "evaluate a recorded value",
  "evaluate what a client had asked",
  "evaluate what is computed",
  "evaluate what is not there",
  "setBreakpoints",
] as const;
export type RequestKind = (typeof requestKinds)[number];

export interface Timed {
  readonly kind: RequestKind;
  /** Milliseconds. */
  readonly time: number;
}

const file = "/opt/stack/cinder/cinder/api/v3/volumes.py";
const firstLine = 200;
const lines = 20;

/** Begins a session; resolves when it stands at its first stop. */
export async function begin(replay: DapReplay): Promise<number> {
  const ask = asker(replay);
  await ask("initialize", { adapterID: "bench", linesStartAt1: true, columnsStartAt1: true });
  await ask("attach", {});
  return threadOf(await ask("configurationDone", {}));
}

/** Resolves when at least so many requests were answered. */
export async function walk(replay: DapReplay, hits: number, requests: number, seed: number): Promise<Timed[]> {
  const timed: Timed[] = [];
  const plain = asker(replay);
  const ask = async (kind: RequestKind, command: string, args: object): Promise<readonly DapMessage[]> => {
    const began = performance.now();
    const answers = await plain(command, args);
    timed.push({ kind, time: performance.now() - began });
    return answers;
  };
  const random = randomFrom(seed);
  const setLines = (path: string, at: readonly number[]): Promise<readonly DapMessage[]> =>
    ask("setBreakpoints", "setBreakpoints", { source: { path }, breakpoints: at.map((line) => ({ line })) });
  let threadId = await begin(replay);
  while (timed.length < requests) {
    const chance = random();
    if (chance < 0.08) {
      await setLines(file, [firstLine + Math.floor(random() * lines), firstLine + Math.floor(random() * lines)]);
    } else if (chance < 0.12) await setLines(file, []);
    if (chance < 0.02) {
      await setLines(file, []);
      await setLines(rare.path, [rare.line]);
      threadId = threadOf(await ask("continue to a rare breakpoint", "continue", { threadId }));
      await setLines(rare.path, []);
    } else if (chance < 0.5) threadId = threadOf(await ask("continue", "continue", { threadId }));
    else if (chance < 0.65) threadId = threadOf(await ask("reverseContinue", "reverseContinue", { threadId }));
    else if (chance < 0.8) threadId = threadOf(await ask("next", "next", { threadId }));
    else if (chance < 0.9) threadId = threadOf(await ask("stepOut", "stepOut", { threadId }));
    else threadId = threadOf(await ask("goto", "goto", { threadId, targetId: 1 + Math.floor(random() * hits) }));
    const frames = elements(bodyOf(await ask("stackTrace", "stackTrace", { threadId })), "stackFrames");
    const [frameId, caller] = frames.map((frame) => member(frame, "id"));
    const [scope] = elements(bodyOf(await ask("scopes", "scopes", { frameId })), "scopes");
    await look(ask, scope, 3);
    if (chance < 0.3) await ask("scopes of a caller", "scopes", { frameId: caller });
    await ask("evaluate a recorded value", "evaluate", { expression: "volume['size']", frameId, context: "hover" });
    await ask("evaluate what is computed", "evaluate", { expression: "len(context.roles) + 1", frameId });
    if (chance < 0.6) {
      const expression = askedExpression;
      await ask("evaluate what a client had asked", "evaluate", { expression, frameId, context: "watch" });
    } else await ask("evaluate what is not there", "evaluate", { expression: "volume.missing", frameId });
  }
  return timed;
}

type Ask = (kind: RequestKind, command: string, args: object) => Promise<readonly DapMessage[]>;

/** Opens a scope or value and what is in it, so many levels. */
async function look(ask: Ask, container: unknown, levels: number): Promise<void> {
  const variablesReference = member(container, "variablesReference");
  if (levels === 0 || typeof variablesReference !== "number" || variablesReference === 0) return;
  const body = bodyOf(await ask("variables", "variables", { variablesReference }));
  for (const variable of elements(body, "variables")) await look(ask, variable, levels - 1);
}

function asker(replay: DapReplay): (command: string, args: object) => Promise<readonly DapMessage[]> {
  let seq = 0;
  return (command, args) => {
    const request: DebugProtocol.Request = { seq: ++seq, type: "request", command, arguments: args };
    return replay.handle(request);
  };
}

function bodyOf(answers: readonly DapMessage[]): unknown {
  return answers.find(isResponse)?.body;
}

/** Of the stop that follows. */
function threadOf(answers: readonly DapMessage[]): number {
  const stopped = answers.filter(isEvent).find(({ event }) => event === "stopped");
  const thread = member(stopped?.body, "threadId");
  if (typeof thread === "number") return thread;
  throw new Error(`no stop followed, but ${JSON.stringify(answers)}`);
}

function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state ^ (state >>> 15), 2_246_822_519) + 3_266_489_917) >>> 0;
    return state / 2 ** 32;
  };
}
