// Breakpoints of several owners in one debuggee, in lists: one for each source, one of functions, one of exceptions
// (dap-breakpoint-kinds.ts). What happens in one list is dap-breakpoint-list.ts; here is what concerns them all.
//
// Rules
// - `relay` is an owner like a client: it is never in the roster, and never leaves by itself.
// - A list without owners is forgotten. Their number is bounded: what is beyond goes up as it came.
import type { DebugProtocol } from "./dap.ts";
import { listOf, nameOfSource } from "./dap-breakpoint-kinds.ts";
import { BreakpointList, type BreakpointAnswer, type BreakpointPlan } from "./dap-breakpoint-list.ts";
import type { Owner } from "./dap-breakpoint-union.ts";

const maxLists = 10_000;

export class Breakpoints {
  /** By name. */
  readonly #lists = new Map<string, BreakpointList>();
  #soleOwner: Owner | "several" | undefined;

  /** All breakpoints are this owner's, under the ids that the debuggee gave. */
  plainFor(owner: Owner): boolean {
    return this.#soleOwner === undefined || this.#soleOwner === owner;
  }

  /** The owner has breakpoints. */
  has(owner: Owner): boolean {
    return [...this.#lists.values()].some((list) => list.has(owner));
  }

  /** An owner's request; undefined when it is none that is merged. */
  set(owner: Owner, request: DebugProtocol.Request): BreakpointPlan | undefined {
    const name = listOf(request);
    if (name === undefined) return undefined;
    const list = this.#lists.get(name) ?? new BreakpointList(request.command);
    if (!this.#lists.has(name) && this.#lists.size >= maxLists) return undefined;
    this.#lists.set(name, list);
    const plan = list.set(owner, request);
    this.#look();
    return plan;
  }

  /**
   * The owner is gone, its breakpoints too: what is to be said of every list that it had something in. With `kept` it has gone from all
   * sources but those of these paths.
   */
  remove(owner: Owner, kept: ReadonlySet<string> = new Set()): BreakpointPlan[] {
    const names = new Set([...kept].map((path) => nameOfSource(path)));
    const plans: BreakpointPlan[] = [];
    for (const [name, list] of this.#lists) {
      if (names.has(name)) continue;
      const plan = list.remove(owner);
      if (plan !== undefined) plans.push(plan);
      if (list.owners.length === 0) this.#lists.delete(name);
    }
    this.#look();
    return plans;
  }

  /** The owner is gone, its breakpoints stay. */
  abandon(owner: Owner): void {
    for (const list of this.#lists.values()) list.abandon(owner);
    this.#look();
  }

  /** The debuggee is gone with all that it said; what the owners have stays. */
  forgetResults(): void {
    for (const list of this.#lists.values()) list.forgetResults();
    this.#look();
  }

  /** The last word of the debuggee on this owner's breakpoint at a line; undefined: there is none. */
  resultOf(owner: Owner, path: string, line: number): unknown {
    return this.#lists.get(nameOfSource(path))?.resultOf(owner, line);
  }

  /** Answers for a debuggee that is not there. */
  keep(plan: BreakpointPlan, id: () => number, message: string): readonly unknown[] {
    const told = plan.list.keep(plan, id, message);
    this.#look();
    return told;
  }

  /** What is to be said of every list of which the debuggee does not know. */
  unsent(): BreakpointPlan[] {
    return [...this.#lists.values()].flatMap((list) => list.unsent() ?? []);
  }

  answer(plan: BreakpointPlan, response: DebugProtocol.Response): BreakpointAnswer {
    const answer = plan.list.answer(plan, response);
    this.#look();
    return answer;
  }

  /** Whose a `breakpoint` event is, and its body for each (undefined: as it came); undefined: everybody's, as it came. */
  seeEvent(event: DebugProtocol.Event): ReadonlyMap<Owner, unknown> | undefined {
    for (const list of this.#lists.values()) {
      const bodies = list.seeEvent(event);
      if (bodies !== undefined) return bodies;
    }
    return undefined;
  }

  /** The ids of a stop as this owner knows them; others' breakpoints are left out. */
  hitIds(owner: Owner, ids: readonly unknown[]): unknown[] {
    return ids.flatMap((id) => {
      for (const list of this.#lists.values()) {
        const known = list.hitIds(owner, id);
        if (known !== undefined) return known;
      }
      return [id];
    });
  }

  #look(): void {
    const lists = [...this.#lists.values()];
    const owners = new Set(lists.flatMap((list) => list.owners));
    const [sole] = owners;
    this.#soleOwner = owners.size > 1 || !lists.every((list) => list.isPlain) ? "several" : sole;
  }
}
