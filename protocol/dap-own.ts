// The relay's own breakpoints in a DAP session: one more owner of the lists, which is never a client.
//
// Rules
// - They are set when the debuggee says that it can be configured (`initialized`), before any client's; later ones at once. To a
//   debuggee that is away they are said when it is attached again (dap-away.ts).
// - A source whose breakpoints are as they were is not set again: clients would be told of changes that are none.
import type { BreakpointPlan } from "./dap-breakpoint-list.ts";
import type { Breakpoints } from "./dap-breakpoints.ts";
import type { Handshake } from "./dap-handshake.ts";
import type { DapState } from "./dap-state.ts";
import type { Upstream } from "./dap-upstream.ts";
import type { Answer, OwnState } from "./exchange.ts";
import { member } from "./json.ts";
import { sourceBreakpoint, type Placed } from "./placed.ts";

export interface DapOwnParts {
  readonly breakpoints: Breakpoints;
  readonly handshake: Handshake;
  readonly state: DapState;
  readonly upstream: Upstream;
}

export class DapOwn {
  readonly #parts: DapOwnParts;
  #wanted: readonly Placed[] = [];
  /** By path: what was said of it last. */
  readonly #said = new Map<string, string>();
  /** By path: why the debuggee did not take it. */
  readonly #refused = new Map<string, string>();
  /** Requests that are not answered. */
  #open = 0;

  constructor(parts: DapOwnParts) {
    this.#parts = parts;
  }

  get settled(): boolean {
    return this.#open === 0;
  }

  set(wanted: readonly Placed[]): void {
    this.#wanted = wanted;
    if (this.#parts.handshake.initialized) this.begin();
  }

  /** The debuggee can be configured. */
  begin(): void {
    const byPath = new Map<string, Placed[]>();
    for (const placed of this.#wanted) byPath.set(placed.path, [...(byPath.get(placed.path) ?? []), placed]);
    for (const [path, placed] of byPath) this.#say(path, placed);
    for (const path of this.#said.keys()) if (!byPath.has(path)) this.#said.delete(path);
    for (const plan of this.#parts.breakpoints.remove("relay", new Set(byPath.keys())))
      if (!this.#isAway) this.#ask(plan.arguments, () => undefined, plan);
  }

  stateOf({ path, line }: Placed): OwnState | undefined {
    const { breakpoints, handshake } = this.#parts;
    if (this.#isAway)
      return { state: "pending", why: "the connection to the debuggee was lost; it is set again with it" };
    if (!handshake.initialized) return { state: "pending", why: "the IDE has not attached yet" };
    const refused = this.#refused.get(path);
    if (refused !== undefined) return { state: "failed", why: refused };
    const result = breakpoints.resultOf("relay", path, line);
    if (result === undefined) return undefined;
    if (member(result, "verified") === true) {
      const at = member(result, "line");
      return { state: "bound", ...(typeof at === "number" && at !== line ? { line: at } : {}) };
    }
    const said = member(result, "message");
    const why = typeof said === "string" ? said : "the debuggee did not say why";
    return { state: member(result, "reason") === "pending" ? "pending" : "failed", why };
  }

  /** The debuggee is not there; it may come back. */
  get #isAway(): boolean {
    return this.#parts.state.away !== undefined;
  }

  #say(path: string, placed: readonly Placed[]): void {
    const given = { source: { path }, breakpoints: placed.map((each) => sourceBreakpoint(each)) };
    const said = JSON.stringify(given);
    if (this.#said.get(path) === said) return;
    this.#said.set(path, said);
    this.#refused.delete(path);
    if (this.#isAway) {
      const plan = this.#parts.breakpoints.set("relay", requestOf(given));
      if (plan !== undefined) this.#parts.breakpoints.keep(plan, () => 0, "");
      return;
    }
    this.#ask(given, (answer) => {
      // Of a debuggee that is lost it is said by whoever attaches again.
      if (this.#said.get(path) !== said || answer.wire !== "dap" || answer.success) return;
      this.#said.delete(path);
      this.#refused.set(path, answer.message ?? "the debuggee refused it");
    });
  }

  #ask(given: unknown, answered: (answer: Answer) => void, plan?: BreakpointPlan): void {
    this.#open++;
    const done = (answer: Answer): void => {
      this.#open--;
      answered(answer);
    };
    this.#parts.upstream.ask("setBreakpoints", given, done, plan);
  }
}

function requestOf(given: unknown) {
  return { seq: 0, type: "request", command: "setBreakpoints", arguments: given };
}
