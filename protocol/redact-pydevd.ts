// Takes the secrets out of the messages of one pydevd connection, through all layers of quoting (see pydevd-quoting.ts).
//
// Rules
// - Of a `<var>` name and value are read together; other attributes, and texts that are no XML, are texts of any kind.
// - What is asked for by a secret name is answered without it (the children of a dict, of 110): the request says it, and its seq is
//   remembered. As in DAP, an answer to a request that went missing is masked whole.
// - 205 is a token. The text of a source (124, 132, 207) is code: only what stands in quotes there, or has the look of one, is a secret.
// - Attributes that do not change stay byte for byte; the line around them is quoted anew, which gives the same bytes.
// - What cannot be looked through is replaced behind the message's id and seq.
import { attributeQuoting, wireQuoting, xmlUnescape } from "./pydevd-quoting.ts";
import type { Quoting } from "./pydevd-quoting.ts";
import { OutputTails } from "./output-tails.ts";
import { plainName } from "./peek.ts";
import { secretWords } from "./secret-commands.ts";
import { isPrivateMember } from "./secret-fields.ts";
import { failedMarker } from "./redact.ts";
import type { Redactor } from "./redact.ts";
import type { SecretKind } from "./secret-names.ts";
import type { Side } from "./frame.ts";

/** Requests for values: one of their fields says which. */
const asking: ReadonlySet<number> = new Set([110, 113, 115, 117, 121, 134, 143, 148, 151, 210]);
const answering: ReadonlySet<number> = new Set([110, 113, 134, 143, 148, 151, 210]);
const sources: ReadonlySet<number> = new Set([124, 132, 207]);
const authenticate = 205;
const changeVariable = 117;
const output = "116";
const mostAsked = 10_000;

const head = /^(-?\d{1,10})\t(-?\d{1,15})\t/;
const tag = /<([A-Za-z]\w*)((?:\s+[\w:-]+="[^"]*")*)\s*\/?>/g;
const attribute = /([\w:-]+)="([^"]*)"/g;

type Attributes = ReadonlyMap<string, string>;

export class PydevdRedactor {
  readonly #redactor: Redactor;
  readonly #asked = new Map<number, SecretKind>();
  readonly #output: OutputTails;
  #unseenBelow = 0;

  constructor(redactor: Redactor) {
    this.#redactor = redactor;
    this.#output = new OutputTails(redactor);
  }

  /** Whether messages without anything secret in them must be looked at too. */
  get isAlert(): boolean {
    return this.#asked.size > 0 || this.#output.isOpen || this.#unseenBelow > 0;
  }

  /** Whether this one must, as far as its id says: only an output goes on with an output, and it answers nothing. */
  isAlertTo(body: Uint8Array): boolean {
    return this.isAlert && (plainName(body) !== output || this.#output.isOpen);
  }

  gap(): void {
    this.#unseenBelow = Number.POSITIVE_INFINITY;
  }

  /** A message's text, without the newline of a line; `isQuoted`: the debuggee's, in a line. The very same text where there is nothing to mask. */
  message(body: string, side: Side, isQuoted: boolean): string {
    const found = head.exec(body);
    if (found === null) return this.#redactor.text(body);
    const [start, id = "", seq = ""] = found;
    const raw = body.slice(start.length);
    try {
      if (side === "client") return start + this.#request(Number(id), Number(seq), raw);
      const text = isQuoted ? wireQuoting.decode(raw) : raw;
      const masked = this.#answer(Number(id), Number(seq), text);
      return masked === text ? body : start + (isQuoted ? wireQuoting.encode(masked) : masked);
    } catch {
      return start + (isQuoted ? wireQuoting.encode(failedMarker) : failedMarker);
    }
  }

  #request(id: number, seq: number, text: string): string {
    if (this.#unseenBelow === Number.POSITIVE_INFINITY) this.#unseenBelow = seq;
    if (id === authenticate) return this.#redactor.value(text, "one");
    const fields = text.split("\t");
    if (!asking.has(id)) return fields.map((field) => this.#redactor.text(field)).join("\t");
    const kind = this.#asks(fields);
    if (kind !== undefined) {
      this.#asked.set(seq, kind);
      const [oldest] = this.#asked.keys();
      if (this.#asked.size > mostAsked && oldest !== undefined) this.#asked.delete(oldest);
    }
    return fields
      .map((field, i) =>
        id === changeVariable && kind !== undefined && i === fields.length - 1
          ? this.#redactor.value(field, kind)
          : this.#redactor.text(field),
      )
      .join("\t");
  }

  #asks(fields: readonly string[]): SecretKind | undefined {
    const { names } = this.#redactor;
    for (const field of fields) {
      const kind = names.kind(field);
      if (kind !== undefined) return kind;
    }
    return fields.some((field) => names.mentioned(field)) ? "many" : undefined;
  }

  #answer(id: number, seq: number, text: string): string {
    const known = this.#asked.get(seq);
    if (known !== undefined) this.#asked.delete(seq);
    if (id === authenticate) return this.#redactor.value(text, "one");
    if (sources.has(id)) return this.#redactor.text(text, true);
    const kind = known ?? (answering.has(id) && seq < this.#unseenBelow ? "one" : undefined);
    const start = text.search(/<[A-Za-z]/);
    if (start === -1) return kind === undefined ? this.#redactor.text(text) : this.#redactor.value(text, kind);
    return this.#redactor.text(text.slice(0, start)) + this.#xml(text.slice(start), kind);
  }

  #xml(xml: string, kind: SecretKind | undefined): string {
    let out = "";
    let at = 0;
    let before: Attributes = new Map();
    const isKey = /<var name="[^"]{0,9}kty\b/.test(xml);
    const tags = Array.from(xml.matchAll(tag), (match) => ({
      match,
      own: attributesOf(match[1] ?? "", match[2] ?? ""),
    }));
    const words = this.#words(tags.map(({ own }) => own));
    for (const [i, { match, own }] of tags.entries()) {
      const [whole, element = ""] = match;
      const member = isKey && isPrivateMember(own.get("name") ?? "") ? "one" : undefined;
      const secret = kind ?? words.get(i) ?? member ?? this.#byBefore(before, own);
      out += this.#redactor.text(xml.slice(at, match.index)) + this.#element(whole, element, own, secret);
      at = match.index + whole.length;
      before = own;
    }
    return out + this.#redactor.text(xml.slice(at));
  }

