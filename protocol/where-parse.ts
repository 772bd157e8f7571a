// The text of a condition over captured values -> what it says. See where.ts for what it means.
//
//   or:       and ("or" and)*                 also ||
//   and:      not ("and" not)*                also &&
//   not:      "not" not | comparison          also !
//   compare:  sum (OP sum)*                   == != < <= > >= in, not in, is, is not; a < b < c as in Python
//   sum:      product (+ product | - product)*
//   product:  factor (* factor | / factor | // factor | % factor)*
//   factor:   - factor | value ([sum] | .name)*
//   value:    number | string | True False None | path | len(sum) | (or) | [sum, …] | (sum, …)
//   path:     name (.name | [number] | ["key"])*
import { DebugtapError } from "./errors.ts";
import { unescape, type Step } from "./value-path.ts";

export type CompareOp = "==" | "!=" | "<" | "<=" | ">" | ">=" | "in" | "not in";

export type ArithmeticOp = "+" | "-" | "*" | "/" | "//" | "%";

export type Condition =
  | {
      readonly kind: "literal";
      readonly value: string | number | bigint | boolean | null;
      /** It was written with a dot or an exponent. */
      readonly float?: true;
    }
  | { readonly kind: "path"; readonly steps: readonly Step[] }
  | { readonly kind: "len" | "negative"; readonly of: Condition }
  | { readonly kind: "arithmetic"; readonly op: ArithmeticOp; readonly left: Condition; readonly right: Condition }
  | { readonly kind: "item"; readonly of: Condition; readonly at: Condition }
  | { readonly kind: "member"; readonly of: Condition; readonly name: string }
  | { readonly kind: "list"; readonly items: readonly Condition[]; readonly tuple?: true }
  | { readonly kind: "not"; readonly of: Condition }
  | { readonly kind: "and" | "or"; readonly parts: readonly Condition[] }
  | {
      readonly kind: "compare";
      readonly first: Condition;
      readonly rest: readonly { readonly op: CompareOp; readonly right: Condition }[];
    };

interface Token {
  readonly kind: "name" | "number" | "string" | "sign" | "end";
  readonly text: string;
  readonly at: number;
}

