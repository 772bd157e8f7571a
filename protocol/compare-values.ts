// What differs between the values of a frame in two runs, each by its path.
//
// Rules
// - Texts are compared without the words that differ by nature: compare-words.ts and compare-renaming.ts.
// - The deepest place is told: what differs inside a value is not told again of its text, which debuggees make of the inside.
// - The items of a set have no order and no names: they are compared as texts.
// - What a limit cut off in one of two is no difference where what both have is equal; it is counted.
// - A value that is an id or a time as a whole has parts that differ with it: they are not looked at.
import type { SnapshotScope, SnapshotVariable } from "./hit.ts";
import type { Renaming } from "./compare-renaming.ts";
import { isOneWord, wordsOf, type Word, type WordContext, type Words } from "./compare-words.ts";
import { pathWithin, unquoted } from "./value-path.ts";

/** `a` and `b` are the values as the debuggees print them; absent: there is none. */
export interface ValueDifference {
  readonly scope: string;
  /** `volume['size']` */
  readonly path: string;
  /** Those of the values that it lies in, outermost first. */
  readonly within: readonly string[];
  readonly a?: string;
  readonly b?: string;
  /** Where these differ. */
  readonly types?: readonly [a: string, b: string];
  /** Only the names of things differ: what was one thing in one run is two in the other. */
  readonly renamed?: true;
}

/** What a comparison of two hits is given, and gathers. */
export interface ValueComparison {
  readonly renaming: Renaming;
  readonly a: WordContext;
  readonly b: WordContext;
  readonly found: ValueDifference[];
  /** Places that were cut in one of the two. */
  cut: number;
}

const containers = /^(?:list|tuple|dict|set|frozenset|deque|OrderedDict|defaultdict|dict_\w+|Array|Object|Map|Set)$/;
const sets = /^(?:set|frozenset|Set)$/;

/** Scopes of one frame in both. */
export function compareScopes(a: readonly SnapshotScope[], b: readonly SnapshotScope[], to: ValueComparison): void {
  const theirs = new Map(b.map((scope) => [scope.name, scope]));
  for (const scope of a) {
    const other = theirs.get(scope.name) ?? { variables: [] };
    theirs.delete(scope.name);
    new Walk(scope.name, to).lists(scope, other, [], "");
  }
  for (const scope of theirs.values()) new Walk(scope.name, to).lists({ variables: [] }, scope, [], "");
}

type Listed = Pick<SnapshotVariable, "cut"> & { readonly variables: readonly SnapshotVariable[] };

class Walk {
  readonly #scope: string;
  readonly #to: ValueComparison;

  constructor(scope: string, to: ValueComparison) {
    this.#scope = scope;
    this.#to = to;
  }

