// Every error that a user can meet has a code, says what happened, why, and one fix that can be pasted.
//
// Rules
// - The table is the single list of codes; README's table is checked against it by a test.
// - `exit` is the exit code of the CLI when this error ends it: 2 usage or config, 3 link, 4 a service, 1 the rest.
// - `what` names the thing (a file, a port, a service); `why` is the cause as far as it is known; `fix` is one line to run
//   or one thing to change.

export const errorTable = {
  DT_USAGE: { exit: 2, meaning: "the command line cannot be understood" },
  DT_NODE_TOO_OLD: { exit: 2, meaning: "this Node is older than debugtap supports" },
  DT_NOT_BUILT: { exit: 2, meaning: "debugtap was not compiled, or its packages were not installed" },
  DT_CONFIG_MISSING: { exit: 2, meaning: "no debugtap.yml was found" },
  DT_CONFIG_SYNTAX: { exit: 2, meaning: "debugtap.yml is not valid YAML" },
  DT_CONFIG_INVALID: { exit: 2, meaning: "debugtap.yml has an unknown key or a value of the wrong kind" },
  DT_ENVIRONMENT: { exit: 2, meaning: "a variable of a sidecar's environment is missing or cannot be understood" },
  DT_SERVICE_UNKNOWN: { exit: 2, meaning: "a service is named that the configuration does not have" },
  DT_PORT_IN_USE: { exit: 3, meaning: "another process listens on a port that debugtap needs on this machine" },
  DT_PORT_DENIED: { exit: 3, meaning: "this user may not listen on that port or address" },
  DT_DIAL_REFUSED: { exit: 3, meaning: "nothing listens at the address that debugtap dialled" },
  DT_DIAL_TIMEOUT: { exit: 3, meaning: "the address that debugtap dialled did not answer in time" },
  DT_DIAL_FAILED: { exit: 3, meaning: "the address that debugtap dialled cannot be reached" },
  DT_LINK_LOST: { exit: 3, meaning: "the connection that carried a session was lost" },
  DT_SSH_UNREACHABLE: { exit: 3, meaning: "the SSH server cannot be reached" },
  DT_SSH_TIMEOUT: { exit: 3, meaning: "the SSH server did not answer in time" },
  DT_SSH_PROTOCOL: {
    exit: 3,
    meaning: "the SSH connection failed in the protocol (no common algorithm, not an SSH server)",
  },
  DT_SSH_AUTH: { exit: 3, meaning: "the SSH server refused every key that was offered" },
  DT_SSH_KEY_UNREADABLE: {
    exit: 3,
    meaning: "a private key cannot be read: missing, wrong format, or its passphrase is needed",
  },
  DT_SSH_CONFIG: {
    exit: 2,
    meaning: "the SSH settings of a host cannot be read or use what debugtap does not support",
  },
  DT_HOSTKEY_UNKNOWN: { exit: 3, meaning: "the host key of the SSH server is not in known_hosts" },
  DT_HOSTKEY_CHANGED: { exit: 3, meaning: "the host key of the SSH server differs from the one in known_hosts" },
  DT_HOSTKEY_REVOKED: { exit: 3, meaning: "the host key of the SSH server is marked @revoked in known_hosts" },
  DT_FORWARD_DENIED: { exit: 3, meaning: "the SSH server does not allow this forward" },
  DT_REMOTE_PORT: { exit: 3, meaning: "the SSH server cannot listen on the port that the service dials" },
  DT_PROCESS_UNKNOWN: { exit: 4, meaning: "the process at the far end of a connection was not found" },
  DT_PROCESS_UNMATCHED: { exit: 4, meaning: "a process dialled a shared port, and no service's `match` means it" },
  DT_SERVICE_DOWN: { exit: 4, meaning: "the service does not listen on its debug port" },
  DT_HTTP_ANSWER: { exit: 4, meaning: "the service behind a trigger did not answer in HTTP" },
  DT_HTTP_HOST: { exit: 4, meaning: "a request to a trigger names a host that is not this machine" },
  DT_HTTP_TIMEOUT: { exit: 4, meaning: "the service behind a trigger did not answer within its `timeout`" },
  DT_NOT_HELD: { exit: 4, meaning: "a debuggee was to be released that does not wait for an IDE" },
  DT_NOT_STOPPED: { exit: 4, meaning: "a thread was to run on, and none stands there" },
  DT_DRIVE: { exit: 4, meaning: "the drive of a session cannot be handed over" },
  DT_FRAME_GARBAGE: {
    exit: 4,
    meaning: "a peer sent bytes that are not its wire's; the session goes on in opaque mode",
  },
  DT_FRAME_TOO_LARGE: {
    exit: 4,
    meaning: "a frame is larger than debugtap follows; the session goes on in opaque mode",
  },
  DT_FRAME_TRUNCATED: { exit: 4, meaning: "a peer closed in the middle of a frame" },
  DT_TRACE_DISK: { exit: 1, meaning: "the trace cannot be written; the sessions go on, unrecorded" },
  DT_TRACE_GAP: { exit: 1, meaning: "the recorder fell behind and left bytes out; the trace says how many" },
  DT_TRACE_SECRETS: { exit: 1, meaning: "secrets are recorded as they are, since that was asked for" },
  DT_TRACE_MISSING: { exit: 2, meaning: "there is no trace at that path" },
  DT_TRACE_DAMAGED: { exit: 1, meaning: "a trace file is damaged; what stands before the damage was read" },
  DT_TRACE_NEWER: { exit: 1, meaning: "the trace was written by a newer debugtap" },
  DT_RELAY_NOT_RUNNING: { exit: 3, meaning: "no running debugtap was found to ask" },
  DT_PROGRAM_MISSING: { exit: 2, meaning: "a program or package that debugtap starts is not installed" },
  DT_SPEC: { exit: 2, meaning: "a breakpoint, or a file of breakpoints, cannot be understood" },
  DT_EXPECT: { exit: 2, meaning: "a file of expected hits cannot be understood" },
  DT_NOT_HIT: { exit: 1, meaning: "a breakpoint that was required was never hit" },
  DT_NOTHING_TO_SEND: { exit: 2, meaning: "nothing in the trace can be sent again, or several things could be meant" },
  DT_UNSAFE: { exit: 2, meaning: "what is to be sent again may change something, and --yes was not given" },
  DT_SECRET_NEEDED: { exit: 2, meaning: "a secret that is masked in the trace is needed from the environment" },
  DT_NOT_RECURRED: { exit: 1, meaning: "hits that were recorded did not come again, or not in that order" },
  DT_NOT_DRIVEN: { exit: 4, meaning: "a service could not be driven without an IDE" },
  DT_PATCHED_PYDEVD: { exit: 4, meaning: "pydevd does not answer in a service: eventlet has patched its locks" },
  DT_DEMO_FAILED: { exit: 1, meaning: "the demo could not be played to its end" },
  DT_DEMO_MISSED: { exit: 4, meaning: "a breakpoint of the demo was not hit" },
  DT_CONTROL_SOCKET: { exit: 1, meaning: "the socket for `ps` and `down` cannot be used; the relay runs without it" },
  DT_BOARD_DENIED: { exit: 1, meaning: "a request to the board has no token, or comes from another site's page" },
  DT_BOARD_REQUEST: { exit: 2, meaning: "a request to the board cannot be understood" },
  DT_BOARD_MISSING: { exit: 1, meaning: "the board has nothing at that address" },
  DT_BOARD_REFUSED: { exit: 1, meaning: "what the board was asked for cannot be done here, or not now" },
  DT_NOT_READY: { exit: 1, meaning: "no sidecar runs here, or one of its services has not its port" },
  DT_STOP_TIMEOUT: { exit: 3, meaning: "a running debugtap was asked to stop and did not in time" },
  DT_PATHS_NONE: { exit: 4, meaning: "no directory here holds the sources that a service runs" },
  DT_INIT_NONE: { exit: 4, meaning: "no Python service that can be debugged runs on the host" },
  DT_INJECT_RUN: { exit: 2, meaning: "debugtap.yml does not say how a service is run, so nothing can be put into it" },
  DT_INJECT_UNIT: { exit: 4, meaning: "a systemd unit is not there, or hides every folder that could be put into it" },
  DT_INJECT_PYTHON: { exit: 4, meaning: "the Python of a service is too old to be debugged" },
  DT_INJECT_DEBUGGER: { exit: 4, meaning: "a service's Python has no debugger, and none was lent to it" },
  DT_INJECT_PLACE: { exit: 4, meaning: "nothing can be written on the host" },
  DT_INJECT_FILE: { exit: 4, meaning: "a file on the host that inject is to change cannot be used for that" },
  DT_INJECT_BUSY: { exit: 4, meaning: "another inject or eject is at work on the host" },
  DT_INJECT_MANIFEST: { exit: 4, meaning: "the manifest of what was injected cannot be understood" },
  DT_INJECT_FAILED: { exit: 4, meaning: "a step of inject or eject failed on the host" },
  DT_SUDO_NEEDED: { exit: 4, meaning: "root is needed on the host, and the user may not use sudo without a password" },
  DT_EJECT_CHANGED: { exit: 4, meaning: "a file was changed since inject in a way that it cannot be put back" },
  DT_RUN_MISSING: {
    exit: 2,
    meaning: "debugtap.yml does not say how a service is run, so it cannot be restarted or followed",
  },
  DT_RESTART_FAILED: { exit: 4, meaning: "a service was restarted and does not run, or what restarts it failed" },
  DT_RESTART_TAB: {
    exit: 4,
    meaning: "a tab of GNU screen is not there, or has no shell that could run its program again",
  },
  DT_RESTART_STUCK: { exit: 4, meaning: "a program in a tab of GNU screen did not end by Ctrl-C" },
  DT_RESTART_UNDEBUGGED: {
    exit: 4,
    meaning: "a service was restarted and runs, and the injected debugger did not start in it",
  },
  DT_RESTART_TIMEOUT: { exit: 4, meaning: "a service was restarted and was not up and debugged in time" },
  DT_INJECT_IGNORED: { exit: 4, meaning: "a service does not look at its environment, so nothing injected reaches it" },
  DT_LOGS_FAILED: { exit: 4, meaning: "the log of a service cannot be followed" },
  DT_FILE_UNREADABLE: { exit: 4, meaning: "a file of a host or of this machine cannot be read" },
  DT_INTERNAL: { exit: 1, meaning: "a defect in debugtap" },
} as const satisfies Record<string, { exit: number; meaning: string }>;

