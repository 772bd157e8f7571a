// The remote forwards of a Host, which outlive its connections.
//
// Rules
// - Registered once, bound at each connection again, all at the same time, on the same port; never on another. Port 0 is
//   whatever the first connection gave.
// - A port that cannot be had at first is the caller's error. One that cannot be had again stays registered, is told, and is
//   tried again as long as the connection lasts.
// - Where something of ours was just ended on the VM, its port may take a moment to become free: 25 ms, 40 times.
import type { Duplex } from "node:stream";
import type { DebugtapError } from "../../protocol/errors.ts";
import type { Listen, Listener, Peer } from "../duplex.ts";
import { Backoff } from "./backoff.ts";
import type { Clock } from "../clock.ts";
import { hostPort } from "./tcp.ts";
import type { ForwardAddress, SupervisedTunnel } from "./tunnel.ts";

const freeingMs = 25;
const freeingTries = 40;

export interface RemoteForwardsOptions {
  readonly clock: Clock;
  /** A registered port that was lost (with why), or is back. */
  readonly onProblem: (at: ForwardAddress, problem: DebugtapError | undefined) => void;
  /** Looks for what may hold our ports, and ends it: true if there was something. */
  readonly free: (tunnel: SupervisedTunnel) => Promise<boolean>;
  readonly explain: (tunnel: SupervisedTunnel, at: ForwardAddress) => Promise<DebugtapError>;
}

interface Forward {
  readonly host: string;
  port: number;
  readonly onStream: (stream: Duplex, peer: Peer) => void;
  readonly settle: { resolve(listener: Listener): void; reject(error: DebugtapError): void };
  wasBound: boolean;
  bound: Listener | undefined;
  problem: boolean;
}

/** Something of ours may still hold our ports there, and is being ended; or was. */
export type Freeing = "no" | "under way" | "done";

interface Connection {
  readonly tunnel: SupervisedTunnel;
  readonly freeing: () => Freeing;
}

export class RemoteForwards {
  readonly #options: RemoteForwardsOptions;
  readonly #forwards = new Set<Forward>();
  #connection: Connection | undefined;
  #final: DebugtapError | undefined;

  constructor(options: RemoteForwardsOptions) {
    this.#options = options;
  }

  listen(at: ForwardAddress): Listen {
    return async (onStream) =>
      await new Promise((resolve, reject) => {
        if (this.#final !== undefined) {
          reject(this.#final);
          return;
        }
        const settle = { resolve, reject };
        const forward: Forward = { ...at, onStream, settle, wasBound: false, bound: undefined, problem: false };
        this.#forwards.add(forward);
        if (this.#connection !== undefined) void this.#bind(forward, this.#connection);
      });
  }

  /** A connection is there: binds all. Resolves when each has its port, or its error. */
  async restore(tunnel: SupervisedTunnel, freeing: () => Freeing): Promise<void> {
    const connection = { tunnel, freeing };
    this.#connection = connection;
    await Promise.all([...this.#forwards].map(async (forward) => await this.#bind(forward, connection)));
  }

  /** The connection is gone. */
  lost(): void {
    this.#connection = undefined;
    for (const forward of this.#forwards) forward.bound = undefined;
  }

  /** With an error there will be no connection until something changes: nobody needs to wait for a first bind. */
  setFinal(error: DebugtapError | undefined): void {
    this.#final = error;
    if (error === undefined) return;
    for (const forward of this.#forwards) {
      if (forward.wasBound) continue;
      this.#forwards.delete(forward);
      forward.settle.reject(error);
    }
  }

  async #bind(forward: Forward, connection: Connection): Promise<void> {
    const { tunnel } = connection;
    let { freeing } = connection;
    let looked = false;
    for (let tries = 0; this.#wants(forward, connection);) {
      let listener: Listener | undefined;
      try {
        listener = await tunnel.bind({ host: forward.host, port: forward.port }, forward.onStream);
      } catch {
        return; // lost: the next connection binds it
      }
      if (listener !== undefined) {
        await this.#bound(forward, connection, listener);
        return;
      }
      if (freeing() !== "under way") tries++;
      if (freeing() === "no" || tries > freeingTries) {
        if (looked || !(await this.#options.free(tunnel))) break;
        looked = true;
        tries = 0;
        freeing = () => "done";
      }
      await this.#pause(freeingMs);
    }
    if (this.#wants(forward, connection)) await this.#refused(forward, connection);
  }

  #wants(forward: Forward, { tunnel }: Connection): boolean {
    return tunnel.lost === undefined && this.#connection?.tunnel === tunnel && this.#forwards.has(forward);
  }

  async #bound(forward: Forward, connection: Connection, listener: Listener): Promise<void> {
    if (!this.#wants(forward, connection)) {
      await listener.close();
      return;
    }
    forward.bound = listener;
    forward.port = listener.port;
    if (forward.problem) this.#options.onProblem(addressOf(forward), undefined);
    forward.problem = false;
    if (forward.wasBound) return;
    forward.wasBound = true;
    forward.settle.resolve({
      address: hostPort(forward.host, forward.port),
      port: forward.port,
      close: async () => {
        this.#forwards.delete(forward);
        await forward.bound?.close();
        forward.bound = undefined;
      },
    });
  }

  async #refused(forward: Forward, connection: Connection): Promise<void> {
    const error = await this.#options.explain(connection.tunnel, addressOf(forward));
    if (!this.#wants(forward, connection)) return;
    if (forward.wasBound) {
      forward.problem = true;
      this.#options.onProblem(addressOf(forward), error);
      void this.#keepTrying(forward, connection);
    } else {
      this.#forwards.delete(forward);
      forward.settle.reject(error);
    }
  }

  async #keepTrying(forward: Forward, connection: Connection): Promise<void> {
    const backoff = new Backoff();
    while (this.#wants(forward, connection)) {
      await this.#pause(backoff.next(false));
      if (!this.#wants(forward, connection)) return;
      const listener = await connection.tunnel.bind(addressOf(forward), forward.onStream).catch(() => undefined);
      if (listener === undefined) continue;
      await this.#bound(forward, connection, listener);
      return;
    }
  }

  async #pause(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#options.clock.after(ms, resolve);
    });
  }
}

function addressOf({ host, port }: Forward): ForwardAddress {
  return { host, port };
}
