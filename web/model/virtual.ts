// Which rows of a long list are on the screen. A list taller than browsers can scroll is scrolled by parts of its height.

/** Pixels: Firefox ends at 17.8 million, Chromium at 33. */
const tallest = 8_000_000;
const beyond = 6;

export interface Visible {
  readonly first: number;
  /** Behind the last. */
  readonly end: number;
  /** Pixels from the top to the first. */
  readonly offset: number;
  /** Pixels of the whole. */
  readonly height: number;
}

export function visibleRows(count: number, rowHeight: number, scrollTop: number, viewport: number): Visible {
  const whole = count * rowHeight;
  const height = Math.min(whole, tallest);
  const top = Math.max(0, Math.min(scrollTop, height - viewport));
  const at = whole === height ? top : (top / Math.max(height - viewport, 1)) * (whole - viewport);
  const first = Math.max(0, Math.floor(at / rowHeight) - beyond);
  const end = Math.min(count, Math.ceil((at + viewport) / rowHeight) + beyond);
  return { first, end, offset: top - (at - first * rowHeight), height };
}

/** Where to scroll so that a row is seen whole; undefined: it is. */
export function scrollTo(
  row: number,
  count: number,
  rowHeight: number,
  scrollTop: number,
  viewport: number,
): number | undefined {
  const whole = count * rowHeight;
  const height = Math.min(whole, tallest);
  const scale = whole === height ? 1 : (whole - viewport) / Math.max(height - viewport, 1);
  const at = scrollTop * scale;
  const top = row * rowHeight;
  if (top >= at && top + rowHeight <= at + viewport) return undefined;
  const near = top < at ? at - top < viewport : top - (at + viewport) < viewport;
  const to = !near ? top - viewport / 2 : top < at ? top : top + rowHeight - viewport;
  return Math.max(0, to / scale);
}
