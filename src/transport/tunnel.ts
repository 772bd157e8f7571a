// What one SSH connection to a VM offers: the forwards on it, commands and files. ssh-tunnel.ts makes it of ssh2.
//
// Rules
// - Live streams get an `error` when the connection is lost, never a clean end.
// - `closed` settles once: undefined if we closed it, the reason otherwise.
import type { Duplex } from "node:stream";
import type { DebugtapError } from "../../protocol/errors.ts";
import type { Dial, Listen, Listener, Peer } from "../duplex.ts";
import type { SshdProcess } from "./evict.ts";
import type { Followed } from "./follow.ts";
import type { ExecOptions, ExecResult } from "./remote-exec.ts";
import type { RemoteFiles } from "./remote-files.ts";
import type { OtherRelay } from "./remote-port.ts";
import type { VmFacts } from "./vm-facts.ts";

export interface TunnelTarget {
  /** The Host's name in debugtap.yml, for messages. */
  readonly name: string;
  readonly destination: string;
  readonly configFile?: string;
}

export interface ForwardAddress {
  readonly host: string;
  readonly port: number;
}

export interface Tunnel {
  readonly facts: VmFacts;
  /** A local forward: dials from the VM. Rejects with DT_SERVICE_DOWN, DT_FORWARD_DENIED, DT_DIAL_FAILED, DT_LINK_LOST. */
  dial(to: ForwardAddress): Dial;
  /** A remote forward: the VM listens (0 = any free port). Rejects with DT_REMOTE_PORT or DT_LINK_LOST. */
  listen(at: ForwardAddress): Listen;
  /** Runs a command of the user's shell on the VM. Rejects with DT_SSH_TIMEOUT or DT_LINK_LOST. */
  exec(command: string, options?: ExecOptions): Promise<ExecResult>;
  /** Runs a script until it ends or is ended; see follow.ts. Rejects with DT_SSH_PROTOCOL or DT_LINK_LOST. */
  follow(script: string): Promise<Followed>;
  readonly files: RemoteFiles;
  readonly closed: Promise<DebugtapError | undefined>;
  /** True if the far side closed too, so that nothing of it is left there. */
  close(): Promise<boolean>;
}

/** What the supervisor needs besides. */
export interface SupervisedTunnel extends Tunnel {
  /** Why it is no more. */
  readonly lost: DebugtapError | undefined;
  /** Bytes that came and that were written, since the connection began. */
  readonly received: number;
  readonly written: number;
  /**
   * The first command: ends `evict`, brings the facts. Remote forwards may be asked for at the same time.
   * Rejects with DT_LINK_LOST only.
   */
  learnFacts(evict?: readonly SshdProcess[]): Promise<void>;
  /** Asks what every server answers; calls `answered` with the round trip's time, ms, or never. */
  ping(answered: (rttMs: number) => void): void;
  /** As listen, but undefined when sshd would not; {@link explainPort} then tells why. Rejects with DT_LINK_LOST. */
  bind(at: ForwardAddress, onStream: (stream: Duplex, peer: Peer) => void): Promise<Listener | undefined>;
  explainPort(at: ForwardAddress, others?: readonly OtherRelay[]): Promise<DebugtapError>;
  /** The other end is gone, as far as can be told: everything here is lost at once, without a goodbye. */
  abandon(why: string): void;
}
