// Files of this machine, for a replay: where a recorded one is here, and whether it has the recorded text.
//
// Rules
// - What is looked at is kept until the file changes: a stack asks for the same few again and again.
import { createHash } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { PathMap } from "../../protocol/path-map.ts";
import type { SourceMapping } from "../../protocol/path-map.ts";
import type { LocalFiles } from "../../protocol/replay-files.ts";

/** Larger ones were not recorded either. */
const mostBytes = 2 * 1024 * 1024;

export function localFiles(mappings: readonly SourceMapping[]): LocalFiles {
  const map = new PathMap(mappings);
  const known = new Map<string, { readonly changed: number; readonly size: number; readonly sha256: string }>();
  return {
    toLocal: (path) => map.toLocal(path) ?? path,
    sha256: (path) => {
      try {
        const stats = statSync(path);
        const { mtimeMs: changed, size } = stats;
        // A trace can name any path, a device's too.
        if (!stats.isFile() || size > mostBytes) return undefined;
        const before = known.get(path);
        if (before?.changed === changed && before.size === size) return before.sha256;
        const sha256 = createHash("sha256").update(readFileSync(path)).digest("hex");
        known.set(path, { changed, size, sha256 });
        return sha256;
      } catch {
        return undefined;
      }
    },
  };
}
