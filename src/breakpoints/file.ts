// A file of breakpoints, whoever wrote it.
//
//   .yml .yaml                  debugtap's own        yaml.ts
//   .json, or JSON              VS Code's extensions  vscode.ts
//   SQLite                      VS Code's storage     its breakpoints are JSON in table ItemTable, key `debug.breakpoint`
//   XML                         PyCharm               pycharm.ts
//
// Rules
// - The name decides, then the first characters.
// - Nothing here is read in part: a file too large is refused.
import { execFile } from "node:child_process";
import { open } from "node:fs/promises";
import { homedir } from "node:os";
import { basename, dirname, resolve } from "node:path";
import { promisify } from "node:util";
import type { BreakpointSpec } from "../../protocol/breakpoint-spec.ts";
import { DebugtapError } from "../../protocol/errors.ts";
import { maxConfigBytes } from "../config-source.ts";
import { parsePycharm } from "./pycharm.ts";
import { parseVscode } from "./vscode.ts";
import { parseYaml } from "./yaml.ts";

const maxBytes = 32 * 1024 * 1024;
const sqlite = "SQLite format 3\0";
const storedKeys = ["debug.breakpoint", "debug.functionbreakpoint"];

/** Rejects with DT_SPEC, which names the file and the place, DT_FILE_UNREADABLE or DT_PROGRAM_MISSING. */
export async function readBreakpoints(file: string): Promise<BreakpointSpec[]> {
  const bytes = await read(file);
  if (bytes.toString("latin1", 0, sqlite.length) === sqlite) {
    return (await stored(file)).flatMap((value) => parseVscode(value, file));
  }
  const text = bytes.toString("utf8").replace(/^\uFEFF/, "");
  const isXml = /^\s*</.test(text);
  if (!isXml && text.length > maxConfigBytes) throw tooLarge(file, "1 MiB");
  if (/\.ya?ml$/i.test(file)) return parseYaml(text, file);
  if (isXml) return parsePycharm(text, file, homedir());
  if (/\.jsonc?$/i.test(file) || /^\s*(?:[[{]|\/[/*])/.test(text)) return parseVscode(text, file, workspaceOf(file));
  return parseYaml(text, file);
}

async function read(file: string): Promise<Buffer> {
  try {
    const handle = await open(file);
    try {
      const { size } = await handle.stat();
      if (size <= maxBytes) return await handle.readFile();
    } finally {
      await handle.close();
    }
  } catch (cause) {
    throw new DebugtapError("DT_FILE_UNREADABLE", `${file} cannot be read`, {
      why: cause instanceof Error ? cause.message : String(cause),
      cause,
    });
  }
  throw tooLarge(file, "32 MiB");
}

function tooLarge(file: string, limit: string): DebugtapError {
  return new DebugtapError("DT_SPEC", `${file} is larger than ${limit}`, {
    why: "a file of that size has no breakpoints",
  });
}

/** The directory that has the .vscode which `file` is in. */
function workspaceOf(file: string): string | undefined {
  for (let folder = dirname(resolve(file)); dirname(folder) !== folder; folder = dirname(folder)) {
    if (basename(folder) === ".vscode") return dirname(folder);
  }
  return undefined;
}

/** The lists of breakpoints in VS Code's storage, as JSON. */
async function stored(file: string): Promise<string[]> {
  const keys = storedKeys.map((key) => `'${key}'`).join(", ");
  // In hex, so that no line end of a value is taken for the end of a row.
  const query = `SELECT hex(value) FROM ItemTable WHERE key IN (${keys}) ORDER BY key`;
  try {
    const { stdout } = await promisify(execFile)("sqlite3", ["-readonly", "-batch", file, query], {
      maxBuffer: 2 * maxBytes,
    });
    return stdout
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => Buffer.from(line, "hex").toString("utf8"));
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") {
      throw new DebugtapError(
        "DT_PROGRAM_MISSING",
        "the program sqlite3, which reads VS Code's storage, is not installed",
        {
          fix: "apt-get install sqlite3",
          cause,
        },
      );
    }
    throw new DebugtapError("DT_SPEC", `${file} is no storage of VS Code`, {
      why: cause instanceof Error ? cause.message : String(cause),
      cause,
    });
  }
}
