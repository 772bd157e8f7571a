// What differs at hits that came again: the values of the innermost frame, as `debugtap diff` compares them.
//
// Rules
// - Ids, addresses, ports and times that are another each time are no difference: see protocol/compare-words.ts.
import { compareHits, type FrameValueDifference } from "../../protocol/compare-hits.ts";
import { Renaming } from "../../protocol/compare-renaming.ts";
import type { StoryHit } from "../trace/export/index.ts";

export interface DifferingHit {
  readonly recorded: StoryHit;
  readonly now: StoryHit;
  readonly values: readonly FrameValueDifference[];
}

/** Hits without a difference are left out. */
export function differingHits(recurring: readonly (readonly [recorded: StoryHit, now: StoryHit])[]): DifferingHit[] {
  const comparison = {
    renaming: new Renaming(),
    fileOf: (path: string) => path,
    lineOf: (_: unknown, { line }: { readonly line?: number }) => line,
    volatile: new Set<string>(),
  };
  return recurring.flatMap(([recorded, now]) => {
    const values = compareHits(recorded.hit, now.hit, comparison).values.filter(({ frame }) => frame === 0);
    return values.length === 0 ? [] : [{ recorded, now, values }];
  });
}
