// Whether the hits of one run come again in another: at the same places, in the same order.
//
// Rules
// - A place is the breakpoint as it was written, in a service and a file; where the first run names none (an IDE had set it) it is the line.
// - What recurs is the longest common sequence: a hit that comes too early or too late is missing where it was, and extra where it is.
import { alignKeys } from "./compare-align.ts";
import type { Hit } from "./hit.ts";

export interface Recurrence<A, B> {
  /** In order. */
  readonly recurring: readonly (readonly [recorded: A, now: B])[];
  readonly missing: readonly A[];
  readonly extra: readonly B[];
}

/** Both in the order of their stops. */
export function recurrence<A extends { readonly hit: Hit }, B extends { readonly hit: Hit }>(
  recorded: readonly A[],
  now: readonly B[],
): Recurrence<A, B> {
  const written = new Set(recorded.map(({ hit }) => hit.breakpoint));
  const placesOf = (hits: readonly { readonly hit: Hit }[]): string[] => hits.map(({ hit }) => placeOf(hit, written));
  const [recurring, missing, extra]: [[A, B][], A[], B[]] = [[], [], []];
  for (const [i, j] of alignKeys(placesOf(recorded), placesOf(now))) {
    const [a, b] = [i === undefined ? undefined : recorded[i], j === undefined ? undefined : now[j]];
    if (a !== undefined && b !== undefined) recurring.push([a, b]);
    else if (a !== undefined) missing.push(a);
    else if (b !== undefined) extra.push(b);
  }
  return { recurring, missing, extra };
}

function placeOf({ service, breakpoint, snapshot }: Hit, written: ReadonlySet<string | undefined>): string {
  const [top] = snapshot.frames;
  const at = breakpoint !== undefined && written.has(breakpoint) ? breakpoint : top?.line;
  return JSON.stringify([service, top?.path, at]);
}
