// The load's end of a path.
import { once } from "node:events";
import net from "node:net";
import { encodeDap } from "../../protocol/dap.ts";
import type { Duplex } from "node:stream";
import { setTimeout as pause } from "node:timers/promises";

const block = Buffer.alloc(64 * 1024, "a");
const openWithinMs = 15_000;

export async function connect(port: number): Promise<net.Socket> {
  const socket = net.connect({ host: "127.0.0.1", port, noDelay: true });
  await once(socket, "connect");
  return socket;
}

let processes = 0;

/** Opens a session of messages: of DAP as a child's, or a relay would take it for one more client of the one that is there. */
export async function openSession(port: number, wire: "dap" | "pydevd"): Promise<net.Socket> {
  const socket = await connect(port);
  const hears = async (text: string): Promise<void> => {
    let got = "";
    await new Promise<void>((resolve, reject) => {
      const onClose = (): void => reject(new Error("the path closed the connection"));
      const onData = (chunk: Buffer): void => {
        got += chunk.toString("latin1");
        if (!got.includes(text)) return;
        socket.off("data", onData).off("close", onClose);
        resolve();
      };
      socket.on("data", onData).on("close", onClose);
    });
  };
  socket.on("error", () => socket.destroy());
  if (wire === "pydevd") await hears("101\t");
  else {
    const subProcessId = ++processes;
    const requests = [
      ["initialize", {}],
      ["attach", { subProcessId }],
      ["configurationDone", {}],
    ] as const;
    for (const [i, [command, args]] of requests.entries()) {
      socket.write(encodeDap({ seq: i + 1, type: "request", command, arguments: args }));
      await hears(`"request_seq":${i + 1}`);
    }
  }
  socket.removeAllListeners("error");
  return socket;
}

/** Ends a session with its debuggee: one that a client merely leaves lives on in the relay, and in sshd. */
export async function closeSession(socket: net.Socket, wire: "dap" | "pydevd"): Promise<void> {
  const closed = once(socket, "close");
  if (wire === "pydevd") socket.destroy();
  else {
    socket.on("error", () => undefined).resume();
    const args = { terminateDebuggee: true };
    socket.end(encodeDap({ seq: 4, type: "request", command: "disconnect", arguments: args }));
  }
  await closed;
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
export async function untilOpen(
  open: () => Promise<net.Socket>,
  message: Uint8Array,
  check: () => void,
  close: (socket: net.Socket) => Promise<unknown> = async (socket) => await Promise.resolve(socket.destroy()),
): Promise<void> {
  const deadline = performance.now() + openWithinMs;
  for (;;) {
    check();
    try {
      const socket = await open();
      await pingPong(socket, message, () => false);
      await close(socket);
      return;
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await pause(20);
    }
  }
}
