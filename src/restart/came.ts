// Whether a service has come back, from one look before its restart and one after: it has, it may still, or why it will not.
//
// Rules
// - Come back is: a process that was not there, and the debugger in it. With inject that is a state of its hook; else its debug port has a
//   new listener (dap), or it has dialled a relay that runs here (pydevd).
// - A relay that reattaches is waited for too: its session means that the breakpoints are set.
// - With several processes, as many are waited for as there were, but not for long once one is there.
import { DebugtapError } from "../../protocol/errors.ts";
import type { SessionView } from "../../protocol/control.ts";
import type { RunConfig } from "../config-inject.ts";
import type { ServiceConfig } from "../config.ts";
import type { HookState } from "../inject/layout.ts";
import type { Look, LookedProcess } from "./look.ts";
import { unitFailure } from "./unit.ts";

export interface CameProcess {
  readonly pid: number;
  readonly program: string;
  /** Of its hook; absent where there is none. */
  readonly state?: HookState["state"];
  /** `debugpy 1.6.6` */
  readonly debugger?: string;
  readonly forked?: boolean;
  readonly error?: string;
}

export interface Came {
  readonly processes: readonly CameProcess[];
  /** How many of these there were before. */
  readonly before: number;
  /** The relay's session of it. */
  readonly session?: string;
}

export interface Wanted {
  readonly service: ServiceConfig;
  readonly how: RunConfig;
  readonly before: Look;
  /** A session in a relay that runs here is waited for. */
  readonly session: boolean;
}

export type Verdict =
  | { readonly is: "there"; readonly came: Came; readonly complete: boolean }
  | { readonly is: "awaited"; readonly what: string }
  | { readonly is: "failed"; readonly error: DebugtapError };

/** `session`: one of the relay's that is newer than the restart and is attached. */
export function verdictOf(
  { service, how, before, session: wantsSession }: Wanted,
  now: Look,
  session: SessionView | undefined,
): Verdict {
  const failure = failureOf(service.name, how, now);
  if (failure !== undefined) return { is: "failed", error: failure };
  const known = new Set(before.processes.map(({ identity }) => identity));
  const fresh = now.processes.filter(({ identity }) => !known.has(identity));
  const told = new Set(before.states.map(keyOf));
  const states = now.states.filter((state) => !told.has(keyOf(state)));
  const hasProcesses = how.kind !== "command";
  if (hasProcesses && fresh.length === 0) return { is: "awaited", what: "its process" };

  const failed = states.find(({ state }) => state === "failed");
  const started = states.filter(({ state }) => state === "started");
  if (now.folder !== undefined) {
    if (started.length === 0 && failed !== undefined) return { is: "failed", error: notStarted(service.name, failed) };
    const deaf = fresh.find(({ argv }) => ignoresEnvironment(argv));
    if (
      states.length === 0 &&
      deaf !== undefined &&
      fresh.every((each) => !isPython(each) || ignoresEnvironment(each.argv))
    )
      return { is: "failed", error: ignored(service.name, deaf) };
    if (started.length === 0)
      return {
        is: "awaited",
        what:
          service.inject.module !== undefined && states.some(({ state }) => state === "waiting")
            ? `the import of ${service.inject.module}`
            : "its debugger to start",
      };
  } else if (service.wire === "dap" && !now.listeners.some((socket) => !before.listeners.includes(socket)))
    return { is: "awaited", what: `its debug port ${service.listens}` };
  if (wantsSession && session === undefined) return { is: "awaited", what: "its session in the running relay" };

  const processes = processesOf(fresh, states);
  const expected = countOf(before);
  const came = { processes, before: expected, ...(session === undefined ? {} : { session: session.name }) };
  const seen = now.folder === undefined ? fresh.filter(isPython).length : settledOf({ states, processes: fresh });
  return { is: "there", came, complete: seen >= expected };
}

/** How many were debugged, with a master that is not; or, before the first inject, how many Pythons it has. */
function countOf(before: Look): number {
  const isDebugged = before.states.some(({ state }) => state === "started");
  return isDebugged ? settledOf(before) : before.processes.filter(isPython).length;
}

