// Line breakpoints of several clients in one debuggee (111 SET_BREAK, 112 REMOVE_BREAK).
//
//   111 by ID     id type file line func condition expression [hit is_logpoint [policy]]
//   111 by LINE   type file line func policy condition expression                          its id is the line
//   112           type file id
// pydevd keeps them by file and id, and of several at one line only the one that was added last has any effect.
//
// Rules
// - What the native client alone wants at a line goes on as it came, with its own ids. All else is set by ID, under an id that no
//   client has: clients number from 1, each for itself.
// - What several clients want at a line is one breakpoint: see `merge`. The new one is set before the old one is removed, so that
//   there is none at no time.
// - A client that removes its breakpoint, or leaves, takes nothing from the others.
import type { ClientId } from "./exchange.ts";

/** Whose it is: a client, or the relay itself. */
export type BreakOwner = ClientId | "relay";

export type Grammar = "ID" | "LINE";

export interface LineBreakpoint {
  readonly id: number;
  readonly type: string;
  readonly file: string;
  readonly line: string;
  readonly func: string;
  readonly condition: string;
  readonly expression: string;
  readonly hit: string;
  readonly isLogpoint: boolean;
  readonly policy: string;
}

/** What is to be sent for a client's command: `pass` is the command itself, as it came; a 111 here is by ID. */
export type Step = "pass" | { readonly id: 111 | 112; readonly text: string };

interface Wanted {
  readonly isNative: boolean;
  readonly breakpoint: LineBreakpoint;
}

interface Place {
  /** By client and id, in the order in which they came. */
  readonly wanted: Map<string, Wanted>;
  /** Under which ids the debuggee has it: the native client's own, or one of ours. */
  ids: Set<number>;
}

const firstId = 1_000_000_001;

/** The fields of a 111; undefined when it is none that pydevd would take. */
export function parseSetBreak(text: string, grammar: Grammar): LineBreakpoint | undefined {
  const fields = text.split("\t");
  if (grammar === "LINE") {
    const [type = "", file = "", line = "", func = "", policy = "", condition = ""] = fields;
    if (fields.length < 7 || !/^\d{1,9}$/.test(line)) return undefined;
    const expression = fields.slice(6).join("\t");
    return { id: Number(line), type, file, line, func, condition, expression, hit: "None", isLogpoint: false, policy };
  }
  const [id = "", type = "", file = "", line = "", func = "", condition = "", expression = ""] = fields;
  if (fields.length < 7 || !/^\d{1,10}$/.test(id) || !/^\d{1,9}$/.test(line)) return undefined;
  const [hit = "None", isLogpoint = "False", policy = "NONE"] = fields.slice(7);
  const log = isLogpoint === "True";
  return { id: Number(id), type, file, line, func, condition, expression, hit, isLogpoint: log, policy };
}

export class PydevdBreakpoints {
  readonly #places = new Map<string, Place>();
  /** By client, then by type, file and the client's id: where it is. */
  readonly #where = new Map<BreakOwner, Map<string, string>>();
  #nextId = firstId;

