// How far the debuggee has been opened: initialize, attach or launch, configurationDone are said to it once, by the client that
// came first (or by the relay); what others say of these is answered from here.
//
// Rules
// - A step that failed may be said again.
// - A debuggee that does not declare configurationDone is configured as soon as it is attached.
import type { DebugProtocol } from "./dap.ts";
import { isObject, member } from "./json.ts";

export type Step = "initialize" | "attach" | "configurationDone";

/** The step that a command is; `launch` is as `attach`. */
export function stepOf(command: string): Step | undefined {
  if (command === "initialize" || command === "attach" || command === "configurationDone") return command;
  return command === "launch" ? "attach" : undefined;
}

interface Said {
  readonly request: DebugProtocol.Request;
  readonly response?: DebugProtocol.Response;
}

export class Handshake {
  readonly #said = new Map<Step, Said>();
  /** The debuggee has sent `initialized`. */
  initialized = false;

  /** The request has been sent, and did not fail. */
  isSaid(step: Step): boolean {
    return this.#said.has(step);
  }

  isDone(step: Step): boolean {
    return this.#said.get(step)?.response !== undefined;
  }

  /** Attached and configured: what a client that comes now is told at once. */
  get open(): boolean {
    return this.isDone("attach") && (this.isDone("configurationDone") || !this.configurable);
  }

  get launched(): boolean {
    return this.#said.get("attach")?.request.command === "launch";
  }

  /** The body of the answer to `initialize`. */
  get capabilities(): unknown {
    return this.#said.get("initialize")?.response?.body;
  }

  /** Arguments of the `initialize` that was sent. */
  get initialize(): unknown {
    return this.#said.get("initialize")?.request.arguments;
  }

  /** Arguments of the `attach` that was sent. */
  get attach(): unknown {
    return this.#said.get("attach")?.request.arguments;
  }

  /** Arguments of the `configurationDone` that was sent. */
  get configurationDone(): unknown {
    return this.#said.get("configurationDone")?.request.arguments;
  }

  say(step: Step, request: DebugProtocol.Request): void {
    this.#said.set(step, { request });
  }

  seeResponse(request: DebugProtocol.Request, response: DebugProtocol.Response): void {
    const step = stepOf(request.command);
    if (step === undefined || this.#said.get(step)?.request !== request) return;
    if (response.success) this.#said.set(step, { request, response });
    else this.#said.delete(step);
  }

  seeEvent(event: DebugProtocol.Event): void {
    if (event.event === "initialized") this.initialized = true;
    if (event.event !== "capabilities") return;
    const said = this.#said.get("initialize");
    const more = member(event.body, "capabilities");
    if (said?.response === undefined || !isObject(more)) return;
    const known: unknown = said.response.body;
    const body = { ...(isObject(known) ? known : {}), ...more };
    this.#said.set("initialize", { request: said.request, response: { ...said.response, body } });
  }

  /** It declares configurationDone. */
  get configurable(): boolean {
    return member(this.capabilities, "supportsConfigurationDoneRequest") === true;
  }
}
