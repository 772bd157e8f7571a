// Sizes and ages as debugtap.yml says them, with their units: `500MB`, `7d`. The least that makes sense is part of how they are written.

/** At least 10 MB; units are decimal. */
export const sizePattern = /^(?:none|[1-9]\d{4,8}KB|[1-9]\d{1,6}MB|[1-9]\d{0,4}GB)$/;
/** At least a minute. */
export const agePattern = /^(?:none|(?:[6-9]\d|[1-9]\d{2,6})s|[1-9]\d{0,4}[mhd])$/;

/** `30s`, `500ms`, `2m`, `1h`. */
export const durationPattern = /^(\d{1,6})(ms|s|m|h)$/;

/** At most what a record of the trace takes of it. */
export const bodyPattern = /^(?:none|[1-9]\d{0,2}KB)$/;

const units: Readonly<Record<string, number>> = {
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** Bytes or milliseconds of a text that one of the patterns matches; Infinity for `none`, which `body` takes for 0. */
export function parseAmount(text: string): number {
  const [, count, unit = ""] = /^(\d+)([A-Za-z]+)$/.exec(text) ?? [];
  return count === undefined ? Infinity : Number(count) * (units[unit] ?? NaN);
}
