// The second SSH connection to a Host: commands and files. On the debug lane they would stand before debug messages.
//
// Rules
// - Opened at the first command or file, but not before the debug lane is up; closed when idle for a minute. Whatever happens
//   here, the debug lane goes on.
// - It has its own watchdog, strict only while a command runs.
// - Which sshd process serves it is told, so that one that a lost connection leaves behind can be ended.
import { DebugtapError } from "../../protocol/errors.ts";
import type { Clock } from "../clock.ts";
import { sshdProcess, type SshdProcess } from "./evict.ts";
import type { ExecOptions, ExecResult } from "./remote-exec.ts";
import type { RemoteFiles } from "./remote-files.ts";
import { ignore } from "./tcp.ts";
import type { SupervisedTunnel } from "./tunnel.ts";
import { watchTunnel } from "./watch.ts";
import type { Watch } from "./watch.ts";

const idleMs = 60_000;

interface Lane {
  readonly tunnel: SupervisedTunnel;
  readonly watch: Watch;
}

export interface ExecLaneOptions {
  /** Resolves when there is a link to the Host; `what` waits for it. Rejects with why there is none. */
  readonly ready: (what: string) => Promise<unknown>;
  /** Rejects with DT_SSH_*, DT_HOSTKEY_*. */
  readonly open: () => Promise<SupervisedTunnel>;
  readonly clock: Clock;
  readonly onOpen: (sshd: SshdProcess) => void;
  /** `left`: its process may still run there. */
  readonly onClose: (sshd: SshdProcess, left: boolean) => void;
}

export class ExecLane {
  readonly #options: ExecLaneOptions;
  #lane: Promise<Lane> | undefined;
  #running = 0;
  #cancelIdle: () => void = ignore;
  #closed = false;

  constructor(options: ExecLaneOptions) {
    this.#options = options;
  }

  /** Rejects as `ready`, as `open`, and with DT_SSH_TIMEOUT, DT_LINK_LOST. */
  async run(command: string, options?: ExecOptions): Promise<ExecResult> {
    return await this.#use("a command", async (tunnel) => await tunnel.exec(command, options));
  }

  readonly files: RemoteFiles = {
    stat: async (path) => await this.#use("a file", async ({ files }) => await files.stat(path)),
    read: async (path, limit) => await this.#use("a file", async ({ files }) => await files.read(path, limit)),
    realPath: async (path) => await this.#use("a file", async ({ files }) => await files.realPath(path)),
  };

  /** The other connection was lost: is this one still there? */
  async suspect(): Promise<void> {
    const lane = await this.#lane?.catch(ignore);
    if (lane?.tunnel.lost === undefined) lane?.watch.suspect();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelIdle();
    await this.#end();
  }

  async #use<T>(what: string, work: (tunnel: SupervisedTunnel) => Promise<T>): Promise<T> {
    await this.#options.ready(what);
    if (this.#closed) throw new DebugtapError("DT_LINK_LOST", "debugtap closed the connection for commands");
    this.#cancelIdle();
    this.#running++;
    try {
      this.#lane ??= this.#connect();
      const { tunnel, watch } = await this.#lane;
      watch.suspect();
      return await work(tunnel);
    } finally {
      this.#running--;
      if (this.#running === 0 && !this.#closed)
        this.#cancelIdle = this.#options.clock.after(idleMs, () => void this.#end());
    }
  }

  async #connect(): Promise<Lane> {
    try {
      const { open, clock, onOpen } = this.#options;
      const tunnel = await open();
      const watching = watchTunnel(tunnel, { clock, busy: () => this.#running > 0 });
      await tunnel.learnFacts();
      const sshd = sshdProcess(tunnel.facts);
      if (sshd !== undefined) onOpen(sshd);
      const lane = { tunnel, watch: watching };
      const opened = this.#lane;
      void this.#forget(opened, lane);
      return lane;
    } catch (error) {
      this.#lane = undefined;
      throw error;
    }
  }

  async #forget(opened: Promise<Lane> | undefined, { tunnel, watch }: Lane): Promise<void> {
    const lost = await tunnel.closed;
    watch.stop();
    const sshd = sshdProcess(tunnel.facts);
    if (sshd !== undefined) this.#options.onClose(sshd, lost !== undefined);
    if (this.#lane === opened) this.#lane = undefined;
  }

  async #end(): Promise<void> {
    const lane = await this.#lane?.catch(() => undefined);
    this.#lane = undefined;
    lane?.watch.stop();
    await lane?.tunnel.close();
  }
}
