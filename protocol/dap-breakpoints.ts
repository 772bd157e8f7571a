// Breakpoints of several owners in one debuggee: a set* request replaces a whole list, so what goes upstream is the union of
// the owners' lists, and the answer, which is in the order of the request, is split among them.
//
// Rules
// - The owner who was first at a list comes first in its union. Where two owners differ in condition, hit count or log message
//   for one place, the first one's hold; the other is told so on its breakpoint's message.
// - Adapters give new ids with every request (debugpy) or keep them (delve): an owner keeps the id that it was told, and
//   events and hits are translated. What another's request changed of its breakpoints it learns by an event.
// - A list of one owner goes up, and its answer down, as they came.
// - `nobody` owns what a client left behind on purpose: the client that sets that list next replaces it.
// - `relay` is an owner like a client: it is never in the roster, and never leaves by itself.
import type { DebugProtocol } from "./dap.ts";
import { argumentsFor, inOrder, itemsOf, listOf } from "./dap-breakpoint-kinds.ts";
import type { Item } from "./dap-breakpoint-kinds.ts";
import type { ClientId } from "./exchange.ts";
import { elements, isObject, member } from "./json.ts";

export type Owner = ClientId | "relay" | "nobody";

const maxLists = 10_000;
/** Of the names of lists of sources. */
const pathPrefix = "path ";

/** What one owner has in a list. */
interface Held {
  readonly items: readonly Item[];
  /** What it was told of each; undefined before the answer. */
  told: readonly unknown[];
}

interface List {
  readonly name: string;
  readonly command: string;
  arguments: unknown;
  readonly owners: Map<Owner, Held>;
  /** The debuggee has not been sent what the owners have, or is not there any more. */
  unsent: boolean;
  /** What the debuggee said of each of the union, and where each owner's are in it: of the last answer. */
  results: unknown[];
  places: ReadonlyMap<Owner, readonly number[]>;
}

/** A request on its way up. */
export interface BreakpointPlan {
  readonly owner: Owner;
  readonly command: string;
  /** Undefined: as the owner sent it. */
  readonly arguments: unknown;
  readonly list: List;
  readonly held: Held | undefined;
  readonly before: Held | undefined;
  readonly union: readonly Item[];
  readonly places: ReadonlyMap<Owner, readonly number[]>;
}

export interface BreakpointAnswer {
  /** For the owner that asked; undefined: as it came. */
  readonly body: unknown;
  /** Bodies of `breakpoint` events for others. */
  readonly changed: readonly { readonly owner: Owner; readonly body: unknown }[];
}

export class Breakpoints {
  readonly #lists = new Map<string, List>();
  #soleOwner: Owner | "several" | undefined;

  /** All breakpoints are this owner's, under the ids that the debuggee gave. */
  plainFor(owner: Owner): boolean {
    return this.#soleOwner === undefined || this.#soleOwner === owner;
  }

