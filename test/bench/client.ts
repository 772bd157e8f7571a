// The load's end of a path.
import { once } from "node:events";
import net from "node:net";
import type { Duplex } from "node:stream";
import { setTimeout as pause } from "node:timers/promises";

const block = Buffer.alloc(64 * 1024, "a");
const openWithinMs = 15_000;

export async function connect(port: number): Promise<net.Socket> {
  const socket = net.connect({ host: "127.0.0.1", port, noDelay: true });
  await once(socket, "connect");
  return socket;
}

/**
 * Sends `message` and waits for it to come back, again and again while `more` says so. `more` gets the milliseconds that
 * the round trip took.
 */
export async function pingPong(
  socket: Duplex,
  message: Uint8Array,
  more: (milliseconds: number) => boolean,
): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    let missing = message.length;
    let sent = performance.now();
    const onClose = (): void => reject(new Error("the path closed the connection"));
    const onData = (chunk: Uint8Array): void => {
      missing -= chunk.length;
      if (missing > 0) return;
      const now = performance.now();
      if (more(now - sent)) {
        missing = message.length;
        sent = performance.now();
        socket.write(message);
        return;
      }
      socket.off("data", onData).off("error", reject).off("close", onClose);
      resolve();
    };
    socket.on("data", onData).on("error", reject).on("close", onClose);
    socket.write(message);
  });
}

/** Writes so many bytes as fast as they are taken. */
export function send(socket: net.Socket, count: number): void {
  let left = count;
  const go = (): void => {
    while (left > 0) {
      const chunk = block.subarray(0, left);
      left -= chunk.length;
      if (!socket.write(chunk)) return;
    }
    socket.off("drain", go);
  };
  socket.on("drain", go);
  go();
}

/** Waits until a message goes through a path and comes back; `check` throws when its program has ended. */
export async function untilOpen(port: number, message: Uint8Array, check: () => void): Promise<void> {
  const deadline = performance.now() + openWithinMs;
  for (;;) {
    check();
    try {
      const socket = await connect(port);
      await pingPong(socket, message, () => false);
      socket.destroy();
      return;
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await pause(20);
    }
  }
}

/** Ports that were free a moment ago, all different. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = net.createServer().listen(0, "127.0.0.1");
      await once(server, "listening");
      return server;
    }),
  );
  const ports = servers.map((server) => {
    const address = server.address();
    return address !== null && typeof address === "object" ? address.port : 0;
  });
  await Promise.all(servers.map((server) => once(server.close(), "close")));
  return ports;
}
