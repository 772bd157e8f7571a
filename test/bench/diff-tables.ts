// The result of the suite `diff` for people, and its target.
import { diffSteps, type DiffResult, type DiffStep } from "./diff.ts";
import { summarize } from "./statistics.ts";
import { markdown, plain, targetTable, targetText, type Row } from "./tables.ts";
import type { TargetLine } from "./targets.ts";

const steps: Readonly<Record<DiffStep, string>> = {
  compared: "open both traces and compare them",
  command: "`debugtap diff A B`, as a command",
};
const atMost = 2000;

export function diffTargets({ hits, times }: DiffResult): TargetLine[] {
  return diffSteps.map((step) => {
    const values = times[step];
    const value = summarize(values).median;
    const reached = [{ path: steps[step], value, min: Math.min(...values), max: Math.max(...values) }];
    const verdict = hits < 10_000 ? "not measured" : value < atMost ? "met" : "missed";
    return { target: `twice ${hits.toLocaleString("en")} hits: ${step} < ${atMost} ms`, unit: "ms", reached, verdict };
  });
}

export function diffTables(result: DiffResult, targets: readonly TargetLine[]): string {
  return [about(result), plain(rows(result)), targetText(targets)].join("\n\n");
}

export function diffMarkdown(result: DiffResult, targets: readonly TargetLine[]): string {
  const { machine, started } = result;
  const head = `${started.slice(0, 10)}, ${machine.cores} cores of ${machine.cpu}, ${machine.kernel}, Node ${machine.node}, load before ${machine.load}.`;
  return [`${head} ${about(result)}`, markdown(rows(result)), targetTable(targets)].join("\n\n");
}

function about({ hits, changed, bytes, memory, repetitions }: DiffResult): string {
  const what = `Twice ${hits.toLocaleString("en")} hits of ${bytes} bytes, of which ${changed} differ`;
  return `${what}; at most ${memory.toFixed(0)} MB of memory. Medians of ${repetitions} repetitions.`;
}

function rows({ times }: DiffResult): Row[] {
  return [
    ["", "median, ms", "lowest to highest"],
    ...diffSteps.map((step): Row => {
      const values = times[step];
      const range = [Math.min(...values), Math.max(...values)].map((value) => value.toFixed(0)).join(" to ");
      return [steps[step], summarize(values).median.toFixed(0), range];
    }),
  ];
}
