// What there is to see of one service on its host, in one command: its processes, its unit, its hook's states, who listens.
//
// Rules
// - POSIX sh, by the command's standard input: the user's shell may be any. Nothing is written.
// - What is new is told by identity, never by a clock: a process is its pid with its start, a listener its socket, a state its pid and time.
// - A debugger's own helper (debugpy's adapter, what listens for uWSGI) is no process of the service.
import { randomBytes } from "node:crypto";
import { DebugtapError } from "../../protocol/errors.ts";
import { member, parseJson } from "../../protocol/json.ts";
import { shellQuote } from "../../protocol/shell.ts";
import type { RunConfig } from "../config-inject.ts";
import type { ServiceConfig } from "../config.ts";
import { findFolderScript, sharedFolder } from "../inject/folder.ts";
import type { HookState } from "../inject/layout.ts";
import { isDebuggersOwn } from "../python-helpers.ts";
import type { Run } from "../transport/process-lookup.ts";
import { composeScript } from "./compose.ts";
import { unitShowScript } from "./unit.ts";

export interface LookedProcess {
  readonly pid: number;
  /** `PID:START`; of a container `ID:START`. */
  readonly identity: string;
  readonly argv: readonly string[];
}

/** The tab of a GNU screen, and the process that screen itself started in it. */
export interface LookedTab {
  /** `19225.stack` */
  readonly screen: string;
  readonly number: string;
  readonly pid: number;
  readonly argv: readonly string[];
  /** The process group that the terminal's keys go to; `isIdle`: the tab's own shell has them. */
  readonly foreground: number;
  readonly isIdle: boolean;
  /** Of the foreground's first process. */
  readonly command: readonly string[];
  /** What of inject's variables it has. */
  readonly env: Readonly<Record<string, string>>;
}

export interface Look {
  readonly uid: number;
  readonly home: string;
  readonly processes: readonly LookedProcess[];
  /** Properties of `systemctl show`; empty where it is no unit. */
  readonly unit: Readonly<Record<string, string>>;
  readonly tab?: LookedTab;
  /** Why there is no tab. */
  readonly tabError?: "none" | "screen";
  /** Containers: `ID STATE EXITCODE STARTED`. */
  readonly containers: readonly {
    readonly id: string;
    readonly state: string;
    readonly code: string;
    readonly started: string;
  }[];
  /** inject's folder; absent where there is none, or this service is not in it. */
  readonly folder?: string;
  readonly states: readonly HookState[];
  /** Sockets that listen on the service's debug port. */
  readonly listeners: readonly string[];
  /** The user whose socket it is, by number. */
  readonly listenerUid?: number;
}

/** Rejects with DT_PROGRAM_MISSING where the host runs no such script, and as `run`. */
export async function look(run: Run, { name, listens }: ServiceConfig, how: RunConfig, id: string): Promise<Look> {
  const mark = `dt.${randomBytes(9).toString("hex")}`;
  const script = `${head(mark)}\n${processScript(how)}\n${tail(name, listens, id, how)}\nmark end; echo ok\n`;
  const { stdout } = await run("exec sh -s", { input: Buffer.from(script, "utf8"), timeoutMs: 30_000 });
  const parts = stdout.split(`\n${mark} `).slice(1);
  if (parts.at(-1)?.startsWith("end=ok") !== true) {
    throw new DebugtapError("DT_PROGRAM_MISSING", `what runs of ${name} cannot be looked at on its host`, {
      why: "the script ended before its end; it needs sh, grep and sed there",
      fix: "sudo apt-get install coreutils grep sed",
    });
  }
  return parseLook(parts);
}

function head(mark: string): string {
  return String.raw`exec 2>/dev/null; LC_ALL=C; export LC_ALL; XDG_RUNTIME_DIR=${"$"}{XDG_RUNTIME_DIR:-/run/user/$(id -u)}; export XDG_RUNTIME_DIR
mark() { printf '\n${mark} %s=' "$1"; }
show() { [ -r /proc/$1/stat ] || return; mark pid; echo $1; mark stat; head -c 2000 /proc/$1/stat; mark argv; head -c 4096 /proc/$1/cmdline; }
below() { for q in $(grep -l "^PPid:[^0-9]*$1$" /proc/[0-9]*/status | tr -dc '0-9\n'); do echo $q; below $q; done; }
mark uid; id -u; mark home; printf '%s' "$HOME"`;
}

