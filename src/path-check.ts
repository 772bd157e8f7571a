// Whether the sources here are those that run on the VM, and which directories here and there are the same.
//
// Rules
// - Nothing is read here: callers give the texts and the lists of files.
// - Line ends (CR LF here, LF there) are no difference: a breakpoint's line is the same line.
import { isWindowsPath } from "../protocol/path-map.ts";
import type { SourceDifference } from "../protocol/source-difference.ts";

export interface SourceText {
  /** In hex, of the bytes. */
  readonly sha256: string;
  readonly text: string;
}

/** Undefined when a line of one is the same line of the other. */
export function differenceOf(local: SourceText, remote: SourceText): SourceDifference | undefined {
  if (local.sha256 === remote.sha256) return undefined;
  const changedLines = changedLineCount(linesOf(local.text), linesOf(remote.text));
  return changedLines === 0 ? undefined : { localHash: local.sha256, remoteHash: remote.sha256, changedLines };
}

function linesOf(text: string): string[] {
  return text.split(/\r?\n/);
}

/** Edits that are looked for; the work grows with their square. */
const mostEdits = 1000;

/**
 * How many lines of `b` are not those of `a`, or are missing: the greater of added and removed. Exact to {@link mostEdits}; beyond
 * them all lines between the first and the last difference count.
 */
export function changedLineCount(a: readonly string[], b: readonly string[]): number {
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start++;
  let end = 0;
  while (end < Math.min(a.length, b.length) - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end++;
  const left = a.slice(start, a.length - end);
  const right = b.slice(start, b.length - end);
  const edits = editCount(left, right);
  const difference = Math.abs(left.length - right.length);
  return edits === undefined ? Math.max(left.length, right.length) : (edits + difference) / 2;
}

// Myers' greedy algorithm: furthest[k] is how far in `a` the best path on diagonal k (a's index less b's) has come.
function editCount(a: readonly string[], b: readonly string[]): number | undefined {
  const furthest = new Map<number, number>([[1, 0]]);
  for (let edits = 0; edits <= Math.min(mostEdits, a.length + b.length); edits++) {
    for (let k = -edits; k <= edits; k += 2) {
      const down = furthest.get(k + 1) ?? -1;
      const right = (furthest.get(k - 1) ?? -1) + 1;
      let x = k === -edits || (k !== edits && right <= down) ? down : right;
      while (x < a.length && x - k < b.length && a[x] === b[x - k]) x++;
      furthest.set(k, x);
      if (x >= a.length && x - k >= b.length) return edits;
    }
  }
  return undefined;
}

/** A file with the hash of its bytes. */
export interface HashedFile {
  /** Absolute. */
  readonly path: string;
  readonly sha256: string;
}

/** Directories that hold the same files below them. */
export interface ProposedSource {
  readonly local: string;
  readonly remote: string;
  /** How many files of the VM are explained by it, and by none before it. */
  readonly files: number;
}

const mostProposals = 20;
/** Contents that more files have here say nothing of where they are: empty ones, licences. */
const mostTwins = 32;

/**
 * The pairs of directories that explain the most files of equal content, best first; each file of the VM counts once. Files that
 * are called the same on both sides need no mapping.
 */
export function proposePaths(remote: readonly HashedFile[], local: readonly HashedFile[]): ProposedSource[] {
  const here = new Map<string, string[]>();
  for (const { path, sha256 } of local) here.set(sha256, [...(here.get(sha256) ?? []).slice(-mostTwins), path]);
  /** By pair of directories: the files of the VM that it explains. */
  const pairs = new Map<string, { local: string; remote: string; explained: Set<string> }>();
  for (const { path, sha256 } of remote) {
    const twins = here.get(sha256) ?? [];
    if (twins.length > mostTwins || twins.includes(path)) continue;
    for (const pair of likeliest(path, twins)) {
      const key = JSON.stringify([pair.local, pair.remote]);
      const known = pairs.get(key) ?? { ...pair, explained: new Set<string>() };
      known.explained.add(path);
      pairs.set(key, known);
    }
  }
  const proposals: ProposedSource[] = [];
  const left = [...pairs.values()];
  while (proposals.length < mostProposals) {
    // Of equals the widest: it explains files that are not loaded yet.
    left.sort((a, b) => b.explained.size - a.explained.size || a.remote.length - b.remote.length);
    const best = left.shift();
    if (best === undefined || best.explained.size === 0) break;
    proposals.push({ local: best.local, remote: best.remote, files: best.explained.size });
    for (const { explained } of left) for (const path of best.explained) explained.delete(path);
  }
  return proposals;
}

/** The proposals with no directory here that is above those that were looked in: of what stands beside these nothing is known. */
export function proposalsWithin(proposals: readonly ProposedSource[], dirs: readonly string[]): ProposedSource[] {
  const outermost = dirs.filter((dir) => !dirs.some((other) => other !== dir && isBelow(dir, other)));
  return proposals.map((proposal) => {
    const inside = outermost.filter((dir) => isBelow(dir, proposal.local));
    const [dir] = inside;
    if (dir === undefined || inside.length > 1) return proposal;
    const rest = dir.slice(proposal.local.replace(/\/$/, "").length);
    return { ...proposal, local: dir, remote: `${proposal.remote.replace(/\/$/, "")}${rest}` };
  });
}

function isBelow(path: string, dir: string): boolean {
  return path !== dir && path.startsWith(dir.endsWith("/") ? dir : `${dir}/`);
}

/** What stands before the longest common end of `path` and each of its `twins`, for those whose end is the longest. */
function likeliest(path: string, twins: readonly string[]): { local: string; remote: string }[] {
  const ends = twins.map((twin) => ({ twin, length: commonEnd(path, twin) }));
  const longest = Math.max(1, ...ends.map((end) => end.length));
  return ends
    .filter((end) => end.length === longest)
    .map(({ twin, length }) => ({ local: before(twin, length), remote: before(path, length) }));
}

function segmentsOf(path: string): string[] {
  return path.split(isWindowsPath(path) ? /[\\/]/ : "/");
}

function commonEnd(a: string, b: string): number {
  const left = segmentsOf(a);
  const right = segmentsOf(b);
  let length = 0;
  // The first segment is the root: a directory of its own on each side.
  while (length < Math.min(left.length, right.length) - 1 && left.at(-1 - length) === right.at(-1 - length)) length++;
  return length;
}

function before(path: string, length: number): string {
  const windows = isWindowsPath(path);
  const directory = segmentsOf(path)
    .slice(0, -length)
    .join(windows ? "\\" : "/");
  return directory === "" ? "/" : /^[A-Za-z]:$/.test(directory) ? `${directory}\\` : directory;
}
