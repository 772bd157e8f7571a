// What a DAP client asked while a thread stood: expressions with their results, values that it opened, the exception.
//
// Rules
// - Ids are those of the wire: frames by stackTrace responses of the thread, values by scopes and variables responses, each until it is
//   said anew. What was asked of a frame of another thread is not of this stop.
// - A value that is opened twice counts as it was the last time. A page (start) is added to what came before it.
import { isNoise } from "../../protocol/capture-python.ts";
import { executions } from "../../protocol/dap-commands.ts";
import { isEvent, isRequest, isResponse } from "../../protocol/dap.ts";
import type { DapMessage, DebugProtocol } from "../../protocol/dap.ts";
import type { SnapshotVariable } from "../../protocol/hit.ts";
import { elements, isObject, member } from "../../protocol/json.ts";
import type { Asked, AskedExpression, AskedValues } from "../../protocol/replay-recording.ts";

interface Place {
  readonly frame: number;
  readonly path: readonly string[];
}

export class DapReading {
  readonly expressions: AskedExpression[] = [];
  exception: Asked["exception"];
  /** The thread has run on. */
  isOver = false;
  readonly #thread: string | number;
  readonly #requests = new Map<number, DebugProtocol.Request>();
  readonly #frames = new Map<number, number>();
  readonly #places = new Map<number, Place>();
  readonly #values = new Map<string, AskedValues>();

  constructor(thread: string | number) {
    this.#thread = thread;
  }

  get values(): readonly AskedValues[] {
    return [...this.#values.values()];
  }

  see(message: DapMessage): void {
    if (isRequest(message)) this.#requests.set(message.seq, message);
    else if (isResponse(message)) this.#answer(message);
    else if (isEvent(message) && message.event === "continued") this.isOver = true;
  }

  isStop(message: DapMessage): boolean {
    return isEvent(message) && message.event === "stopped" && member(message.body, "threadId") === this.#thread;
  }

  #answer(response: DebugProtocol.Response): void {
    const request = this.#requests.get(response.request_seq);
    this.#requests.delete(response.request_seq);
    if (request?.command !== response.command) return;
    const body: unknown = response.body;
    if (response.command === "evaluate") this.#evaluated(request, response);
    else if (!response.success) return;
    else if (executions.has(response.command)) this.isOver = true;
    else if (response.command === "stackTrace") this.#stack(request, body);
    else if (response.command === "scopes") this.#scopes(request, body);
    else if (response.command === "variables") this.#variables(request, body);
    else if (response.command === "exceptionInfo") this.#exception(request, body);
  }

  #evaluated({ arguments: asked }: DebugProtocol.Request, { success, message, body }: DebugProtocol.Response): void {
    const [expression, frameId] = [member(asked, "expression"), member(asked, "frameId")];
    if (typeof expression !== "string") return;
    const [result, type] = [member(body, "result"), member(body, "type")];
    const frame = typeof frameId === "number" ? this.#frames.get(frameId) : undefined;
    if (frameId !== undefined && frame === undefined) return;
    const said = member(body, "error", "format");
    this.expressions.push({
      expression,
      ...(frame === undefined ? {} : { frame }),
      ...(success && typeof result === "string"
        ? { value: result, ...(typeof type === "string" ? { type } : {}) }
        : { failure: typeof said === "string" ? said : (message ?? "it failed") }),
    });
  }

  #stack({ arguments: asked }: DebugProtocol.Request, body: unknown): void {
    if (member(asked, "threadId") !== this.#thread) return;
    const start = member(asked, "startFrame");
    const from = typeof start === "number" ? start : 0;
    for (const [i, frame] of elements(body, "stackFrames").entries()) {
      const id = member(frame, "id");
      if (typeof id === "number") this.#frames.set(id, from + i);
    }
  }

  #scopes({ arguments: asked }: DebugProtocol.Request, body: unknown): void {
    const id = member(asked, "frameId");
    const frame = typeof id === "number" ? this.#frames.get(id) : undefined;
    if (frame === undefined) return;
    for (const scope of elements(body, "scopes")) {
      const [name, reference] = [member(scope, "name"), member(scope, "variablesReference")];
      if (typeof name === "string" && typeof reference === "number")
        this.#places.set(reference, { frame, path: [name] });
    }
  }

  #variables({ arguments: asked }: DebugProtocol.Request, body: unknown): void {
    const reference = member(asked, "variablesReference");
    const place = typeof reference === "number" ? this.#places.get(reference) : undefined;
    if (place === undefined || place.path.length > mostDepth) return;
    const found = elements(body, "variables").filter(isObject);
    for (const variable of found) {
      const [name, inner] = [variable["name"], variable["variablesReference"]];
      if (typeof name === "string" && typeof inner === "number" && inner > 0)
        this.#places.set(inner, { frame: place.frame, path: [...place.path, name] });
    }
    const key = JSON.stringify([place.frame, ...place.path]);
    const kept = found
      .map(variableOf)
      .filter(({ name, type = "" }) => !isNoise(name, type, type === "" ? name : undefined));
    // A page is a part: of the named or the indexed ones, from a start on.
    const isPage = [member(asked, "start"), member(asked, "filter")].some((each) => each !== undefined && each !== 0);
    const names = new Set(kept.map(({ name }) => name));
    const before = isPage ? (this.#values.get(key)?.variables ?? []).filter(({ name }) => !names.has(name)) : [];
    this.#values.set(key, { ...place, variables: [...before, ...kept] });
  }

  #exception({ arguments: asked }: DebugProtocol.Request, body: unknown): void {
    if (member(asked, "threadId") !== this.#thread) return;
    const [id, description, stack] = [
      member(body, "exceptionId"),
      member(body, "description"),
      member(body, "details", "stackTrace"),
    ];
    if (typeof id !== "string") return;
    this.exception = {
      id,
      ...(typeof description === "string" ? { description } : {}),
      ...(typeof stack === "string" ? { stack } : {}),
    };
  }
}

const mostDepth = 32;

function variableOf({ name, type, value, variablesReference }: Record<string, unknown>): SnapshotVariable {
  return {
    name: typeof name === "string" ? name : "?",
    value: typeof value === "string" ? value : "",
    ...(typeof type === "string" ? { type } : {}),
    ...(typeof variablesReference === "number" && variablesReference > 0 ? { cut: { by: "depth" as const } } : {}),
  };
}
