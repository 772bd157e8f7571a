// What becomes of the debuggee when clients leave, politely or not.
//
// Rules
// - A `disconnect` is passed on only when there is nothing to keep: the program has ended or was launched by this client,
//   nothing was attached, `onLeave` says so, or the driver asks for the debuggee's end. Otherwise it is answered here: debugpy
//   would let the program run and forget every breakpoint.
// - While others are here only the leaver's breakpoints go. When the last one leaves: `resume` removes them and lets the
//   program run on, also when it stops on what was on its way; `keep` leaves all as it is; `end` disconnects.
// - While hits are recorded `resume` leaves the breakpoints, and lets the program run on from each of them: the recorder has not left.
// - What was left behind is removed when a client has said (configurationDone) which breakpoints there are to be: one that its user
//   has taken away meanwhile would stop the program for no reason that the user can see.
// - The relay's own breakpoints stay whoever leaves, and hold nobody: by `resume` the program runs on from them too.
// - Nothing of that before a capture that goes on has ended, nor for a debuggee that is being left itself.
// - A stop is let go once: debugpy answers a second `continue` only after the next stop, and hears nothing else until then. So what the
//   leaver has sent for it counts, unless it fails.
import type { Away } from "./dap-away.ts";
import type { BreakpointPlan } from "./dap-breakpoint-list.ts";
import type { Breakpoints } from "./dap-breakpoints.ts";
import { executions, unmerged } from "./dap-commands.ts";
import type { DebugProtocol } from "./dap.ts";
import type { Handshake } from "./dap-handshake.ts";
import type { HoldQueue } from "./dap-hold.ts";
import type { Joining } from "./dap-joining.ts";
import type { SourceRemarks } from "./dap-remarks.ts";
import { success } from "./dap-reply.ts";
import { oneForAll, type Resuming } from "./dap-resuming.ts";
import type { ReverseRequests } from "./dap-reverse.ts";
import type { DapClient, Roster } from "./dap-roster.ts";
import type { SeqTable } from "./dap-seq.ts";
import type { DapState } from "./dap-state.ts";
import type { Upstream } from "./dap-upstream.ts";
import type { ClientId, ExchangeOutput } from "./exchange.ts";
import type { Frame } from "./frame.ts";
import { member } from "./json.ts";

export type LeavePolicy = "keep" | "resume" | "end";

export interface LeavingParts {
  readonly roster: Roster;
  readonly table: SeqTable;
  readonly handshake: Handshake;
  readonly state: DapState;
  readonly breakpoints: Breakpoints;
  readonly hold: HoldQueue;
  readonly remarks: SourceRemarks;
  readonly reverse: ReverseRequests;
  readonly joining: Joining;
  readonly away: Away;
  readonly resuming: Resuming;
  readonly upstream: Upstream;
  readonly output: Pick<ExchangeOutput, "close">;
  readonly onLeave: LeavePolicy;
  /** Hits are recorded, whether a client is here or not. */
  readonly recorded: boolean;
  toClient(client: ClientId, bytes: Uint8Array): void;
}

export class Leaving {
  readonly #parts: LeavingParts;
  readonly #unmergedSet = new Set<string>();
  /** A client was here. */
  #left = false;
  #over = false;

  constructor(parts: LeavingParts) {
    this.#parts = parts;
  }

  /** A request on its way up. */
  see({ command }: DebugProtocol.Request): void {
    if (command === "disconnect") this.#over = true;
    if (unmerged.has(command)) this.#unmergedSet.add(command);
  }

  seeResponse(request: DebugProtocol.Request, response: DebugProtocol.Response): void {
    if (response.success) return;
    if (request.command === "disconnect") this.#over = false;
    if (executions.has(request.command)) this.stopped();
  }

  /** A client's `disconnect`. */
  take(client: DapClient, request: DebugProtocol.Request, frame: Frame): void {
    const { state, upstream, output } = this.#parts;
    if (state.gone === undefined && this.#endsSession(client, request)) {
      upstream.forward(client, request, frame);
      return;
    }
    this.#parts.toClient(client.id, success(request));
    this.leave(client.id);
    output.close(client.id);
  }

  /** This `disconnect` is the debuggee's affair, not only the client's. */
  #endsSession(client: DapClient, request: DebugProtocol.Request): boolean {
    const { roster, state, handshake, onLeave } = this.#parts;
    const kill = member(request.arguments, "terminateDebuggee");
    if (kill === true && roster.drives(client)) return true;
    if (roster.all.length > 1) return false;
    return (
      state.terminated !== undefined ||
      onLeave === "end" ||
      !handshake.isSaid("attach") ||
      (handshake.launched && kill !== false)
    );
  }

  /** A client has set its breakpoints. */
  configured(): void {
    for (const plan of this.#parts.breakpoints.remove("nobody")) this.#tell(plan);
  }

  /** The client is gone. */
  leave(client: ClientId): void {
    const { roster, table, remarks, hold, reverse, joining } = this.#parts;
    roster.leave(client);
    table.forget(client);
    remarks.leave(client);
    hold.drop(client);
    reverse.leave(client);
    this.#left = true;
    this.#later(() => this.#settle(client));
    joining.progress();
  }

  /** A thread stands: nobody may be left to let it run. */
  stopped(): void {
    const { roster, onLeave } = this.#parts;
    if (!this.#left || roster.all.length > 0 || onLeave !== "resume") return;
    this.#later(() => {
      if (roster.all.length === 0) this.#resume();
    });
  }

  #later(run: () => void): void {
    const now = (): void => {
      if (!this.#over && this.#parts.state.ended === undefined) run();
    };
    if (this.#parts.hold.held) this.#parts.hold.add(undefined, now);
    else now();
  }

  #settle(client: ClientId): void {
    const { roster, breakpoints, away, onLeave, recorded } = this.#parts;
    const last = roster.all.length === 0;
    if (last && onLeave === "keep") breakpoints.abandon(client);
    else if (last && onLeave === "resume" && recorded) {
      breakpoints.abandon(client);
      this.#resume();
    } else if (last && onLeave === "end") away.tell("disconnect", {});
    else {
      for (const plan of breakpoints.remove(client)) this.#tell(plan);
      if (!last) return;
      for (const command of this.#unmergedSet) away.tell(command, { breakpoints: [] });
      this.#unmergedSet.clear();
      this.#resume();
    }
  }

  #tell(plan: BreakpointPlan): void {
    this.#parts.away.tell(plan.command, plan.arguments, plan);
  }

  #resume(): void {
    const { state, resuming, away } = this.#parts;
    for (const each of oneForAll(state.standing)) {
      if (!resuming.isGoing(each)) away.tell("continue", { threadId: each.stop.thread });
    }
  }
}
