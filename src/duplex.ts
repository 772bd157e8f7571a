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

/** How a stream went: cleanly, or with what it said. */
export interface Gone {
  readonly how: "end" | "reset";
  readonly detail?: string;
}

/** Holds nothing of whoever listened: a stream lives on with others. */
const ignore = (): void => undefined;

/**
 * Listens to a stream until it is gone, which is told once. What it gives ends that before; from then on nobody hears an error of the stream, and
 * none ends the process.
 */
export function hear(stream: Duplex, data: (chunk: Uint8Array) => void, gone: (gone: Gone) => void): () => void {
  let listens = true;
  const stop = (): void => {
    if (!listens) return;
    listens = false;
    stream.off("data", data).off("end", end).off("error", error).off("close", close);
    stream.on("error", ignore);
  };
  const go = (how: Gone): void => {
    stop();
    gone(how);
  };
  const end = (): void => go({ how: "end" });
  const error = (thrown: Error): void => go({ how: "reset", detail: thrown.message });
  const close = (): void => go({ how: "reset", detail: "closed without an end" });
  stream.on("data", data).on("end", end).on("error", error).on("close", close);
  return stop;
}

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
