// The link to a Host as the rest of the relay sees it: what it does, and the state that is shown. supervisor.ts makes it.
import type { DebugtapError } from "../../protocol/errors.ts";
import type { Clock } from "../clock.ts";
import type { Dial, Listen } from "../duplex.ts";
import type { ExecOptions, ExecResult } from "./remote-exec.ts";
import type { RemoteFiles } from "./remote-files.ts";
import type { Prompt } from "./ssh-auth.ts";
import type { ForwardAddress } from "./tunnel.ts";
import type { VmFacts } from "./vm-facts.ts";

/** `since` and `retryAt` are epoch milliseconds, `rtt` is in milliseconds. */
export type LinkState =
  /** `why`: what a poke said. */
  | { readonly state: "connecting"; readonly attempt: number; readonly why?: string }
  | { readonly state: "up"; readonly since: number; readonly rtt?: number }
  | { readonly state: "degraded"; readonly since: number; readonly rtt: number }
  /** Without `retryAt` it is final until something changes. */
  | { readonly state: "down"; readonly since: number; readonly reason: DebugtapError; readonly retryAt?: number };

export interface SupervisorOptions {
  readonly prompt?: Prompt;
  readonly onState: (state: LinkState) => void;
  /** A remote forward that was open could not be opened again (it is tried further), or is back. */
  readonly onForward?: (at: ForwardAddress, problem: DebugtapError | undefined) => void;
  /** Whether a session is live: then silence is found out sooner. */
  readonly busy: () => boolean;
  /** Else $XDG_STATE_HOME/debugtap/hosts. */
  readonly stateDir?: string;
  /** How long dial and exec wait for a link that is not up; else 10 s. */
  readonly waitMs?: number;
  readonly clock?: Clock;
  /** A text that changes with the network. */
  readonly network?: () => string;
}

export interface HostLink {
  /** With the last round trip's time; `onState` is not called for that alone. */
  readonly state: LinkState;
  /** Of the last connection; all undefined before the first. */
  readonly facts: VmFacts;
  /**
   * As a tunnel's, but waits through an outage. Rejects with the link's reason when it is not up in time, or at once when
   * the reason is final.
   */
  dial(to: ForwardAddress): Dial;
  /** Resolves when first bound; from then on it is bound at each connection, on the same port, until it is closed. */
  listen(at: ForwardAddress): Listen;
  /** On a connection of its own. Waits as dial does. */
  exec(command: string, options?: ExecOptions): Promise<ExecResult>;
  /** On the connection of `exec`, and waits as it does. */
  readonly files: RemoteFiles;
  /** Something changed: try now, or see now whether it is still there. `why` is shown. */
  poke(why: string): void;
  close(): Promise<void>;
}
