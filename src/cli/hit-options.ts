// What the options of `debugtap hits` ask for.
import { DebugtapError } from "../../protocol/errors.ts";
import { wordsOf } from "../../protocol/hit-words.ts";
import { parseWhere, type Condition } from "../../protocol/where-parse.ts";
import type { HitFilter } from "../trace/index.ts";
import { parseCount, parseTime } from "./trace-lines.ts";

export interface HitsOptions {
  readonly service?: string;
  readonly session?: string;
  readonly file?: string;
  readonly fn?: string;
  readonly reason?: string;
  readonly request?: string;
  readonly trigger?: string;
  readonly since?: string;
  readonly until?: string;
  readonly text?: string;
  readonly where?: string;
  readonly page?: string;
  readonly count?: string;
  readonly follow?: true;
  readonly json?: true;
}

/** What is asked of each hit; `where` needs its values. Throws DT_USAGE. */
export function wantedOf(options: HitsOptions, started: number): { filter: HitFilter; where?: Condition } {
  const { service, session, file, fn, reason, request, trigger, since, until, text, where } = options;
  const filter: HitFilter = {
    ...(service === undefined ? {} : { service }),
    ...(session === undefined ? {} : { session }),
    ...(file === undefined ? {} : placeOf(file)),
    ...(fn === undefined ? {} : { fn }),
    ...(reason === undefined ? {} : { reason }),
    ...(request === undefined ? {} : { request }),
    ...(trigger === undefined ? {} : { trigger: parseCount("--trigger", trigger, 1) }),
    ...(since === undefined ? {} : { since: parseTime(since, started) }),
    ...(until === undefined ? {} : { until: parseTime(until, started) }),
    ...(text === undefined ? {} : { words: wordsIn(text) }),
  };
  return where === undefined ? { filter } : { filter, where: parseWhere(where) };
}

/** `volumes.py` or `volumes.py:212`. */
function placeOf(text: string): Pick<HitFilter, "file" | "line"> {
  const [, file = text, line] = /^(.+?)(?::(\d{1,9}))?$/.exec(text) ?? [];
  return line === undefined ? { file } : { file, line: Number(line) };
}

function wordsIn(text: string): readonly string[] {
  const words = wordsOf(text);
  if (words.length > 0) return words;
  throw new DebugtapError("DT_USAGE", "--text has no word in it", {
    why: "quotes, brackets and the like only part words",
    fix: "--text req-5f1c",
  });
}

/** Which part of a list to show. On a terminal a page, elsewhere all unless told otherwise. Throws DT_USAGE. */
export function pageOf(
  { page, count, follow }: Pick<HitsOptions, "page" | "count" | "follow">,
  size: number,
): { readonly from: number; readonly to: number; readonly page: number } {
  if (follow && (page !== undefined || count !== undefined))
    throw new DebugtapError("DT_USAGE", "--follow does not go with --page or --count", { fix: "--follow --since 10s" });
  const whole = follow === true || (page === undefined && count === undefined && !process.stdout.isTTY);
  const length = whole ? Infinity : count === undefined ? size : parseCount("--count", count, 1);
  const number = page === undefined ? 1 : parseCount("--page", page, 1);
  const from = number === 1 ? 0 : (number - 1) * length;
  return { from, to: from + length, page: number };
}
