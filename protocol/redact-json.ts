// Takes the secrets out of a JSON text: a message's body, a hit, any record. Only the texts (and numbers) that change are written anew; all
// other bytes stay, so that no number is rounded and no space lost.
//
// Rules
// - A value is secret by its key, by a name beside it (`name`, `evaluateName`, … with `value`), by its type, or by what it stands under.
// - Of a variable (it has a `variablesReference`, or a `name` and a `value`) only value and children are secret, not its name and type.
// - Under a secret name texts and numbers are masked all the way down; true, false and null say nothing.
// - A list of texts, or of variables that are its texts, is a command line too (see secret-commands.ts); of `["Cookie", "x"]` the second is
//   secret; of `[key 0]` and `[val 0]`, which is how delve writes a map, the latter.
// - An object, or variables, with `kty` are a JWK: its private members are secret.
// - JSON that is nested deeper than `maxDepth` is not looked through: it throws, and the caller lets none of it pass.
import { items, members, spaceEnd } from "./json-spans.ts";
import type { Member, Span } from "./json-spans.ts";
import type { Redactor } from "./redact.ts";
import { secretWords } from "./secret-commands.ts";
import { isKeyType, isPrivateMember } from "./secret-fields.ts";
import type { SecretKind } from "./secret-names.ts";

const maxDepth = 500;
const nameKeys: ReadonlySet<string> = new Set([
  "evaluateName",
  "name",
  "expression",
  "key",
  "header",
  "field",
  "param",
  "option",
  "variable",
]);
const valueKeys: ReadonlySet<string> = new Set(["value", "result", "children", "val", "default"]);

interface Variable {
  readonly name: string;
  readonly value: string;
}

export interface JsonOptions {
  /** What stands under these keys of the outermost object is secret. */
  readonly under?: Readonly<Record<string, SecretKind>>;
  /** Takes the place of the rules for a text under this key: of an output, of a source. */
  readonly texts?: { readonly key: string; readonly mask: (text: string) => string };
  /** Told each `variablesReference` of a variable whose value is secret. */
  readonly onReference?: (reference: number) => void;
}

/** `text` must be valid JSON; the very same text where there is nothing to mask. */
export function redactJson(text: string, redactor: Redactor, options: JsonOptions = {}): string {
  return new JsonMasker(text, redactor, options).masked();
}

/** The arguments of a command. */
export function redactWords(argv: readonly string[], redactor: Redactor): string[] {
  const masked: unknown = JSON.parse(redactJson(JSON.stringify(argv), redactor));
  return Array.isArray(masked) ? masked.map(String) : [];
}

class JsonMasker {
  readonly #text: string;
  readonly #redactor: Redactor;
  readonly #options: JsonOptions;
  /** In ascending order. */
  readonly #edits: (Span & { readonly text: string })[] = [];
  /** Where secrets may be; undefined: anywhere. */
  readonly #places: readonly number[] | undefined;

  constructor(text: string, redactor: Redactor, options: JsonOptions) {
    this.#text = text;
    this.#redactor = redactor;
    this.#options = options;
    // What an output goes on with has nothing that says so.
    this.#places = options.texts === undefined ? redactor.places(text) : undefined;
  }

  masked(): string {
    const text = this.#text;
    this.#value({ from: spaceEnd(text, 0), to: text.trimEnd().length }, undefined, 0);
    if (this.#edits.length === 0) return text;
    let out = "";
    let at = 0;
    for (const edit of this.#edits) {
      out += text.slice(at, edit.from) + edit.text;
      at = edit.to;
    }
    return out + text.slice(at);
  }

  #value(span: Span, secret: SecretKind | undefined, depth: number, key = ""): void {
    const isTold = depth === 0 && this.#options.under !== undefined;
    if (secret === undefined && !isTold && !this.#mayHold(span)) return;
    if (depth > maxDepth) throw new Error("JSON is nested too deep");
    const first = this.#text[span.from] ?? "";
    if (first === "{") this.#object(span.from, secret === "pair" ? undefined : secret, depth);
    else if (first === "[") this.#array(span.from, secret, depth);
    else if (first === '"') this.#string(span, secret, key);
    else if (secret === "one" && /[-1-9]/.test(first))
      this.#put(span, this.#redactor.marker(this.#text.slice(span.from, span.to)));
  }

  #string(span: Span, secret: SecretKind | undefined, key: string): void {
    const { texts } = this.#options;
    const value = this.#stringAt(span);
    const masked =
      secret !== undefined
        ? this.#redactor.value(value, secret)
        : texts?.key === key
          ? texts.mask(value)
          : this.#redactor.text(value);
    if (masked !== value) this.#put(span, masked);
  }

