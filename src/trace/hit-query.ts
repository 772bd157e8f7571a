// What is asked of hits in words, as the options of `debugtap hits` and the query of the API say it.
import { DebugtapError } from "../../protocol/errors.ts";
import { wordsOf } from "../../protocol/hit-words.ts";
import { parseWhere, type Condition } from "../../protocol/where-parse.ts";
import type { HitFilter } from "./hit-filter.ts";

export interface WantedHits {
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
}

/** What is asked of each hit; `where` needs its values. Throws DT_USAGE. */
export function wantedOf(options: WantedHits, started: number): { filter: HitFilter; where?: Condition } {
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

/** A time as options take it: `12.5s`, `3m` or `250ms` after the trace's start, or an ISO date. Throws DT_USAGE. */
export function parseTime(text: string, started: number): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(text);
  const units: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
  if (match !== null) return started + Number(match[1]) * (units[match[2] ?? "s"] ?? 1000);
  const date = Date.parse(text);
  if (!Number.isNaN(date)) return date;
  throw new DebugtapError("DT_USAGE", `${text} is no time`, {
    why: "a time is 12.5s, 3m or 250ms after the start of the trace, or a date like 2026-11-24T11:22:33Z",
    fix: "debugtap show latest --since 10s",
  });
}

/** A whole number of at least `least`. Throws DT_USAGE. */
export function parseCount(option: string, text: string, least: number): number {
  if (/^\d{1,15}$/.test(text) && Number(text) >= least) return Number(text);
  throw new DebugtapError("DT_USAGE", `${option} ${text} is no whole number from ${least} on`, {
    fix: `${option} ${Math.max(least, 1)}`,
  });
}
