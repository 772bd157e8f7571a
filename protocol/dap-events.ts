// Events for all clients of a session, each with the ids that this client knows.
//
// Rules
// - A client gets events once it is live (dap-joining.ts), as they came where its ids are the debuggee's.
// - That the program runs on is told to the others when the request for it succeeds, since delve and lldb have no event for
//   that; an adapter's own `continued` behind it is not told to them again.
import type { Breakpoints } from "./dap-breakpoints.ts";
import { encodeDap, type DebugProtocol } from "./dap.ts";
import type { Joining } from "./dap-joining.ts";
import { event } from "./dap-reply.ts";
import type { Roster } from "./dap-roster.ts";
import type { DapState } from "./dap-state.ts";
import { stoppedFor } from "./dap-stopped.ts";
import type { ClientId } from "./exchange.ts";
import type { Frame } from "./frame.ts";
import { member } from "./json.ts";

export interface EventsParts {
  readonly roster: Roster;
  readonly breakpoints: Breakpoints;
  readonly joining: Joining;
  readonly state: DapState;
  toClient(client: ClientId, bytes: Uint8Array): void;
}

export class Events {
  readonly #parts: EventsParts;

  constructor(parts: EventsParts) {
    this.#parts = parts;
  }

  /** `stood`: something stood before this event. */
  pass(message: DebugProtocol.Event, frame: Frame, stood: boolean): void {
    const { roster, breakpoints, joining } = this.#parts;
    const bodies = message.event === "breakpoint" ? breakpoints.seeEvent(message) : undefined;
    for (const client of roster.all) {
      if (message.event === "continued" && client.toldContinued && !stood) continue;
      if (message.event === "stopped") client.toldContinued = false;
      if (!joining.hears(client, message) || (bodies !== undefined && !bodies.has(client.id))) continue;
      const body: unknown = bodies?.get(client.id);
      if (message.event === "stopped") this.#parts.toClient(client.id, stoppedFor(client, message, frame, breakpoints));
      else this.#parts.toClient(client.id, body === undefined ? frame.bytes : encodeDap({ ...message, body }));
    }
  }

  /** A request of `except` made the program run. */
  continued(request: DebugProtocol.Request, response: DebugProtocol.Response, except: ClientId | undefined): void {
    const { state, roster } = this.#parts;
    const threadId = member(request.arguments, "threadId") ?? 0;
    const allThreadsContinued = state.stop === undefined && member(response.body, "allThreadsContinued") !== false;
    const bytes = event("continued", { threadId, allThreadsContinued });
    for (const client of roster.all) {
      if (!client.live || client.id === except) continue;
      client.toldContinued = true;
      this.#parts.toClient(client.id, bytes);
    }
  }

  /** Another's request changed breakpoints of this client. */
  breakpointChanged(owner: ClientId, body: unknown): void {
    if (this.#parts.roster.get(owner)?.live === true) this.#parts.toClient(owner, event("breakpoint", body));
  }
}
