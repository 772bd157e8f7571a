// What the transport tests share: services on the VM (which is this machine), and waiting for facts, not for time.
import { execFile } from "node:child_process";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import type { Server, Socket } from "node:net";
import type { Duplex, Readable } from "node:stream";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import { DebugtapError } from "../../protocol/errors.ts";

export const run = promisify(execFile);
export const never: AbortSignal = new AbortController().signal;

export interface Service {
  readonly port: number;
  readonly sockets: Socket[];
  close(): Promise<void>;
}

/** A service on loopback; without a handler it echoes, half-close included. */
export async function service(handler: (socket: Socket) => void = (socket) => socket.pipe(socket)): Promise<Service> {
  const sockets: Socket[] = [];
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on("error", () => {});
    sockets.push(socket);
    handler(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  return {
    port: address !== null && typeof address === "object" ? address.port : 0,
    sockets,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export async function dialLocal(port: number): Promise<Socket> {
  const socket = connect({ host: "127.0.0.1", port, allowHalfOpen: true });
  await once(socket, "connect");
  socket.on("error", () => {});
  return socket;
}

/** All until the far side's end. Not `for await`, which destroys the stream and with it the other direction. */
export async function readAll(stream: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  if (!stream.readableEnded) await once(stream, "end");
  return Buffer.concat(chunks).toString("latin1");
}

/** The value that a test knows to be there. */
export function known<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("it is not there");
  return value;
}

/** The events of a stream in order, until it has closed. */
export async function fate(stream: Duplex): Promise<string[]> {
  const seen: string[] = [];
  stream.on("end", () => seen.push("end"));
  stream.on("error", (error) => seen.push(error instanceof DebugtapError ? error.code : String(error)));
  if (!stream.closed) await new Promise((resolve) => stream.once("close", resolve));
  return seen;
}

/** Waits until `holds` answers true. The test's own timeout bounds it. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await pause(5);
}

/** What listens on this machine: `address:port`. */
export async function listeners(): Promise<string[]> {
  const { stdout } = await run("ss", ["-Htln"]);
  return stdout.split("\n").flatMap((line) => line.trim().split(/\s+/)[3] ?? []);
}

export async function codeOf(promise: Promise<unknown>): Promise<DebugtapError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof DebugtapError) return error;
    throw error;
  }
  throw new Error("it did not fail");
}
