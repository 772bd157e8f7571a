// One variable over the hits of a line: what changed, and its line where it is a number.
import type { HistoryPoint } from "../../protocol/api.ts";

export interface HistoryRow extends HistoryPoint {
  /** Not as at the hit before. */
  readonly changed: boolean;
}

export function historyRows(points: readonly HistoryPoint[]): HistoryRow[] {
  return points.map((point, at) => ({ ...point, changed: at > 0 && points[at - 1]?.value !== point.value }));
}

/** The points of a line in a box, `0,10 5,3`; undefined where fewer than two values are numbers, or any captured one is none. */
export function sparkline(points: readonly HistoryPoint[], width: number, height: number): string | undefined {
  const numbers: { at: number; number: number }[] = [];
  for (const [at, { value }] of points.entries()) {
    if (value === undefined) continue;
    if (!/^[-+]?(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][-+]?\d+)?$/.test(value)) return undefined;
    numbers.push({ at, number: Number(value.replaceAll("_", "")) });
  }
  if (numbers.length < 2 || numbers.some(({ number }) => !Number.isFinite(number))) return undefined;
  let [low, high] = [Infinity, -Infinity];
  for (const { number } of numbers) [low, high] = [Math.min(low, number), Math.max(high, number)];
  const round = (x: number): number => Math.round(x * 10) / 10;
  // More points than pixels say nothing.
  const every = Math.max(1, Math.ceil(numbers.length / (width * 2)));
  return numbers
    .filter((_, place) => place % every === 0 || place === numbers.length - 1)
    .map(({ at, number }) => {
      const y = high === low ? height / 2 : height - ((number - low) / (high - low)) * height;
      return `${round((at / Math.max(points.length - 1, 1)) * width)},${round(y)}`;
    })
    .join(" ");
}
