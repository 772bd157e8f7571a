// Figures of several repetitions as one. A ratio is taken within each repetition and then its median, so that a change of
// the machine's mood between repetitions cancels out.

export interface Summary {
  readonly median: number;
  /** (max - min) / median over the repetitions */
  readonly spread: number;
}

export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2;
}

export function summarize(values: readonly number[]): Summary {
  const middle = median(values);
  const width = Math.max(...values) - Math.min(...values);
  return { median: middle, spread: width === 0 ? 0 : width / Math.abs(middle) };
}

/** Combines the figures of two paths repetition by repetition. */
export function pairwise(
  a: readonly number[],
  b: readonly number[],
  combine: (a: number, b: number) => number,
): number[] {
  return a.slice(0, b.length).map((value, i) => combine(value, b[i] ?? Number.NaN));
}
