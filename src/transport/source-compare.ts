// Compares source files here with those of a host, and remembers the outcome while neither changes.
//
// Rules
// - Both are asked for size and time first: what has been compared and is unchanged is not read again.
// - A pair of equal size may differ, one of other size may not (line ends): so both are read.
import { createHash } from "node:crypto";
import { realpathSync } from "node:fs";
import type { SourceDifference } from "../../protocol/source-difference.ts";
import { differenceOf, type SourceText } from "../path-check.ts";
import type { CompareSource } from "../source-check.ts";
import type { FileContent, FileFacts, RemoteFiles } from "./remote-files.ts";

const mostBytes = 2 * 1024 * 1024;
const mostRemembered = 1000;

/** `here` and `there` may be the same: then a file is never compared with itself. */
export function sourceComparer(here: RemoteFiles, there: RemoteFiles): CompareSource {
  const outcomes = new Map<string, SourceDifference | undefined>();
  return async ({ local, remote }) => {
    if (here === there && local === remote) return undefined;
    const before = await here.stat(local);
    if (before?.isFile !== true) return undefined;
    const beyond = await there.stat(remote);
    if (beyond?.isFile !== true) return undefined;
    const known = keyOf(local, before, remote, beyond);
    if (outcomes.has(known)) return outcomes.get(known);
    const [own, its] = await Promise.all([here.read(local, mostBytes), there.read(remote, mostBytes)]);
    if (own === undefined || its === undefined) return undefined;
    const outcome = differenceOf(textOf(own), textOf(its));
    const [oldest] = outcomes.size >= mostRemembered ? outcomes.keys() : [];
    if (oldest !== undefined) outcomes.delete(oldest);
    outcomes.set(keyOf(local, own, remote, its), outcome);
    return outcome;
  };
}

/** Undefined when there is no such file. At once: a path is rewritten in the turn in which it came. */
export function realPathHere(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}

function keyOf(local: string, before: FileFacts, remote: string, beyond: FileFacts): string {
  return JSON.stringify([local, before.size, before.mtime, remote, beyond.size, beyond.mtime]);
}

function textOf({ bytes }: FileContent): SourceText {
  return { sha256: createHash("sha256").update(bytes).digest("hex"), text: new TextDecoder().decode(bytes) };
}