export type ErrorCode = keyof typeof errorTable;

export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(errorTable, text);
}

/** An error for the user. `message` is `what`; {@link format} gives the whole text. */
export class DebugtapError extends Error {
  readonly code: ErrorCode;
  readonly why: string | undefined;
  readonly fix: string | undefined;

  constructor(code: ErrorCode, what: string, more: { why?: string; fix?: string; cause?: unknown } = {}) {
    super(what, more.cause === undefined ? {} : { cause: more.cause });
    this.name = "DebugtapError";
    this.code = code;
    this.why = more.why;
    this.fix = more.fix;
  }

  /** The exit code of the CLI when this error ends it. */
  get exit(): number {
    return errorTable[this.code].exit;
  }

  /** `CODE: what` and, on lines of their own, `why:` and `fix:`. */
  format(): string {
    const lines = [`${this.code}: ${this.message}`];
    if (this.why !== undefined) lines.push(`  why: ${this.why}`);
    if (this.fix !== undefined) lines.push(`  fix: ${this.fix}`);
    return lines.join("\n");
  }

  /** The shape printed by `--json`. */
  toJSON(): { code: ErrorCode; what: string; why?: string; fix?: string } {
    return {
      code: this.code,
      what: this.message,
      ...(this.why === undefined ? {} : { why: this.why }),
      ...(this.fix === undefined ? {} : { fix: this.fix }),
    };
  }
}

/** Any thrown value as a DebugtapError: what is not one already is a defect of ours and becomes DT_INTERNAL. */
export function asDebugtapError(thrown: unknown): DebugtapError {
  if (thrown instanceof DebugtapError) return thrown;
  const what = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
  return new DebugtapError("DT_INTERNAL", what, { cause: thrown, fix: "please report this with the lines above" });
}
