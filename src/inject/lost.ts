// A manifest in place of one that is lost: the home directory was cleaned, or an inject was cut off.
//
// Rules
// - What the files were is not known: only our lines are taken out of them.
import type { Manifest } from "./manifest.ts";

/** Of the files that are known to have had our lines. */
export function lostManifest(
  known: Pick<Manifest, "id" | "by" | "folder" | "shared" | "made" | "reload"> & {
    readonly files: readonly { readonly path: string; readonly sudo: boolean }[];
  },
): Manifest {
  // No file has this hash: none counts as what it was, or as what we have made of it.
  const sha256 = "0".repeat(64);
  const before = { sha256, text: "", mode: "600", owner: "0:0" };
  const files = known.files.map(({ path, sudo }) => ({ path, sudo, services: [], before, after: { sha256 } }));
  return { ...known, version: 1, services: {}, files };
}
