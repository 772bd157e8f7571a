// The result of the suite `capture` for people, and its targets.
import { storePaths, storeSizes, type CaptureResult, type StoreSize } from "./capture.ts";
import { pairwise } from "./statistics.ts";
import { markdown, plain, row, target, targetTable, targetText, type Row } from "./tables.ts";
import type { TargetLine } from "./targets.ts";

const sizes = Object.keys(storeSizes) as StoreSize[];

export function captureTargets({ cpu, cycle, store }: CaptureResult): TargetLine[] {
  const ratio = (a: readonly number[], b: readonly number[]): number[] => pairwise(a, b, (x, y) => x / y);
  return [
    target("a stop of 3 frames captured: < 5 ms more CPU of the relay", "ms", 5, {
      "capture on - off": pairwise(cpu.on, cpu.off, (on, off) => on - off),
    }),
    target("debugpy, stop to stop: <= 1.1x a bare client that asks the same", "x", 1.1, {
      "through the relay": ratio(cycle.relay, cycle.bare),
    }),
    ...sizes.map((size) =>
      target(
        `store mode: ${size} answered, p50 <= 1.5x cut through`,
        "x",
        1.5,
        Object.fromEntries(
          storePaths.slice(1).map((path) => [path, ratio(store[size][path], store[size]["cut through"])]),
        ),
      ),
    ),
  ];
}

export function captureTables(result: CaptureResult, targets: readonly TargetLine[]): string {
  return [`medians of ${result.repetitions} repetitions`, plain(rows(result)), targetText(targets)].join("\n\n");
}

export function captureMarkdown(result: CaptureResult, targets: readonly TargetLine[]): string {
  const { machine, started, repetitions } = result;
  return [
    `${started.slice(0, 10)}, ${machine.cores} cores of ${machine.cpu}, ${machine.kernel}, Node ${machine.node}, load before ${machine.load}; median (lowest to highest) of ${repetitions} repetitions.`,
    markdown(rows(result)),
    targetTable(targets),
  ].join("\n\n");
}

function rows({ cpu, cycle, store }: CaptureResult): Row[] {
  return [
    ["", "median", "lowest to highest"],
    row("CPU of the relay for a stop, captured, ms", cpu.on),
    row("the same, not captured, ms", cpu.off),
    row("debugpy, stop to stop through the relay, ms", cycle.relay),
    row("the same by a bare client, ms", cycle.bare),
    ...sizes.flatMap((size) => storePaths.map((path) => row(`${size} answered, ${path}, us`, store[size][path]))),
  ];
}
