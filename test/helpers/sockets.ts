// Real sockets on loopback for tests of the core: two ends of a connection, and a port with a queue of its connections.
import net from "node:net";
import { once } from "node:events";
import { freePorts } from "../../src/demo/ports.ts";

export interface Port {
  readonly port: number;
  /** The next connection that came. */
  next(): Promise<net.Socket>;
  close(): Promise<void>;
}

const options = { allowHalfOpen: true, noDelay: true };

/** Listens on a free port of 127.0.0.1, or on `port`. */
export async function listen(port = 0): Promise<Port> {
  const waiting: net.Socket[] = [];
  const all = new Set<net.Socket>();
  const asking: ((socket: net.Socket) => void)[] = [];
  const server = net.createServer(options, (socket) => {
    all.add(socket);
    socket.on("error", () => undefined);
    const ask = asking.shift();
    if (ask === undefined) waiting.push(socket);
    else ask(socket);
  });
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as net.AddressInfo).port,
    next() {
      const socket = waiting.shift();
      return socket === undefined ? new Promise((resolve) => asking.push(resolve)) : Promise.resolve(socket);
    },
    async close() {
      for (const socket of all) socket.destroy();
      if (server.listening) await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Connects to a port of 127.0.0.1. Errors are kept quiet: the test looks at 'close'. */
export async function connect(port: number): Promise<net.Socket> {
  const socket = net.connect({ host: "127.0.0.1", port, ...options });
  await once(socket, "connect");
  socket.on("error", () => undefined);
  return socket;
}

/** A port on which nothing listens now, and that no outgoing connection gets meanwhile. */
export async function freePort(): Promise<number> {
  const [port = 0] = await freePorts(1);
  return port;
}

/** Reads until `count` bytes came, or `text` is seen; returns all of it. */
export function read(socket: net.Socket, until: number | string): Promise<string> {
  return new Promise((resolve, reject) => {
    let got = "";
    const done = (): void => {
      if (typeof until === "number" ? got.length < until : !got.includes(until)) return;
      socket.off("data", data);
      socket.off("close", closed);
      socket.pause();
      resolve(got);
    };
    const data = (chunk: Buffer): void => {
      got += chunk.toString("latin1");
      done();
    };
    const closed = (): void => reject(new Error(`closed after ${JSON.stringify(got)}`));
    socket.on("data", data);
    socket.on("close", closed);
    socket.resume();
  });
}

/** How a socket's peer went: `end` (clean) or `reset`. */
export function gone(socket: net.Socket): Promise<"end" | "reset"> {
  return new Promise((resolve) => {
    if (socket.errored !== null) resolve("reset");
    else if (socket.readableEnded) resolve("end");
    socket.once("end", () => resolve("end"));
    socket.once("error", () => resolve("reset"));
    socket.resume();
  });
}
