// Secrets that another field of the same object tells: a name beside a value, and the kind of a key (JWK).
//
//   {"name": "password", "value": "x"}   <input name="password" value="x">   {"kty": "oct", "k": "x"}
//
// Rules
// - An object is what stands around the field up to the next brackets, as far as fields may be from each other.
// - Of a JWK only the private members are secret, and only as texts in quotes; without `kty` names such as `d` say nothing.
import { textValue } from "./secret-values.ts";
import type { Value, ValueReader } from "./secret-values.ts";
import type { SecretKind, SecretNames } from "./secret-names.ts";

const named =
  /(?:^|[^\w])(?:evaluateName|name|key|header|field|variable|param|parameter|option)\\*["']?\s*(?:=>|[:=])\s*(?=[bu]?\\*["'])/gi;
const value = /(?:^|[^\w])(?:value|val|content|default)\\*["']?\s*(?:=>|[:=])\s*/gi;
const nearby = 600;

const keyType = /(?<!\w)kty\\*["']?\s*[:=]\s*[bu]?\\*["']/g;
const privateMember = /(?<![\w.])(?:d|p|q|dp|dq|qi|k)\\*["']?\s*[:=]\s*(?=[bu]?\\*["'])/g;
/** More than the length of a JWK with 4096 bits. */
const longestKey = 6000;

const privateMembers: ReadonlySet<string> = new Set(["d", "p", "q", "dp", "dq", "qi", "oth", "k"]);

/** Whether a variable is a private member of a JWK; of names as debuggers write them: `'d'`, `'d' (140123)`. */
export function isPrivateMember(name: string): boolean {
  return privateMembers.has(memberOf(name));
}

export function isKeyType(name: string): boolean {
  return memberOf(name) === "kty";
}

function memberOf(name: string): string {
  return name.replaceAll(/^[bu]?['"]|['"](?: \(\d+\))?$/g, "");
}

type Add = (value: Value | undefined, kind: SecretKind) => void;

export function byFields(text: string, names: SecretNames, values: ValueReader, add: Add): void {
  const seen = { one: new Set<number>(), many: new Set<number>() };
  for (const match of text.matchAll(named)) {
    const name = textValue(text, match.index + match[0].length);
    const kind = name === undefined ? undefined : names.kind(text.slice(name.from, name.to));
    if (name === undefined || kind === undefined || kind === "pair") continue;
    const [from, to] = objectAround(text, match.index, name.end, nearby);
    for (const field of text.slice(from, to).matchAll(value)) {
      const at = from + field.index + field[0].length;
      if (!seen[kind].has(at)) add(values.at(at), kind);
      seen[kind].add(at);
    }
  }
}

export function byKeyType(text: string, add: Add): void {
  let end = 0;
  for (const match of text.matchAll(keyType)) {
    if (match.index < end) continue;
    const [begin, to] = objectAround(text, match.index, match.index + match[0].length, longestKey);
    const from = Math.max(begin, end);
    end = to;
    for (const member of text.slice(from, to).matchAll(privateMember))
      add(textValue(text, from + member.index + member[0].length), "one");
  }
}

function objectAround(text: string, from: number, to: number, far: number): readonly [number, number] {
  const before = text.slice(Math.max(0, from - far), from);
  const begin = from - before.length + Math.max(...Array.from("{(<", (char) => before.lastIndexOf(char))) + 1;
  const rest = text.slice(to, to + far);
  return [begin, to + (/[})>]/.exec(rest)?.index ?? rest.length)];
}
