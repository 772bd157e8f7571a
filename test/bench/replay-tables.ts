// The result of the suite `replay` for people, and its targets.
import type { ReplayResult } from "./replay.ts";
import { requestKinds } from "./replay-walk.ts";
import { quantile } from "./statistics.ts";
import { markdown, plain, row, target, targetTable, targetText, type Row } from "./tables.ts";
import type { TargetLine } from "./targets.ts";

export function replayTargets({ hits, messages, open, walks }: ReplayResult): TargetLine[] {
  const answers = (q: number): number[] =>
    walks.map((timed) =>
      quantile(
        timed.map(({ time }) => time),
        q,
      ),
    );
  const [count, all] = [hits.toLocaleString("en"), messages.toLocaleString("en")];
  const lines = [
    target(`${all} messages: from opening to the first stack < 500 ms`, "ms", 500, { "in this process": open }),
    target(`${count} hits: an answer, p50 < 2 ms`, "ms", 2, { "of each walk": answers(0.5) }),
    target(`${count} hits: an answer, p99 < 20 ms`, "ms", 20, { "of each walk": answers(0.99) }),
  ];
  return hits < 100_000 ? lines.map((line) => ({ ...line, verdict: "not measured" })) : lines;
}

export function replayTables(result: ReplayResult, targets: readonly TargetLine[]): string {
  return [about(result), plain(opening(result)), plain(answers(result)), targetText(targets)].join("\n\n");
}

export function replayMarkdown(result: ReplayResult, targets: readonly TargetLine[]): string {
  const { machine, started } = result;
  const head = `${started.slice(0, 10)}, ${machine.cores} cores of ${machine.cpu}, ${machine.kernel}, Node ${machine.node}, load before ${machine.load}.`;
  const tables = [markdown(opening(result)), markdown(answers(result)), targetTable(targets)];
  return [`${head} ${about(result)}`, ...tables].join("\n\n");
}

function about({ hits, messages, bytes, walks, memory, repetitions }: ReplayResult): string {
  const requests = walks.reduce((sum, { length }) => sum + length, 0);
  return `${messages.toLocaleString("en")} messages and ${hits.toLocaleString("en")} hits in ${(bytes / 1e6).toFixed(0)} MB; ${requests.toLocaleString("en")} requests, ${memory.toFixed(0)} MB resident behind them. Medians of ${repetitions} repetitions.`;
}

function opening({ open, command }: ReplayResult): Row[] {
  return [
    ["", "median, ms", "lowest to highest"],
    row("from opening the trace to the first stack", open),
    row("`debugtap replay TRACE`, from its start to the first stack over its port", command),
  ];
}

/** Of all walks together. */
function answers({ walks }: ReplayResult): Row[] {
  const all = walks.flat();
  const line = (name: string, times: readonly number[]): Row => [
    name,
    times.length.toLocaleString("en"),
    ...[0.5, 0.99, 1].map((q) => short(quantile(times, q))),
  ];
  return [
    ["request", "count", "p50, ms", "p99, ms", "highest, ms"],
    ...requestKinds.map((kind) =>
      line(
        kind,
        all.filter((each) => each.kind === kind).map(({ time }) => time),
      ),
    ),
    line(
      "all",
      all.map(({ time }) => time),
    ),
  ];
}

function short(value: number): string {
  return value.toFixed(value >= 100 ? 0 : value >= 10 ? 1 : 2);
}
