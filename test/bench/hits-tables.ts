// The result of the suite `hits` for people, and its targets.
import { hitSteps, type HitsResult, type HitStep } from "./hits.ts";
import { summarize } from "./statistics.ts";
import { markdown, plain, targetTable, targetText, type Row } from "./tables.ts";
import type { TargetLine } from "./targets.ts";

const steps: Readonly<Record<HitStep, string>> = {
  open: "open the trace and its index",
  page: "the first page of the list, grouped",
  text: "find a part of an id of one hit",
  "common text": "find a letter that all hits have",
  list: "`debugtap hits TRACE --page 1`, as a command",
  found: "`debugtap hits TRACE --text ID`, as a command",
};

export function hitsTargets({ hits, times }: HitsResult): TargetLine[] {
  const count = hits.toLocaleString("en");
  const target = (text: string, step: HitStep, atMost: number): TargetLine => {
    const values = times[step];
    const value = summarize(values).median;
    const reached = [{ path: steps[step], value, min: Math.min(...values), max: Math.max(...values) }];
    const verdict = hits < 100_000 ? "not measured" : value < atMost ? "met" : "missed";
    return { target: `${count} hits: ${text} < ${atMost} ms`, unit: "ms", reached, verdict };
  };
  return [
    target("open", "open", 100),
    target("a page of the list", "page", 50),
    target("full text", "text", 200),
    target("full text, found everywhere", "common text", 200),
  ];
}

export function hitsTables(result: HitsResult, targets: readonly TargetLine[]): string {
  return [about(result), plain(rows(result)), targetText(targets)].join("\n\n");
}

export function hitsMarkdown(result: HitsResult, targets: readonly TargetLine[]): string {
  const { machine, started } = result;
  const head = `${started.slice(0, 10)}, ${machine.cores} cores of ${machine.cpu}, ${machine.kernel}, Node ${machine.node}, load before ${machine.load}.`;
  return [`${head} ${about(result)}`, markdown(rows(result)), targetTable(targets)].join("\n\n");
}

function about({ hits, bytes, rebuilt, repetitions }: HitsResult): string {
  const index = `indexes ${(bytes.index / 1e6).toFixed(0)} MB, made again in ${rebuilt.seconds.toFixed(1)} s with at most ${rebuilt.memory.toFixed(0)} MB of memory`;
  return `${hits.toLocaleString("en")} hits of ${bytes.hit} bytes; ${index}. Medians of ${repetitions} repetitions.`;
}

function rows({ times }: HitsResult): Row[] {
  return [
    ["", "median, ms", "lowest to highest"],
    ...hitSteps.map((step): Row => {
      const values = times[step];
      return [
        steps[step],
        short(summarize(values).median),
        `${short(Math.min(...values))} to ${short(Math.max(...values))}`,
      ];
    }),
  ];
}

function short(value: number): string {
  return value.toFixed(value >= 100 ? 0 : 1);
}
