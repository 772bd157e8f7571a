// A breakpoint in one line of text, for a command line and for files.
//
//   SPEC     where, then clauses in any order
//   where    PATH:LINE                       cinder/volume/manager.py:712
//            PATH:/REGEX/                    cinder/volume/manager.py:/self\.driver\.create/     the one line that has it
//            MODULE:FUNCTION                 cinder.volume.manager:VolumeManager.create_volume
//   clauses  if EXPR                         Python, in the frame of the hit
//            hits >= N   hits == N   hits % N
//            log "x={x}"                     say it, and do not stop; `'` does as well as `"`
//            max N                           then it is removed
//            rate N/s    rate N/m            values are taken at most so often; other hits have their stack only
//            deep                            more is taken at its hits: `deepLimits` in hit.ts
//            in SERVICE                      of that service alone; else of all
//            required                        it must be hit
//            disabled
//
// Rules
// - A SPEC's text as it was written, trimmed, is its name everywhere.
// - Where: see breakpoint-where.ts. In `log`, `\"`, `\'`, `\\`, `\n` and `\t` are what they are in Python.
// - `if EXPR` goes on to the next clause: see breakpoint-condition.ts. `in SERVICE` stands before `if`, or behind another clause;
//   right behind EXPR it would be Python's `in`.
// - Each clause stands once.
import { conditionEnd, plainCondition } from "./breakpoint-condition.ts";
import { formatWhere, parseWhere } from "./breakpoint-where.ts";
import type { Place } from "./breakpoint-where.ts";
import { specError } from "./spec-error.ts";

export interface HitsClause {
  /** From the count on, at the count alone, or at each multiple of it. */
  readonly op: ">=" | "==" | "%";
  readonly count: number;
}

export interface BreakpointSpec {
  /** As written, trimmed. */
  readonly text: string;
  readonly where: Place;
  readonly condition?: string;
  readonly hits?: HitsClause;
  readonly log?: string;
  readonly max?: number;
  /** A second. */
  readonly rate?: number;
  readonly deep?: boolean;
  readonly service?: string;
  readonly required?: boolean;
  readonly disabled?: boolean;
}

type Clauses = Omit<BreakpointSpec, "text" | "where">;
type Writable<T> = { -readonly [Key in keyof T]: T[Key] };

const names = ["if", "hits", "log", "max", "rate", "deep", "in", "required", "disabled"] as const;
const maxCount = 1e9;

/** The breakpoint that `text` says. Throws DT_SPEC with the place of what is wrong. */
export function parseSpec(text: string): BreakpointSpec {
  const trimmed = text.trim();
  return new Parser(trimmed).parse();
}

/** The SPEC that says the same as `spec`, whatever its text is: where, then the clauses, `if` last. */
export function formatSpec(spec: Omit<BreakpointSpec, "text">): string {
  const { where, service, hits, log, max, rate, deep, required, disabled, condition } = spec;
  return [
    formatWhere(where),
    ...(service === undefined ? [] : [`in ${service}`]),
    ...(hits === undefined ? [] : [`hits ${hits.op} ${hits.count}`]),
    ...(log === undefined ? [] : [`log "${log.replace(/[\\"\n\t]/g, (char) => written[char] ?? char)}"`]),
    ...(max === undefined ? [] : [`max ${max}`]),
    ...(rate === undefined ? [] : [`rate ${formatRate(rate)}`]),
    ...(deep === true ? ["deep"] : []),
    ...(required === true ? ["required"] : []),
    ...(disabled === true ? ["disabled"] : []),
    ...(condition === undefined ? [] : [`if ${service === undefined ? plainCondition(condition) : condition}`]),
  ].join(" ");
}

const written: Readonly<Record<string, string>> = { "\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t" };

function formatRate(rate: number): string {
  const minute = Math.round(rate * 60);
  return !Number.isInteger(rate) && minute / 60 === rate ? `${minute}/m` : `${rate}/s`;
}

class Parser {
  readonly #text: string;
  readonly #clauses: Writable<Clauses> = {};
  readonly #seen = new Set<string>();
  #at = 0;
  #where = "";

  constructor(text: string) {
    this.#text = text;
  }

