// Which directory is meant by TRACE on the command line, and which files of it are its segments.
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { DebugtapError } from "../../protocol/errors.ts";
import { isObject } from "../../protocol/json.ts";
import { defaultParent } from "./files.ts";
import { format, isDropped, parseText } from "./format.ts";
import type { Manifest, SegmentEntry } from "./format.ts";

const segmentFile = /^(\d{6,})\.(live|mcap)$/;

/** Where traces are looked for: within a sidecar's container they are where it was told to put them. */
function usualParent({ DEBUGTAP_TRACE_DIR: dir } = process.env): string {
  return dir === undefined || dir === "" ? defaultParent() : resolve(dir);
}

/** The directory of a trace: a path, the name of one under the usual parent, or `latest`. Throws DT_TRACE_MISSING. */
export function findTrace(name: string, parent = usualParent()): string {
  if (name === "latest") {
    const newest = traceNames(parent).at(-1);
    if (newest !== undefined) return join(parent, newest);
    throw new DebugtapError("DT_TRACE_MISSING", `there is no trace in ${parent}`, {
      why: "traces go there unless --trace names another place",
      fix: "debugtap demo",
    });
  }
  const found = [resolve(name), join(parent, name)].find((path) => isDirectory(path));
  if (found !== undefined) return found;
  const why = isFile(name) ? "it is a file; a trace is a directory" : undefined;
  throw missing(name, why);
}

export function missing(name: string, why?: string): DebugtapError {
  return new DebugtapError("DT_TRACE_MISSING", `there is no trace at ${name}`, {
    ...(why === undefined ? {} : { why }),
    fix: "debugtap show latest",
  });
}

/** The names begin with the time, so their order is that of time. */
function traceNames(parent: string): string[] {
  try {
    return readdirSync(parent)
      .filter((name) => name.startsWith("trace-") && isDirectory(join(parent, name)))
      .sort();
  } catch {
    return [];
  }
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}

/** What a trace's directory holds, by segment number. */
export interface SegmentFiles {
  readonly number: number;
  readonly live?: string;
  readonly sealed?: string;
}

/** In order of their numbers. Throws DT_TRACE_MISSING when it is not the directory of a trace. */
export function listSegments(dir: string): SegmentFiles[] {
  let names: string[];
  try {
    names = readdirSync(dir);
  } catch (error) {
    throw missing(dir, error instanceof Error ? error.message : String(error));
  }
  const found = new Map<number, SegmentFiles>();
  for (const name of names) {
    const match = segmentFile.exec(name);
    if (match === null) continue;
    const number = Number(match[1]);
    const kind = match[2] === "live" ? { live: name } : { sealed: name };
    found.set(number, { ...found.get(number), number, ...kind });
  }
  if (found.size === 0 && !names.includes("manifest.json")) throw missing(dir, "the directory holds no segments");
  return [...found.values()].sort((a, b) => a.number - b.number);
}

/** The manifest; undefined when it is lost or damaged, which costs nothing but its facts. Throws DT_TRACE_NEWER. */
export function readManifest(dir: string): Manifest | undefined {
  let text: string;
  try {
    text = readFileSync(join(dir, "manifest.json"), "utf8");
  } catch {
    return undefined;
  }
  const value = parseText(text);
  if (isObject(value) && typeof value["format"] === "number") checkFormat(dir, value["format"]);
  return isManifest(value) ? value : undefined;
}

export function checkFormat(dir: string, found: number): void {
  if (found <= format) return;
  throw new DebugtapError("DT_TRACE_NEWER", `the trace ${dir} was written by a newer debugtap`, {
    why: `it has format ${found}; this debugtap reads formats up to ${format}`,
    fix: "npm install -g debugtap@latest",
  });
}

function isManifest(value: unknown): value is Manifest {
  return (
    isObject(value) &&
    typeof value["version"] === "string" &&
    typeof value["started"] === "number" &&
    (value["dropped"] === undefined || isDropped(value["dropped"])) &&
    Array.isArray(value["segments"]) &&
    value["segments"].every((entry): entry is SegmentEntry => isObject(entry) && typeof entry["file"] === "string")
  );
}
