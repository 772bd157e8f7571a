// Breakpoints of several owners in one list, and where each owner's are in it.
//
// Rules
// - The owner who was first at the list comes first. What several want is in it once: by the first one's rules, if they differ in
//   condition, hit count or log message; the other is told so on its breakpoint's message.
// - A list of one owner is as that sent it, with whatever is in it twice.
import { inOrder, type Item } from "./dap-breakpoint-kinds.ts";
import type { ClientId } from "./exchange.ts";
import { isObject, member } from "./json.ts";

/** `relay` is an owner like a client, but never in the roster; `nobody` owns what a client left behind on purpose. */
export type Owner = ClientId | "relay" | "nobody";

/** By owner: where each of its items is in the union. */
export type Places = ReadonlyMap<Owner, readonly number[]>;

export interface Union {
  readonly items: readonly Item[];
  readonly places: Places;
}

/** The union's items, and each owner's, are in the order in which a response lists them. */
export function unionOf(owners: ReadonlyMap<Owner, { readonly items: readonly Item[] }>): Union {
  const isOneOwners = owners.size === 1;
  const wanted = [...owners.values()].flatMap(({ items }) => items);
  const items = inOrder(isOneOwners ? wanted : firstOfEachKey(wanted));
  const index = new Map(items.map(({ key }, i) => [key, i]));
  const placesOf = (own: readonly Item[]): number[] =>
    inOrder(own).map(({ key }, i) => (isOneOwners ? i : (index.get(key) ?? -1)));
  return { items, places: new Map([...owners].map(([owner, own]) => [owner, placesOf(own.items)])) };
}

/** What an owner is told of its item, which stands upstream as `used`. */
export function toldOf(answer: unknown, item: Item | undefined, used: Item | undefined): unknown {
  if (answer === undefined) return { verified: false, message: "the debuggee did not answer for this breakpoint" };
  if (item === undefined || used === undefined || !isObject(answer) || sameRules(item.value, used.value)) return answer;
  return { ...answer, message: "another client set this breakpoint first: its condition holds" };
}

function sameRules(a: unknown, b: unknown): boolean {
  return ["condition", "hitCondition", "logMessage"].every((key) => member(a, key) === member(b, key));
}

function firstOfEachKey(items: readonly Item[]): Item[] {
  const first = new Map<string, Item>();
  for (const item of items) if (!first.has(item.key)) first.set(item.key, item);
  return [...first.values()];
}
