// Removes finished traces that are older than what is kept.
//
// Rules
// - Only what is a trace by its manifest, which must name the directory: one that was renamed is kept, and so is what has no manifest.
// - Not what is in use: one that has not ended and whose process lives. Of one that has not ended the newest file says how old it is.
// - Only the files that a trace has, by their names, and never through a symbolic link; a directory with anything else in it stays.
// - The manifest goes last, so that what was interrupted is gone on with the next time.
import { lstat, readdir, rmdir, unlink } from "node:fs/promises";
import { join } from "node:path";
import { readManifest } from "./locate.ts";
import { processLives } from "./process-lives.ts";

const manifestName = "manifest.json";
const ownFiles = [/^\d{6,}\.(?:mcap|live|mcap\.tmp)$/, /^manifest\.json\.tmp$/];
const ownDirs = new Map([
  ["sources", /^[0-9a-f]{64}(?:\.tmp)?$/],
  ["hits", /^\d{6,}\.idx(?:\.tmp)?$/],
]);

export interface Removed {
  readonly traces: number;
  readonly bytes: number;
}

interface Found {
  readonly path: string;
  readonly size: number;
  readonly mtime: number;
}

/** Removes those in `parent` that ended `maxAge` ms ago or earlier, but for `own`. Never rejects: what cannot be removed stays. */
export async function removeOldTraces(parent: string, maxAge: number, own: string, now = Date.now()): Promise<Removed> {
  const removed = { traces: 0, bytes: 0 };
  const entries = await readdir(parent, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    const dir = join(parent, entry.name);
    if (!entry.isDirectory() || dir === own) continue;
    try {
      const bytes = await removeTrace(dir, entry.name, now - maxAge);
      if (bytes === undefined) continue;
      removed.traces++;
      removed.bytes += bytes;
    } catch {
      // It stays, or what is left of it.
    }
  }
  return removed;
}

/** Bytes of what was removed; undefined when it is to stay. */
async function removeTrace(dir: string, name: string, oldest: number): Promise<number | undefined> {
  if (!(await isOwn(dir)) || !(await lstat(join(dir, manifestName))).isFile()) return undefined;
  const manifest = readManifest(dir);
  if (manifest?.id !== name) return undefined;
  if (manifest.ended === undefined && manifest.pid !== process.pid && processLives(manifest.pid)) return undefined;
  const files = await ownFilesIn(dir);
  const ended = manifest.ended ?? Math.max(0, ...files.map(({ mtime }) => mtime));
  if (ended > oldest) return undefined;
  for (const { path } of files) await unlink(path);
  for (const folder of [...ownDirs.keys()].map((each) => join(dir, each)))
    if (await isOwn(folder)) await rmdir(folder).catch(() => undefined);
  await unlink(join(dir, manifestName));
  await rmdir(dir).catch(() => undefined);
  return files.reduce((sum, { size }) => sum + size, 0);
}

/** All but the manifest. */
async function ownFilesIn(dir: string): Promise<Found[]> {
  const found: Found[] = [];
  const look = async (folder: string, isOurs: (name: string) => boolean): Promise<void> => {
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      if (!entry.isFile() || !isOurs(entry.name)) continue;
      const path = join(folder, entry.name);
      const { size, mtimeMs } = await lstat(path);
      found.push({ path, size, mtime: mtimeMs });
    }
  };
  await look(dir, (name) => ownFiles.some((pattern) => pattern.test(name)));
  for (const [name, pattern] of ownDirs)
    if (await isOwn(join(dir, name))) await look(join(dir, name), (file) => pattern.test(file));
  return found;
}

/** Whether it is a directory itself, and this user's. */
async function isOwn(path: string): Promise<boolean> {
  const found = await lstat(path).catch(() => undefined);
  return found?.isDirectory() === true && (process.getuid === undefined || found.uid === process.getuid());
}
