// What must be reached, each as a ratio or a difference within one run, and where it stands.
import type { ForwardResult } from "./forward.ts";
import { pairwise, summarize } from "./statistics.ts";

export interface TargetLine {
  readonly target: string;
  /** Median over the repetitions with its range, for each path that the target is about. */
  readonly reached: readonly {
    readonly path: string;
    readonly value: number;
    readonly min: number;
    readonly max: number;
  }[];
  readonly unit: "x" | "us" | "ms" | "MB" | "%" | "";
  readonly verdict: "met" | "missed" | "not measured";
}

interface Target {
  readonly target: string;
  readonly unit: TargetLine["unit"];
  readonly paths: readonly string[];
  readonly atLeast?: number;
  readonly atMost?: number;
  /** One value for each repetition; none where something of it was not measured. */
  readonly values: (result: ForwardResult, path: string) => readonly number[];
}

const both = ["debugtap -L", "debugtap -R"];
const ways = ["debugtap", ...both];
const large = "20KB";
const sizes = [
  { name: "200B", title: "200 B" },
  { name: large, title: "20 KB" },
] as const;

const targets: readonly Target[] = [
  {
    target: "20 KB ping-pong rate >= 10x `ssh -N -L` as people run it",
    unit: "x",
    paths: both,
    atLeast: 10,
    values: (result, path) => ratios(result, large, "rate", path, "ssh -N -L"),
  },
  ...sizes.map(({ name, title }): Target => ({
    target: `${title} p50 <= 1.15x \`ssh -L\` with a session`,
    unit: "x",
    paths: both,
    atMost: 1.15,
    values: (result, path) => ratios(result, name, "p50", path, "ssh -L"),
  })),
  ...sizes.map(({ name, title }): Target => ({
    target: `recorder on: ${title} p50 <= 1.05x recorder off`,
    unit: "x",
    paths: ways,
    atMost: 1.05,
    values: (result, path) => ratios(result, name, "p50", recorded(path), path),
  })),
  ...sizes.map(({ name, title }): Target => ({
    target: `recorder on: <= 1.5 us more CPU per message of ${title} on the forwarding thread`,
    unit: "us",
    paths: ["the recorder alone"],
    atMost: 1.5,
    values: ({ recorder }) => recorder[name] ?? [],
  })),
  {
    target: "no stall over 36 ms in any ping-pong",
    unit: "",
    paths: [...ways, ...ways.map((path) => recorded(path))],
    atMost: 0,
    values: (result, path) => {
      const stalls = Object.values(result.samples).flatMap((workload) => workload[path]?.["stalls"] ?? []);
      return stalls.length === 0 ? [] : [stalls.reduce((sum, count) => sum + count, 0)];
    },
  },
  {
    target: "1,000 idle sessions, recorder on: under 150 MB",
    unit: "MB",
    paths: ["debugtap", "debugtap -L"].map((path) => recorded(path)),
    atMost: 150,
    values: ({ idle }, path) => (idle[path] === undefined ? [] : [idle[path].after]),
  },
];

export function judge(result: ForwardResult): TargetLine[] {
  return targets.map(({ target, unit, paths, atLeast = -Infinity, atMost = Infinity, values }) => {
    const reached = paths.flatMap((path) => {
      const all = values(result, path);
      if (all.length === 0) return [];
      return [{ path, value: summarize(all).median, min: Math.min(...all), max: Math.max(...all) }];
    });
    const good = reached.every(({ value }) => value >= atLeast && value <= atMost);
    const verdict = reached.length < paths.length ? "not measured" : good ? "met" : "missed";
    return { target, unit, reached, verdict };
  });
}

function recorded(path: string): string {
  return `${path}, recorded`;
}

function of({ samples }: ForwardResult, workload: string, path: string, metric: string): readonly number[] {
  return samples[workload]?.[path]?.[metric] ?? [];
}

/** Figures of a path by those of a base path, for each repetition. */
export function ratios(result: ForwardResult, workload: string, metric: string, path: string, base: string): number[] {
  return pairwise(of(result, workload, path, metric), of(result, workload, base, metric), (a, b) => a / b);
}
