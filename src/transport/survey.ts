// What runs on a host, read from the output of survey-script.ts: processes, units, screens, containers, interpreters.
//
// Rules
// - Nothing is concluded here: which processes are one service is said by src/init/services.ts.
// - What cannot be read is left out; no output can make it throw.
import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { DebugtapError } from "../../protocol/errors.ts";
import { elements, member } from "../../protocol/json.ts";
import { parseCgroup } from "../cgroup.ts";
import { listenersIn, type Listener } from "./listeners.ts";
import type { Run } from "./process-lookup.ts";
import { debuggersIn, jsonIn, type RunningDebugger } from "./survey-debuggers.ts";
import { surveyCommand, surveyTimeoutMs } from "./survey-script.ts";

export interface Interpreter {
  /** Absolute path on the host, or in the container. */
  readonly path: string;
  /** `3.11.2`; absent when it did not answer. */
  readonly version?: string;
  /** Of debugpy, pydevd, eventlet, gevent, what can be imported. */
  readonly has: readonly string[];
  /** Entries of sys.path, and editable installs, outside of its own packages. */
  readonly roots: readonly string[];
}

export interface SurveyProcess {
  readonly pid: number;
  readonly ppid: number;
  readonly uid: number | undefined;
  readonly argv: readonly string[];
  /** Absent where it is another user's. */
  readonly cwd?: string;
  readonly exe?: string;
  readonly unit?: string;
  /** It is one of `systemctl --user`. */
  readonly ofUser?: true;
  /** `docker 1a2b…` */
  readonly container?: string;
  readonly env: Readonly<Record<string, string>>;
  /** Whether greenlet is loaded; undefined where that is not shown. */
  readonly green: boolean | undefined;
  readonly interpreter: Interpreter | undefined;
  /** That runs in it already, where that shows: debugpy's adapter is connected with it, or it has the hook of `inject`. */
  readonly debugger?: RunningDebugger;
}

export interface SurveyContainer {
  readonly id: string;
  readonly name: string;
  readonly image: string;
  readonly ports: string;
  readonly project: string;
  /** The service of its compose file. */
  readonly service: string;
  /** The directory of that file on the host; empty where it is not told. */
  readonly dir: string;
  readonly interpreter: Interpreter | undefined;
}

export interface Survey {
  readonly user: string;
  readonly processes: readonly SurveyProcess[];
  readonly units: readonly { readonly id: string; readonly description: string }[];
  /** Units `devstack@*` that do not run. */
  readonly down: readonly string[];
  readonly tabs: readonly { readonly screen: string; readonly number: string; readonly title: string }[];
  readonly containers: readonly SurveyContainer[];
  readonly dockerError?: string;
  /** Directories in /opt/stack. */
  readonly stack: readonly string[];
  /** TCP ports that somebody listens on there. */
  readonly ports: readonly number[];
}

/** Rejects with DT_SSH_PROTOCOL where the login runs no commands, DT_PROGRAM_MISSING where the host has no such script's programs, and as `run`. */
export async function surveyHost(run: Run): Promise<Survey> {
  const mark = `dt.${randomBytes(9).toString("hex")}`;
  const { code, stdout } = await run(surveyCommand(mark), { timeoutMs: surveyTimeoutMs });
  if (!stdout.includes(mark)) {
    throw new DebugtapError("DT_SSH_PROTOCOL", "the host does not run commands for this login", {
      why: "its sshd or the user's shell runs something else in their place (ForceCommand, internal-sftp, nologin)",
      fix: "sudo sshd -T | grep -i forcecommand; getent passwd USER   # on the host, by another login",
    });
  }
  if (!stdout.includes(`\n${mark} end=ok`)) {
    throw new DebugtapError("DT_PROGRAM_MISSING", "what runs on the host cannot be looked at", {
      why: `the script ended with ${code ?? "a signal"} before its end; it needs sh, base64, grep and sed there`,
      fix: "sudo apt-get install coreutils grep sed   # on the host",
    });
  }
  return parseSurvey(stdout, mark);
}

export function parseSurvey(output: string, mark: string): Survey {
  const processes: Map<string, string>[] = [];
  const parts: (readonly [key: string, value: string])[] = [];
  for (const part of output.split(`\n${mark} `).slice(1)) {
    const at = part.indexOf("=");
    const [key, value] = [part.slice(0, at), part.slice(at + 1)];
    if (key === "pid") processes.push(new Map([[key, value]]));
    else if (ofProcess.has(key)) processes.at(-1)?.set(key, value);
    else parts.push([key, value]);
  }
  const all = (key: string): string[] => parts.filter(([name]) => name === key).map(([, value]) => value);
  const one = (key: string): string => all(key)[0] ?? "";
  const interpreters = new Map(all("ask").map((text) => [firstLine(text), interpreterOf(text)]));
  const contents = new Map(
    all("contents").map((text) => [firstLine(text), interpreterOf(`python3${text.slice(firstLine(text).length)}`)]),
  );
  const dockerError = one("dockererror").trim();
  return {
    user: one("me").trim(),
    processes: withDebuggers(
      processes.flatMap((values) => processOf(values, interpreters) ?? []),
      debuggersIn(processes, one("pairs")),
    ),
    units: unitsOf(one("units")),
    down: downOf(one("down")),
    tabs: all("tabs").flatMap((text) => tabsOf(text)),
    containers: containersOf(one("docker"), contents),
    ...(dockerError === "" ? {} : { dockerError }),
    stack: lines(one("opt")).map((dir) => dir.replace(/\/$/, "")),
    ports: listeningPorts(one("ports")),
  };
}