function processScript(how: RunConfig): string {
  if (how.kind === "unit") {
    return `mark unit; ${unitShowScript(how)}
group=$(${unitShowScript(how)} | sed -n 's/^ControlGroup=//p')
if [ "$group" ]; then for base in /sys/fs/cgroup /sys/fs/cgroup/unified /sys/fs/cgroup/systemd; do
  if [ -r "$base$group/cgroup.procs" ]; then for p in $(cat "$base$group/cgroup.procs" "$base$group"/*/cgroup.procs); do show $p; done; break; fi
done; fi`;
  }
  if (how.kind === "screen") return tabScript(how);
  if (how.kind === "compose") {
    return `for c in $(${composeScript(how, 'ps -q "$service"')}); do
  mark container; docker inspect -f '{{.Id}} {{.State.Status}} {{.State.ExitCode}} {{.State.StartedAt}} {{.State.Pid}}' "$c"
  p=$(docker inspect -f '{{.State.Pid}}' "$c"); [ "$p" -gt 0 ] && for q in $p $(below $p); do show $q; done
done`;
  }
  return "";
}

/** Children of the screen tell by WINDOW which tab they are in. */
function tabScript({ screen, tab }: { readonly screen: string; readonly tab: string }): string {
  return String.raw`screen=${shellQuote(screen)}; tab=${shellQuote(tab)}
sty=$(screen -ls | sed -n 's/^[[:space:]]*\([0-9][0-9]*\.[^[:space:]]*\)[[:space:]].*/\1/p' | while read -r s; do
  if [ "$s" = "$screen" ] || [ "${"$"}{s#*.}" = "$screen" ]; then printf '%s\n' "$s"; break; fi; done)
if [ "$sty" ]; then
  number=$(screen -S "$sty" -Q windows '%n %t|' | tr '|' '\n' | sed 's/^ *//' | { best=; while read -r n t; do
    [ "$t" = "$tab" ] && best=${"$"}{best:-$n}; [ "$n" = "$tab" ] && best=$n; done; echo $best; })
  server=${"$"}{sty%%.*}
  [ "$number" ] && for p in $(grep -l "^PPid:[^0-9]*$server$" /proc/[0-9]*/status | tr -dc '0-9\n'); do
    tr '\000' '\n' </proc/$p/environ | grep -qx "WINDOW=$number" || continue
    mark tab; printf '%s %s %s' "$p" "$number" "$sty"
    mark tabstat; head -c 2000 /proc/$p/stat; mark tabargv; head -c 4096 /proc/$p/cmdline
    stat=$(cat /proc/$p/stat); set -- ${"$"}{stat##*)}; front=$6
    mark front; head -c 4096 /proc/$front/cmdline
    mark frontenv; tr '\000' '\n' </proc/$front/environ | grep -E '^(DEBUGTAP_HOOK|PYTHONPATH|GEVENT_SUPPORT|UWSGI_ENABLE_THREADS|PYDEVD_DISABLE_FILE_VALIDATION)=' | head -c 8192
    for q in $p $(below $p); do show $q; done
    break
  done
  [ "$number" ] || { mark taberror; echo none; }
else mark taberror; echo screen; fi`;
}

/** A state of a process that has ended says nothing; in a container process ids are others. */
function tail(name: string, port: number | undefined, id: string, how: RunConfig): string {
  const service = shellQuote(name);
  const hex = port?.toString(16).toUpperCase().padStart(4, "0");
  return `folder=$(${findFolderScript(id)})
for f in "$folder" ${sharedFolder(id)}; do
  [ "$f" ] && [ -r "$f"/services/${service}.json ] || continue
  mark folder; printf '%s' "$f"; for s in "$f"/state/${service}/*.json; do p=\${s##*/}; ${how.kind === "compose" ? '[ -r "$s" ]' : '[ -d "/proc/${p%.json}" ]'} && { mark state; head -c 20000 "$s"; }; done; break
done
${hex === undefined ? "" : `mark ports; grep -h ":${hex} [0-9A-F:]* 0A " /proc/net/tcp /proc/net/tcp6`}`;
}

