// The result of the suite `record` for people, and its targets.
import type { RecordResult } from "./record.ts";
import { pairwise } from "./statistics.ts";
import { markdown, plain, row, target, targetTable, targetText, type Row } from "./tables.ts";
import type { TargetLine } from "./targets.ts";

export function recordTargets({ bare, captured, found, of, memory }: RecordResult): TargetLine[] {
  const ratio = ({ record, client }: RecordResult["bare"]): number[] => pairwise(record, client, (x, y) => x / y);
  return [
    target("a loop of hits without values: <= 1.2x a minimal client", "x", 1.2, { "debugtap record": ratio(bare) }),
    target("a loop of hits with values: <= 1.1x a minimal client that asks the same", "x", 1.1, {
      "debugtap record": ratio(captured),
    }),
    target(`hits missed of 2 services, ${of} each: 0`, "", 0, {
      "not in the trace": [2 * of - found.reduce((a, b) => a + b, 0)],
    }),
    target("memory of the recorder between hit 200 and the last: <= 10 MB more", "MB", 10, {
      "debugtap record": [memory.end - memory.early],
    }),
  ];
}

export function recordTables(result: RecordResult, targets: readonly TargetLine[]): string {
  return [`medians of ${result.repetitions} repetitions`, plain(rows(result)), targetText(targets)].join("\n\n");
}

export function recordMarkdown(result: RecordResult, targets: readonly TargetLine[]): string {
  const { machine, started, repetitions } = result;
  return [
    `${started.slice(0, 10)}, ${machine.cores} cores of ${machine.cpu}, ${machine.kernel}, Node ${machine.node}, load before ${machine.load}; median (lowest to highest) of ${repetitions} repetitions.`,
    markdown(rows(result)),
    targetTable(targets),
  ].join("\n\n");
}

function rows({ bare, captured, memory }: RecordResult): Row[] {
  return [
    ["", "median", "lowest to highest"],
    row("hit to hit, no values, debugtap record, ms", bare.record),
    row("the same, minimal client, ms", bare.client),
    row("hit to hit, with values, debugtap record, ms", captured.record),
    row("the same, minimal client that asks the same, ms", captured.client),
    row("memory after 200 hits, MB", [memory.early]),
    row("memory at the end, MB", [memory.end]),
  ];
}
