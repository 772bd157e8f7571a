// What differs between two hits that are the same place of two runs: their stacks, and the values of their frames.
//
// Rules
// - Frames are paired by file and function, innermost first; what the limit of frames cut off below is no difference.
// - The stopped line itself has paired the hits: it is not compared. Lines of callers are, in the second run's lines.
// - Values are ranked: those that are watched (correlated, or named by the breakpoint's condition or log) first, then the innermost frame's, then
//   those that lie least deep.
// - Names of threads, ids and times of the hits differ by nature.
import { align } from "./compare-align.ts";
import type { Renaming } from "./compare-renaming.ts";
import { compareScopes, type ValueComparison, type ValueDifference } from "./compare-values.ts";
import { contextOf } from "./compare-words.ts";
import { whereOf } from "./hit-summary.ts";
import type { Hit, SnapshotFrame, SnapshotVariable } from "./hit.ts";

export interface FrameValueDifference extends ValueDifference {
  /** In the first run's stack, from 0, innermost first; -1: of the hit itself. */
  readonly frame: number;
  readonly function: string;
  /** Of the second run, and of the first. */
  readonly file?: string;
  readonly fileA?: string;
  readonly watched?: true;
}

/** A frame that only one has, or one whose line is another. */
export interface StackDifference {
  /** `handle (wsgi.py:40)` */
  readonly a?: string;
  readonly b?: string;
}

export interface HitDifference {
  readonly stack: readonly StackDifference[];
  readonly values: readonly FrameValueDifference[];
  /** Differences at paths that are known to differ always. */
  readonly hidden: readonly string[];
  /** Places that were cut in one of the two. */
  readonly cut: number;
}

export interface HitComparison {
  readonly renaming: Renaming;
  /** A path of the first run as the second has it. */
  readonly fileOf: (path: string) => string;
  /** The line of a frame of the first run as this one of the second has it. */
  readonly lineOf: (a: SnapshotFrame, b: SnapshotFrame) => number | undefined;
  /** {@link placeKey}s that are left out. */
  readonly volatile: ReadonlySet<string>;
}

/** What a variable is in all hits: by it noise is known. */
export function placeKey(service: string, file: string | undefined, fn: string, path: string): string {
  return JSON.stringify([service, file ?? "", fn, path]);
}

export function compareHits(a: Hit, b: Hit, comparison: HitComparison): HitDifference {
  const { renaming, volatile, fileOf } = comparison;
  renaming.nextHit();
  const to: ValueComparison = { renaming, a: contextOf(a), b: contextOf(b), found: [], cut: 0 };
  const found: FrameValueDifference[] = [];
  const hidden: string[] = [];
  const watched = watchedNames(a);
  /** Takes what has been found in a frame. */
  const take = (frame: number, one: SnapshotFrame | undefined, other: SnapshotFrame | undefined): void => {
    const [fn, file] = [other?.name ?? "", other?.path];
    for (const each of to.found.splice(0)) {
      const known = (file: string | undefined): string | undefined =>
        [...each.within, each.path].map((path) => placeKey(a.service, file, fn, path)).find((key) => volatile.has(key));
      const key = volatile.size === 0 ? undefined : (known(file) ?? known(one?.path));
      if (key !== undefined) {
        hidden.push(key);
        continue;
      }
      const isWatched = frame >= 0 && watched.has(/^[\p{ID_Continue}$]*/u.exec(each.path)?.[0] ?? "");
      found.push({
        ...each,
        frame,
        function: fn,
        ...(file === undefined ? {} : { file }),
        ...(one?.path === undefined ? {} : { fileA: one.path }),
        ...(isWatched ? { watched: true } : {}),
      });
    }
  };
  const stack: StackDifference[] = [];
  const [ours, theirs] = [a.snapshot.frames, b.snapshot.frames];
  compareScopes([{ name: "", variables: said(a) }], [{ name: "", variables: said(b) }], to);
  take(-1, ours[0], theirs[0]);
  for (const [i, j] of framePairs(a, b, fileOf)) {
    const [one, other] = [i === undefined ? undefined : ours[i], j === undefined ? undefined : theirs[j]];
    if (one === undefined || other === undefined) {
      stack.push({
        ...(one === undefined ? {} : { a: whereOf(one) }),
        ...(other === undefined ? {} : { b: whereOf(other) }),
      });
      continue;
    }
    if (i !== 0 && comparison.lineOf(one, other) !== other.line) stack.push({ a: whereOf(one), b: whereOf(other) });
    if (one.scopes === undefined || other.scopes === undefined) {
      if (one.scopes !== other.scopes) to.cut++;
      continue;
    }
    compareScopes(one.scopes, other.scopes, to);
    take(i ?? 0, one, other);
  }
  const rank = ({ watched, frame, within }: FrameValueDifference): number =>
    (watched ? 0 : 1e6) + frame * 1e3 + within.length;
  return { stack, values: found.sort((one, other) => rank(one) - rank(other)), hidden, cut: to.cut };
}

/** What is said of the hit as a whole, as values. */
function said({ text, correlated = {} }: Hit): SnapshotVariable[] {
  return [
    ...Object.entries(correlated).map(([name, value]) => ({ name, value })),
    ...(text === undefined ? [] : [{ name: "text", value: text }]),
  ];
}

/** First names of correlated expressions, and all names in the breakpoint's clauses. */
function watchedNames({ correlated = {}, breakpoint = "" }: Hit): ReadonlySet<string> {
  const clauses = /\s(?:if|log)\s.*$/s.exec(breakpoint)?.[0] ?? "";
  const names = [
    ...Object.keys(correlated).map((expression) => /[\p{ID_Continue}$]+/u.exec(expression)?.[0] ?? ""),
    ...(clauses.match(/[\p{ID_Start}_$][\p{ID_Continue}$]*/gu) ?? []),
  ];
  return new Set(names);
}

/** Numbers of frames that are each other, and those that only one has. */
function framePairs(
  a: Hit,
  b: Hit,
  fileOf: (path: string) => string,
): (readonly [a: number | undefined, b: number | undefined])[] {
  const [ours, theirs] = [a.snapshot.frames, b.snapshot.frames];
  const same = (i: number, j: number): boolean => {
    const [one, other] = [ours[i], theirs[j]];
    return one?.name === other?.name && (one?.path === undefined ? undefined : fileOf(one.path)) === other?.path;
  };
  const pairs = align(ours.length, theirs.length, same);
  // What the limit left out of one stands below in the other.
  const isCut = a.snapshot.cut !== undefined || b.snapshot.cut !== undefined;
  const last = isCut ? pairs.findLastIndex(([i, j]) => i !== undefined && j !== undefined) + 1 : pairs.length;
  return pairs.slice(0, last);
}
