// Which process is at the debuggee's end: what is known of it, whether it is the one that a service's `match` means, and
// one line that names it.
import type { ProcessMatch } from "./config.ts";

/** One of the processes above: its parent, the parent's parent, … */
export interface Ancestor {
  readonly pid: number;
  /** See {@link ProcessFacts.started}. */
  readonly started: number;
}

export interface ProcessFacts {
  /** Absent when another user's process is at the socket and several could be it: the other facts then hold for each of them. */
  readonly pid?: number;
  readonly ppid?: number;
  /** Empty if it could not be read. */
  readonly argv: readonly string[];
  readonly cwd?: string;
  readonly exe?: string;
  readonly cgroup?: string;
  /** systemd unit, e.g. `devstack@c-api.service` */
  readonly unit?: string;
  /** Container, by runtime and id or name: `docker 1a2b…`, `lxc web`. */
  readonly container?: string;
  readonly user?: string;
  readonly uid?: number;
  /** Only the variables that were asked for, see {@link matchedVariables}. */
  readonly env?: Readonly<Record<string, string>>;
  /** Clock ticks after boot: with the pid it names a process for good, pids come again. */
  readonly started?: number;
  /** Nearest first, at most five. */
  readonly ancestors?: readonly Ancestor[];
}

const maxDescription = 120;

/** Whether all that `match` names holds. A fact that is not known does not hold. */
export function matches(match: ProcessMatch, facts: ProcessFacts): boolean {
  const { unit, argv, cwd, env, user } = match;
  return (
    (unit === undefined || sameUnit(unit, facts.unit)) &&
    (argv === undefined || facts.argv.join(" ").includes(argv)) &&
    (cwd === undefined || isAtOrBelow(facts.cwd, cwd)) &&
    (env === undefined || hasVariable(facts.env ?? {}, env)) &&
    (user === undefined || user === facts.user || (facts.uid !== undefined && user === String(facts.uid)))
  );
}

/** Names of the environment variables that some `match` asks for. */
export function matchedVariables(all: readonly (ProcessMatch | undefined)[]): string[] {
  const names = all.flatMap((match) => (match?.env === undefined ? [] : [match.env.replace(/=.*$/s, "")]));
  return [...new Set(names)];
}

/** `pid 4711 cinder-scheduler (devstack@c-sch)` */
export function describeProcess(facts: ProcessFacts): string {
  const where = shortContainer(facts.container) ?? facts.unit?.replace(/\.service$/, "");
  const who = facts.user ?? (facts.uid === undefined ? undefined : `uid ${facts.uid}`);
  const parts = [
    facts.pid === undefined ? `a process of ${who ?? "an unknown user"}` : `pid ${facts.pid}`,
    programName(facts.argv) ?? (facts.exe === undefined ? undefined : baseName(facts.exe)),
    where === undefined ? undefined : `(${where})`,
  ];
  const line = parts.filter((part) => part !== undefined).join(" ");
  const shown = line.replace(/[\s\p{Cc}\u2028\u2029]+/gu, " ");
  return shown.length <= maxDescription ? shown : `${shown.slice(0, maxDescription - 1)}…`;
}

/** What `match` in debugtap.yml would mean this process; undefined if nothing of it is known. */
export function suggestMatch(facts: ProcessFacts): string | undefined {
  if (facts.unit !== undefined) return `match: { unit: ${facts.unit.replace(/\.service$/, "")} }`;
  const name = programName(facts.argv);
  if (name !== undefined) return `match: { argv: ${JSON.stringify(name)} }`;
  return facts.user === undefined ? undefined : `match: { user: ${facts.user} }`;
}

function sameUnit(wanted: string, unit: string | undefined): boolean {
  return unit !== undefined && (unit === wanted || unit === `${wanted}.service`);
}

function isAtOrBelow(path: string | undefined, dir: string): boolean {
  if (path === undefined) return false;
  const base = dir.replace(/\/+$/, "");
  return path === base || path.startsWith(`${base}/`);
}

function hasVariable(env: Readonly<Record<string, string>>, wanted: string): boolean {
  const at = wanted.indexOf("=");
  const name = wanted.slice(0, at);
  return at > 0 && Object.hasOwn(env, name) && env[name] === wanted.slice(at + 1);
}

function shortContainer(container: string | undefined): string | undefined {
  return container?.replace(/[0-9a-f]{64}/, (id) => id.slice(0, 12));
}

/** What people call a process: the script of an interpreter, the program that debugpy or pydevd runs, else the program. */
function programName(argv: readonly string[]): string | undefined {
  const [program, ...rest] = argv;
  if (program === undefined || program === "") return undefined;
  const name = baseName(program);
  if (!/^(?:python|pypy)[\d.]*$/.test(name)) return name;
  return scriptName(rest) ?? name;
}

// python [-Bu] [-W x] [-X x] [-m MODULE | -c CODE | SCRIPT] …    pydevd.py … --file SCRIPT …    -m debugpy --listen 5678 SCRIPT …
function scriptName(args: readonly string[]): string | undefined {
  for (let at = 0; at < args.length; at++) {
    const arg = args[at] ?? "";
    if (arg === "-c") return undefined;
    if (arg === "-W" || arg === "-X") at++;
    else if (arg === "-m" || !arg.startsWith("-")) {
      const after = args.slice(arg === "-m" ? at + 2 : at + 1);
      const name = arg === "-m" ? args[at + 1] : baseName(arg);
      return name === undefined ? undefined : (debuggedName(name, after) ?? name);
    }
  }
  return undefined;
}

function debuggedName(launcher: string, args: readonly string[]): string | undefined {
  if (launcher === "pydevd.py" || launcher === "pydevd") {
    const file = args[args.indexOf("--file") + 1];
    return args.includes("--file") && file !== undefined ? baseName(file) : undefined;
  }
  if (launcher !== "debugpy") return undefined;
  const takesValue = /^--(?:listen|connect|log-to|adapter-access-token|parent-session-pid|configure-.*)$/;
  const plain = args.filter((arg) => arg !== "--wait-for-client" && arg !== "--log-to-stderr");
  const at = plain.findIndex((arg, index) => !takesValue.test(arg) && !takesValue.test(plain[index - 1] ?? ""));
  return at === -1 ? undefined : scriptName(plain.slice(at));
}

function baseName(path: string): string {
  return path.replace(/^.*\/(?=[^/])/s, "");
}
