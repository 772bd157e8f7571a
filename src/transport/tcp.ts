// Plain TCP: where IDEs are on this machine, and where services are when there is no SSH.
//
// Rules
// - Both ends have noDelay: every message is answered before the next, so Nagle would only add 40 ms to some of them.
// - Both ends allow half-close: a peer that has said all may still wait for the answer.
// - No stream leaves here without an error listener; a reset between the accept and the caller's wiring must not end debugtap.
import { connect, createServer } from "node:net";
import type { Server, Socket } from "node:net";
import { DebugtapError } from "../../protocol/errors.ts";
import type { Dial, Listen, Listener } from "../duplex.ts";
import { portOwner } from "./port-owner.ts";

const defaultDialTimeoutMs = 10_000;

/** Dials `host:port`. Rejects with DT_DIAL_REFUSED, DT_DIAL_TIMEOUT or DT_DIAL_FAILED. */
export function dialTcp(to: { readonly host: string; readonly port: number; readonly timeoutMs?: number }): Dial {
  const { host, port, timeoutMs = defaultDialTimeoutMs } = to;
  const address = hostPort(host, port);
  return async (signal) =>
    await new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(abortedError(address));
        return;
      }
      const socket = connect({ host, port, noDelay: true, allowHalfOpen: true });
      const fail = (error: DebugtapError): void => {
        settle();
        socket.destroy();
        reject(error);
      };
      const onAbort = (): void => fail(abortedError(address));
      const onError = (error: Error): void => fail(dialError(address, error));
      const timer = setTimeout(() => {
        fail(new DebugtapError("DT_DIAL_TIMEOUT", `${address} did not answer`, { why: `waited ${timeoutMs} ms` }));
      }, timeoutMs);
      const settle = (): void => {
        clearTimeout(timer);
        signal.removeEventListener("abort", onAbort);
        socket.off("error", onError);
      };
      socket.on("error", ignore);
      socket.once("error", onError);
      socket.once("connect", () => {
        settle();
        resolve(socket);
      });
      signal.addEventListener("abort", onAbort, { once: true });
    });
}

/** Listens on `host:port` (0 = any free port). Rejects with DT_PORT_IN_USE, which names the owner, or DT_PORT_DENIED. */
export function listenTcp(at: { readonly host: string; readonly port: number }): Listen {
  return async (onStream) => {
    const server = createServer({ noDelay: true, allowHalfOpen: true }, (socket: Socket) => {
      socket.on("error", ignore);
      onStream(socket, { address: socket.remoteAddress ?? "", port: socket.remotePort ?? 0 });
    });
    const listening = new Promise<Listener>((resolve, reject) => {
      server.once("error", reject);
      server.listen({ host: at.host, port: at.port }, () => {
        server.off("error", reject);
        server.on("error", ignore); // EMFILE on accept: the connection is refused, the port stays open
        const bound = server.address();
        const port = bound !== null && typeof bound === "object" ? bound.port : at.port;
        resolve({ address: hostPort(at.host, port), port, close: async () => await closeServer(server) });
      });
    });
    return await listening.catch(async (error: unknown) => {
      throw await listenError(at, error);
    });
  };
}

/** `host:port`, with brackets round an IPv6 address. */
export function hostPort(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

export function ignore(): void {}

/** An `error.code` such as ECONNREFUSED. */
export function errnoOf(error: unknown): string | undefined {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" ? code : undefined;
}

function dialError(address: string, error: Error): DebugtapError {
  switch (errnoOf(error)) {
    case "ECONNREFUSED":
      return new DebugtapError("DT_DIAL_REFUSED", `${address} refused the connection`, {
        why: "nothing listens there",
        cause: error,
      });
    case "ETIMEDOUT":
      return new DebugtapError("DT_DIAL_TIMEOUT", `${address} did not answer`, { cause: error });
    default:
      return new DebugtapError("DT_DIAL_FAILED", `${address} cannot be reached`, { why: error.message, cause: error });
  }
}

function abortedError(address: string): DebugtapError {
  return new DebugtapError("DT_DIAL_FAILED", `${address} was not dialled to the end`, { why: "no longer wanted" });
}

async function listenError(at: { host: string; port: number }, error: unknown): Promise<DebugtapError> {
  const address = hostPort(at.host, at.port);
  switch (errnoOf(error)) {
    case "EADDRINUSE": {
      const owner = await portOwner(at.port);
      return new DebugtapError("DT_PORT_IN_USE", `${address} is in use`, {
        why:
          owner === undefined
            ? "another user's process listens there"
            : `${owner.name} (pid ${owner.pid}) listens there`,
        fix: owner === undefined ? `sudo ss -Htlnp 'sport = :${at.port}'` : `kill ${owner.pid}`,
        cause: error,
      });
    }
    case "EACCES":
    case "EPERM":
      return new DebugtapError("DT_PORT_DENIED", `${address} may not be used by this user`, {
        why: "ports below 1024 are for root",
        fix: "choose a port from 1024 on",
        cause: error,
      });
    default:
      return new DebugtapError("DT_PORT_DENIED", `${address} cannot be listened on`, {
        why: error instanceof Error ? error.message : String(error),
        fix: "listen on 127.0.0.1",
        cause: error,
      });
  }
}

/** Frees the port. `close`'s own callback would wait for every live stream, which is not ours to end. */
async function closeServer(server: Server): Promise<void> {
  server.close();
  await new Promise((resolve) => setImmediate(resolve));
}
