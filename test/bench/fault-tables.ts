// The result of the suite `faults` for people, and its targets.
import type { FaultsResult, Times } from "./faults.ts";
import { quantile } from "./statistics.ts";
import { markdown, plain, targetTable, targetText, type Row } from "./tables.ts";
import type { TargetLine } from "./targets.ts";

export function faultTargets({ times, mixed, slow }: FaultsResult): TargetLine[] {
  const killed = times["sshd child killed"]?.["debugtap"] ?? {};
  const frozen = times["sshd child frozen"]?.["debugtap"] ?? {};
  const all = (of: Readonly<Record<string, Times>>, row: string): number[] =>
    of[row]?.back.map((back) => back ?? Infinity) ?? [];
  const own = mixed.find(({ name }) => name === "debugtap, bulk by commands");
  const calm = slow.find(({ name }) => name === "debugtap");
  return [
    target("sshd child killed: forwards back in < 0.5 s, median", "ms", 500, ways(killed, all, 0.5)),
    target(
      "sshd child frozen: noticed and back on the same port in < 3 s, every time",
      "ms",
      3000,
      ways(frozen, all, 1),
    ),
    target(
      "no false alarm in bulk on a link of 400 kB/s",
      "",
      0,
      calm === undefined ? [] : [one(calm.name, calm.alarms)],
    ),
    target(
      "ping-pong beside bulk at 8 Mbit/s: p50 < 50 ms",
      "ms",
      50,
      own === undefined ? [] : [one(own.name, own.p50)],
    ),
  ];
}

export function faultTables(result: FaultsResult, targets: readonly TargetLine[]): string {
  const { times, mixed, slow } = result;
  const parts = [
    ...(Object.keys(times).length === 0
      ? []
      : [`ms from the fault, lowest / median / highest; ${result.rounds} rounds`, plain(timesRows(result))]),
    ...(mixed.length === 0
      ? []
      : ["200 B to and fro beside bulk at 8 Mbit/s, connections taking turns", plain(mixedRows(result))]),
    ...(slow.length === 0 ? [] : ["bulk both ways on a link of 400 kB/s each way", plain(slowRows(result))]),
    targetText(targets),
  ];
  return parts.join("\n\n");
}

export function faultMarkdown(result: FaultsResult, targets: readonly TargetLine[]): string {
  const { machine, started } = result;
  return [
    `${started.slice(0, 10)}, ${machine.cores} cores of ${machine.cpu}, ${machine.kernel}, Node ${machine.node}, ${machine.openssh}, load before ${machine.load}; ms from the fault, lowest / median / highest of ${result.rounds} rounds.`,
    markdown(timesRows(result)),
    markdown(mixedRows(result)),
    markdown(slowRows(result)),
    targetTable(targets),
  ].join("\n\n");
}

function timesRows({ times }: FaultsResult): Row[] {
  const rows = Object.entries(times).flatMap(([fault, contenders]) =>
    Object.entries(contenders).flatMap(([contender, byWay]) =>
      Object.entries(byWay).map(([way, { told, back }]): Row => {
        const returned = back.filter((time) => time !== undefined).length;
        return [fault, contender, way, spread(told), spread(back), `${returned} of ${back.length}`];
      }),
    ),
  );
  return [["fault", "", "", "told", "back", "back within 10 s"], ...rows];
}

function mixedRows({ mixed }: FaultsResult): Row[] {
  const rows = mixed.map(({ name, p50, p99, count, throughput }): Row => {
    return [name, p50.toFixed(1), p99.toFixed(1), `${count}`, throughput.toFixed(0)];
  });
  return [["", "p50 ms", "p99 ms", "round trips", "kB/s down"], ...rows];
}

function slowRows({ slow }: FaultsResult): Row[] {
  const rows = slow.map(({ name, seconds, throughput, alarms }): Row => {
    return [name, `${seconds}`, throughput.toFixed(0), `${alarms}`];
  });
  return [["", "seconds", "kB/s", "false alarms"], ...rows];
}

/** What did not happen within the limit is the highest. */
function spread(times: readonly (number | undefined)[]): string {
  const values = times.map((time) => time ?? Infinity);
  return [0, 0.5, 1]
    .map((q) => quantile(values, q))
    .map((value) => (Number.isFinite(value) ? value.toFixed(0) : "never"))
    .join(" / ");
}

type Reached = TargetLine["reached"][number];

function ways(
  of: Readonly<Record<string, Times>>,
  all: (of: Readonly<Record<string, Times>>, row: string) => number[],
  q: number,
): Reached[] {
  return ["-L", "-R"].flatMap((way) => {
    const values = all(of, way);
    if (values.length === 0) return [];
    return [
      { path: `debugtap ${way}`, value: quantile(values, q), min: Math.min(...values), max: Math.max(...values) },
    ];
  });
}

function one(path: string, value: number): Reached {
  return { path, value, min: value, max: value };
}

/** `limit` itself is not enough, but for counts. */
function target(text: string, unit: TargetLine["unit"], limit: number, reached: Reached[]): TargetLine {
  const good = reached.every(({ value }) => (limit === 0 ? value === 0 : value < limit));
  return { target: text, unit, reached, verdict: reached.length === 0 ? "not measured" : good ? "met" : "missed" };
}
