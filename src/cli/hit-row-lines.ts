// Hits in a list, one line each, under what they belong to.
//
//   req-5f1c…  (context.request_id)
//       42  +1.204s  cinder-api#1:3  breakpoint  create (volumes.py:212)  MainThread
//   POST /v3/volumes (cinder)  202
//       43  …
//   trigger 2: curl -X POST …
//       44  +2.310s  …
//   no request
import { whereOf } from "../../protocol/hit-summary.ts";
import { callName, type HttpCall } from "../../protocol/http.ts";
import type { Trigger } from "../../protocol/trigger.ts";
import { commandLine } from "../../protocol/shell.ts";
import type { HitGroup, HitRow } from "../trace/index.ts";
import { clean, clip, painter } from "./paint.ts";

const textWidth = 120;

/** What hits are set off by, by their ids. */
export interface Causes {
  readonly triggers: ReadonlyMap<number, Trigger>;
  readonly calls: ReadonlyMap<number, HttpCall>;
}

/** What a group is headed by. */
export function groupLine(
  { request, call, trigger }: Pick<HitGroup, "request" | "call" | "trigger">,
  { triggers, calls }: Causes,
  color: boolean,
): string {
  const paint = painter(color);
  if (request !== undefined) {
    const value = clip(clean(request.value), textWidth);
    return `${paint.bold(value)}  ${paint.dim(`(${clean(request.expression)})`)}`;
  }
  if (call !== undefined) {
    const known = calls.get(call);
    const name = known === undefined ? `request ${call}` : clip(clean(callName(known)), textWidth);
    return `${paint.bold(name)}${known?.answer === undefined ? "" : `  ${paint.dim(`${known.answer.status}`)}`}`;
  }
  if (trigger === undefined) return paint.bold("no request");
  const argv = triggers.get(trigger)?.argv;
  const said = argv === undefined ? "" : `: ${clip(clean(commandLine(argv)), textWidth)}`;
  return paint.bold(`trigger ${trigger}${said}`);
}

/** `started`: epoch milliseconds of the trace; `width`: of the widest name of a session and its hit's number. */
export function hitLine(
  row: HitRow,
  { started, width, color }: { started: number; width: number; color: boolean },
): string {
  const paint = painter(color);
  const time = `+${((row.at - started) / 1000).toFixed(3)}s`;
  const place = { name: row.function ?? "?", ...pathOf(row) };
  const cells = [
    String(row.number).padStart(6),
    paint.dim(time.padStart(10)),
    hitName(row).padEnd(width),
    paint.yellow(clean(row.reason)),
    clean(whereOf(place)),
    paint.dim(clean(row.thread)),
    ...(row.text === undefined ? [] : [clip(clean(row.text), textWidth)]),
  ];
  return cells.join("  ");
}

function pathOf({ file, line }: HitRow): { path?: string; line?: number } {
  return { ...(file === undefined ? {} : { path: file }), ...(line === undefined ? {} : { line }) };
}

/** `cinder-api#1:3` */
export function hitName({ session, ordinal }: Pick<HitRow, "session" | "ordinal">): string {
  return `${clean(session)}:${ordinal}`;
}

/** A row as one line of JSON; docs/hits.md has the keys. */
export function rowJson(row: HitRow, started: number, call?: HttpCall): Record<string, unknown> {
  const { number, session, ordinal, service, at, correlated, threadId: _, ...rest } = row;
  const pairs = correlated.flatMap((expression, i) =>
    i % 2 === 0 ? [[expression, correlated[i + 1] ?? ""] as const] : [],
  );
  const [first] = pairs;
  return {
    number,
    name: `${session}:${ordinal}`,
    session,
    service,
    time: new Date(at).toISOString(),
    at: Math.round((at - started) * 1000) / 1000,
    ...rest,
    ...(call === undefined ? {} : { http: httpJson(call) }),
    ...(first === undefined ? {} : { request: first[1], correlated: Object.fromEntries(pairs) }),
  };
}

function httpJson({ id, through, method, url, answer }: HttpCall): Record<string, unknown> {
  return { id, through, method, url, status: answer?.status ?? 0 };
}
