// What the relay tells about itself: views of hosts, services and sessions, and the events that change them.
// The same shapes go to `up`, to `up --json` (one event a line), to `ps` over the control socket, and later to the page.
import type { ErrorCode } from "./errors.ts";
import type { Side, Wire } from "./frame.ts";
import type { Cut } from "./hit.ts";
import type { DifferingSource } from "./source-difference.ts";

/** An error as it is printed by `--json`. */
export interface Reason {
  readonly code: ErrorCode;
  readonly what: string;
  readonly why?: string;
  readonly fix?: string;
}

export interface HostView {
  readonly name: string;
  /** The SSH destination, or `local`. */
  readonly target: string;
  readonly state: "local" | "connecting" | "up" | "degraded" | "down";
  /** Epoch milliseconds of the last change of state. */
  readonly since: number;
  /** Milliseconds of the last round trip, where it is known. */
  readonly rtt?: number;
  /** When it is tried again, epoch milliseconds; a `down` without it stays until something changes. */
  readonly retryAt?: number;
  readonly reason?: Reason;
}

export interface ServiceView {
  readonly name: string;
  readonly wire: Wire;
  readonly host: string;
  /** `waiting`: its host is not reachable now; new connections wait for it. */
  readonly state: "starting" | "listening" | "waiting" | "failed";
  readonly since: number;
  /** Where the IDE is: `127.0.0.1:5711`. The relay dials it (pydevd) or listens there (dap). */
  readonly ide: string;
  /** Where the service is, on its host: the port that it dials (pydevd) or listens on (dap). */
  readonly vm: string;
  /** Sessions now live, held ones included. */
  readonly sessions: number;
  readonly reason?: Reason;
}

/**
 * waiting: connected, nothing sent yet · held: the debuggee waits for an IDE to listen · attaching: the other side is being
 * dialled · open: both sides joined · released: the debuggee runs on without an IDE · reattaching: its connection was lost and is tried
 * again · closed: over.
 */
export type SessionState = "waiting" | "held" | "attaching" | "open" | "released" | "reattaching" | "closed";

/** One IDE of a session. */
export interface ClientView {
  /** Counts those of its session, from 1. */
  readonly id: number;
  /** As it calls itself. */
  readonly name: string;
  /** It may let the program run. */
  readonly drives: boolean;
}

export interface SessionView {
  readonly id: number;
  readonly service: string;
  readonly ordinal: number;
  readonly name: string;
  readonly wire: Wire;
  readonly debuggee: string;
  readonly client: string;
  /** The debuggee's process: `pid 4711 cinder-scheduler (devstack@c-sch)`. */
  readonly process?: string;
  readonly state: SessionState;
  readonly since: number;
  readonly mode: "cut-through" | "opaque";
  /** Counts by the side that sent them. */
  readonly bytes: Readonly<Record<Side, number>>;
  readonly frames: Readonly<Record<Side, number>>;
  /** IDEs that are attached, the oldest first; absent where there can be one at most. */
  readonly clients?: readonly ClientView[];
  /** Threads that are stopped now, and since when (epoch ms) the first of them is. */
  readonly stopped?: { readonly threads: number; readonly since: number };
  /** Files that breakpoints were set in and whose text here is not the host's. */
  readonly differs?: readonly DifferingSource[];
  /** Why it is held, or how it ended. */
  readonly reason?: string;
}

/** An HTTP port of a VM, at a port here. */
export interface TriggerView {
  readonly name: string;
  readonly host: string;
  /** `127.0.0.1:8776` on the host. */
  readonly to: string;
  /** `127.0.0.1:5780` here. */
  readonly listen: string;
  readonly state: "listening" | "waiting" | "failed";
  /** Requests that are on their way. */
  readonly open: number;
  readonly reason?: Reason;
}

/** One request, and the hits that it caused. */
export interface HttpView {
  /** Counts those that went through triggers, from 1; one of a session is negative. */
  readonly id: number;
  /** The trigger, or the session. */
  readonly through: string;
  readonly method: string;
  readonly path: string;
  /** 0: no answer yet. */
  readonly status: number;
  readonly at: number;
  readonly end?: number;
  readonly request?: string;
  readonly hits: readonly number[];
  /** It can be sent again by who is asked. */
  readonly again: boolean;
}

/** What of the sessions is not in the trace. */
export interface Missed {
  readonly chunks: number;
  readonly bytes: number;
  readonly hits: number;
}

/** A recorder that does not take all: `behind` what comes, or `failed` to write. */
export interface RecorderView {
  readonly state: "behind" | "failed";
  readonly since: number;
  /** Of the whole trace. */
  readonly missed: Missed;
  readonly reason?: Reason;
}

export interface RelayView {
  readonly pid: number;
  readonly started: number;
  readonly version: string;
  readonly config?: string;
  readonly trace?: string;
  /** Where its page is, without the token: `http://127.0.0.1:5700/`. */
  readonly board?: string;
  /** Absent while everything is recorded. */
  readonly recorder?: RecorderView;
  readonly hosts: readonly HostView[];
  readonly services: readonly ServiceView[];
  readonly sessions: readonly SessionView[];
  /** Absent where none is configured. */
  readonly triggers?: readonly TriggerView[];
}

export interface HitSummary {
  /** Counts the hits of the session, from 1. */
  readonly number: number;
  /** DAP's words: breakpoint, step, exception, … */
  readonly reason: string;
  /** The thread's name, or its id. */
  readonly thread: string;
  /** `create (app.py:12)`; absent: the debuggee did not say. */
  readonly where?: string;
  /** Frames that were captured. */
  readonly frames: number;
  /** Milliseconds of the capture. */
  readonly took: number;
  /** The limit that ended the capture. */
  readonly cut?: Cut["by"];
}

/**
 * unmasked: secrets are recorded as they are. behind: what comes is left out; caught-up: no more, and what was. failed: the disk refuses; resumed: it takes again. dropped: the oldest
 * segments go from now on, and why. removed: so many old traces in `dir` are gone. closed: what is missing all in all.
 */
interface TraceEvents {
  readonly type: "trace";
  readonly state:
    | "open"
    | "unmasked"
    | "behind"
    | "caught-up"
    | "failed"
    | "resumed"
    | "dropped"
    | "removed"
    | "closed";
  readonly dir: string;
  readonly reason?: Reason;
  readonly missed?: Missed;
  readonly by?: "max_size" | "max_age";
  readonly traces?: number;
  readonly bytes?: number;
}

/** `at` is epoch milliseconds. */
export type RelayEvent = { readonly at: number } & (
  | { readonly type: "host"; readonly host: HostView }
  | { readonly type: "service"; readonly service: ServiceView }
  | { readonly type: "session"; readonly session: SessionView }
  | { readonly type: "note"; readonly session: string; readonly kind: string; readonly detail: string }
  | { readonly type: "hit"; readonly session: string; readonly hit: HitSummary }
  | { readonly type: "trigger"; readonly trigger: TriggerView }
  /** A request began, or has ended. */
  | { readonly type: "http"; readonly http: HttpView }
  | TraceEvents
  /** The page is there; its address without the token. `taken`: the port that was wanted and is another debugtap's. */
  | { readonly type: "board"; readonly url: string; readonly taken?: number }
  | { readonly type: "error"; readonly error: Reason }
);
