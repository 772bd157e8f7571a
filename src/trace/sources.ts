// The texts of the source files that hits stand in: `sources/<sha256>` in a trace, each once.
//
// Rules
// - A name is 64 hex digits and nothing else, so no name leads out of the directory.
// - A file appears under its name only when all of it is on the disk.
// - Secrets in a source are not masked: its name is the hash of the real file, and says which version ran.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { dirMode, replaceFile } from "./files.ts";

/** A reader takes no larger one. */
const mostRead = 8 * 1024 * 1024;
/** Bytes of one source. */
export const mostSource = 2 * 1024 * 1024;

/** Writes a text unless it is there; gives the SHA-256 of what is stored, in hex. Throws what the file system throws. */
export function writeSource(dir: string, bytes: Uint8Array): string {
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  const path = sourcePath(dir, sha256);
  if (!existsSync(path)) {
    mkdirSync(join(dir, "sources"), { recursive: true, mode: dirMode });
    replaceFile(path, bytes);
  }
  return sha256;
}

/** Undefined when it is not there, or is not what debugtap writes. */
export function readSource(dir: string, sha256: string): string | undefined {
  if (!isName(sha256)) return undefined;
  const path = sourcePath(dir, sha256);
  try {
    return statSync(path).size <= mostRead ? readFileSync(path, "utf8") : undefined;
  } catch {
    return undefined;
  }
}

function isName(sha256: string): boolean {
  return /^[0-9a-f]{64}$/.test(sha256);
}

/** Where the text of this name is; only for one that is 64 hex digits. */
export function sourcePath(dir: string, sha256: string): string {
  return join(dir, "sources", sha256);
}
