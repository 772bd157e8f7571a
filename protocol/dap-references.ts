// Numbers that a debuggee gave to frames and values, and which of them mean nothing any more.
//
// debugpy, delve and lldb count anew at every stop: a number of the last stop, sent late, gets the data of this one, without
// an error. So a number that was issued at an earlier stop, and not yet at this one, must not reach the debuggee.
// Rules
// - Only what was seen is known: a number that was never seen issued is let through.
// - Children of a value count only if the value itself does: those of an evaluation may live longer than the stop.
// - What is not worth remembering (nobody but one client is there) still says which older numbers are in use again. When
//   nothing of a stop was remembered, older numbers are forgotten. Bounded, oldest first.
import type { DebugProtocol } from "./dap.ts";
import { elements, member } from "./json.ts";

const maxNumbers = 50_000;

export class References {
  readonly #frames = new Issued();
  readonly #values = new Issued();

  /** Numbers are known that must not reach the debuggee. */
  get stale(): boolean {
    return this.#frames.stale.size > 0 || this.#values.stale.size > 0;
  }

  /** Nothing stands any more: what was issued is stale. */
  resumed(): void {
    const remembered = this.#frames.current.size > 0 || this.#values.current.size > 0;
    this.#frames.resumed(remembered);
    this.#values.resumed(remembered);
  }

  /** `resuming`: what lets everything run is on its way, so that nothing of the present stop counts either. */
  isStale(request: DebugProtocol.Request, resuming: boolean): boolean {
    const { frameId, variablesReference } = numbersIn(request);
    return this.#frames.isStale(frameId, resuming) || this.#values.isStale(variablesReference, resuming);
  }

  /** Takes a response that was asked for and given at the present stop. */
  see(request: DebugProtocol.Request, response: DebugProtocol.Response, remember: boolean): void {
    if (!remember && !this.stale) return;
    if (request.command === "stackTrace") this.#frames.issue(elements(response.body, "stackFrames"), "id", remember);
    if (request.command === "scopes") {
      this.#values.issue(elements(response.body, "scopes"), "variablesReference", remember);
    }
    if (request.command === "variables") {
      const ofStop = this.#values.current.has(numbersIn(request).variablesReference);
      this.#values.issue(elements(response.body, "variables"), "variablesReference", remember && ofStop);
    }
  }
}

class Issued {
  /** Oldest first. */
  readonly stale = new Set<unknown>();
  current = new Set<unknown>();

  isStale(number: unknown, resuming: boolean): boolean {
    return this.stale.has(number) || (resuming && this.current.has(number));
  }

  issue(items: readonly unknown[], key: string, remember: boolean): void {
    for (const item of items) {
      const number = member(item, key);
      if (typeof number !== "number" || (key === "variablesReference" && number === 0)) continue;
      this.stale.delete(number);
      if (remember && this.current.size < maxNumbers) this.current.add(number);
    }
  }

  resumed(remembered: boolean): void {
    if (!remembered) this.stale.clear();
    for (const number of this.current) this.stale.add(number);
    this.current = new Set();
    for (const number of this.stale) {
      if (this.stale.size <= maxNumbers) break;
      this.stale.delete(number);
    }
  }
}

function numbersIn(request: DebugProtocol.Request): { frameId: unknown; variablesReference: unknown } {
  return {
    frameId: member(request.arguments, "frameId"),
    variablesReference: member(request.arguments, "variablesReference"),
  };
}