  set(client: BreakOwner, isNative: boolean, breakpoint: LineBreakpoint): Step[] {
    const { type, file, line, id } = breakpoint;
    const where = this.#where.get(client) ?? new Map<string, string>();
    this.#where.set(client, where);
    const name = nameOf(type, file, String(id));
    const at = nameOf(type, file, line);
    const before = where.get(name);
    const moved = before === undefined || before === at ? [] : this.#drop(client, before, String(id));
    where.set(name, at);
    const place = this.#places.get(at) ?? { wanted: new Map<string, Wanted>(), ids: new Set<number>() };
    this.#places.set(at, place);
    place.wanted.set(`${client} ${id}`, { isNative, breakpoint });
    const all = [...place.wanted.values()];
    if (!all.every((each) => each.isNative)) return [...moved, ...this.#setMerged(place)];
    // As it would be without us: of several at one line pydevd obeys the last.
    const own = new Set(all.map((each) => each.breakpoint.id));
    const old = [...place.ids].filter((id) => !own.has(id));
    place.ids = new Set([...place.ids, id].filter((id) => own.has(id)));
    // The same id at another line: pydevd moves it by itself.
    const undone = moved.filter((step) => step === "pass" || !isRemovalOf(step, String(id)));
    return [...undone, "pass", ...old.map((id) => removal(breakpoint, id))];
  }

  remove(client: BreakOwner, isNative: boolean, type: string, file: string, id: string): Step[] {
    const name = nameOf(type, file, id.trim());
    const where = this.#where.get(client);
    const at = where?.get(name);
    if (at === undefined) return isNative ? ["pass"] : [];
    where?.delete(name);
    const steps = this.#drop(client, at, id.trim());
    // The native client's own removal goes as it came.
    return steps.map((step) => (isNative && step !== "pass" && isRemovalOf(step, id.trim()) ? "pass" : step));
  }

  leave(client: BreakOwner): Step[] {
    const where = [...(this.#where.get(client) ?? [])];
    this.#where.delete(client);
    return where.flatMap(([name, at]) => this.#drop(client, at, name.slice(name.lastIndexOf("\t") + 1)));
  }

  /** The clients that have breakpoints in the file. */
  clientsIn(file: string): ClientId[] {
    const isIn = (name: string): boolean => name.split("\t")[1] === file;
    return [...this.#where].flatMap(([client, where]) =>
      client !== "relay" && [...where.keys()].some(isIn) ? [client] : [],
    );
  }

  #drop(client: BreakOwner, at: string, id: string): Step[] {
    const place = this.#places.get(at);
    const wanted = place?.wanted.get(`${client} ${id}`);
    if (place === undefined || wanted === undefined) return [];
    const { breakpoint } = wanted;
    place.wanted.delete(`${client} ${id}`);
    if (place.wanted.size === 0) {
      this.#places.delete(at);
      return [...place.ids].map((id) => removal(breakpoint, id));
    }
    if (!wanted.isNative || !place.ids.has(breakpoint.id)) return this.#setMerged(place);
    place.ids.delete(breakpoint.id);
    const again = place.ids.size === 0 ? this.#setMerged(place) : [];
    return [...again, removal(breakpoint, breakpoint.id)];
  }

  #setMerged(place: Place): Step[] {
    const [one, ...others] = [...place.wanted.values()].map((each) => each.breakpoint);
    if (one === undefined) return [];
    const old = [...place.ids].map((id) => removal(one, id));
    const id = this.#nextId;
    this.#nextId += 2;
    place.ids = new Set([id]);
    return [{ id: 111, text: format(merge(one, others), id) }, ...old];
  }
}

/**
 * One breakpoint for all: it stops where one of them would. So a condition holds only if all have one, a hit condition only if
 * all have the same; it is a logpoint only if all are (with the first one's text), and all threads stop if one asks for it.
 */
function merge(one: LineBreakpoint, others: readonly LineBreakpoint[]): LineBreakpoint {
  const all = [one, ...others];
  if (others.length === 0) return one;
  const conditions = [...new Set(all.map((each) => each.condition))];
  const [hit = "None", ...otherHits] = new Set(all.map((each) => each.hit));
  return {
    ...one,
    func: all.every((each) => each.func === one.func) ? one.func : "None",
    condition: conditions.some(isNone) ? "None" : conditions.map((each) => `(${each})`).join(" or "),
    expression: all.find((each) => !isNone(each.expression))?.expression ?? "None",
    hit: otherHits.length === 0 ? hit : "None",
    isLogpoint: all.every((each) => each.isLogpoint),
    policy: all.some((each) => each.policy === "ALL") ? "ALL" : one.policy,
  };
}

function isNone(field: string): boolean {
  return field.trim() === "" || field === "None";
}

function format(each: LineBreakpoint, id: number): string {
  const { type, file, line, func, condition, expression, hit, isLogpoint, policy } = each;
  return [id, type, file, line, func, condition, expression, hit, isLogpoint ? "True" : "False", policy].join("\t");
}

function removal({ type, file }: LineBreakpoint, id: number): Exclude<Step, "pass"> {
  return { id: 112, text: `${type}\t${file}\t${id}` };
}

function isRemovalOf(step: Exclude<Step, "pass">, id: string): boolean {
  return step.id === 112 && step.text.endsWith(`\t${id}`);
}

function nameOf(type: string, file: string, idOrLine: string): string {
  return `${type}\t${file}\t${idOrLine}`;
}
