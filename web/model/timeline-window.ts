// The part of time that a timeline shows: zoomed about a point, moved, never lost.
import { clock } from "./format.ts";

export interface TimeWindow {
  /** Epoch milliseconds of its left edge. */
  readonly start: number;
  /** Milliseconds of its width. */
  readonly width: number;
}

export interface Span {
  readonly start: number;
  readonly end: number;
}

const least = 2;

/** All of it, with a margin. */
export function fit({ start, end }: Span): TimeWindow {
  const width = Math.max(end - start, 1000) * 1.04;
  return { start: start - width * 0.02, width };
}

/** `about`: 0 is the left edge, 1 the right one; a factor under 1 shows less time. */
export function zoom(window: TimeWindow, factor: number, about: number, span: Span): TimeWindow {
  const width = Math.min(Math.max(window.width * factor, least), fit(span).width * 4);
  return kept({ start: window.start + (window.width - width) * about, width }, span);
}

/** By parts of its width. */
export function pan(window: TimeWindow, by: number, span: Span): TimeWindow {
  return kept({ ...window, start: window.start + window.width * by }, span);
}

/** Its middle at a time. */
export function centre(window: TimeWindow, at: number): TimeWindow {
  return { ...window, start: at - window.width / 2 };
}

/** At least a tenth of it stays over what there is. */
function kept({ start, width }: TimeWindow, { start: from, end: to }: Span): TimeWindow {
  return { width, start: Math.min(Math.max(start, from - width * 0.9), to - width * 0.1) };
}

const steps = [
  1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 15_000, 30_000, 60_000, 120_000, 300_000, 600_000,
  900_000, 1_800_000, 3_600_000, 7_200_000, 14_400_000, 43_200_000, 86_400_000,
];

export interface Tick {
  readonly at: number;
  readonly label: string;
}

/** Marks at round times, at most so many. */
export function ticks({ start, width }: TimeWindow, most: number): Tick[] {
  const last = steps.at(-1) ?? 1;
  const step = steps.find((step) => width / step <= most) ?? Math.ceil(width / most / last) * last;
  const zone = new Date(start).getTimezoneOffset() * 60_000;
  const found: Tick[] = [];
  for (
    let at = Math.ceil((start - zone) / step) * step + zone;
    at <= start + width && found.length <= most;
    at += step
  ) {
    found.push({ at, label: clock(at, step < 1000 ? "ms" : "s") });
  }
  return found;
}
