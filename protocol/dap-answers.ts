// Answers that the relay already has: a client that asks the same is answered from here, which spares it the debuggee's
// round trip (45 ms with debugpy).
//
// Rules
// - "The same" is the command and its arguments, in any order of their keys; of a stack also any part of what is here, since
//   IDEs ask for the top frame first and for the others later.
// - An answer is kept from a stop to whatever may change a value. One that was asked before such a change and came after it
//   is not: the epoch, which every change advances, tells.
// - Bounded: answers beyond the limits are not kept.
import type { DebugProtocol } from "./dap.ts";
import { keptCommands } from "./dap-commands.ts";
import { elements, isObject, member } from "./json.ts";

const maxAnswers = 1000;
const maxBytes = 8 * 1024 * 1024;

export class KeptAnswers {
  readonly #answers = new Map<string, { request: DebugProtocol.Request; response: DebugProtocol.Response }>();
  #bytes = 0;
  #epoch = 0;

  get size(): number {
    return this.#answers.size;
  }

  get epoch(): number {
    return this.#epoch;
  }

  /** Something may have changed a value. */
  forget(): void {
    this.#epoch++;
    this.#answers.clear();
    this.#bytes = 0;
  }

  /** `bytes` is the length of the answer's frame. */
  keep(request: DebugProtocol.Request, response: DebugProtocol.Response, epoch: number, bytes: number): void {
    if (epoch !== this.#epoch || !response.success || !keptCommands.has(request.command)) return;
    if (this.#answers.size >= maxAnswers || this.#bytes + bytes > maxBytes) return;
    this.#bytes += bytes;
    this.#answers.set(keyOf(request), { request, response });
  }

  /** The response to this, under the number of another request. */
  find(request: DebugProtocol.Request): DebugProtocol.Response | undefined {
    if (this.#answers.size === 0 || !keptCommands.has(request.command)) return undefined;
    const kept = this.#answers.get(keyOf(request));
    if (kept === undefined || request.command !== "stackTrace") return kept?.response;
    return partOfStack(kept.request, kept.response, request);
  }
}

function keyOf(request: DebugProtocol.Request): string {
  const given: unknown = request.arguments;
  const whole = request.command === "stackTrace" && isObject(given);
  const { startFrame: _start, levels: _levels, ...stack } = whole ? given : {};
  return JSON.stringify([request.command, whole ? stack : given], (_, value: unknown) =>
    isObject(value) ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))) : value,
  );
}

function partOfStack(
  kept: DebugProtocol.Request,
  response: DebugProtocol.Response,
  request: DebugProtocol.Request,
): DebugProtocol.Response | undefined {
  const frames = elements(response.body, "stackFrames");
  const had = rangeOf(kept);
  const asked = rangeOf(request);
  if (asked.start < had.start || !isObject(response.body)) return undefined;
  const total = member(response.body, "totalFrames");
  const last = had.start + frames.length;
  // Fewer than were asked for: there are no more, unless the debuggee says that it has a limit of its own.
  const end = frames.length < had.count && !(typeof total === "number" && total > last) ? Infinity : last;
  if (asked.start + asked.count > end) return undefined;
  const from = asked.start - had.start;
  if (from === 0 && asked.count >= frames.length) return response;
  return { ...response, body: { ...response.body, stackFrames: frames.slice(from, from + asked.count) } };
}

/** Frames asked for; no `levels`, or 0, is all. */
function rangeOf(request: DebugProtocol.Request): { start: number; count: number } {
  const start = member(request.arguments, "startFrame");
  const levels = member(request.arguments, "levels");
  return {
    start: typeof start === "number" && start > 0 ? start : 0,
    count: typeof levels === "number" && levels > 0 ? levels : Infinity,
  };
}
