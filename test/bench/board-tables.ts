// The result of the suite `board` for people, and its targets.
import { pages, type BoardResult, type WatchedTurns } from "./board.ts";
import { quantile, summarize } from "./statistics.ts";
import { markdown, plain, row, target, targetTable, targetText, type Row } from "./tables.ts";
import type { TargetLine } from "./targets.ts";

/** What a watched message may cost at most, where the turns without pages are not further apart than that. */
const atMost = 1.05;

const figures = { p50: "p50 of a round trip, us", cpu: "CPU a message, us" } as const;
type Figure = keyof typeof figures;

export function boardTargets({ stops, idle, forward }: BoardResult): TargetLine[] {
  const lines = [
    target(
      "a stop is on the page in < 200 ms, p99",
      "ms",
      200,
      mapped(stops, (times) => [quantile(times, 0.99)]),
    ),
    target(
      "CPU of debugtap while nothing happens: < 1 %",
      "%",
      1,
      mapped(idle, (shares) => shares),
    ),
    ...each(forward).map(({ size, figure, turns }) => {
      const noise = 1 + summarize(unwatched(turns, figure)).spread;
      const limit = Math.max(atMost, noise);
      const words = `${size}, ${figures[figure]}: with ${pages} pages within the noise (${noise.toFixed(2)}x) or <= ${atMost}x`;
      return target(words, "x", limit, { [named(pages)]: turns.map((turn) => ratio(turn, figure)) });
    }),
  ];
  // With --only some were not measured.
  return lines.filter(({ reached }) => reached.length > 0);
}

export function boardTables(result: BoardResult, targets: readonly TargetLine[]): string {
  return [about(result), plain(rows(result)), targetText(targets)].join("\n\n");
}

export function boardMarkdown(result: BoardResult, targets: readonly TargetLine[]): string {
  const { machine, started } = result;
  const head = `${started.slice(0, 10)}, ${machine.cores} cores of ${machine.cpu}, ${machine.kernel}, Node ${machine.node}, load before ${machine.load}.`;
  return [`${head} ${about(result)}`, markdown(rows(result)), targetTable(targets)].join("\n\n");
}

function about({ stops, idle, idleSeconds, repetitions }: BoardResult): string {
  const count = stops["1"]?.length ?? 0;
  return `${count} stops with each number of pages; ${idle["0"]?.length ?? 0} times ${idleSeconds} s idle; messages: medians of ${repetitions} repetitions.`;
}

function rows({ stops, idle, forward }: BoardResult): Row[] {
  return [
    ["", "median", "lowest to highest"],
    ...Object.entries(stops).map(([count, times]) => row(`a stop is on the page, ${named(count)}, ms`, times)),
    ...Object.entries(idle).map(([count, shares]) => row(`CPU of debugtap, idle, ${named(count)}, %`, shares)),
    ...each(forward).flatMap(({ size, figure, turns }) => [
      row(`${size}, ${figures[figure]}, no page`, unwatched(turns, figure)),
      row(
        `the same, ${named(pages)}`,
        turns.map(({ watched }) => watched[figure]),
      ),
    ]),
  ];
}

function each(forward: BoardResult["forward"]) {
  return Object.entries(forward).flatMap(([size, turns]) =>
    (["p50", "cpu"] as const).map((figure) => ({ size, figure, turns })),
  );
}

function ratio({ before, watched, after }: WatchedTurns, figure: Figure): number {
  return (2 * watched[figure]) / (before[figure] + after[figure]);
}

function unwatched(turns: readonly WatchedTurns[], figure: Figure): number[] {
  return turns.flatMap(({ before, after }) => [before[figure], after[figure]]);
}

function mapped(
  byPages: Readonly<Record<string, readonly number[]>>,
  of: (values: readonly number[]) => readonly number[],
): Record<string, readonly number[]> {
  return Object.fromEntries(Object.entries(byPages).map(([count, values]) => [named(count), of(values)]));
}

function named(count: number | string): string {
  return count.toString() === "0" ? "no page" : count.toString() === "1" ? "1 page" : `${count} pages`;
}