  parse(): BreakpointSpec {
    const { where, end } = parseWhere(this.#text);
    this.#at = end;
    this.#where = this.#text.slice(0, end);
    for (this.#space(); this.#at < this.#text.length; this.#space()) this.#clause();
    return { text: this.#text, where, ...this.#clauses };
  }

  #clause(): void {
    const start = this.#at;
    const word = this.#take(/[A-Za-z_]+(?=\W|$)/y)?.[0] ?? "";
    const name = names.find((name) => name === word);
    if (name === undefined) {
      const shown = /^\S+/.exec(this.#text.slice(start))?.[0] ?? "";
      throw this.#error(start, `\`${shown}\` is no clause`, names.join(", "));
    }
    if (this.#seen.has(name)) throw this.#error(start, `\`${name}\` stands twice`, "each clause once");
    this.#seen.add(name);
    this.#space();
    const clauses = this.#clauses;
    if (name === "if") clauses.condition = this.#condition();
    else if (name === "hits") clauses.hits = this.#hits();
    else if (name === "log") clauses.log = this.#log();
    else if (name === "max") clauses.max = this.#count(/(\d+)(?=\s|$)/y, "a number of hits from 1 on", "max 100");
    else if (name === "rate") clauses.rate = this.#rate();
    else if (name === "in") {
      const service = /[A-Za-z0-9][A-Za-z0-9._-]{0,99}(?=\s|$)/y;
      clauses.service =
        this.#value(service, "the name of a service, as `debugtap ps` shows it", "in cinder-api")[0] ?? "";
    } else clauses[name] = true;
  }

  #condition(): string {
    const start = this.#at;
    const { end, service } = conditionEnd(
      this.#text,
      start,
      (word) => word !== "if" && names.some((name) => name === word),
    );
    this.#at = end;
    const condition = this.#text.slice(start, end);
    if (service !== undefined && !this.#seen.has("in")) {
      const rest = this.#text.slice(end);
      const before = this.#text.slice(this.#where.length, service.at).trim();
      throw specError(this.#text, service.at, `\`in ${service.name}\` is Python's \`in\` here`, {
        expected: `\`in SERVICE\` before \`if\`; if it is Python: \`if (${condition})\``,
        fix: `${this.#where} in ${service.name} ${before}${rest}`,
      });
    }
    return condition;
  }

  #hits(): HitsClause {
    const [, op = "", digits = ""] = this.#value(
      /(>=|==|>|%)\s*(\d+)(?=\s|$)/y,
      "`>= N`, `== N` or `% N`",
      "hits >= 10",
    );
    // `hits > N` is another way to say it.
    const count = this.#within(Number(digits) + (op === ">" ? 1 : 0), "hits >= 10");
    return { op: op === "==" || op === "%" ? op : ">=", count };
  }

  #log(): string {
    const start = this.#at;
    const pattern = /"((?:[^"\\]|\\[^])*)"(?=\s|$)|'((?:[^'\\]|\\[^])*)'(?=\s|$)/y;
    const [, double, single] = this.#value(
      pattern,
      "a text in quotes; quotes within its braces are of the other kind",
      `log "x={x}"`,
    );
    const log = (double ?? single ?? "").replace(/\\(["'\\nt])/g, (_, char: string) => escapes[char] ?? char);
    const fault = templateFault(log);
    if (fault !== undefined) throw this.#error(start, fault, "an expression in each pair of braces", `log "x={x}"`);
    return log;
  }

  #rate(): number {
    const [, count = "", unit] = this.#value(/(\d+(?:\.\d+)?)\s*\/\s*([sm])(?=\s|$)/y, "`N/s` or `N/m`", "rate 10/s");
    return this.#within(Number(count), "rate 10/s") / (unit === "m" ? 60 : 1);
  }

  #count(pattern: RegExp, expected: string, example: string): number {
    return this.#within(Number(this.#value(pattern, expected, example)[1]), example);
  }

  #within(count: number, example: string): number {
    if (count > 0 && count <= maxCount) return count;
    throw this.#error(this.#at, `${count} is out of range`, "a number above 0, up to a thousand million", example);
  }

  #value(pattern: RegExp, expected: string, example: string): RegExpExecArray {
    const found = this.#take(pattern);
    if (found !== null) return found;
    const shown = /^\S+/.exec(this.#text.slice(this.#at))?.[0];
    throw this.#error(
      this.#at,
      shown === undefined ? "the SPEC ends here" : `\`${shown}\` cannot stand here`,
      expected,
      example,
    );
  }

  #take(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (match !== null) this.#at += match[0].length;
    return match;
  }

  #space(): void {
    this.#take(/\s+/y);
  }

  #error(at: number, what: string, expected: string, example = "max 100") {
    return specError(this.#text, at, what, {
      expected,
      ...(this.#where === "" ? {} : { fix: `${this.#where} ${example}` }),
    });
  }
}

const escapes: Readonly<Record<string, string>> = { n: "\n", t: "\t" };

/** What is wrong with the braces of a log template. */
function templateFault(log: string): string | undefined {
  let depth = 0;
  let opened = 0;
  for (let at = 0; at < log.length; at++) {
    const char = log[at];
    if (char === "{" && depth++ === 0) opened = at;
    else if (char === "}" && --depth < 0) return "a `}` closes no brace";
    else if (char === "}" && depth === 0 && log.slice(opened + 1, at).trim() === "") return "braces are empty";
  }
  return depth > 0 ? "a `{` is not closed" : undefined;
}