  /** The owner has breakpoints. */
  has(owner: Owner): boolean {
    return [...this.#lists.values()].some(({ owners }) => (owners.get(owner)?.items.length ?? 0) > 0);
  }

  /** An owner's request; undefined when it is none that is merged. */
  set(owner: Owner, request: DebugProtocol.Request): BreakpointPlan | undefined {
    const name = listOf(request);
    if (name === undefined) return undefined;
    const list = this.#lists.get(name) ?? newList(name, request);
    if (!this.#lists.has(name) && this.#lists.size >= maxLists) return undefined;
    this.#lists.set(name, list);
    list.arguments = request.arguments;
    if (owner !== "relay") list.owners.delete("nobody");
    const before = list.owners.get(owner);
    const held: Held = { items: itemsOf(request), told: [] };
    list.owners.set(owner, held);
    const plan = this.#plan(list, owner, held, before);
    this.#look();
    return list.owners.size === 1 ? { ...plan, arguments: undefined } : plan;
  }

  /**
   * The owner is gone, its breakpoints too: what is to be said of every list that it had something in. With `kept` it has gone from all
   * sources but those of these paths.
   */
  remove(owner: Owner, kept?: ReadonlySet<string>): BreakpointPlan[] {
    const plans: BreakpointPlan[] = [];
    for (const list of this.#lists.values()) {
      if (kept?.has(list.name.slice(pathPrefix.length)) === true) continue;
      const had = list.owners.get(owner);
      list.owners.delete(owner);
      if (had !== undefined && had.items.length > 0) plans.push(this.#plan(list, "nobody", undefined, undefined));
      if (list.owners.size === 0) this.#lists.delete(list.name);
    }
    this.#look();
    return plans;
  }

  /** The owner is gone, its breakpoints stay. */
  abandon(owner: Owner): void {
    for (const list of this.#lists.values()) {
      const had = list.owners.get(owner);
      if (had === undefined) continue;
      list.owners.delete(owner);
      const nobodys = list.owners.get("nobody");
      list.owners.set("nobody", { items: [...(nobodys?.items ?? []), ...had.items], told: [] });
      list.places = new Map();
    }
    this.#look();
  }

  /** The debuggee is gone with all that it said; what the owners have stays. */
  forgetResults(): void {
    for (const list of this.#lists.values()) {
      list.results = [];
      list.unsent = true;
    }
    this.#look();
  }

  /** The last word of the debuggee on this owner's breakpoint at a line; undefined: there is none. */
  resultOf(owner: Owner, path: string, line: number): unknown {
    const list = this.#lists.get(`${pathPrefix}${path}`);
    const at = list?.owners.get(owner)?.items.findIndex(({ value }) => member(value, "line") === line) ?? -1;
    return list?.results[list.places.get(owner)?.[at] ?? -1];
  }

  /** Answers for a debuggee that is not there. */
  keep({ list, held }: BreakpointPlan, id: () => number, message: string): readonly unknown[] {
    if (held === undefined) return [];
    list.unsent = true;
    held.told = inOrder(held.items).map(({ value }) => {
      const line = member(value, "line");
      return { id: id(), verified: false, message, ...(typeof line === "number" ? { line } : {}) };
    });
    this.#look();
    return held.told;
  }

  /** What is to be said of every list of which the debuggee does not know. */
  unsent(): BreakpointPlan[] {
    return [...this.#lists.values()].filter(({ unsent }) => unsent).map((list) => this.#unsent(list));
  }

  #unsent(list: List): BreakpointPlan {
    list.unsent = false;
    return this.#plan(list, "nobody", undefined, undefined);
  }

  answer(plan: BreakpointPlan, response: DebugProtocol.Response): BreakpointAnswer {
    const { list, owner, held, before } = plan;
    if (!response.success) {
      if (held !== undefined && list.owners.get(owner) === held) {
        if (before === undefined) list.owners.delete(owner);
        else list.owners.set(owner, before);
      }
      this.#look();
      return { body: undefined, changed: [] };
    }
    const answers = elements(response.body, "breakpoints");
    list.results = [...answers];
    list.places = plan.places;
    if (answers.length === 0) {
      this.#look();
      return { body: undefined, changed: [] };
    }
    const changed = [...list.owners].flatMap(([other, theirs]) =>
      theirs === held ? [] : this.#tell(list, other, theirs),
    );
    let body: unknown;
    if (held !== undefined) {
      const places = plan.places.get(owner) ?? [];
      held.told = places.map((place, i) => split(answers[place], held.items[i], plan.union[place]));
      const sole = places.length === answers.length && places.every((place, i) => place === i);
      if (!sole || plan.arguments !== undefined) {
        body = { ...(isObject(response.body) ? response.body : {}), breakpoints: held.told };
      }
    }
    this.#look();
    return { body, changed };
  }

  /** Whose a `breakpoint` event is, and its body for each (undefined: as it came); undefined: everybody's, as it came. */
  seeEvent(event: DebugProtocol.Event): ReadonlyMap<Owner, unknown> | undefined {
    const breakpoint = member(event.body, "breakpoint");
    const found = this.#find(member(breakpoint, "id"));
    if (found === undefined || !isObject(event.body)) return undefined;
    const { list, place } = found;
    const known = list.results[place];
    list.results[place] = { ...(isObject(known) ? known : {}), ...(isObject(breakpoint) ? breakpoint : {}) };
    const bodies = new Map<Owner, unknown>();
    for (const [owner, places] of list.places) {
      const theirs = list.owners.get(owner);
      const i = places.indexOf(place);
      if (theirs === undefined || i === -1) continue;
      const id = member(theirs.told[i], "id");
      const own = id === undefined ? breakpoint : { ...(isObject(breakpoint) ? breakpoint : {}), id };
      theirs.told = theirs.told.map((told, at) =>
        at === i ? { ...(isObject(told) ? told : {}), ...(isObject(own) ? own : {}) } : told,
      );
      const same = id === undefined || id === member(breakpoint, "id");
      bodies.set(owner, same ? undefined : { ...event.body, breakpoint: own });
    }
    return bodies;
  }

  /** The ids of a stop as this owner knows them; others' breakpoints are left out. */
  hitIds(owner: Owner, ids: readonly unknown[]): unknown[] {
    return ids.flatMap((id) => {
      const found = this.#find(id);
      if (found === undefined) return [id];
      const i = found.list.places.get(owner)?.indexOf(found.place) ?? -1;
      const told = found.list.owners.get(owner)?.told[i];
      return told === undefined ? [] : [member(told, "id") ?? id];
    });
  }

  #plan(list: List, owner: Owner, held: Held | undefined, before: Held | undefined): BreakpointPlan {
    const at = new Map<string, Item>();
    for (const { items } of list.owners.values()) {
      for (const item of items) if (!at.has(item.key)) at.set(item.key, item);
    }
    // A list of one owner goes up as it is, with whatever is in it twice.
    const only = list.owners.size === 1 ? [...list.owners.values()][0] : undefined;
    const union = inOrder(only === undefined ? [...at.values()] : only.items);
    const index = new Map(union.map((item, i) => [item.key, i]));
    const places = new Map(
      [...list.owners].map(([who, { items }]) => {
        const ordered = inOrder(items);
        return [who, only === undefined ? ordered.map(({ key }) => index.get(key) ?? -1) : ordered.map((_, i) => i)];
      }),
    );
    return {
      owner,
      held,
      before,
      list,
      command: list.command,
      arguments: argumentsFor(list.command, list.arguments, union),
      union,
      places,
    };
  }

  /** Brings what another owner was told up to date. */
  #tell(list: List, owner: Owner, held: Held): { owner: Owner; body: unknown }[] {
    const places = list.places.get(owner) ?? [];
    const events: { owner: Owner; body: unknown }[] = [];
    held.told = held.told.map((told, i) => {
      const now = list.results[places[i] ?? -1];
      if (!isObject(told) || !isObject(now)) return told;
      const next = { ...now, ...(told["id"] === undefined ? {} : { id: told["id"] }) };
      if (["verified", "line", "column"].some((key) => now[key] !== told[key]) && told["id"] !== undefined) {
        events.push({ owner, body: { reason: "changed", breakpoint: next } });
      }
      return next;
    });
    return events;
  }

  #find(id: unknown): { list: List; place: number } | undefined {
    if (typeof id !== "number") return undefined;
    for (const list of this.#lists.values()) {
      const place = list.results.findIndex((result) => member(result, "id") === id);
      if (place !== -1) return { list, place };
    }
    return undefined;
  }

