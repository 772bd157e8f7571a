// Files of a trace: whole writes, private modes, and names that appear only when their content is on the disk.
import { closeSync, fsyncSync, openSync, renameSync, writeSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";

export const fileMode = 0o600;
export const dirMode = 0o700;

/** Where traces go unless told otherwise: `$XDG_STATE_HOME/debugtap/traces`. */
export function defaultParent(env: NodeJS.ProcessEnv = process.env): string {
  const state = env["XDG_STATE_HOME"];
  return join(state === undefined || state === "" ? join(homedir(), ".local", "state") : state, "debugtap", "traces");
}

/** Writes all of `bytes` at `position`: a write may be short, and says so only by its result. */
export function writeAll(fd: number, bytes: Uint8Array, position: number): void {
  let done = 0;
  while (done < bytes.length) done += writeSync(fd, bytes, done, bytes.length - done, position + done);
}

/** Makes renames and new names in a directory survive a loss of power. */
export function syncDir(dir: string): void {
  const fd = openSync(dir, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Replaces a file so that a reader and a crash see the old content or the new, never a part. Pieces follow one another. */
export function replaceFile(path: string, content: string | Uint8Array | readonly Uint8Array[]): void {
  const temporary = `${path}.tmp`;
  const fd = openSync(temporary, "w", fileMode);
  try {
    let position = 0;
    for (const piece of typeof content === "string" ? [Buffer.from(content)] : [content].flat()) {
      writeAll(fd, piece, position);
      position += piece.length;
    }
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(temporary, path);
  syncDir(dirname(path));
}