  /** Variables of a scope, or children of a value; true where any differ. */
  lists(a: Listed, b: Listed, within: readonly string[], path: string): boolean {
    let differs = false;
    for (const [one, other] of pairsOf(a.variables, b.variables)) {
      const at = pathWithin(path, one?.name ?? other?.name ?? "");
      if (one !== undefined && other !== undefined) differs = this.#values(one, other, within, at) || differs;
      else if (isPart(one === undefined ? a : b)) this.#to.cut++;
      else
        differs = this.#tell(within, at, {
          ...(one === undefined ? {} : { a: one.value }),
          ...(other === undefined ? {} : { b: other.value }),
        });
    }
    const [ours, others] = [sizeOf(a), sizeOf(b)];
    if (path !== "" && (isPart(a) || isPart(b)) && ours !== undefined && others !== undefined && ours !== others)
      differs = this.#tell(within, `len(${path})`, { a: String(ours), b: String(others) });
    return differs;
  }

  #values(a: SnapshotVariable, b: SnapshotVariable, within: readonly string[], path: string): boolean {
    const types = [a.type ?? "", b.type ?? ""] as const;
    if (types[0] !== types[1]) return this.#tell(within, path, { a: a.value, b: b.value, types });
    if (a.failed !== b.failed) return this.#tell(within, path, { a: a.value, b: b.value });
    const [ours, theirs] = [listOf(a), listOf(b)];
    if (ours === undefined || theirs === undefined) {
      if (isPart(a) !== isPart(b)) this.#to.cut++;
      return this.#texts(a, b, within, path);
    }
    if (ours.variables.length + theirs.variables.length === 0) return this.#texts(a, b, within, path);
    if (sets.test(types[0])) return this.#sets(a, b, within, path);
    // An object with an address is the common case, and none of these.
    if (!a.value.startsWith("<")) {
      const [one, other] = [this.#wordsOf(a, "a"), this.#wordsOf(b, "b")];
      if (isOneWord(one) && one.shape === other.shape) return this.#texts(a, b, within, path);
    }
    if (this.lists(ours, theirs, [...within, path], path)) return true;
    // The text of a collection says no more than its items, and those in an order and a length of its own.
    return containers.test(types[0]) ? false : this.#texts(a, b, within, path);
  }

  #texts(a: SnapshotVariable, b: SnapshotVariable, within: readonly string[], path: string): boolean {
    const cut = [a.cut?.by === "string", b.cut?.by === "string"] as const;
    if (a.value === b.value && !/\d/.test(a.value)) return false;
    if (sets.test(a.type ?? "")) return this.#sets(a, b, within, path);
    if (cut[0] || cut[1]) return this.#parts(a, b, cut, within, path);
    const [ours, theirs] = [this.#wordsOf(a, "a"), this.#wordsOf(b, "b")];
    if (this.#to.renaming.same(ours, theirs)) return false;
    return this.#tell(within, path, {
      a: a.value,
      b: b.value,
      ...(ours.shape === theirs.shape ? { renamed: true } : {}),
    });
  }

  /** Of which at least one is a beginning. */
  #parts(
    a: SnapshotVariable,
    b: SnapshotVariable,
    cut: readonly [boolean, boolean],
    within: readonly string[],
    path: string,
  ): boolean {
    if (cut[0] !== cut[1]) this.#to.cut++;
    // The last word may be a part of one.
    const known = ({ value, ...rest }: SnapshotVariable, cut: boolean): SnapshotVariable => ({
      ...rest,
      value: cut ? value.replace(/(?:…|\.\.\.)$/, "").replace(/[\w:.«-]{1,64}$/, "") : value,
    });
    const ours = this.#wordsOf(known(a, cut[0]), "a");
    const theirs = this.#wordsOf(known(b, cut[1]), "b");
    const [short, long] = ours.shape.length <= theirs.shape.length ? [ours, theirs] : [theirs, ours];
    // A whole one that is shorter than what is known of the other is another.
    const whole = short === ours ? !cut[0] : !cut[1];
    const equal = whole ? long.shape === short.shape : long.shape.startsWith(short.shape);
    const count = Math.min(ours.words.length, theirs.words.length);
    if (equal && this.#to.renaming.sameWords(ours.words.slice(0, count), theirs.words.slice(0, count))) return false;
    return this.#tell(within, path, { a: a.value, b: b.value, ...(equal ? { renamed: true } : {}) });
  }

  #sets(a: SnapshotVariable, b: SnapshotVariable, within: readonly string[], path: string): boolean {
    if (isPartOfSet(a) || isPartOfSet(b)) {
      // Which items both have cannot be said.
      this.#to.cut++;
      return false;
    }
    const [ours, theirs] = [this.#itemsOf(a, "a"), this.#itemsOf(b, "b")];
    const shapes = (items: readonly Words[]): string => items.map(({ shape }) => shape).join("\n");
    const words = (items: readonly Words[]): readonly Word[] => items.flatMap((item) => item.words);
    const equal = shapes(ours) === shapes(theirs);
    // Ids in a set have no order by which they could be paired.
    if (equal && (ours.length > 1 || this.#to.renaming.sameWords(words(ours), words(theirs)))) return false;
    return this.#tell(within, path, { a: a.value, b: b.value, ...(equal ? { renamed: true } : {}) });
  }

  #itemsOf({ value, children }: SnapshotVariable, side: "a" | "b"): Words[] {
    const texts =
      children === undefined || children.length === 0
        ? value.replace(/^(?:frozenset\()?\{|\}\)?$/g, "").split(", ")
        : children.map((child) => child.value);
    const items = texts.map((text) => wordsOf(text, this.#to[side]));
    return items.sort((one, other) => (one.shape < other.shape ? -1 : one.shape > other.shape ? 1 : 0));
  }

  #wordsOf({ name, value }: SnapshotVariable, side: "a" | "b"): Words {
    return wordsOf(value, this.#to[side], unquoted(name) ?? name);
  }

  #tell(within: readonly string[], path: string, values: Pick<ValueDifference, "a" | "b" | "types" | "renamed">): true {
    this.#to.found.push({ scope: this.#scope, path, within, ...values });
    return true;
  }
}

/** Undefined: it has items, but none of them is here. */
function listOf({ children, cut }: SnapshotVariable): Listed | undefined {
  if (children === undefined) return cut === undefined ? { variables: [] } : undefined;
  return cut === undefined ? { variables: children } : { variables: children, cut };
}

type Pair = readonly [a: SnapshotVariable | undefined, b: SnapshotVariable | undefined];

/** By their names, in the order of the first; the n-th of several of one name is the n-th. */
function pairsOf(a: readonly SnapshotVariable[], b: readonly SnapshotVariable[]): Pair[] {
  if (a.length === b.length && a.every(({ name }, i) => name === b[i]?.name)) return a.map((one, i) => [one, b[i]]);
  const theirs = new Map<string, SnapshotVariable[]>();
  for (const other of b) {
    const same = theirs.get(other.name);
    if (same === undefined) theirs.set(other.name, [other]);
    else same.push(other);
  }
  const paired = a.map((one): Pair => [one, theirs.get(one.name)?.shift()]);
  for (const rest of theirs.values()) for (const other of rest) paired.push([undefined, other]);
  return paired;
}

/** Some of its items may be missing. */
function isPart({ cut }: Pick<SnapshotVariable, "cut">): boolean {
  return cut !== undefined && cut.by !== "string";
}

/** At the limit of depth a set's text has all of its items, unless debugpy has left some out. */
function isPartOfSet({ cut, value }: SnapshotVariable): boolean {
  return cut !== undefined && (cut.by !== "depth" || value.includes("..."));
}

/** How many there are in all, where that is known. */
function sizeOf({ cut, variables }: Listed): number | undefined {
  return cut === undefined ? variables.length : cut.by === "items" ? cut.of : undefined;
}