const mostLength = 10_000;
/** Of it in an error. */
const mostShown = 500;
/** Parentheses within each other, `not` after `not`. */
const maxDepth = 100;
/** Terms of one sum or product, brackets and dots behind one value. */
const mostLinks = 1000;
const literals = new Map<string, boolean | null>([
  ["True", true],
  ["true", true],
  ["False", false],
  ["false", false],
  ["None", null],
  ["null", null],
  ["nil", null],
]);
const reserved = new Set(["and", "or", "not", "in", "is", ...literals.keys()]);
const compareOps = ["==", "!=", "<", "<=", ">", ">="] as const satisfies CompareOp[];
const synonyms = new Map([
  ["&&", "and"],
  ["||", "or"],
  ["!", "not"],
]);
const tokenShape =
  /\s*(?:([\p{ID_Start}_$][\p{ID_Continue}$]*)|(0[xX][0-9a-fA-F]+|\d[\d_]*(?:\.\d+)?(?:[eE][+-]?\d+)?)|('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")|(==|!=|<=|>=|&&|\|\||\/\/|[<>()[\],.!+*/%-]))/suy;

/** Whether a word is no name of a variable here. */
export function isReserved(word: string): boolean {
  return reserved.has(word);
}

/** Throws DT_USAGE with the place that is wrong. */
export function parseWhere(text: string): Condition {
  return new Parser(text).all();
}

class Parser {
  readonly #text: string;
  readonly #tokens: Token[] = [];
  #next = 0;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
    if (text.length > mostLength) throw this.#wrong(mostLength, `it is longer than ${mostLength} characters`);
    let at = 0;
    while (text.slice(at).trim() !== "") {
      tokenShape.lastIndex = at;
      const match = tokenShape.exec(text);
      if (match === null)
        throw this.#wrong(text.length - text.slice(at).trimStart().length, "nothing begins like this");
      const [whole, name, number, string, sign = ""] = match;
      at += whole.length;
      const kind =
        name !== undefined ? "name" : number !== undefined ? "number" : string !== undefined ? "string" : "sign";
      const said = name ?? number ?? string ?? sign;
      const word = synonyms.get(said);
      this.#tokens.push({ kind: word === undefined ? kind : "name", text: word ?? said, at: at - said.length });
    }
  }

  all(): Condition {
    const condition = this.#or();
    const left = this.#peek();
    if (left.kind !== "end") throw this.#wrong(left.at, `${left.text} does not belong here`);
    return condition;
  }

  #or(): Condition {
    return this.#joined("or", () => this.#joined("and", () => this.#not()));
  }

  #joined(kind: "and" | "or", part: () => Condition): Condition {
    const first = part();
    const parts = [first];
    while (this.#take("name", kind)) parts.push(part());
    return parts.length === 1 ? first : { kind, parts };
  }

  #not(): Condition {
    if (!this.#take("name", "not")) return this.#compare();
    return this.#deeper(() => ({ kind: "not", of: this.#not() }));
  }

  #compare(): Condition {
    const first = this.#sum();
    const rest: { op: CompareOp; right: Condition }[] = [];
    for (let op = this.#op(); op !== undefined; op = this.#op()) rest.push({ op, right: this.#sum() });
    return rest.length === 0 ? first : { kind: "compare", first, rest };
  }

  #op(): CompareOp | undefined {
    const { kind, text } = this.#peek();
    if (kind === "sign") {
      const op = compareOps.find((known) => known === text);
      if (op !== undefined) this.#next++;
      return op;
    }
    if (this.#take("name", "in")) return "in";
    if (this.#take("name", "is")) return this.#take("name", "not") ? "!=" : "==";
    if (kind !== "name" || text !== "not") return undefined;
    this.#next++;
    this.#need("in", "name");
    return "not in";
  }

  #sum(): Condition {
    return this.#chain(["+", "-"], () => this.#chain(["*", "//", "/", "%"], () => this.#factor()));
  }

  #chain(ops: readonly ArithmeticOp[], part: () => Condition): Condition {
    let left = part();
    for (let links = 0; ; links++) {
      const op = ops.find((each) => this.#take("sign", each));
      if (op === undefined) return left;
      this.#bound(links, mostLinks);
      left = { kind: "arithmetic", op, left, right: part() };
    }
  }

  #factor(): Condition {
    if (this.#take("sign", "-")) {
      const of = this.#deeper(() => this.#factor());
      const isNumber = of.kind === "literal" && (typeof of.value === "number" || typeof of.value === "bigint");
      return isNumber ? { ...of, value: -of.value } : { kind: "negative", of };
    }
    let of = this.#value();
    for (let links = 0; ; links++) {
      this.#bound(links, mostLinks);
      if (this.#take("sign", "[")) {
        const at = this.#deeper(() => this.#sum());
        this.#need("]");
        of = { kind: "item", of, at };
      } else if (this.#take("sign", ".")) of = { kind: "member", of, name: this.#name() };
      else return of;
    }
  }

  #value(): Condition {
    const { kind, text, at } = this.#peek();
    this.#next++;
    if (kind === "string") return { kind: "literal", value: unescape(text.slice(1, -1)) };
    if (kind === "number")
      return {
        kind: "literal",
        value: numberOf(text),
        ...(/^\d.*[.eE]/.test(text) && !/^0x/i.test(text) ? { float: true } : {}),
      };
    if (kind === "sign" && text === "[") return { kind: "list", items: this.#deeper(() => this.#items("]")) };
    if (kind === "sign" && text === "(") return this.#deeper(() => this.#parenthesis());
    if (kind !== "name") throw this.#wrong(at, kind === "end" ? "a value is missing" : `${text} is no value`);
    const literal = literals.get(text);
    if (literal !== undefined) return { kind: "literal", value: literal };
    if (reserved.has(text)) throw this.#wrong(at, `${text} is no value`);
    if (text === "len" && this.#take("sign", "(")) {
      const of = this.#deeper(() => this.#sum());
      this.#need(")");
      return { kind: "len", of };
    }
    return { kind: "path", steps: this.#steps(text) };
  }

  #steps(name: string): Step[] {
    const steps: Step[] = [{ kind: "name", text: name }];
    for (;;) {
      if (this.#take("sign", ".")) steps.push({ kind: "name", text: this.#name() });
      else if (this.#isStep()) {
        this.#next++;
        const { kind, text } = this.#peek();
        if (kind === "string") steps.push({ kind: "key", text: unescape(text.slice(1, -1)) });
        else steps.push({ kind: "index", at: Number(text) });
        this.#next += 2;
      } else {
        const { kind, text, at } = this.#peek();
        if (kind === "sign" && text === "(") throw this.#wrong(at, "nothing is called here, but len()");
        return steps;
      }
    }
  }

  #name(): string {
    const { kind, text, at } = this.#peek();
    if (kind !== "name") throw this.#wrong(at, "a name is missing behind the dot");
    this.#next++;
    return text;
  }

  /** `[3]` or `['key']`; any other bracket has a value to be computed in it. */
  #isStep(): boolean {
    const [open, key, close] = this.#tokens.slice(this.#next, this.#next + 3);
    return (
      open?.text === "[" &&
      open.kind === "sign" &&
      (key?.kind === "string" || (key?.kind === "number" && /^\d{1,15}$/.test(key.text))) &&
      close?.kind === "sign" &&
      close.text === "]"
    );
  }

  #parenthesis(): Condition {
    if (this.#take("sign", ")")) return { kind: "list", items: [], tuple: true };
    const first = this.#or();
    if (!this.#take("sign", ",")) {
      this.#need(")");
      return first;
    }
    return { kind: "list", items: [first, ...this.#items(")")], tuple: true };
  }

  #items(end: string): Condition[] {
    const items: Condition[] = [];
    while (!this.#take("sign", end)) {
      items.push(this.#sum());
      if (this.#take("sign", ",")) continue;
      this.#need(end);
      break;
    }
    return items;
  }

  #deeper<Result>(run: () => Result): Result {
    this.#bound(++this.#depth, maxDepth);
    const result = run();
    this.#depth--;
    return result;
  }

  #bound(depth: number, most: number): void {
    if (depth > most) throw this.#wrong(this.#peek().at, "it is nested too deep");
  }

  #peek(): Token {
    return this.#tokens[this.#next] ?? { kind: "end", text: "", at: this.#text.length };
  }

  #take(kind: Token["kind"], wanted: string): boolean {
    const token = this.#peek();
    const taken = token.kind === kind && token.text === wanted;
    if (taken) this.#next++;
    return taken;
  }

  #need(wanted: string, kind: Token["kind"] = "sign"): void {
    if (!this.#take(kind, wanted)) throw this.#wrong(this.#peek().at, `${wanted} is missing`);
  }

  #wrong(at: number, why: string): DebugtapError {
    return new DebugtapError("DT_USAGE", `the condition ${this.#text.slice(0, mostShown)} cannot be understood`, {
      why: `at character ${at + 1}: ${why}`,
      fix: `--where "volume['size'] > 10 and context.project_id == 'demo'"`,
    });
  }
}

/** Whole numbers beyond what a number holds exactly stay exact. */
function numberOf(text: string): number | bigint {
  const plain = text.replaceAll("_", "");
  const value = Number(plain);
  return /^(?:\d+|0[xX].*)$/.test(plain) && !Number.isSafeInteger(value) ? BigInt(plain) : value;
}
