// Which file of one run is which of another, whose sources may lie in another directory.
//
// Rules
// - A path that both runs have is that file.
// - Of the others those are paired whose ends are equal; what stands before the equal ends is a root, and the roots that most files agree
//   on are taken, then those of the files that are left.
// - All is said in the paths of the second run.

const mostRoots = 8;

/** Path of the first run -> path of the second. One that nothing is known of stays as it is. */
export function pathMap(a: Iterable<string>, b: Iterable<string>): (path: string) => string {
  const [ours, theirs] = [new Set(a), new Set(b)];
  let left = [...ours].filter((path) => !theirs.has(path));
  const byName = new Map<string, string[]>();
  for (const path of theirs) {
    if (ours.has(path)) continue;
    const name = segments(path).at(-1) ?? "";
    byName.set(name, [...(byName.get(name) ?? []), path]);
  }
  const roots: (readonly [from: string, to: string])[] = [];
  while (left.length > 0 && roots.length < mostRoots) {
    const root = bestRoot(left, byName);
    if (root === undefined) break;
    roots.push(root);
    left = left.filter((path) => !path.startsWith(root[0]));
  }
  return (path) => {
    if (theirs.has(path)) return path;
    const root = roots.find(([from]) => path.startsWith(from));
    return root === undefined ? path : root[1] + path.slice(root[0].length);
  };
}

function bestRoot(
  paths: readonly string[],
  byName: ReadonlyMap<string, readonly string[]>,
): readonly [string, string] | undefined {
  const votes = new Map<string, { readonly root: readonly [string, string]; count: number }>();
  for (const path of paths) {
    for (const other of byName.get(segments(path).at(-1) ?? "") ?? []) {
      const equal = commonEnd(path, other);
      const root = [path.slice(0, path.length - equal), other.slice(0, other.length - equal)] as const;
      const key = root.join("\0");
      const vote = votes.get(key) ?? { root, count: 0 };
      vote.count++;
      votes.set(key, vote);
    }
  }
  let best: { root: readonly [string, string]; count: number } | undefined;
  // Of equal votes the one with the longer equal end, so the shorter root.
  for (const vote of votes.values())
    if (
      best === undefined ||
      vote.count > best.count ||
      (vote.count === best.count && vote.root[0].length < best.root[0].length)
    )
      best = vote;
  return best?.root;
}

/** Characters of the equal segments at the ends of two paths. */
function commonEnd(a: string, b: string): number {
  const [ours, theirs] = [segments(a), segments(b)];
  let length = 0;
  for (let i = 1; i < Math.min(ours.length, theirs.length) && ours.at(-i) === theirs.at(-i); i++)
    length += (ours.at(-i) ?? "").length + (i > 1 ? 1 : 0);
  return length;
}

function segments(path: string): string[] {
  return path.split(/[/\\]/);
}
