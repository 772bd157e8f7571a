// Takes the secrets out of the messages of one DAP connection. What a message alone does not say is remembered from those before it.
//
// Rules
// - The result of `evaluate` has no name: its request had. Where that mentions a secret name, all of the result is one. The same goes
//   for setVariable and setExpression.
// - The children of a secret variable come later, by its reference, under names that say nothing: `variables` of such a reference is
//   masked whole, and so are the references in it. They are forgotten when the program runs on. Which reference a request is after is
//   remembered of each: the relay's own requests are recorded before the answer that gave them their reference.
// - Output comes in pieces: see output-tails.ts.
// - Requests may be missing (see `gap`): answers to what was not seen are masked whole.
// - A body that is no JSON, or too deep, is replaced as a whole.
import { executions } from "./dap-commands.ts";
import { isObject, member } from "./json.ts";
import { peeked, plainName } from "./peek.ts";
import { OutputTails } from "./output-tails.ts";
import { redactJson } from "./redact-json.ts";
import { failedMarker } from "./redact.ts";
import type { Redactor } from "./redact.ts";
import type { SecretKind } from "./secret-names.ts";

const questions: ReadonlySet<string> = new Set(["variables"]);
/** Requests whose answers hold values that the answer does not name. */
const asking: ReadonlySet<string> = new Set(["evaluate", "setVariable", "setExpression", "variables"]);
/** What has such values, or ends what they are. */
const telling: ReadonlySet<string> = new Set([...asking, ...executions, "continued"]);
const mostAsked = 10_000;
const mostReferences = 50_000;

export class DapRedactor {
  readonly #redactor: Redactor;
  /** Requests by seq whose answers are secret. */
  readonly #asked = new Map<number, SecretKind>();
  readonly #references = new Set<number>();
  /** Of requests for variables, by seq. */
  readonly #expanded = new Map<number, number>();
  readonly #output: OutputTails;
  /** Requests below this seq may have gone unseen. */
  #unseenBelow = 0;

  constructor(redactor: Redactor) {
    this.#redactor = redactor;
    this.#output = new OutputTails(redactor);
  }

  /** Whether messages without anything secret in them must be looked at too, for what came before them. */
  get isAlert(): boolean {
    return this.#awaitsValues || this.#output.isOpen;
  }

  /** Whether this one must, as far as its name says: an output goes on with outputs only, and only few hold the values of others. */
  isAlertTo(body: Uint8Array): boolean {
    if (!this.isAlert) return false;
    const name = plainName(body);
    if (name === "output") return this.#output.isOpen;
    if (name === undefined || this.#unseenBelow === Number.POSITIVE_INFINITY) return true;
    return this.#awaitsValues && telling.has(name);
  }

  get #awaitsValues(): boolean {
    return this.#asked.size > 0 || this.#references.size > 0 || this.#unseenBelow > 0;
  }

  /** Whether a client's message must be looked at, whatever is in it: its answer depends on it. */
  isQuestion(body: Uint8Array): boolean {
    return peeked(body, 0, Math.min(body.length, 256), questions);
  }

  /** Something of what the client asked is missing. */
  gap(): void {
    this.#unseenBelow = Number.POSITIVE_INFINITY;
  }

  /** The body of a message; the very same text where there is nothing to mask. */
  body(text: string): string {
    try {
      const message: unknown = JSON.parse(text);
      if (!isObject(message)) return redactJson(text, this.#redactor);
      if (message["type"] === "request") return this.#request(text, message);
      if (message["type"] === "response") return this.#response(text, message);
      return this.#event(text, message);
    } catch {
      return JSON.stringify(failedMarker);
    }
  }

  #request(text: string, message: Record<string, unknown>): string {
    const { command, seq, arguments: args } = message;
    const reference = member(args, "variablesReference");
    if (command === "variables" && typeof seq === "number" && typeof reference === "number")
      remember(this.#expanded, seq, reference);
    if (typeof seq === "number" && this.#unseenBelow === Number.POSITIVE_INFINITY) this.#unseenBelow = seq;
    const kind = typeof command === "string" && asking.has(command) ? this.#asks(args) : undefined;
    if (kind === undefined || typeof seq !== "number") return redactJson(text, this.#redactor);
    remember(this.#asked, seq, kind);
    return redactJson(text, this.#redactor, command === "setVariable" ? { under: { arguments: kind } } : {});
  }

  #asks(args: unknown): SecretKind | undefined {
    const { names } = this.#redactor;
    const reference = member(args, "variablesReference");
    if (typeof reference === "number" && this.#references.has(reference)) return "one";
    const name = member(args, "name");
    const expression = member(args, "expression");
    if (typeof name === "string" && names.kind(name) !== undefined) return names.kind(name);
    if (typeof expression !== "string" || !names.mentioned(expression)) return undefined;
    // `len(token)` is a number that says little; `token` is not.
    return (/^[\w.$[\]'"-]+$/.test(expression) ? names.kind(expression) : undefined) ?? "many";
  }

  #response(text: string, message: Record<string, unknown>): string {
    const { command, request_seq: asked } = message;
    if (
      typeof command === "string" &&
      executions.has(command) &&
      message["success"] === true &&
      member(message, "body", "allThreadsContinued") !== false
    )
      this.#references.clear();
    if (typeof asked !== "number" || typeof command !== "string") return redactJson(text, this.#redactor);
    const expanded = this.#expanded.get(asked);
    const isChild = expanded !== undefined && this.#references.has(expanded);
    const known = this.#asked.get(asked) ?? (isChild ? "one" : undefined);
    this.#asked.delete(asked);
    this.#expanded.delete(asked);
    const kind = known ?? (asking.has(command) && asked < this.#unseenBelow ? "one" : undefined);
    const onReference = (reference: number): void => {
      if (reference > 0 && this.#references.size < mostReferences) this.#references.add(reference);
    };
    const texts =
      command === "source"
        ? { key: "content", mask: (source: string) => this.#redactor.text(source, true) }
        : undefined;
    return redactJson(text, this.#redactor, {
      onReference,
      ...(kind === undefined ? {} : { under: { body: kind } }),
      ...(texts === undefined ? {} : { texts }),
    });
  }

  #event(text: string, message: Record<string, unknown>): string {
    if (message["event"] === "continued" && member(message, "body", "allThreadsContinued") !== false)
      this.#references.clear();
    const output = member(message, "body", "output");
    if (message["event"] !== "output" || typeof output !== "string") return redactJson(text, this.#redactor);
    const told: unknown = member(message, "body", "category");
    const category = typeof told === "string" ? told : "console";
    const mask = (said: string): string => this.#output.mask(category, said);
    return redactJson(text, this.#redactor, { texts: { key: "output", mask } });
  }
}

/** The oldest goes when there are too many. */
function remember<V>(map: Map<number, V>, seq: number, value: V): void {
  map.set(seq, value);
  const [oldest] = map.keys();
  if (map.size > mostAsked && oldest !== undefined) map.delete(oldest);
}