  #object(from: number, inherited: SecretKind | undefined, depth: number): void {
    const { names } = this.#redactor;
    const found = members(this.#text, from);
    let own = inherited;
    let type: "mask" | "keep" | undefined;
    let [isNamed, isValued, isReference] = [false, false, false];
    for (const member of found) {
      const { key } = member;
      if (nameKeys.has(key)) own ??= this.#kindOf(key, this.#said(member) ?? "");
      if (key === "type") type = this.#redactor.type(this.#said(member) ?? "");
      isReference ||= key === "variablesReference";
      isNamed ||= key === "name" && this.#said(member) !== undefined;
      isValued ||= key === "value" && this.#said(member) !== undefined;
    }
    const isKey = found.some(({ key }) => key === "kty");
    const isVariable = isReference || (isNamed && isValued);
    if (type !== undefined) own = type === "mask" ? "one" : undefined;
    for (const member of found) {
      const key = this.#key(member);
      const span = { from: member.from, to: member.to };
      if (key === "variablesReference" && own !== undefined)
        this.#options.onReference?.(Number(this.#text.slice(span.from, span.to)));
      const above = valueKeys.has(key) ? own : isVariable ? undefined : inherited;
      const byKey = type === "keep" ? undefined : isKey && isPrivateMember(key) ? "one" : names.kind(key);
      this.#value(span, above ?? byKey ?? (depth === 0 ? this.#options.under?.[key] : undefined), depth + 1, key);
    }
  }

  #mayHold({ from, to }: Span): boolean {
    const places = this.#places;
    if (places === undefined) return true;
    // The first place at or behind `from`.
    let [low, high] = [0, places.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((places[middle] ?? 0) < from) low = middle + 1;
      else high = middle;
    }
    return (places[low] ?? to) < to;
  }

  /** `credentials["user"]` is a part of what is secret. */
  #kindOf(key: string, name: string): SecretKind | undefined {
    const { names } = this.#redactor;
    return names.kind(name) ?? (key === "evaluateName" && names.mentioned(name) ? "many" : undefined);
  }

  /** A key as it reads; one that is a secret itself is masked. */
  #key({ key: written, keyFrom }: Member): string {
    const span = { from: keyFrom, to: keyFrom + written.length + 2 };
    if (!this.#mayHold(span) && !written.includes("\\")) return written;
    const key = this.#stringAt(span);
    const masked = this.#redactor.text(key);
    if (masked !== key) this.#put(span, masked);
    return key;
  }

  #array(from: number, secret: SecretKind | undefined, depth: number): void {
    const found = items(this.#text, from);
    const texts = found.map((item) => this.#said(item));
    if (secret === "pair")
      return this.#array(from, texts.filter((each) => each !== undefined).length === 2 ? "one" : undefined, depth);
    if (secret !== undefined) return found.forEach((item) => this.#value(item, secret, depth + 1));
    const variables = found.map((item) => this.#variable(item));
    const isKey = variables.some((variable) => variable !== undefined && isKeyType(variable.name));
    const words = secretWords(
      texts.map((said, i) => said ?? wordOf(variables[i])),
      this.#redactor.names,
    );
    const byIndex = new Map(words.map((word) => [word.index, word]));
    return found.forEach((item, i) => {
      const { from: start = 0, kind } = byIndex.get(i) ?? {};
      const said = texts[i];
      if (start > 0 && said !== undefined)
        this.#put(item, said.slice(0, start) + this.#redactor.marker(said.slice(start)));
      else {
        const member = isKey && isPrivateMember(variables[i]?.name ?? "") ? "one" : undefined;
        this.#value(item, kind ?? member ?? this.#byNeighbour(texts, variables, i), depth + 1);
      }
    });
  }

  /** What the item before says of an item: of a list with two texts, and of variables that are a name and its value. */
  #byNeighbour(
    texts: readonly (string | undefined)[],
    variables: readonly (Variable | undefined)[],
    i: number,
  ): SecretKind | undefined {
    const [name, said, first, second] = [texts[i - 1], texts[i], variables[i - 1], variables[i]];
    if (name !== undefined && said !== undefined)
      return texts.length === 2 && !/^[a-z_]+$/.test(said) ? this.#redactor.names.kind(name) : undefined;
    return first === undefined || second === undefined
      ? undefined
      : this.#redactor.kindInPair(first.name, first.value, second.name, second.value);
  }

  #variable({ from }: Span): Variable | undefined {
    if (this.#text[from] !== "{") return undefined;
    const found = members(this.#text, from);
    const name = this.#said(found.find(({ key }) => key === "name"));
    const value = this.#said(found.find(({ key }) => key === "value"));
    return name === undefined || value === undefined ? undefined : { name, value };
  }

  /** The text that stands there; undefined for anything else. */
  #said(span: Span | undefined): string | undefined {
    return span !== undefined && this.#text[span.from] === '"' ? this.#stringAt(span) : undefined;
  }

  #stringAt({ from, to }: Span): string {
    const literal = this.#text.slice(from + 1, to - 1);
    return literal.includes("\\") ? String(JSON.parse(this.#text.slice(from, to))) : literal;
  }

  #put({ from, to }: Span, value: string): void {
    this.#edits.push({ from, to, text: JSON.stringify(value) });
  }
}

/** The text of a variable that is one of a list. */
function wordOf(variable: Variable | undefined): string | undefined {
  if (variable === undefined || !/^\[?\d+\]?$/.test(variable.name)) return undefined;
  return /^[bu]?(["'])(.*)\1$/s.exec(variable.value)?.[2];
}
