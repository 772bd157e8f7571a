// The time between two connections to a debuggee: what its clients are told meanwhile, and how it is attached again with all that they had
// set. The clients' session goes on: they hear no `terminated`, but that what stood still runs and that threads are gone.
//
//   initialize, attach      as the client that opened the session said them
//   event initialized       not passed on; then every list of breakpoints, whoever's, and configurationDone
//   attach answered         the debuggee's own order is kept: delve and lldb answer before `initialized`, debugpy behind configurationDone
//
// Rules
// - Breakpoints that are set while nobody is there are kept and answered as not verified yet, under ids of ours; that they are set
//   is an event later.
// - There are no threads; all else is refused with the reason.
// - A debuggee that was launched, or whose end a client has asked for, is not attached again.
import type { BreakpointPlan } from "./dap-breakpoint-list.ts";
import type { Breakpoints } from "./dap-breakpoints.ts";
import { unmerged } from "./dap-commands.ts";
import type { DebugProtocol } from "./dap.ts";
import type { Handshake } from "./dap-handshake.ts";
import { event, failure, success } from "./dap-reply.ts";
import type { Roster } from "./dap-roster.ts";
import { firstOwnSeq, type Outstanding } from "./dap-seq.ts";
import type { DapState } from "./dap-state.ts";
import type { Upstream } from "./dap-upstream.ts";
import type { Answer, ClientId } from "./exchange.ts";
import { elements, member } from "./json.ts";

const hasEnded = "the debuggee has ended";

export interface AwayParts {
  readonly roster: Roster;
  readonly handshake: Handshake;
  readonly state: DapState;
  readonly breakpoints: Breakpoints;
  readonly upstream: Upstream;
  /** The debuggee has ended, and may be attached again. Undefined: that is not wanted. */
  readonly onEnded: ((why: string) => void) | undefined;
  toClient(client: ClientId, bytes: Uint8Array): void;
}

interface Attempt {
  readonly done: (failed: string | undefined) => void;
  /** Of the debuggee, in whatever order they come. */
  attaching: boolean;
  initialized: boolean;
  attached: boolean;
  configured: boolean;
}

export class Away {
  readonly #parts: AwayParts;
  readonly #unmerged = new Map<string, unknown>();
  #attempt: Attempt | undefined;
  /** A client wants the debuggee's end. */
  #ending = false;
  #nextId = firstOwnSeq;

  constructor(parts: AwayParts) {
    this.#parts = parts;
  }

