// What `debugtap inject` puts on a host, and where. The Python side reads the same: src/inject/hook/.
//
//   ~/.cache/debugtap/ID/            ID is this debugtap's own (of the directory of debugtap.yml), so that two do not meet; mode 0700
//     hook/sitecustomize.py          found by PYTHONPATH; chains to the one that it hides, then imports the next
//     hook/debugtap_*.py             start the debugger in the right process at the right time; all of hook/*.py are needed
//     lent/                          debugpy, where the host has none
//     services/NAME.json             HookConfig; DEBUGTAP_HOOK names it
//     services/NAME.soon             `SECONDS UNTIL`: a longer `wait` for starts before UNTIL (since 1970), by `debugtap restart`
//     env/NAME.env                   the variables, one `NAME=value` a line (systemd's EnvironmentFile, compose's env_file)
//     state/NAME/PID.json            HookState of each process that has loaded the hook
//     manifest.json                  every file that was touched outside, with its hash and text before
//     eject.sh                       puts all of it back, by hand too
//
// Rules
// - A service never fails because of the hook: what goes wrong is written to its state, and the service runs without a debugger.
// - A process is debugged once: the first that loads the hook, and what it forks (of uWSGI: what it forks alone). Python programs that it starts join its debugger by
//   their own hook (DEBUGTAP_DEBUGGED, which the first sets, says where), and start none of their own.

/** Below the home directory there. */
export const hookRoot = ".cache/debugtap";

/** `services/NAME.json` */
export interface HookConfig {
  readonly version: 1;
  readonly service: string;
  /** `dap`: debugpy.listen there, in the first process (of uWSGI: beside it); forked ones follow by its adapter. `pydevd`: each process dials. */
  readonly wire: "dap" | "pydevd";
  readonly host: string;
  readonly port: number;
  /** The debugger starts at the first import of it; null: as soon as Python has started. */
  readonly module: string | null;
  /** Text that the process's command line must have; null: any. What differs is not debugged, and hands the hook on to what it starts. */
  readonly argv: string | null;
  /** Seconds that a process that listens waits for a client before its first line; 0: not at all. */
  readonly wait: number;
  /** Names of threads that are not traced; `*` is anything. */
  readonly guard: readonly string[];
}

/** `state/NAME/PID.json`, replaced as a whole at each step. */
export interface HookState {
  readonly version: 1;
  readonly service: string;
  readonly pid: number;
  readonly ppid: number;
  /** Boot id and pid namespace in which the pid is meant, `3f1c… pid:[4026531836]`; absent where it does not show. */
  readonly namespace?: string;
  readonly argv: readonly string[];
  /** Seconds since 1970. */
  readonly at: number;
  /**
   * `loaded`: nothing was started, and nothing will be (another program, a master of uWSGI). `waiting`: for the import of `module`, or, where that has
   * come, for the other end to answer. `started`: the debugger listens, or has dialled and was told to run. `failed`: see `error`; the
   * service runs without.
   */
  readonly state: "loaded" | "waiting" | "started" | "failed";
  /** `debugpy 1.6.6`, `pydevd 2.9.5`, with ` (lent)` where it is ours. */
  readonly debugger?: string;
  readonly python: string;
  /** Whether a master forked it. */
  readonly forked: boolean;
  /** `uwsgi`, `gunicorn`, `eventlet`, `gevent`: what was seen. */
  readonly seen: readonly string[];
  readonly error?: string;
}

/** Variables of the service's process; `root` is absolute, `pythonPath` is what it has without us. */
export function hookEnvironment(
  root: string,
  service: string,
  { pythonPath, green }: { readonly pythonPath?: string | undefined; readonly green: boolean },
): Record<string, string> {
  return {
    PYTHONPATH: [`${root}/hook`, ...(pythonPath ? [pythonPath] : [])].join(":"),
    DEBUGTAP_HOOK: `${root}/services/${service}.json`,
    // pydevd's own threads survive eventlet's and gevent's patches with this alone (and it does no harm without them).
    ...(green ? { GEVENT_SUPPORT: "True" } : {}),
    // A uWSGI without threads lets no debugger's thread run.
    UWSGI_ENABLE_THREADS: "1",
    PYDEVD_DISABLE_FILE_VALIDATION: "1",
  };
}
