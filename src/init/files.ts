// Files of this machine that are to be written: what they have now, what they will have, and the difference.
//
// Rules
// - A file is replaced as a whole, by a rename, and only if it still has the text that the difference was shown of.
// - One that is there keeps its mode; a symlink stays one.
import { mkdir, readFile, realpath, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { createTwoFilesPatch } from "diff";
import { DebugtapError } from "../../protocol/errors.ts";

export interface PlannedFile {
  readonly file: string;
  /** Empty where there is none. */
  readonly before: string;
  readonly after: string;
  readonly state: "new" | "changed" | "same";
}

/** What a file has now; empty where there is none. Throws DT_FILE_UNREADABLE. */
export async function textOf(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (cause) {
    if (codeOf(cause) === "ENOENT") return "";
    throw unusable(file, "read", cause);
  }
}

export function planned(file: string, before: string, after: string): PlannedFile {
  return { file, before, after, state: before === after ? "same" : before === "" ? "new" : "changed" };
}

/** Lines as `diff -u` has them. */
export function differenceLines({ file, before, after, state }: PlannedFile): string[] {
  const patch = createTwoFilesPatch(state === "new" ? "/dev/null" : file, file, before, after, "", "", { context: 2 });
  return patch
    .split("\n")
    .filter((line) => !line.startsWith("====") && !line.startsWith("Index: ") && line !== "")
    .map((line) => line.trimEnd());
}

/** Throws DT_FILE_UNREADABLE. */
export async function write({ file, before, after }: PlannedFile): Promise<void> {
  try {
    if ((await textOf(file)) !== before) throw new Error("it was changed meanwhile");
    await mkdir(dirname(file), { recursive: true });
    const target = await realpath(file).catch(() => file);
    const mode = await stat(target).then(
      (facts) => facts.mode & 0o777,
      () => undefined,
    );
    if (mode !== undefined && (mode & 0o200) === 0) throw new Error("it is read-only");
    const next = `${target}.${process.pid}.new`;
    try {
      await writeFile(next, after, { flag: "wx", ...(mode === undefined ? {} : { mode }) });
      await rename(next, target);
    } finally {
      await rm(next, { force: true });
    }
  } catch (cause) {
    throw cause instanceof DebugtapError ? cause : unusable(file, "written", cause);
  }
}

function unusable(file: string, what: string, cause: unknown): DebugtapError {
  return new DebugtapError("DT_FILE_UNREADABLE", `${file} cannot be ${what}`, {
    why: cause instanceof Error ? cause.message : String(cause),
    fix: `ls -ld ${dirname(file)} ${file}`,
    cause,
  });
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}