const ofProcess: ReadonlySet<string> = new Set([
  "stat",
  "uid",
  "argv",
  "cgroup",
  "cwd",
  "exe",
  "env",
  "green",
  "python",
  "sockets",
  "hook",
]);

function processOf(
  values: ReadonlyMap<string, string>,
  interpreters: ReadonlyMap<string, Interpreter>,
): SurveyProcess | undefined {
  const of = (key: string): string => values.get(key) ?? "";
  const pid = Number(of("pid").trim());
  const argv = of("argv").replace(/\0$/, "").split("\0");
  const ppid = Number(/\) \S (\d+)/.exec(of("stat"))?.[1]);
  if (!Number.isSafeInteger(pid) || pid < 1 || Number.isNaN(ppid) || argv[0] === "") return undefined;
  const uid = of("uid").trim();
  const green = of("green").trim();
  const { unit, container, cgroup = "" } = parseCgroup(of("cgroup"));
  return {
    pid,
    ppid,
    uid: uid === "" ? undefined : Number(uid),
    argv,
    ...(of("cwd") === "" ? {} : { cwd: of("cwd") }),
    ...(of("exe") === "" ? {} : { exe: of("exe") }),
    ...(unit === undefined ? {} : { unit }),
    ...(unit !== undefined && /\/user@\d+\.service\//.test(cgroup) ? { ofUser: true as const } : {}),
    ...(container === undefined ? {} : { container }),
    env: Object.fromEntries(lines(of("env")).map((pair) => [pair.split("=", 1)[0], pair.slice(pair.indexOf("=") + 1)])),
    green: green === "" ? undefined : green !== "0",
    interpreter: interpreters.get(of("python").replace(/\n$/, "")),
  };
}

function withDebuggers(
  processes: readonly SurveyProcess[],
  debuggers: ReadonlyMap<number, RunningDebugger>,
): SurveyProcess[] {
  return processes.map((process) => {
    const own = debuggers.get(process.pid);
    return own === undefined ? process : { ...process, debugger: own };
  });
}

/** `KEY`, and on the next line what it printed. */
export function interpreterOf(text: string): Interpreter {
  const [path = ""] = firstLine(text).split("\t");
  const told = jsonIn(lines(text).at(-1) ?? "");
  const version = member(told, "version");
  return {
    path,
    ...(typeof version === "string" ? { version } : {}),
    has: elements(told, "has").map(String),
    roots: elements(told, "roots").map(String),
  };
}

/** Of `systemctl show -p Id -p Description …`: units are told apart by an empty line. */
function unitsOf(text: string): { id: string; description: string }[] {
  return text.split(/\n\s*\n/).flatMap((block) => {
    const id = /^Id=(.+)$/m.exec(block)?.[1];
    return id === undefined ? [] : [{ id, description: /^Description=(.*)$/m.exec(block)?.[1] ?? "" }];
  });
}

/** Of `systemctl list-units --all --plain --no-legend`: UNIT LOAD ACTIVE SUB DESCRIPTION. */
function downOf(text: string): string[] {
  return lines(text).flatMap((line) => {
    const [unit, , active] = line.trim().split(/\s+/);
    return unit?.endsWith(".service") === true && active !== "active" ? [unit] : [];
  });
}

/** `19225.stack`, and on the next line `0 c-api|1 c-sch|`. */
function tabsOf(text: string): { screen: string; number: string; title: string }[] {
  const screen = firstLine(text);
  return text
    .slice(screen.length)
    .split("|")
    .flatMap((tab) => {
      const [, number, title] = /^\s*(\d+) (.*)$/.exec(tab) ?? [];
      return number === undefined ? [] : [{ screen, number, title: title ?? "" }];
    });
}

function containersOf(text: string, contents: ReadonlyMap<string, Interpreter>): SurveyContainer[] {
  return lines(text).flatMap((line) => {
    const [id = "", name = "", image = "", ports = "", project = "", service = "", dir = ""] = line.split("\t");
    return /^[0-9a-f]{12,64}$/.test(id)
      ? [{ id, name, image, ports, project, service, dir: dir.trim(), interpreter: contents.get(id) }]
      : [];
  });
}

/** Of rows of /proc/net/tcp: those that listen. */
export function listeningPorts(rows: string): number[] {
  return [...new Set(listenersIn(rows).map(({ port }) => port))].sort((a, b) => a - b);
}

function firstLine(text: string): string {
  return text.split("\n", 1)[0] ?? "";
}

function lines(text: string): string[] {
  return text.split("\n").filter((line) => line.trim() !== "");
}

/** TCP ports that somebody listens on here; none where the system does not tell. */
export async function portsHere(): Promise<number[]> {
  return (await listenersHere()).map(({ port }) => port);
}

/** As {@link portsHere}, with their addresses. */
export async function listenersHere(): Promise<Listener[]> {
  const tables = ["/proc/net/tcp", "/proc/net/tcp6"].map((file) => readFile(file, "utf8").catch(() => ""));
  return listenersIn((await Promise.all(tables)).join("\n"));
}
