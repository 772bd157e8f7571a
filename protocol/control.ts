// What the relay tells about itself: views of hosts, services and sessions, and the events that change them.
// The same shapes go to `up`, to `up --json` (one event a line), to `ps` over the control socket, and later to the page.
import type { ErrorCode } from "./errors.ts";
import type { Side, Wire } from "./frame.ts";

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
 * dialled · open: both sides joined · released: the debuggee runs on without an IDE · closed: over.
 */
export type SessionState = "waiting" | "held" | "attaching" | "open" | "released" | "closed";

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
  /** Threads that are stopped now, and since when (epoch ms) the first of them is. */
  readonly stopped?: { readonly threads: number; readonly since: number };
  /** Why it is held, or how it ended. */
  readonly reason?: string;
}

export interface RelayView {
  readonly pid: number;
  readonly started: number;
  readonly version: string;
  readonly config?: string;
  readonly trace?: string;
  readonly hosts: readonly HostView[];
  readonly services: readonly ServiceView[];
  readonly sessions: readonly SessionView[];
}

/** `at` is epoch milliseconds. */
export type RelayEvent = { readonly at: number } & (
  | { readonly type: "host"; readonly host: HostView }
  | { readonly type: "service"; readonly service: ServiceView }
  | { readonly type: "session"; readonly session: SessionView }
  | { readonly type: "note"; readonly session: string; readonly kind: string; readonly detail: string }
  | {
      readonly type: "trace";
      readonly state: "open" | "gap" | "failed" | "resumed" | "closed";
      readonly dir: string;
      readonly reason?: Reason;
    }
  | { readonly type: "error"; readonly error: Reason }
);
