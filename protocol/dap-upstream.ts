// The way up: every request to the debuggee, a client's or the relay's own, gets its number and its place in the table of what is
// unanswered (dap-seq.ts) here.
//
// Rules
// - The primary's numbers are kept where they are free, and a request that needs no change goes up as the very bytes.
// - What a request may change is forgotten when it goes up, and once more when it is answered (dap-from-debuggee.ts).
// - When the table is full the primary's go up all the same, and all others are refused.
import type { KeptAnswers } from "./dap-answers.ts";
import type { BreakpointPlan } from "./dap-breakpoint-list.ts";
import type { Breakpoints } from "./dap-breakpoints.ts";
import { readOnly } from "./dap-commands.ts";
import { encodeDap, type DebugProtocol } from "./dap.ts";
import { stepOf, type Handshake } from "./dap-handshake.ts";
import type { SourceRemarks } from "./dap-remarks.ts";
import { failure, success } from "./dap-reply.ts";
import type { DapClient, Roster } from "./dap-roster.ts";
import type { Asker, SeqTable } from "./dap-seq.ts";
import type { DapState } from "./dap-state.ts";
import type { Answer, ClientId, ExchangeOutput } from "./exchange.ts";
import type { Frame } from "./frame.ts";
import { member } from "./json.ts";

export interface UpstreamParts {
  readonly roster: Roster;
  readonly table: SeqTable;
  readonly handshake: Handshake;
  readonly state: DapState;
  readonly answers: KeptAnswers;
  readonly breakpoints: Breakpoints;
  readonly remarks: SourceRemarks;
  readonly output: Pick<ExchangeOutput, "breakpoints">;
  toClient(client: ClientId, bytes: Uint8Array): void;
  toDebuggee(bytes: Uint8Array): void;
  /** Called for each request that is about to go up. */
  goesUp(request: DebugProtocol.Request): void;
}

const full = "too many requests are unanswered";

export class Upstream {
  readonly #parts: UpstreamParts;

  constructor(parts: UpstreamParts) {
    this.#parts = parts;
  }

  /** Passes a client's request on. */
  forward(client: DapClient, request: DebugProtocol.Request, frame: Frame): void {
    const { roster, state, breakpoints, remarks, output } = this.#parts;
    if (state.ended !== undefined) {
      this.#refuse(client, request, `the debuggee is gone: ${state.ended}`);
      return;
    }
    const primary = client === roster.primary;
    const plan = breakpoints.set(client.id, request);
    const source = remarks.request(client.id, request);
    const seq = this.#number(request, { client: client.id, seq: request.seq }, plan, primary ? request.seq : undefined);
    if (seq === undefined) {
      if (primary) this.#parts.toDebuggee(frame.bytes);
      else this.#refuse(client, request, full);
    } else if (seq === request.seq && plan?.arguments === undefined) this.#parts.toDebuggee(frame.bytes);
    else this.#send(request, seq, plan);
    if (source !== undefined) output.breakpoints?.(source);
  }

  /** Passes a client's `cancel` on, with the number that the debuggee knows the request by. */
  cancel(client: DapClient, request: DebugProtocol.Request, frame: Frame): void {
    const { roster, table } = this.#parts;
    const requestId = member(request.arguments, "requestId");
    if (typeof requestId !== "number") {
      this.forward(client, request, frame);
      return;
    }
    const upstream = table.find(client.id, requestId);
    if (upstream !== undefined && upstream !== requestId) {
      const mapped = { ...request, arguments: { ...request.arguments, requestId: upstream } };
      const seq = this.#number(mapped, { client: client.id, seq: request.seq }, undefined);
      if (seq !== undefined) this.#send(mapped, seq, undefined);
      else this.#refuse(client, request, full);
    } else if (upstream !== undefined || client === roster.primary) this.forward(client, request, frame);
    // Upstream that number would be the primary's: what this client means has been answered.
    else this.#parts.toClient(client.id, success(request));
  }

  /**
   * Sends a request of the relay's own; `planned` is what it does to breakpoints, where that is known already. `answered` is called once:
   * at the latest when the debuggee is gone. Returns what gives it up.
   */
  ask(command: string, given: unknown, answered: (answer: Answer) => void, planned?: BreakpointPlan): () => void {
    const { handshake, breakpoints, table } = this.#parts;
    let open = true;
    const once = (answer: Answer): void => {
      if (!open) return;
      open = false;
      answered(answer);
    };
    const request: DebugProtocol.Request = { seq: 0, type: "request", command, arguments: given };
    const step = stepOf(command);
    if (step !== undefined && !handshake.isSaid(step)) handshake.say(step, request);
    const plan = planned ?? breakpoints.set("relay", request);
    const seq = this.#number(request, { answered: once }, plan);
    if (seq === undefined) once({ wire: "none", why: "it cannot be asked" });
    else this.#send(request, seq, plan);
    return () => {
      if (open && seq !== undefined) table.abandon(seq);
      once({ wire: "none", why: "given up" });
    };
  }

  /** Puts it in the table; what it may change is forgotten. Undefined: the table is full. */
  #number(
    request: DebugProtocol.Request,
    asker: Asker,
    plan: BreakpointPlan | undefined,
    wanted?: number,
  ): number | undefined {
    const { table, answers, state } = this.#parts;
    if (!readOnly.has(request.command)) answers.forget();
    this.#parts.goesUp(request);
    return table.add({ request, asker, plan, epoch: answers.epoch, stops: state.count }, wanted);
  }

  #send(request: DebugProtocol.Request, seq: number, plan: BreakpointPlan | undefined): void {
    const merged: unknown = plan?.arguments;
    this.#parts.toDebuggee(encodeDap({ ...request, seq, ...(merged === undefined ? {} : { arguments: merged }) }));
  }

  #refuse(client: DapClient, request: DebugProtocol.Request, why: string): void {
    this.#parts.toClient(client.id, failure(request, why));
  }
}