  /** Of a list whose texts are the words of a command, by place. */
  #words(all: readonly Attributes[]): ReadonlyMap<number, SecretKind> {
    const words = all.map((own) => (/^\d+$/.test(own.get("name") ?? "") ? withoutType(own) : undefined));
    return new Map(secretWords(words, this.#redactor.names).map(({ index, kind }) => [index, kind]));
  }

  /** The second of a pair, of which the first is a name. */
  #byBefore(before: Attributes, own: Attributes): SecretKind | undefined {
    const [first, second] = [before, own].map((each) => withoutType(each));
    return this.#redactor.kindInPair(before.get("name") ?? "", first ?? "", own.get("name") ?? "", second ?? "");
  }

  #element(whole: string, element: string, found: Attributes, inherited: SecretKind | undefined): string {
    const secret = element === "var" ? this.#kind(found, inherited) : undefined;
    const type = found.get("type") ?? "";
    return whole.replace(attribute, (written, key: string) => {
      const value = found.get(key) ?? "";
      const masked =
        key === "value" && secret !== undefined
          ? this.#typed(value, type, secret)
          : element === "io" && key === "s"
            ? this.#output.mask(found.get("ctx") ?? "", value)
            : this.#redactor.text(value);
      return masked === value ? written : `${key}="${quotingOf(element, key).encode(masked)}"`;
    });
  }

  #kind(attributes: Attributes, inherited: SecretKind | undefined): SecretKind | undefined {
    const type = this.#redactor.type(attributes.get("type") ?? "");
    if (type !== undefined) return type === "mask" ? "one" : undefined;
    return inherited ?? this.#redactor.names.kind(attributes.get("name") ?? "");
  }

  /** `str: x` has its type before it. */
  #typed(value: string, type: string, kind: SecretKind): string {
    const start = typeLength(value, type);
    return value.slice(0, start) + this.#redactor.value(value.slice(start), kind);
  }
}

function attributesOf(element: string, written: string): Attributes {
  return new Map(
    Array.from(written.matchAll(attribute), ([, key = "", raw = ""]) => [
      key,
      quotingOf(element, key).decode(xmlUnescape(raw)),
    ]),
  );
}

function withoutType(attributes: Attributes): string {
  const value = attributes.get("value") ?? "";
  return value.slice(typeLength(value, attributes.get("type") ?? ""));
}

function typeLength(value: string, type: string): number {
  return value.startsWith(`${type}: `) ? type.length + 2 : (/^<(?:class|type) '[^']*'>: /.exec(value)?.[0].length ?? 0);
}

function quotingOf(element: string, key: string): Quoting {
  if (element === "var" && (key === "name" || key === "value")) return attributeQuoting.value;
  if ((element === "io" && key === "s") || element === "comp") return attributeQuoting.value;
  if (key === "file") return attributeQuoting.file;
  return element === "thread" && key === "name" ? attributeQuoting.thread : attributeQuoting.plain;
}
