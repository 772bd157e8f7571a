// The reader of a section of README.md: takes its commands and files from there, and types the commands into a shell.
//
// Rules
// - What is run is what stands there, but for what differs by machine; that is a table of the test, and each row of it must be found.
// - A command that ends in `&`, or says that it has a terminal of its own, is left running until the test ends.
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Test } from "tap";

export const clone: string = fileURLToPath(new URL("../../../", import.meta.url));
/** From nothing to the first hit. */
const mostCommands = 5;

export interface Section {
  readonly commands: readonly string[];
  /** Its file of that language. */
  readonly file: (language: string) => string;
}

/** `differs`: texts of the section, and what they are on this machine. */
export function sectionOf(heading: string, differs: Readonly<Record<string, string>>): Section {
  const readme = readFileSync(join(clone, "README.md"), "utf8");
  const [, found] = readme.split(`\n### ${heading}\n`);
  if (found === undefined) throw new Error(`README.md has no section "${heading}"`);
  let text = found.split(/\n##/)[0] ?? "";
  for (const [there, here] of Object.entries(differs)) {
    if (!text.includes(there)) throw new Error(`"${heading}" of README.md has no ${there}`);
    text = text.replaceAll(there, here);
  }
  const block = (language: string): string =>
    new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\``, "m").exec(text)?.[1] ??
    fail(`"${heading}" of README.md has no block of ${language}`);
  const commands = block("").trim().split("\n");
  if (commands.length > mostCommands) fail(`"${heading}" of README.md has ${commands.length} commands`);
  return { commands, file: block };
}

function fail(text: string): never {
  throw new Error(text);
}

export interface Typed {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Shell {
  /** Resolves when the command has ended, or, when it is left running, at once. */
  readonly type: (command: string) => Promise<Typed>;
}

/** In the directory `cwd`; below `home` are npm and what it installs, debugtap's state, and in `bin` programs that hide the machine's. */
export function shell(t: Test, cwd: string, home: string, more: NodeJS.ProcessEnv = {}): Shell {
  const path = [
    join(home, "bin"),
    join(home, "npm/bin"),
    dirname(process.execPath),
    "/usr/bin",
    process.env["PATH"],
  ].join(delimiter);
  const npm = {
    prefix: join(home, "npm"),
    prefer_offline: "true",
    audit: "false",
    fund: "false",
    update_notifier: "false",
  };
  const settings = Object.entries(npm).map(([name, value]) => [`npm_config_${name}`, value]);
  const env = {
    ...process.env,
    NODE_OPTIONS: "",
    NO_COLOR: "1",
    XDG_STATE_HOME: join(home, "state"),
    XDG_RUNTIME_DIR: join(home, "run"),
    ...Object.fromEntries(settings),
    PATH: path,
    ...more,
  };
  return {
    async type(command) {
      const isLeft = /&\s*(?:#.*)?$|# in a terminal of its own/.test(command);
      const words = isLeft ? command.replace(/&\s*$/, "") : command;
      const child = spawn("sh", ["-c", words], { cwd, env, stdio: ["ignore", "pipe", "pipe"], detached: true });
      const typed = { code: null as number | null, stdout: "", stderr: "" };
      child.stdout.on("data", (chunk: Buffer) => (typed.stdout += chunk.toString()));
      child.stderr.on("data", (chunk: Buffer) => (typed.stderr += chunk.toString()));
      const ended = once(child, "close").then(([code]) => (typed.code = code as number | null));
      t.teardown(async () => {
        if (child.exitCode === null && child.signalCode === null) process.kill(-(child.pid ?? 0), "SIGTERM");
        await ended;
      });
      if (!isLeft) await ended;
      return typed;
    },
  };
}

/** What `npm pack` makes of the clone, in `dir`. */
export function pack(dir: string): void {
  execFileSync("npm", ["pack", "--ignore-scripts", "--pack-destination", dir], { cwd: clone, stdio: "pipe" });
}