  /** It may be attached again, and somebody would gain by it. */
  get possible(): boolean {
    const { roster, handshake, state, breakpoints, onEnded } = this.#parts;
    if (onEnded === undefined || state.ended !== undefined || state.terminated !== undefined) return false;
    if (this.#ending || handshake.launched || !handshake.open) return false;
    return roster.all.length > 0 || breakpoints.has("nobody") || breakpoints.has("relay");
  }

  /** A request of the relay's own whose answer only the state is to see; while nobody is there it is kept in mind. */
  tell(command: string, given: unknown, plan?: BreakpointPlan): void {
    const { state, upstream } = this.#parts;
    if (state.away === undefined) upstream.ask(command, given, () => undefined, plan);
    else this.see({ command, arguments: given });
  }

  /** A request on its way up, or one that would be if somebody were there. */
  see({ command, arguments: given }: Pick<DebugProtocol.Request, "command" | "arguments">): void {
    if (command === "disconnect" || command === "terminate") this.#ending = true;
    if (unmerged.has(command)) this.#unmerged.set(command, given);
  }

  seeResponse(request: DebugProtocol.Request, response: DebugProtocol.Response): void {
    const ends = request.command === "disconnect" || request.command === "terminate";
    if (ends && !response.success) this.#ending = false;
  }

  /** The connection is lost; `outstanding` will not be answered. May be called again when an attempt has failed. */
  begin(why: string, outstanding: readonly Outstanding[]): void {
    const { roster, state, breakpoints } = this.#parts;
    this.#attempt = undefined;
    breakpoints.forgetResults();
    const { standing, threads } = state.lost(why);
    for (const client of roster.all) {
      if (!client.live) continue;
      for (const { stop } of standing) {
        this.#parts.toClient(client.id, event("continued", { threadId: stop.thread, allThreadsContinued: true }));
      }
      for (const threadId of threads) {
        this.#parts.toClient(client.id, event("thread", { reason: "exited", threadId }));
      }
    }
    for (const { request, asker, plan } of outstanding) {
      if (asker === "nobody") continue;
      if ("answered" in asker) asker.answered({ wire: "none", why });
      else this.#reply(asker.client, { ...request, seq: asker.seq }, plan);
    }
  }

  /** A client's request while nobody can be asked; true when it is answered here. */
  take(client: ClientId, request: DebugProtocol.Request): boolean {
    if (this.#parts.state.away === undefined) return false;
    const plan = this.#parts.breakpoints.set(client, request);
    if (unmerged.has(request.command)) this.#unmerged.set(request.command, request.arguments);
    this.#reply(client, request, plan);
    return true;
  }

  /** There is a new connection. `done` is told why it failed, or undefined. */
  attach(done: (failed: string | undefined) => void): void {
    const { handshake, upstream } = this.#parts;
    const attempt: Attempt = { done, attaching: false, initialized: false, attached: false, configured: false };
    this.#attempt = attempt;
    upstream.ask("initialize", handshake.initialize, (answer) => {
      if (!this.#succeeded(attempt, answer, "initialize")) return;
      attempt.attaching = true;
      upstream.ask("attach", handshake.attach, (attached) => {
        if (!this.#succeeded(attempt, attached, "attach")) return;
        attempt.attached = true;
        this.#settle(attempt);
      });
      this.#configure(attempt);
    });
  }

  /** An event while the debuggee is attached again, or its end while it may be; true when it is not for clients. */
  hears({ event }: DebugProtocol.Event): boolean {
    const ends = event === "terminated" || event === "exited";
    const attempt = this.#attempt;
    if (attempt === undefined) {
      if (!ends || !this.possible) return false;
      this.#parts.onEnded?.(hasEnded);
    } else if (ends) this.#fail(attempt, hasEnded);
    else if (event === "initialized") {
      attempt.initialized = true;
      this.#configure(attempt);
    } else return false;
    return true;
  }

  #configure(attempt: Attempt): void {
    const { breakpoints, handshake, upstream } = this.#parts;
    if (this.#attempt !== attempt || !attempt.initialized || !attempt.attaching || attempt.configured) return;
    for (const plan of breakpoints.unsent()) upstream.ask(plan.command, plan.arguments, () => undefined, plan);
    for (const [command, given] of this.#unmerged) upstream.ask(command, given, () => undefined);
    if (!handshake.configurable) {
      attempt.configured = true;
      this.#settle(attempt);
      return;
    }
    upstream.ask("configurationDone", handshake.configurationDone, (answer) => {
      if (!this.#succeeded(attempt, answer, "configurationDone")) return;
      attempt.configured = true;
      this.#settle(attempt);
    });
  }

  #settle(attempt: Attempt): void {
    if (this.#attempt !== attempt || !attempt.attached || !attempt.configured) return;
    this.#attempt = undefined;
    const { state, breakpoints, upstream } = this.#parts;
    state.back();
    // What was set since the lists were sent.
    for (const plan of breakpoints.unsent()) upstream.ask(plan.command, plan.arguments, () => undefined, plan);
    attempt.done(undefined);
  }

  #succeeded(attempt: Attempt, answer: Answer, command: string): boolean {
    if (this.#attempt !== attempt) return false;
    if (answer.wire === "dap" && answer.success) return true;
    const said = answer.wire === "dap" ? answer.message : answer.wire === "none" ? answer.why : undefined;
    const format: unknown = answer.wire === "dap" ? member(answer.body, "error", "format") : undefined;
    this.#fail(attempt, `${command} failed: ${typeof format === "string" ? format : (said ?? "without a reason")}`);
    return false;
  }

  #fail(attempt: Attempt, why: string): void {
    if (this.#attempt !== attempt) return;
    this.#attempt = undefined;
    attempt.done(why);
  }

  #reply(client: ClientId, request: DebugProtocol.Request, plan: BreakpointPlan | undefined): void {
    const why = `${this.#parts.state.away ?? "the connection to the debuggee was lost"}; debugtap attaches again by itself`;
    const { command } = request;
    const bytes =
      plan !== undefined || unmerged.has(command)
        ? success(request, { breakpoints: this.#notYet(request, plan) })
        : command === "threads"
          ? success(request, { threads: [] })
          : command === "disconnect" || command === "terminate" || command === "cancel"
            ? success(request)
            : failure(request, why);
    this.#parts.toClient(client, bytes);
  }

  /** Kept, but nowhere set. */
  #notYet(request: DebugProtocol.Request, plan: BreakpointPlan | undefined): readonly unknown[] {
    const message = "the debuggee is not connected; it is set as soon as it is";
    if (plan !== undefined) return this.#parts.breakpoints.keep(plan, () => this.#nextId++, message);
    return elements(request.arguments, "breakpoints").map(() => ({ verified: false, message }));
  }
}
