// A tab of GNU screen: its program is ended by Ctrl-C and run again by the tab's own shell, as a person would.
//
// Rules
// - Nothing is typed before the shell has its terminal back: what was typed before would go to the program, or be lost to Ctrl-C.
// - bash and zsh run their last command again (Up, Enter), with its pipes and redirections. dash has no history: it is given the command line
//   that the program had.
// - inject's variables are put into the shell, or taken out, by one line that is not left in bash's history.
// - What does not end by Ctrl-C is killed with `force` only.
import { commandLine, shellQuote } from "../../protocol/shell.ts";
import { DebugtapError } from "../../protocol/errors.ts";
import type { RunConfig } from "../config-inject.ts";
import { pause } from "../pause.ts";
import type { Run } from "../transport/process-lookup.ts";
import { isShell, type Look, type LookedTab } from "./look.ts";

export type ScreenRun = Extract<RunConfig, { kind: "screen" }>;

export interface ScreenRestart {
  readonly service: string;
  readonly screen: ScreenRun;
  readonly before: Look;
  readonly look: () => Promise<Look>;
  readonly force: boolean;
  /** How long the program may take to end, ms. */
  readonly endWithin: number;
  readonly say: (text: string) => void;
  readonly signal: AbortSignal;
}

const lookEvery = 200;
const markOfLine = "# debugtap";

/** Rejects with DT_RESTART_TAB where the tab cannot be restarted, DT_RESTART_STUCK. */
export async function restartTab(run: Run, restart: ScreenRestart): Promise<void> {
  const { service, screen, before, say, signal } = restart;
  const tab = tabOf(before, screen);
  const shell = shellOf(tab, screen);
  if (shell === "dash" && tab.isIdle)
    throw noTab(
      `nothing runs in tab ${screen.tab} of ${screen.screen}, and its shell keeps no history to run it again from`,
      `screen -r ${shellQuote(screen.screen)} -p ${shellQuote(screen.tab)}`,
    );
  if (tab.isIdle) say(`${service}: nothing runs in its tab; the tab's last command is run again`);
  else {
    say(`${service}: Ctrl-C to ${tab.command.slice(0, 3).join(" ")} in tab ${tab.number} of ${tab.screen}`);
    await type(run, tab, "\x03");
    await ended(run, restart, tab);
  }
  if (signal.aborted) return;
  const line = await environmentLine(run, before, service, tab, shell);
  if (line !== undefined) await type(run, tab, `${line}\r`);
  // zsh keeps a line with a space before it until the next one comes: Up goes past it.
  const up = shell === "zsh" && line !== undefined ? "\x1b[A\x1b[A" : "\x1b[A";
  await type(run, tab, shell === "dash" ? `${commandLine(tab.command)}\r` : `${up}\r`);
}

function tabOf({ tab, tabError }: Look, { screen, tab: wanted }: ScreenRun): LookedTab {
  if (tab !== undefined) return tab;
  throw tabError === "screen"
    ? noTab(`no screen ${screen} of this user runs there`, "screen -ls")
    : noTab(`the screen ${screen} has no tab ${wanted}`, `screen -S ${shellQuote(screen)} -Q windows`);
}

function shellOf({ argv, number, screen }: LookedTab, { tab }: ScreenRun): "bash" | "zsh" | "dash" {
  const name = /([a-z]+)$/.exec(argv[0] ?? "")?.[1];
  if (isShell(argv)) {
    if (name === "bash" || name === "zsh") return name;
    if (name === "dash" || name === "sh") return "dash";
  }
  throw noTab(
    `tab ${tab} (${number} of ${screen}) has no shell that could run its program again: \`${commandLine(argv)}\` is its first process`,
    "in debugtap.yml, in place of `screen` and `tab`:  run: { restart: COMMAND }",
  );
}

async function ended(
  run: Run,
  { service, screen, look, force, endWithin, say, signal }: ScreenRestart,
  tab: LookedTab,
): Promise<void> {
  let until = performance.now() + endWithin;
  for (let killed = false; !signal.aborted;) {
    const now = tabOf(await look(), screen);
    if (now.isIdle) return;
    if (performance.now() > until) {
      if (!force || killed) {
        throw new DebugtapError(
          "DT_RESTART_STUCK",
          `${service} did not end by Ctrl-C in ${Math.round(endWithin / 1000)} s`,
          {
            why: `process group ${now.foreground} (${now.command.slice(0, 3).join(" ")}) still has tab ${tab.number} of ${tab.screen}`,
            fix: killed ? `ps -g ${now.foreground}` : `debugtap restart ${service} --force`,
          },
        );
      }
      say(`${service}: killed, because it did not end by Ctrl-C`);
      await run(`exec kill -KILL -- -${now.foreground}`, {});
      killed = true;
      until = performance.now() + endWithin;
    }
    await pause(lookEvery, signal);
  }
}

/** The line that brings inject's variables into the tab's shell, or takes out what an earlier one brought; undefined: there is nothing to do. */
async function environmentLine(
  run: Run,
  { folder }: Look,
  service: string,
  { env }: LookedTab,
  shell: "bash" | "zsh" | "dash",
): Promise<string | undefined> {
  const line = folder === undefined ? undoLine(env) : await sourceLine(run, `${folder}/env/${service}.sh`);
  // Not in zsh: there a comment is none at the prompt.
  if (line === undefined || shell !== "bash") return line === undefined ? undefined : ` ${line}`;
  // Whether bash kept the line depends on HISTCONTROL; it is taken out if it did.
  const forget = `case $(HISTTIMEFORMAT= history 1) in *'${markOfLine}'*) history -d "$(HISTTIMEFORMAT= history 1 | sed 's/^ *\\([0-9]*\\).*/\\1/')";; esac`;
  return ` ${line}; ${forget} ${markOfLine}`;
}

async function sourceLine(run: Run, file: string): Promise<string | undefined> {
  const { code } = await run(`exec test -r ${shellQuote(file)}`, {});
  return code === 0 ? `. ${shellQuote(file)}` : undefined;
}

function undoLine(env: Readonly<Record<string, string>>): string | undefined {
  if (env["DEBUGTAP_HOOK"] === undefined) return undefined;
  const paths = (env["PYTHONPATH"] ?? "")
    .split(":")
    .filter((path) => !/\/debugtap(?:-\d+)?\/[0-9a-f]{10}\/hook$/.test(path));
  const ours = Object.keys(env).filter((name) => name !== "PYTHONPATH" || paths.length === 0);
  return [`unset ${ours.join(" ")}`, ...(paths.length === 0 ? [] : [`PYTHONPATH=${shellQuote(paths.join(":"))}`])].join(
    "; ",
  );
}

/** Keys, as if they were pressed there. `stuff` reads `^`, `$` and a backslash in its own way. */
async function type(run: Run, { screen, number }: LookedTab, keys: string): Promise<void> {
  const octal = Array.from(
    Buffer.from(keys.replace(/[\\^$]/g, "\\$&"), "utf8"),
    (byte) => `\\${byte.toString(8).padStart(3, "0")}`,
  ).join("");
  const script = `exec screen -S ${shellQuote(screen)} -p ${number} -X stuff "$(printf '${octal}')"\n`;
  await run("exec sh -s", { input: Buffer.from(script, "utf8") });
}

function noTab(what: string, fix: string): DebugtapError {
  return new DebugtapError("DT_RESTART_TAB", what, { fix });
}
