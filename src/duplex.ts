// What the core knows of a connection. Sockets and SSH channels are made in src/transport; here they are plain Duplexes.
import type { Duplex } from "node:stream";

/** Who connected: for an SSH remote forward the address on the VM. */
export interface Peer {
  readonly address: string;
  readonly port: number;
}

/** Opens one connection; rejects with a DebugtapError. Every dialled stream allows half-close. */
export type Dial = (signal: AbortSignal) => Promise<Duplex>;

/** An open port. `address` is `host:port` as bound. Closing it leaves its streams alone. */
export interface Listener {
  readonly address: string;
  readonly port: number;
  close(): Promise<void>;
}

/** Opens a port; rejects with a DebugtapError. Streams allow half-close. */
export type Listen = (onStream: (stream: Duplex, peer: Peer) => void) => Promise<Listener>;

/** Ends a stream so that its peer sees a reset where the transport can say so, not a clean end. */
export function reset(stream: Duplex): void {
  const socket = stream as Duplex & { resetAndDestroy?: () => unknown };
  if (socket.destroyed) return;
  if (typeof socket.resetAndDestroy === "function") socket.resetAndDestroy();
  else socket.destroy();
}

/** Ends a stream, after `last` if given, and waits until it is closed; after `within` ms it is reset. */
export function endWithin(stream: Duplex, within: number, last?: Uint8Array): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => reset(stream), within);
    const closed = (): void => {
      clearTimeout(timer);
      resolve();
    };
    stream.on("error", () => undefined);
    stream.once("close", closed);
    stream.resume();
    if (last === undefined) stream.end();
    else stream.end(last);
    if (stream.closed) closed();
  });
}
