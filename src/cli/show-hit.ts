// `debugtap show TRACE HIT`: one hit with its stack and values, and which hits come before and after it.
import { DebugtapError } from "../../protocol/errors.ts";
import { callsOfHits, HitIndex } from "../trace/index.ts";
import type { HitRow, Trace, TraceHit } from "../trace/index.ts";
import { hitName, rowJson } from "./hit-row-lines.ts";
import { hitNumber } from "./hit-number.ts";
import { pageOf } from "./hit-options.ts";
import { treeLines } from "./hit-tree.ts";
import { printJson, printLine } from "./output.ts";
import { clean, hasColor, painter } from "./paint.ts";
import { parseCount, tellIndexing } from "./trace-lines.ts";

export interface HitOptions {
  readonly frame?: string;
  readonly depth?: string;
  readonly find?: string;
  readonly page?: string;
  readonly count?: string;
  readonly json?: true;
}

/** Numbers of hits. */
interface Neighbours {
  readonly line?: number;
  readonly request?: number;
}

const pageLines = 200;
const none = new Uint32Array(0);

/** `42` or `cinder-api#1:3`. Rejects with DT_USAGE where there is none such, DT_TRACE_DAMAGED where it cannot be read any more. */
export async function showHit(trace: Trace, name: string, options: HitOptions): Promise<void> {
  const index = await HitIndex.open(trace, tellIndexing());
  try {
    const row = index.row(hitNumber(index, name, trace.dir));
    const hit = await read(trace, index, row);
    const [previous, next] = await neighbours(index, row);
    if (options.json) {
      const calls = await trace.http();
      const id = callsOfHits(index, calls).get(row.number);
      const call = calls.find((each) => each.id === id);
      printJson({ ...rowJson(row, trace.started, call), hit: hit.hit, previous, next });
    } else printLines(lines(trace, row, hit, options), aroundLines(previous, next), options);
  } finally {
    index.close();
  }
}

async function read(trace: Trace, index: HitIndex, row: HitRow): Promise<TraceHit> {
  for await (const { hit } of index.read([row.number])) if (hit !== undefined) return trace.withSources(hit);
  throw new DebugtapError("DT_TRACE_DAMAGED", `hit ${row.number} of ${trace.dir} cannot be read any more`, {
    why: trace.problems.at(-1)?.why ?? "its block has fewer hits than its index says",
    fix: `debugtap hits ${trace.dir}`,
  });
}

/** The hits before and after this one, at its line and of its request. */
async function neighbours(
  index: HitIndex,
  { number, file, line, correlated }: HitRow,
): Promise<[Neighbours, Neighbours]> {
  const [, request] = correlated;
  const here = file === undefined || line === undefined ? none : await index.find({ file, line });
  const same = request === undefined ? none : await index.find({ request });
  const ofRequest = same.filter((other) => index.row(other).correlated[1] === request);
  const pick = (choose: (numbers: Uint32Array) => number | undefined): Neighbours => {
    const [atLine, inRequest] = [choose(here), choose(ofRequest)];
    return {
      ...(atLine === undefined ? {} : { line: atLine }),
      ...(inRequest === undefined ? {} : { request: inRequest }),
    };
  };
  return [
    pick((numbers) => numbers.findLast((other) => other < number)),
    pick((numbers) => numbers.find((other) => other > number)),
  ];
}

function lines(trace: Trace, row: HitRow, { hit }: TraceHit, { frame, depth, find }: HitOptions): string[] {
  const color = hasColor(process.stdout);
  const paint = painter(color);
  const { frames } = hit.snapshot;
  const wanted = frame === undefined ? undefined : parseCount("--frame", frame, 0);
  if (wanted !== undefined && frames[wanted] === undefined)
    throw new DebugtapError("DT_USAGE", `hit ${row.number} has no frame ${wanted}`, {
      why: frames.length === 0 ? "it has no frames" : `it has 0 to ${frames.length - 1}`,
      fix: "--frame 0",
    });
  const time = paint.dim(`+${((row.at - trace.started) / 1000).toFixed(3)}s`);
  const head = [`hit ${row.number}`, hitName(row), time, paint.yellow(clean(row.reason)), clean(row.thread)];
  const tree = treeLines(hit, {
    color,
    textOf: (sha256) => trace.source(sha256),
    ...(wanted === undefined ? {} : { frame: wanted }),
    ...(depth === undefined ? {} : { depth: parseCount("--depth", depth, 1) }),
    ...(find === undefined ? {} : { find: find.toLowerCase() }),
  });
  return [head.join("  "), ...tree];
}

function aroundLines(previous: Neighbours, next: Neighbours): string[] {
  return (["line", "request"] as const).flatMap((of) => {
    const parts = [
      ...(next[of] === undefined ? [] : [`next ${next[of]}`]),
      ...(previous[of] === undefined ? [] : [`previous ${previous[of]}`]),
    ];
    return parts.length === 0 ? [] : [`${of === "line" ? "at this line" : "of this request"}: ${parts.join(", ")}`];
  });
}

function printLines(all: readonly string[], around: readonly string[], options: HitOptions): void {
  const { from, to, page } = pageOf(options, pageLines);
  const shown = all.slice(from, to);
  if (shown.length > 0) printLine(shown.join("\n"));
  if (to < all.length)
    process.stderr.write(`lines ${from + 1} to ${to} of ${all.length}; go on with --page ${page + 1}\n`);
  else for (const line of around) printLine(painter(hasColor(process.stdout)).dim(line));
}
