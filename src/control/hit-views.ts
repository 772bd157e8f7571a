// Hits as the API shows them: rows, pages, one in full, and one variable over all hits of a line.
//
// Rules
// - What lists say comes from the index; only `where`, one hit and a history read values, and each has a bound.
import type { HistoryPoint, HitDetail, HitPage, HitQuery } from "../../protocol/api.ts";
import { correlate, isCorrelatePath } from "../../protocol/correlate.ts";
import { DebugtapError } from "../../protocol/errors.ts";
import { callName, type HttpCall } from "../../protocol/http.ts";
import { commandLine } from "../../protocol/shell.ts";
import { meets } from "../../protocol/where.ts";
import type { Condition } from "../../protocol/where-parse.ts";
import type { Trigger } from "../../protocol/trigger.ts";
import { callsOfHits, HitGroups, type HitRow } from "../trace/index.ts";
import { parseCount, wantedOf } from "../trace/hit-query.ts";
import type { OpenTrace } from "./open-traces.ts";
import { rowView } from "./row-view.ts";

const usualRows = 1000;
const mostRows = 10_000;
const mostPoints = 10_000;

/** Throws DT_USAGE for a query that makes no sense. */
export async function hitPage({ trace, index, endOf }: OpenTrace, query: HitQuery): Promise<HitPage> {
  const { filter, where } = wantedOf(query, trace.started);
  const from = query.from === undefined ? 0 : parseCount("from", query.from, 0);
  const count = Math.min(mostRows, query.count === undefined ? usualRows : parseCount("count", query.count, 0));
  const found = await index.find(filter);
  const numbers = where === undefined ? found : await meeting(index, found, where);
  const shown = numbers.subarray(from, from + count);
  const [triggers, calls] = [await trace.triggers(), await trace.http()];
  return {
    rows: Array.from(shown, (number) => rowView(index.row(number), endOf(number))),
    total: numbers.length,
    requests: requestsOf(index, shown, triggers, calls),
    triggers,
  };
}

async function meeting(index: OpenTrace["index"], numbers: Uint32Array, where: Condition): Promise<Uint32Array> {
  const met: number[] = [];
  for await (const { number, hit } of index.read(numbers))
    if (hit !== undefined && meets(where, hit.hit.snapshot.frames[0]) === true) met.push(number);
  return Uint32Array.from(met);
}

/** Those of requests, and those that a command set off; not the rest. */
function requestsOf(
  index: OpenTrace["index"],
  numbers: Uint32Array,
  triggers: readonly Trigger[],
  calls: readonly HttpCall[],
): HitPage["requests"] {
  const groups = new HitGroups(index, numbers, callsOfHits(index, calls));
  const requests: { name: string; expression?: string; hits: number[] }[] = [];
  let last = -1;
  for (let place = 0; place < groups.order.length; place++) {
    const group = groups.groupAt(place);
    if (group.number !== last) {
      const { request, trigger } = group;
      const call = calls.find(({ id }) => id === group.call);
      const argv = triggers.find(({ id }) => id === trigger)?.argv;
      if (request !== undefined) requests.push({ name: request.value, expression: request.expression, hits: [] });
      else if (call !== undefined) requests.push({ name: callName(call), hits: [] });
      else if (trigger === undefined) continue;
      else requests.push({ name: argv === undefined ? `trigger ${trigger}` : commandLine(argv), hits: [] });
      last = group.number;
    }
    requests.at(-1)?.hits.push(groups.order[place] ?? 0);
  }
  return requests;
}

/** Throws DT_BOARD_MISSING. */
export async function hitDetail({ trace, index, endOf }: OpenTrace, number: number): Promise<HitDetail> {
  const row = rowAt(index, number);
  const atLine = await hitsAtLine(index, row);
  const [previous, next] = [atLine.findLast((other) => other < number), atLine.find((other) => other > number)];
  for await (const { hit } of index.read([number])) {
    if (hit === undefined) break;
    return {
      row: rowView(row, endOf(number)),
      hit: (await trace.withSources(hit)).hit,
      ...(previous === undefined ? {} : { previous }),
      ...(next === undefined ? {} : { next }),
    };
  }
  throw new DebugtapError("DT_TRACE_DAMAGED", `hit ${number} of ${trace.dir} cannot be read any more`, {
    fix: `debugtap hits ${trace.dir}`,
  });
}

/** The last 10,000 hits at the line of this one. Throws DT_BOARD_MISSING, DT_BOARD_REQUEST. */
export async function history({ index }: OpenTrace, path: string, number: number): Promise<HistoryPoint[]> {
  if (!isCorrelatePath(path))
    throw new DebugtapError("DT_BOARD_REQUEST", `${path.slice(0, 200)} is no path to a value`, {
      why: "it is a name with steps, such as context.request_id or volume['size']",
      fix: "?path=volume['size']&hit=42",
    });
  const numbers = (await hitsAtLine(index, rowAt(index, number))).slice(-mostPoints);
  const points: HistoryPoint[] = [];
  for await (const { number, hit } of index.read(numbers)) {
    const [top] = hit?.hit.snapshot.frames ?? [];
    const value = top === undefined ? undefined : correlate([path], { frames: [top] })[path];
    points.push({ number, at: index.row(number).at, ...(value === undefined ? {} : { value }) });
  }
  return points;
}

function rowAt(index: OpenTrace["index"], number: number): HitRow {
  if (number >= index.first && number <= index.size) return index.row(number);
  throw new DebugtapError("DT_BOARD_MISSING", `the trace has no hit ${number}`, {
    why: index.size < index.first ? "it has no hits" : `it has ${index.first} to ${index.size}`,
  });
}

async function hitsAtLine(index: OpenTrace["index"], { number, file, line }: HitRow): Promise<Uint32Array> {
  return file === undefined || line === undefined ? Uint32Array.of(number) : await index.find({ file, line });
}