/** Processes that are as far as they will come: a master of uWSGI starts no debugger. */
function settledOf({ states, processes }: Pick<Look, "states" | "processes">): number {
  const pythons = new Set(processes.filter(isPython).map(({ pid }) => pid));
  return states.filter(({ state, pid }) => state === "started" || (state === "loaded" && pythons.has(pid))).length;
}

function processesOf(fresh: readonly LookedProcess[], states: readonly HookState[]): CameProcess[] {
  const byPid = new Map(states.map((state) => [state.pid, state]));
  const pids = new Set([
    ...fresh.filter(isPython).map(({ pid }) => pid),
    ...states.filter(({ state }) => state !== "loaded").map(({ pid }) => pid),
  ]);
  if (pids.size === 0) for (const { pid } of fresh) pids.add(pid);
  const argvs = new Map(fresh.map(({ pid, argv }) => [pid, argv]));
  return [...pids]
    .sort((a, b) => a - b)
    .map((pid) => {
      const state = byPid.get(pid);
      return {
        pid,
        program: (argvs.get(pid) ?? state?.argv ?? []).slice(0, 3).join(" "),
        ...(state === undefined ? {} : { state: state.state, forked: state.forked }),
        ...(state?.debugger === undefined ? {} : { debugger: state.debugger }),
        ...(state?.error === undefined ? {} : { error: state.error }),
      };
    });
}

function failureOf(name: string, how: RunConfig, now: Look): DebugtapError | undefined {
  if (how.kind === "unit") {
    const why = now.unit["LoadState"] === "not-found" ? "systemd has no such unit" : unitFailure(now.unit);
    if (why === undefined) return undefined;
    return new DebugtapError("DT_RESTART_FAILED", `${name} (${how.unit}) did not come back`, { why });
  }
  if (how.kind === "compose") {
    const gone = now.containers.find(({ state }) => /exited|dead|restarting/.test(state));
    if (gone === undefined) return undefined;
    return new DebugtapError("DT_RESTART_FAILED", `${name} (${how.service}) did not come back`, {
      why: `its container is ${gone.state}, exit code ${gone.code}`,
    });
  }
  return undefined;
}

function notStarted(name: string, { pid, error, argv }: HookState): DebugtapError {
  return new DebugtapError("DT_RESTART_UNDEBUGGED", `${name} runs, and its debugger did not start`, {
    why: `process ${pid} (${argv.slice(0, 3).join(" ")}): ${error ?? "it does not say why"}`,
    fix: `debugtap doctor`,
  });
}

/** Of a service whose Python was told not to look at its environment, or has another than it was given. */
export function ignored(name: string, { pid, argv }: LookedProcess): DebugtapError {
  const what = `process ${pid} is \`${argv.slice(0, 4).join(" ")}\``;
  const isTold = ignoresEnvironment(argv);
  return new DebugtapError(
    "DT_INJECT_IGNORED",
    `${name} runs without the debugger: ${isTold ? "it does not look at its environment" : "the variables do not reach it"}`,
    isTold
      ? {
          why: `${what}, and -I, -E and -S make Python pass PYTHONPATH or sitecustomize over`,
          fix: "take the option out of its command line, or start the debugger in its program: debugtap init prints the line",
        }
      : {
          why: `${what}, and it has not loaded the hook: what starts it may clear its environment (\`env -i\`, sudo, a supervisor)`,
          fix: `tr '\\0' '\\n' </proc/${pid}/environ | grep -e PYTHONPATH -e DEBUGTAP   # on the host; both are to be passed on`,
        },
  );
}

export function isPython({ argv: [program = ""] }: LookedProcess): boolean {
  return /(?:^|\/)(?:python|pypy|uwsgi|gunicorn)[^/]*$/.test(program);
}

function ignoresEnvironment([program = "", ...options]: readonly string[]): boolean {
  if (!/(?:^|\/)(?:python|pypy)[^/]*$/.test(program)) return false;
  const end = options.findIndex((word) => !word.startsWith("-"));
  const own = options.slice(0, end < 0 ? undefined : end);
  const last = own.findIndex((word) => /^-[a-zA-Z]*[cm]/.test(word));
  return own
    .slice(0, last < 0 ? undefined : last + 1)
    .some((word) => /^-[a-zA-Z]*[IES]/.test(word.replace(/[cmWX].*/, "")));
}

function keyOf({ pid, at }: HookState): string {
  return `${pid}:${at}`;
}
