// What a verb writes with `-o FILE`, or to stdout where none is named.
//
// Rules
// - A file is its owner's alone (0600), and never written over another, unless it is made anew each time: a report, an expectation.
// - A file stands there whole or not at all: it is written beside its name, which it gets at the end. What was begun goes with an error or Ctrl-C.
import { link, open, rename, rm } from "node:fs/promises";
import { rmSync } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { DebugtapError } from "../../protocol/errors.ts";
import { drained } from "./trace-lines.ts";

type Parts = Iterable<string | Uint8Array> | AsyncIterable<string | Uint8Array>;

/** Throws DT_USAGE for a file that cannot be created. */
export async function writeOutput(path: string | undefined, parts: Parts): Promise<void> {
  if (path === undefined) {
    for await (const part of parts) {
      process.stdout.write(part);
      await drained();
    }
    return;
  }
  await writeFile(path, async (file) => {
    for await (const part of parts) await file.write(typeof part === "string" ? Buffer.from(part) : part);
  });
}

/** In place of what was there. Throws DT_USAGE for a file that cannot be created. */
export async function replaceOutput(path: string, text: string): Promise<void> {
  await writeFile(path, async (file) => void (await file.write(Buffer.from(text))), rename);
}

/** `name` gives the file its name at the end. Throws DT_USAGE for a file that cannot be created. */
export async function writeFile(
  path: string,
  write: (file: FileHandle) => Promise<void>,
  name: typeof link = link,
): Promise<void> {
  const begun = `${path}.${process.pid}.part`;
  const file = await create(path, begun, name === link);
  const interrupted = (signal: NodeJS.Signals): void => {
    rmSync(begun, { force: true });
    process.exit(signal === "SIGINT" ? 130 : 143);
  };
  process.once("SIGINT", interrupted).once("SIGTERM", interrupted);
  try {
    try {
      await write(file);
    } finally {
      await file.close();
    }
    // Unlike a rename, a link fails where a file has come in the meantime.
    await name(begun, path).catch((error: unknown) => refuse(path, error));
  } finally {
    process.off("SIGINT", interrupted).off("SIGTERM", interrupted);
    await rm(begun, { force: true });
  }
}

async function create(path: string, begun: string, isNew: boolean): Promise<FileHandle> {
  const there = await open(path, "r").catch(() => undefined);
  await there?.close();
  if (there !== undefined && isNew) refuse(path, Object.assign(new Error(), { code: "EEXIST" }));
  return open(begun, "wx", 0o600).catch((error: unknown) => refuse(path, error));
}

function refuse(path: string, error: unknown): never {
  const exists = error instanceof Error && "code" in error && error.code === "EEXIST";
  throw new DebugtapError("DT_USAGE", `${path} cannot be created`, {
    why: exists ? "it is there already" : error instanceof Error ? error.message : String(error),
    fix: exists ? `rm ${path}` : "-o FILE in a directory of yours",
  });
}
