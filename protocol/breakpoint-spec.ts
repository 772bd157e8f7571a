// A breakpoint as it is written on the command line and in files.
//
//   place    app/api.py:240                    a line
//            app/api.py:/def create/           the first line that the regular expression finds; `\/` is a slash
//            cinder.volume.api:API.create      the first line of a function's body
//   clauses  hits >= 3 · hits == 3 · hits % 3  stop from the third time on, at the third, at each third
//            log "x={x}"                       say it, and do not stop
//            max 10                            then it is removed
//            rate 5/s                          values are taken at most so often; other hits have their stack only
//            in cinder-volume                  only in this service
//            if EXPR                           in the debuggee's language, up to the end
//
// Rules
// - Clauses come in any order, each once, but `if` comes last: its expression may have any of their words in it.
import { DebugtapError } from "./errors.ts";

export type Place =
  | { readonly kind: "line"; readonly path: string; readonly line: number }
  | { readonly kind: "text"; readonly path: string; readonly pattern: string }
  | { readonly kind: "function"; readonly module: string; readonly name: string };

export interface BreakpointSpec {
  /** As it was written: its name everywhere. */
  readonly text: string;
  readonly where: Place;
  readonly condition?: string;
  readonly hits?: { readonly op: ">=" | "==" | "%"; readonly count: number };
  readonly log?: string;
  readonly max?: number;
  /** A second. */
  readonly rate?: number;
  readonly service?: string;
  readonly required?: boolean;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
type Clauses = Mutable<Omit<BreakpointSpec, "text" | "where" | "required">>;

const clauses: readonly [word: string, pattern: RegExp, take: (clauses: Clauses, found: readonly string[]) => void][] =
  [
    [
      "hits",
      /^hits\s*(>=|==|%)\s*(\d{1,9})(?=\s|$)/,
      (to, [, op, count]) => (to.hits = { op: op === ">=" || op === "==" ? op : "%", count: Number(count) }),
    ],
    ["log", /^log\s+"((?:[^"\\]|\\.)*)"(?=\s|$)/, (to, [, text = ""]) => (to.log = text.replace(/\\(["\\])/g, "$1"))],
    ["max", /^max\s+(\d{1,9})(?=\s|$)/, (to, [, count]) => (to.max = Number(count))],
    [
      "rate",
      /^rate\s+(\d{1,6}(?:\.\d{1,3})?)\/(s|m)(?=\s|$)/,
      (to, [, count, unit]) => (to.rate = Number(count) / (unit === "m" ? 60 : 1)),
    ],
    ["in", /^in\s+([A-Za-z0-9][A-Za-z0-9._-]*)(?=\s|$)/, (to, [, service]) => (to.service = service ?? "")],
    ["if", /^if\s+(.+)$/s, (to, [, condition]) => (to.condition = (condition ?? "").trim())],
  ];

const examples: Readonly<Record<string, string>> = {
  hits: "hits >= 3",
  log: 'log "x={x}"',
  max: "max 10",
  rate: "rate 5/s",
  in: "in cinder-volume",
  if: "if size > 1",
};

/** Throws DT_SPEC. */
export function parseSpec(written: string): BreakpointSpec {
  const text = written.trim();
  const [where, length] = placeOf(text);
  const found: Clauses = {};
  const seen = new Set<string>();
  for (let rest = text.slice(length).trim(); rest !== "";) {
    const word = /^[a-z]+/.exec(rest)?.[0] ?? rest.split(/\s/, 1)[0] ?? "";
    const [, pattern, take] = clauses.find(([name]) => name === word) ?? [];
    const match = pattern?.exec(rest);
    if (take === undefined)
      throw specError(text, rest, `\`${word}\` is no clause: there are ${Object.keys(examples).join(", ")}`);
    if (match === null || match === undefined)
      throw specError(text, rest, `\`${word}\` is written like this: ${examples[word]}`);
    if (seen.has(word)) throw specError(text, rest, `\`${word}\` stands here twice`);
    seen.add(word);
    take(found, match);
    rest = rest.slice(match[0].length).trim();
  }
  if (found.max === 0) throw specError(text, text, "max is at least 1");
  return { text, where, ...found };
}

function placeOf(text: string): readonly [Place, length: number] {
  const pattern = /^([^\s].*?):\/((?:[^/\\]|\\.)+)\/(?=\s|$)/.exec(text);
  if (pattern !== null) {
    const [whole, path = "", expression = ""] = pattern;
    const unescaped = expression.replaceAll("\\/", "/");
    const wrong = regExpError(unescaped);
    if (wrong !== undefined) throw specError(text, `/${expression}`, wrong);
    return [{ kind: "text", path, pattern: unescaped }, whole.length];
  }
  const line = /^([^\s].*?):(\d{1,9})(?=\s|$)/.exec(text);
  if (line !== null && Number(line[2]) > 0)
    return [{ kind: "line", path: line[1] ?? "", line: Number(line[2]) }, line[0].length];
  const name = /^([A-Za-z_][\w.]*):([A-Za-z_][\w.]*)(?=\s|$)/.exec(text);
  if (name !== null) return [{ kind: "function", module: name[1] ?? "", name: name[2] ?? "" }, name[0].length];
  throw specError(text, text, "it begins with a place: app/api.py:240, app/api.py:/def create/ or app.api:create");
}

function regExpError(pattern: string): string | undefined {
  try {
    return void RegExp(pattern, "u");
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** `rest`: where in the text it went wrong. */
function specError(text: string, rest: string, why: string): DebugtapError {
  const at = Math.max(0, text.lastIndexOf(rest));
  return new DebugtapError("DT_SPEC", `this breakpoint cannot be understood: ${text}`, {
    why: `at character ${at + 1}: ${why}`,
    fix: `--at 'app/api.py:240 max 10 if size > 1'`,
  });
}
