// Whether the hits of one run come again in another: at the same places, in the same order.
//
// Rules
// - A place is the breakpoint as it was written, in a service and a file; where the first run names none (an IDE had set it) it is the line.
// - What recurs is the longest common sequence: a hit that comes too early or too late is missing where it was, and extra where it is.
import { diffArrays } from "diff";
import type { Hit } from "./hit.ts";

export interface Recurrence<A, B> {
  /** In order. */
  readonly recurring: readonly (readonly [recorded: A, now: B])[];
  readonly missing: readonly A[];
  readonly extra: readonly B[];
}

/** Beyond so many differences two runs have nothing in common behind their first one. */
const mostEdits = 5000;

/** Both in the order of their stops. */
export function recurrence<A extends { readonly hit: Hit }, B extends { readonly hit: Hit }>(
  recorded: readonly A[],
  now: readonly B[],
): Recurrence<A, B> {
  const written = new Set(recorded.map(({ hit }) => hit.breakpoint));
  const placesOf = (hits: readonly { readonly hit: Hit }[]): string[] => hits.map(({ hit }) => placeOf(hit, written));
  const places = [placesOf(recorded), placesOf(now)] as const;
  const [recurring, missing, extra]: [[A, B][], A[], B[]] = [[], [], []];
  let [left, right] = [0, 0];
  for (const { added, removed, count } of diffArrays(...places, { maxEditLength: mostEdits }) ??
    untilDifferent(...places)) {
    for (let nth = 0; nth < count; nth++) {
      const [a, b] = [recorded[left], now[right]];
      if (!added) left++;
      if (!removed) right++;
      if (added && b !== undefined) extra.push(b);
      else if (removed && a !== undefined) missing.push(a);
      else if (a !== undefined && b !== undefined) recurring.push([a, b]);
    }
  }
  return { recurring, missing, extra };
}

function placeOf({ service, breakpoint, snapshot }: Hit, written: ReadonlySet<string | undefined>): string {
  const [top] = snapshot.frames;
  const at = breakpoint !== undefined && written.has(breakpoint) ? breakpoint : top?.line;
  return JSON.stringify([service, top?.path, at]);
}

function untilDifferent(a: readonly string[], b: readonly string[]) {
  let same = 0;
  while (same < a.length && a[same] === b[same]) same++;
  return [
    { added: false, removed: false, count: same },
    { added: false, removed: true, count: a.length - same },
    { added: true, removed: false, count: b.length - same },
  ];
}
