// The result for people: a table for each workload, the targets, and both in short for the README.
import type { ForwardResult } from "./forward.ts";
import { summarize } from "./statistics.ts";
import { ratios, type TargetLine } from "./targets.ts";
import { metrics, workloads, type MetricName } from "./workloads.ts";

export type Row = readonly string[];

/** Ratios are to the path that is OpenSSH at its best; where it was not measured, to the first. */
const preferredBase = "ssh -L";

export function fullTables(result: ForwardResult, targets: readonly TargetLine[]): string {
  const parts = workloads.flatMap((workload) => {
    const paths = result.samples[workload.name];
    if (paths === undefined) return [];
    const base = baseOf(Object.keys(paths));
    const columns = workload.metrics.filter((metric) => Object.values(paths).some((figures) => metric in figures));
    const rows = Object.entries(paths).map(([path, figures]) => {
      const cells = columns.map((metric) => {
        const values = figures[metric];
        if (values === undefined) return "";
        if (metric === "stalls") return `${values.reduce((sum, count) => sum + count, 0)}`;
        const { median, spread } = summarize(values);
        return `${short(median)} ±${Math.round(spread * 100)}% ${ratio(result, workload.name, metric, path, base)}`;
      });
      return [path].concat(cells);
    });
    return [
      `${workload.title} (median, (max-min)/median, ratio to ${base})`,
      plain([["", ...columns.map((name) => metrics[name])], ...rows]),
    ];
  });
  return [...parts, ...idleText(result), targetText(targets)].join("\n\n");
}

/** For the README: the machine, one table of ratios, the targets. */
export function shortMarkdown(result: ForwardResult, targets: readonly TargetLine[]): string {
  const { machine, repetitions, started } = result;
  const columns = shortColumns.filter(({ workload }) => result.samples[workload] !== undefined);
  const base = baseOf(Object.keys(result.samples[columns[0]?.workload ?? ""] ?? {}));
  const paths = [...new Set(Object.values(result.samples).flatMap((byPath) => Object.keys(byPath)))];
  const rows = paths.map((path) => {
    const cells = columns.map(({ workload, metric }) => {
      const values = result.samples[workload]?.[path]?.[metric];
      if (values === undefined) return "";
      return `${short(summarize(values).median)} ${ratio(result, workload, metric, path, base)}`;
    });
    return [path].concat(cells);
  });
  const head = columns.map(({ title }) => title);
  return [
    `${started.slice(0, 10)}, ${machine.cores} cores of ${machine.cpu}, ${machine.kernel}, Node ${machine.node}, ${machine.openssh}, load before ${machine.load}; median of ${repetitions} repetitions (ratio to ${base}).`,
    markdown([["", ...head], ...rows]),
    ...idleText(result),
    targetTable(targets),
  ].join("\n\n");
}

const shortColumns: readonly { workload: string; metric: MetricName; title: string }[] = [
  { workload: "200B", metric: "p50", title: "200 B p50 us" },
  { workload: "20KB", metric: "p50", title: "20 KB p50 us" },
  { workload: "20KB", metric: "rate", title: "20 KB rate/s" },
  { workload: "200B", metric: "cpu", title: "200 B CPU us/message" },
  { workload: "64x200B", metric: "rate", title: "64 x 200 B rate/s" },
  { workload: "64x20KB", metric: "rate", title: "64 x 20 KB rate/s" },
  { workload: "down", metric: "throughput", title: "down MB/s" },
  { workload: "up", metric: "throughput", title: "up MB/s" },
  { workload: "connect", metric: "p50", title: "connect us" },
];

type Reached = TargetLine["reached"][number];

export function targetText(targets: readonly TargetLine[]): string {
  const rows = targets.flatMap(({ target, unit, reached, verdict }) => {
    const first = [target, "", "", verdict];
    const each = reached.map((one): Row => [`  ${one.path}`, withUnit(one.value, unit), range(one), ""]);
    return [first, ...each];
  });
  return plain([["target", "reached", "lowest to highest", "verdict"], ...rows]);
}

export function targetTable(targets: readonly TargetLine[]): string {
  const rows = targets.map(({ target, unit, reached, verdict }): Row => {
    const parts = reached.map((one) => `${one.path}: ${withUnit(one.value, unit)} ${range(one)}`.trimEnd());
    return [target, parts.join("<br>"), verdict];
  });
  return markdown([["target", "reached: median (lowest to highest)", "verdict"], ...rows]);
}

function withUnit(value: number, unit: TargetLine["unit"]): string {
  return unit === "x" ? `${short(value)}x` : `${short(value)} ${unit}`.trimEnd();
}

function range({ min, max }: Reached): string {
  return min === max ? "" : `(${short(min)} to ${short(max)})`;
}

function idleText({ idle }: ForwardResult): string[] {
  return Object.entries(idle).map(
    ([path, { sessions, before, after }]) =>
      `${sessions} idle sessions through ${path}: ${after.toFixed(0)} MB resident, ${before.toFixed(0)} MB before, ${(((after - before) * 1000) / sessions).toFixed(1)} KB a session`,
  );
}

function baseOf(paths: readonly string[]): string {
  return paths.includes(preferredBase) ? preferredBase : (paths[0] ?? preferredBase);
}

function ratio(result: ForwardResult, workload: string, metric: string, path: string, base: string): string {
  const values = ratios(result, workload, metric, path, base);
  return values.length === 0 ? "" : `(x${short(summarize(values).median)})`;
}

function short(value: number): string {
  const size = Math.abs(value);
  return value.toFixed(Number.isInteger(value) || size >= 100 ? 0 : size >= 10 ? 1 : 2);
}

export function plain(rows: readonly Row[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

export function markdown([head = [], ...rows]: readonly Row[]): string {
  return [head, head.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n");
}

/** A row of figures of which there is one a repetition. */
export function row(name: string, values: readonly number[]): Row {
  return [name, short(summarize(values).median), `${short(Math.min(...values))} to ${short(Math.max(...values))}`];
}

export function target(
  text: string,
  unit: TargetLine["unit"],
  atMost: number,
  paths: Readonly<Record<string, readonly number[]>>,
): TargetLine {
  const reached = Object.entries(paths).map(([path, values]) => ({
    path,
    value: summarize(values).median,
    min: Math.min(...values),
    max: Math.max(...values),
  }));
  return { target: text, unit, reached, verdict: reached.every(({ value }) => value <= atMost) ? "met" : "missed" };
}
