// A trace's own directory, and what is said when the disk refuses.
import { randomBytes } from "node:crypto";
import { mkdir, readdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { DebugtapError } from "../../protocol/errors.ts";
import { defaultParent, dirMode } from "./files.ts";

/** Makes it: `dir`, or a new name in `parent`. Rejects with DT_TRACE_DISK, or DT_USAGE when `dir` holds a trace already. */
export async function makeDirectory(
  dir: string | undefined,
  parent: string | undefined,
  started: number,
): Promise<string> {
  const utc = new Date(started).toISOString().replaceAll(/[-:]|\.\d+/g, "");
  const own = `trace-${utc}-${randomBytes(2).toString("hex")}`;
  const path = resolve(dir ?? join(parent ?? defaultParent(), own));
  try {
    await mkdir(path, { recursive: true, mode: dirMode });
  } catch (error) {
    throw diskError(path, error instanceof Error ? error.message : String(error));
  }
  const files = await readdir(path);
  if (!files.some((file) => /^\d{6}\.(live|mcap)$/.test(file))) return path;
  throw new DebugtapError("DT_USAGE", `there is a trace in ${path} already`, { fix: "name another directory" });
}

export function diskError(dir: string, why: string, sealing = false): DebugtapError {
  const what = sealing
    ? `a segment of the trace ${dir} cannot be sealed; it stays readable as it is`
    : `the trace ${dir} cannot be written`;
  return new DebugtapError("DT_TRACE_DISK", what, { why, fix: `df -h ${dir}` });
}

export function behindError(dir: string): DebugtapError {
  return new DebugtapError("DT_TRACE_GAP", `what comes now is missing in ${dir}, and counted`, {
    why: "the disk does not take it as fast as it comes",
    fix: `df -h ${dir}`,
  });
}
