// A small reader of ssh_config, for machines that have no ssh program to ask.
//
// Rules
// - The first value of a setting wins, except IdentityFile, which collects. The user's file comes before the system's.
// - `Host` takes patterns with * and ?; one matching `!pattern` ends the match. `Match all` is always true; any other Match
//   needs ssh itself and is an error rather than a wrong guess.
// - Include is followed (a * in the last part of the path too), but not without end.
//
//   Keyword value            Keyword=value            Keyword "value with spaces"            # comment
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { homedir } from "node:os";
import { basename, dirname, isAbsolute, join } from "node:path";
import { DebugtapError } from "../../protocol/errors.ts";

/** Keys in lower case, values as written, quotes removed. */
export type SshSettings = ReadonlyMap<string, readonly string[]>;

const includeDepth = 8;

/** The settings of `wanted.host`; what the destination itself says comes first. Throws DT_SSH_CONFIG. */
export function readSshConfig(
  wanted: { readonly host: string; readonly user: string | undefined; readonly port: number | undefined },
  configFile?: string,
): SshSettings {
  const settings = new Map<string, string[]>();
  if (wanted.user !== undefined) settings.set("user", [wanted.user]);
  if (wanted.port !== undefined) settings.set("port", [String(wanted.port)]);
  const files = configFile === undefined ? [join(homedir(), ".ssh/config"), "/etc/ssh/ssh_config"] : [configFile];
  for (const file of files) readFile(file, file.startsWith("/etc/") ? "/etc/ssh" : join(homedir(), ".ssh"), 0);
  return settings;

  function readFile(file: string, includeBase: string, depth: number): void {
    if (!existsSync(file)) return;
    let active = true;
    for (const [index, line] of readFileSync(file, "utf8").split("\n").entries()) {
      const parts = /^\s*([A-Za-z]\w*)(?:\s*=\s*|\s+)(.*?)\s*$/.exec(line);
      if (parts === null) continue;
      const key = parts[1]?.toLowerCase() ?? "";
      const values = words(parts[2] ?? "");
      if (key === "host") {
        active = matchesHost(wanted.host, values);
      } else if (key === "match") {
        if (values.length !== 1 || values[0]?.toLowerCase() !== "all") throw needsSsh(`${file}:${index + 1}`);
        active = true;
      } else if (active && key === "include") {
        if (depth >= includeDepth) throw needsSsh(`${file}:${index + 1}`);
        for (const path of values.flatMap((pattern) => included(pattern, includeBase))) {
          readFile(path, includeBase, depth + 1);
        }
      } else if (active && values.length > 0) {
        const value = values.join(" ");
        if (key === "identityfile") settings.set(key, [...(settings.get(key) ?? []), value]);
        else if (!settings.has(key)) settings.set(key, [value]);
      }
    }
  }
}

/** True if `host` matches one of `patterns` and none of those that begin with `!`. */
export function matchesHost(host: string, patterns: readonly string[]): boolean {
  let found = false;
  for (const pattern of patterns) {
    if (pattern.startsWith("!")) {
      if (wildcard(pattern.slice(1)).test(host)) return false;
    } else if (wildcard(pattern).test(host)) found = true;
  }
  return found;
}

function wildcard(pattern: string): RegExp {
  const source = pattern.replaceAll(/[.+^${}()|[\]\\]/g, String.raw`\$&`);
  // Runs of * would make the match take exponential time.
  return new RegExp(`^${source.replaceAll(/\*+/g, ".*").replaceAll("?", ".")}$`, "i");
}

function words(text: string): string[] {
  const found: string[] = [];
  for (const match of text.matchAll(/"([^"]*)"|(\S+)/g)) {
    if (match[2]?.startsWith("#") === true) break;
    found.push(match[1] ?? match[2] ?? "");
  }
  return found;
}

function included(pattern: string, base: string): string[] {
  const home = pattern.startsWith("~/") ? join(homedir(), pattern.slice(2)) : pattern;
  const path = isAbsolute(home) ? home : join(base, home);
  if (!/[*?]/.test(path)) return [path];
  const folder = dirname(path);
  if (!existsSync(folder)) return [];
  const name = wildcard(basename(path));
  return readdirSync(folder)
    .filter((entry) => name.test(entry))
    .sort()
    .map((entry) => join(folder, entry));
}

function needsSsh(where: string): DebugtapError {
  return new DebugtapError("DT_SSH_CONFIG", `${where} needs the ssh program to be understood`, {
    why: "Match blocks and deep Includes are only followed through `ssh -G`, and no ssh was found",
    fix: "apt-get install openssh-client",
  });
}
