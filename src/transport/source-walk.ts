// The source files of a service on its host, and those of directories here, each with a hash of its content.
//
// Rules
// - There: by one program (source-script.ts) over the connection for commands, from the process of the service or from
//   directories; no session is needed, and none is touched.
// - Here only files are read that are called like one of the host's.
import { createHash } from "node:crypto";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { inflateSync } from "node:zlib";
import { DebugtapError } from "../../protocol/errors.ts";
import { elements, isObject, member, parseJson } from "../../protocol/json.ts";
import type { HashedFile } from "../path-check.ts";
import type { Run } from "./process-lookup.ts";
import { sourceCommand } from "./source-script.ts";

export interface WalkQuestion {
  /** Processes that may be the service's, the likeliest first. */
  readonly pids: readonly number[];
  /** On which the service listens, where it does. */
  readonly port?: number;
  /** One of these is in its command line. */
  readonly words: readonly string[];
  /** Directories to look in, in place of a process's own. */
  readonly dirs: readonly string[];
}

export interface WalkedSources {
  /** By what the directories were found. */
  readonly how: string;
  readonly pid?: number;
  readonly argv: readonly string[];
  readonly roots: readonly string[];
  /** There are more files. */
  readonly cut: boolean;
  readonly files: readonly HashedFile[];
}

/** What a person may say in place of what would be found. */
export type AskedSources = Partial<Pick<WalkQuestion, "pids" | "dirs">>;

/** How a service of the configuration is found on its host. */
export function questionOf(
  service: {
    readonly name: string;
    readonly listens?: number | undefined;
    readonly match?: { readonly argv?: string };
  },
  { pids = [], dirs = [] }: AskedSources,
): WalkQuestion {
  const { name, listens, match } = service;
  return { pids, dirs, words: [match?.argv ?? name], ...(listens === undefined ? {} : { port: listens }) };
}

/** Of `pid 4711 cinder-api (devstack@c-api)`. */
export function pidIn(process: string | undefined): number | undefined {
  const pid = /^pid (\d{1,10})\b/.exec(process ?? "")?.[1];
  return pid === undefined ? undefined : Number(pid);
}

const mostFiles = 20_000;
const mostBytes = 1024 * 1024;
const seconds = 20;
const timeoutMs = 40_000;
const hashLength = 16;
const inflatedBytes = 64 * 1024 * 1024;

/** Rejects with DT_PROCESS_UNKNOWN when there is no such process, DT_PROGRAM_MISSING without Python, and as `run`. */
export async function walkSources(run: Run, service: string, question: WalkQuestion): Promise<WalkedSources> {
  const command = sourceCommand({ port: 0, ...question, files: mostFiles, seconds });
  const { code, stdout, stderr } = await run(command, { timeoutMs });
  const walked = code === 0 ? parseWalk(stdout) : undefined;
  if (walked === undefined) {
    throw new DebugtapError("DT_PROGRAM_MISSING", `the sources of ${service} cannot be listed on its host`, {
      why: code === 127 ? "there is no python3" : (stderr.trim().split("\n").at(-1) ?? `exit ${code}`),
      fix: "sudo apt-get install python3",
    });
  }
  if (walked.pid === undefined && question.dirs.length === 0) {
    throw new DebugtapError("DT_PROCESS_UNKNOWN", `no process of ${service} was found on its host`, {
      why: `none listens on its port, no session is open, and no Python has ${question.words.join(" or ")} in its command line`,
      fix: `debugtap paths ${service} --remote /DIRECTORY/OF/ITS/SOURCES`,
    });
  }
  return walked;
}

function parseWalk(output: string): WalkedSources | undefined {
  let told: unknown;
  try {
    told = parseJson(inflateSync(Buffer.from(output.trim(), "base64"), { maxOutputLength: inflatedBytes }));
  } catch {
    return undefined;
  }
  const files = member(told, "files");
  if (!isObject(files)) return undefined;
  const pid = member(told, "pid");
  return {
    how: String(member(told, "how")),
    ...(typeof pid === "number" ? { pid } : {}),
    argv: elements(told, "argv").map(String),
    roots: elements(told, "roots").map(String),
    cut: member(told, "cut") === true,
    files: Object.entries(files).flatMap(([dir, names]) =>
      (Array.isArray(names) ? names : []).map((pair: unknown) => {
        const [name, sha256] = Array.isArray(pair) ? pair.map(String) : [];
        return { path: `${dir === "/" ? "" : dir}/${name}`, sha256: sha256 ?? "" };
      }),
    ),
  };
}

/** Of an answer that came from another process. */
export function isWalked(value: unknown): value is WalkedSources {
  const files = elements(value, "files");
  const isFile = (file: unknown): boolean => ["path", "sha256"].every((key) => typeof member(file, key) === "string");
  const lists = ["files", "roots", "argv"].every((key) => Array.isArray(member(value, key)));
  return lists && typeof member(value, "how") === "string" && files.every(isFile);
}

const passedOver: ReadonlySet<string> = new Set([
  ".git",
  ".hg",
  ".svn",
  "__pycache__",
  "node_modules",
  ".tox",
  ".nox",
  "proc",
  "sys",
  "dev",
]);
const mostEntries = 400_000;

/** Files below `dirs` that are called like one of `like`. `cut`: there is more than was looked at. */
export async function walkHere(
  dirs: readonly string[],
  like: readonly HashedFile[],
): Promise<{ readonly files: readonly HashedFile[]; readonly cut: boolean }> {
  const names = new Set(like.map(({ path }) => path.slice(path.lastIndexOf("/") + 1)));
  const files = new Map<string, string>();
  const waiting = [...dirs];
  const seen = new Set<string>();
  let entries = 0;
  for (let dir = waiting.shift(); dir !== undefined; dir = waiting.shift()) {
    if (seen.has(dir)) continue;
    seen.add(dir);
    for (const entry of await readdir(dir, { withFileTypes: true }).catch(() => [])) {
      if (++entries > mostEntries) return { files: listed(files), cut: true };
      const path = join(dir, entry.name);
      if (entry.isDirectory() && !passedOver.has(entry.name)) waiting.push(path);
      else if (entry.isFile() && names.has(entry.name)) await add(files, path);
    }
  }
  return { files: listed(files), cut: false };
}

async function add(files: Map<string, string>, path: string): Promise<void> {
  const size = await stat(path)
    .then((facts) => facts.size)
    .catch(() => 0);
  if (size === 0 || files.has(path)) return;
  // The program there hashes as much.
  const bytes = await readFile(path).catch(() => undefined);
  if (bytes === undefined) return;
  files.set(path, createHash("sha256").update(bytes.subarray(0, mostBytes)).digest("hex").slice(0, hashLength));
}

function listed(files: ReadonlyMap<string, string>): HashedFile[] {
  return Array.from(files, ([path, sha256]) => ({ path, sha256 }));
}
