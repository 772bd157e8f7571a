// One list of breakpoints, as its owners want it and as the debuggee has answered: a set* request replaces the whole list, so what
// goes upstream is the union of the owners' items, and the answer, which is in the order of the request, is split among them.
//
// Rules
// - Adapters give new ids with every request (debugpy) or keep them (delve): an owner keeps the id that it was told, and
//   events and hits are translated. What another's request changed of its breakpoints it learns by an event.
// - A list of one owner goes up, and its answer down, as they came.
// - What `nobody` owns is replaced by the client that sets the list next.
import type { DebugProtocol } from "./dap.ts";
import { argumentsFor, inOrder, itemsOf, type Item } from "./dap-breakpoint-kinds.ts";
import { toldOf, unionOf, type Owner, type Places, type Union } from "./dap-breakpoint-union.ts";
import { asObject, elements, isObject, member } from "./json.ts";

/** What one owner has in a list. */
interface Held {
  readonly items: readonly Item[];
  /** What it was told of each; undefined before the answer. */
  told: readonly unknown[];
}

/** A request on its way up. */
export interface BreakpointPlan {
  readonly list: BreakpointList;
  readonly command: string;
  /** Undefined: as the owner sent it. */
  readonly arguments: unknown;
  /** Whose request it is; `nobody` waits for the answer to one of the relay's making. */
  readonly owner: Owner;
  /** What the owner has by it, and had before. */
  readonly held: Held | undefined;
  readonly before: Held | undefined;
  readonly union: Union;
}

export interface BreakpointAnswer {
  /** For the owner that asked; undefined: as it came. */
  readonly body: unknown;
  /** Bodies of `breakpoint` events for others. */
  readonly changed: readonly { readonly owner: Owner; readonly body: unknown }[];
}

export class BreakpointList {
  readonly #command: string;
  /** Of the last request for it. */
  #arguments: unknown;
  readonly #owners = new Map<Owner, Held>();
  /** The debuggee has not been sent what the owners have, or is not there any more. */
  #unsent = false;
  /** What the debuggee said of each of the union, and where each owner's are in it: of the last answer. */
  #results: unknown[] = [];
  #places: Places = new Map();

  constructor(command: string) {
    this.#command = command;
  }