  #look(): void {
    const owners = new Set<Owner>();
    for (const list of this.#lists.values()) {
      for (const [owner, { told }] of list.owners) {
        owners.add(owner);
        const places = list.places.get(owner) ?? [];
        const same = told.every((each, i) => member(each, "id") === member(list.results[places[i] ?? -1], "id"));
        if (!same) owners.add("nobody").add("relay");
      }
    }
    this.#soleOwner = owners.size > 1 ? "several" : [...owners][0];
  }
}

function newList(name: string, request: DebugProtocol.Request): List {
  const { command } = request;
  return {
    name,
    command,
    arguments: request.arguments,
    owners: new Map(),
    unsent: false,
    results: [],
    places: new Map(),
  };
}

/** What an owner is told of its item, which stands upstream as `used`. */
function split(answer: unknown, item: Item | undefined, used: Item | undefined): unknown {
  if (answer === undefined) return { verified: false, message: "the debuggee did not answer for this breakpoint" };
  if (item === undefined || used === undefined || !isObject(answer) || sameRules(item.value, used.value)) return answer;
  return { ...answer, message: "another client set this breakpoint first: its condition holds" };
}

function sameRules(a: unknown, b: unknown): boolean {
  return ["condition", "hitCondition", "logMessage"].every((key) => member(a, key) === member(b, key));
}
