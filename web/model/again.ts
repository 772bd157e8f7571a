// When a lost connection is tried again: soon, then ever later, and never by all pages at once.

/** Milliseconds before the nth try, from 0; `chance` is from 0 to 1. */
export function waitBefore(tries: number, chance: number): number {
  return Math.min(500 * 2 ** Math.min(tries, 6), 15_000) * (0.75 + chance / 2);
}