  get owners(): readonly Owner[] {
    return [...this.#owners.keys()];
  }

  /** The owner has something in it. */
  has(owner: Owner): boolean {
    return (this.#owners.get(owner)?.items.length ?? 0) > 0;
  }

  /** All owners know their breakpoints by the debuggee's ids. */
  get isPlain(): boolean {
    return [...this.#owners].every(([owner, { told }]) => {
      const places = this.#places.get(owner) ?? [];
      return told.every((each, i) => member(each, "id") === member(this.#results[places[i] ?? -1], "id"));
    });
  }

  /** An owner's request for it. */
  set(owner: Owner, request: DebugProtocol.Request): BreakpointPlan {
    this.#arguments = request.arguments;
    if (owner !== "relay") this.#owners.delete("nobody");
    const before = this.#owners.get(owner);
    const held: Held = { items: itemsOf(request), told: [] };
    this.#owners.set(owner, held);
    const plan = this.#plan(owner, held, before);
    return this.#owners.size === 1 ? { ...plan, arguments: undefined } : plan;
  }

  /** The owner is gone; what is to be said, if it had something in it. */
  remove(owner: Owner): BreakpointPlan | undefined {
    const had = this.has(owner);
    this.#owners.delete(owner);
    return had ? this.#plan("nobody", undefined, undefined) : undefined;
  }

  /** The owner is gone, its breakpoints stay. */
  abandon(owner: Owner): void {
    const had = this.#owners.get(owner);
    if (had === undefined) return;
    this.#owners.delete(owner);
    const nobodys = this.#owners.get("nobody");
    this.#owners.set("nobody", { items: [...(nobodys?.items ?? []), ...had.items], told: [] });
    this.#places = new Map();
  }

  /** The debuggee is gone with all that it said; what the owners have stays. */
  forgetResults(): void {
    this.#results = [];
    this.#unsent = true;
  }

  /** Answers for a debuggee that is not there. */
  keep({ held }: BreakpointPlan, id: () => number, message: string): readonly unknown[] {
    if (held === undefined) return [];
    this.#unsent = true;
    held.told = inOrder(held.items).map(({ value }) => {
      const line = member(value, "line");
      return { id: id(), verified: false, message, ...(typeof line === "number" ? { line } : {}) };
    });
    return held.told;
  }

  /** What is to be said of it, if the debuggee does not know. */
  unsent(): BreakpointPlan | undefined {
    if (!this.#unsent) return undefined;
    this.#unsent = false;
    return this.#plan("nobody", undefined, undefined);
  }

  answer(plan: BreakpointPlan, response: DebugProtocol.Response): BreakpointAnswer {
    const { owner, held, before, union } = plan;
    if (!response.success) {
      if (held !== undefined && this.#owners.get(owner) === held) {
        if (before === undefined) this.#owners.delete(owner);
        else this.#owners.set(owner, before);
      }
      return { body: undefined, changed: [] };
    }
    const answers = elements(response.body, "breakpoints");
    this.#results = [...answers];
    this.#places = union.places;
    if (answers.length === 0) return { body: undefined, changed: [] };
    const changed = [...this.#owners].flatMap(([other, theirs]) => (theirs === held ? [] : this.#tell(other, theirs)));
    if (held === undefined) return { body: undefined, changed };
    const places = union.places.get(owner) ?? [];
    held.told = places.map((place, i) => toldOf(answers[place], held.items[i], union.items[place]));
    const sole = places.length === answers.length && places.every((place, i) => place === i);
    if (sole && plan.arguments === undefined) return { body: undefined, changed };
    return { body: { ...asObject(response.body), breakpoints: held.told }, changed };
  }

  /** Takes a `breakpoint` event; its body for each owner of that one (undefined: as it came). Undefined: it is none of these. */
  seeEvent(event: DebugProtocol.Event): ReadonlyMap<Owner, unknown> | undefined {
    const breakpoint = member(event.body, "breakpoint");
    const place = this.#placeOf(member(breakpoint, "id"));
    if (place === undefined || !isObject(event.body)) return undefined;
    this.#results[place] = { ...asObject(this.#results[place]), ...asObject(breakpoint) };
    const bodies = new Map<Owner, unknown>();
    for (const [owner, places] of this.#places) {
      const theirs = this.#owners.get(owner);
      const i = places.indexOf(place);
      if (theirs === undefined || i === -1) continue;
      const id = member(theirs.told[i], "id");
      const own = id === undefined ? breakpoint : { ...asObject(breakpoint), id };
      theirs.told = theirs.told.map((told, at) => (at === i ? { ...asObject(told), ...asObject(own) } : told));
      const same = id === undefined || id === member(breakpoint, "id");
      bodies.set(owner, same ? undefined : { ...event.body, breakpoint: own });
    }
    return bodies;
  }

  /** This id of the debuggee's as the owner knows it, or none if it is not the owner's. Undefined: it is none of these. */
  hitIds(owner: Owner, id: unknown): readonly unknown[] | undefined {
    const place = this.#placeOf(id);
    if (place === undefined) return undefined;
    const told = this.#owners.get(owner)?.told[this.#places.get(owner)?.indexOf(place) ?? -1];
    return told === undefined ? [] : [member(told, "id") ?? id];
  }

  /** The last word of the debuggee on this owner's breakpoint at a line; undefined: there is none. */
  resultOf(owner: Owner, line: number): unknown {
    const at = this.#owners.get(owner)?.items.findIndex(({ value }) => member(value, "line") === line) ?? -1;
    return this.#results[this.#places.get(owner)?.[at] ?? -1];
  }

  #plan(owner: Owner, held: Held | undefined, before: Held | undefined): BreakpointPlan {
    const union = unionOf(this.#owners);
    const command = this.#command;
    return {
      list: this,
      command,
      arguments: argumentsFor(command, this.#arguments, union.items),
      owner,
      held,
      before,
      union,
    };
  }

  /** Brings what another owner was told up to date. */
  #tell(owner: Owner, held: Held): { owner: Owner; body: unknown }[] {
    const places = this.#places.get(owner) ?? [];
    const events: { owner: Owner; body: unknown }[] = [];
    held.told = held.told.map((told, i) => {
      const now = this.#results[places[i] ?? -1];
      if (!isObject(told) || !isObject(now)) return told;
      const next = { ...now, ...(told["id"] === undefined ? {} : { id: told["id"] }) };
      if (["verified", "line", "column"].some((key) => now[key] !== told[key]) && told["id"] !== undefined) {
        events.push({ owner, body: { reason: "changed", breakpoint: next } });
      }
      return next;
    });
    return events;
  }

  #placeOf(id: unknown): number | undefined {
    if (typeof id !== "number") return undefined;
    const place = this.#results.findIndex((result) => member(result, "id") === id);
    return place === -1 ? undefined : place;
  }
}
