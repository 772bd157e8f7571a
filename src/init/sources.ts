// Which directories here hold the sources of a host's services: one walk there for all of them.
import { PathMap } from "../../protocol/path-map.ts";
import type { SourcePair } from "../config-write.ts";
import { proposalsWithin, proposePaths } from "../path-check.ts";
import type { Run } from "../transport/process-lookup.ts";
import { walkHere, walkSources } from "../transport/source-walk.ts";
import type { FoundService } from "./services.ts";

/** Directories that are everybody's: to walk them costs much and says little. */
const everybodys =
  /^\/(?:usr|bin|etc|var|tmp|root|home|opt|srv|lib|run|proc|sys|dev)?(?:\/(?:s?bin|lib|local|[^/]*))?$/;
const ownBelow = /^\/(?:opt|srv|tmp|root|home\/[^/]+)\/[^/]+/;
const mostRoots = 60;
/** Fewer equal files may be chance: a licence, a setup.py. */
const leastFiles = 2;

/** The directories on the host that may have sources. */
export function rootsOf(services: readonly FoundService[], stack: readonly string[]): string[] {
  const roots = services
    .filter(({ where }) => where !== "compose")
    .flatMap(({ cwd, argv, interpreter }) => {
      const script = argv.slice(1).find((word) => word.startsWith("/") && word.endsWith(".py"));
      const ofScript = script === undefined ? [] : [script.slice(0, script.lastIndexOf("/"))];
      return [...ofScript, ...(cwd === undefined ? [] : [cwd]), ...(interpreter?.roots ?? [])];
    })
    .concat(stack)
    .filter((dir) => ownBelow.test(dir) || !everybodys.test(dir));
  return [...new Set(roots)].slice(0, mostRoots);
}

/** What `present` does not map already. Rejects as `walkSources`. */
export async function matchSources(
  run: Run,
  host: string,
  roots: readonly string[],
  dirs: readonly string[],
  present: readonly SourcePair[],
): Promise<SourcePair[]> {
  if (roots.length === 0) return [];
  const walked = await walkSources(run, host, { pids: [], words: [], dirs: roots });
  const here = await walkHere(dirs, walked.files);
  const map = new PathMap(present);
  return proposalsWithin(proposePaths(walked.files, here.files), dirs)
    .filter(({ files, local, remote }) => files >= leastFiles && map.toLocal(remote) !== local)
    .map(({ local, remote }) => ({ local, remote }));
}