function parseLook(parts: readonly string[]): Look {
  const pairs = parts.map((part) => [part.slice(0, part.indexOf("=")), part.slice(part.indexOf("=") + 1)] as const);
  const all = (key: string): string[] => pairs.filter(([name]) => name === key).map(([, value]) => value);
  const one = (key: string): string => all(key)[0] ?? "";
  const [stats, argvs] = [all("stat"), all("argv").map(words)];
  const tab = tabOf(one);
  const processes = all("pid").flatMap((pid, index) => {
    const argv = argvs[index] ?? [];
    const start = statFields(stats[index] ?? "")[19] ?? "";
    const own = Number(pid) === tab?.pid && tab.command.length > 0 && isShell(argv);
    if (own || argv.length === 0 || isDebuggersOwn(argv) || /multiprocessing\.resource_tracker/.test(argv.join(" ")))
      return [];
    return [{ pid: Number(pid), identity: `${Number(pid)}:${start}`, argv }];
  });
  const rows = one("ports")
    .split("\n")
    .flatMap((row) => {
      const fields = row.trim().split(/\s+/);
      return fields[9] === undefined ? [] : [{ inode: fields[9], uid: Number(fields[7]) }];
    });
  const error = one("taberror").trim();
  return {
    uid: Number(one("uid")),
    home: one("home"),
    processes: [...new Map(processes.map((each) => [each.identity, each])).values()],
    unit: properties(one("unit")),
    ...(tab === undefined ? {} : { tab }),
    ...(error === "none" || error === "screen" ? { tabError: error } : {}),
    containers: all("container").flatMap((text) => {
      const [id, state, code, started] = text.trim().split(/\s+/);
      return id === undefined || started === undefined ? [] : [{ id, state: state ?? "", code: code ?? "", started }];
    }),
    ...(one("folder") === "" ? {} : { folder: one("folder") }),
    states: all("state").flatMap(stateOf),
    listeners: rows.map(({ inode }) => inode),
    ...(rows[0] === undefined ? {} : { listenerUid: rows[0].uid }),
  };
}

function tabOf(one: (key: string) => string): LookedTab | undefined {
  const [, pid, number, screen] = /^(\d+) (\d+) (\S+)/.exec(one("tab")) ?? [];
  if (pid === undefined || number === undefined || screen === undefined) return undefined;
  // What follows the name: state ppid pgrp session tty tpgid …
  const [, , group, , , front] = statFields(one("tabstat"));
  return {
    screen,
    number,
    pid: Number(pid),
    argv: words(one("tabargv")),
    foreground: Number(front),
    isIdle: group === front,
    command: words(one("front")),
    env: properties(one("frontenv")),
  };
}

/** Of a shell that reads commands from its terminal. */
export function isShell([program = "", ...rest]: readonly string[]): boolean {
  const isNamed = /^-?(?:.*\/)?(?:ba|z|da|k|mk|fi|tc|c)?sh$/.test(program);
  return isNamed && rest.every((word) => word.startsWith("-") && !/^-[a-z]*c/.test(word));
}

/** Of /proc/PID/stat, what follows the program's name: `S 1 …`; the 20th is the start. */
function statFields(stat: string): string[] {
  return stat
    .slice(stat.lastIndexOf(")") + 1)
    .trim()
    .split(/\s+/);
}

/** Of lines `NAME=value`. */
function properties(text: string): Record<string, string> {
  const lines = text.split("\n").filter((line) => line.includes("="));
  return Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]));
}

function words(value: string): string[] {
  const text = value.replace(/\0+$/, "");
  return text === "" ? [] : text.split("\0");
}

function stateOf(text: string): HookState[] {
  const told = parseJson(Buffer.from(text)); // undefined while it is being written
  return isState(told) ? [told] : [];
}

function isState(told: unknown): told is HookState {
  const [state, argv] = [member(told, "state"), member(told, "argv")];
  return (
    ["loaded", "waiting", "started", "failed"].includes(String(state)) &&
    typeof member(told, "pid") === "number" &&
    Array.isArray(argv) &&
    argv.every((word) => typeof word === "string")
  );
}
