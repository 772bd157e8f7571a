// Memory of sessions that do nothing: a debugtap of its own, recording as by default, with many of them open at once.
import { setTimeout as pause } from "node:timers/promises";
import type { Socket } from "node:net";
import { freePorts } from "../../src/demo/ports.ts";
import { openSession, pingPong, untilOpen } from "./client.ts";
import { frames } from "./message.ts";
import type { Paths } from "./paths.ts";
import { residentMemory } from "./program.ts";
import { startRelay } from "./relay.ts";

/** Resident memory of debugtap, MB. */
export interface IdleMemory {
  readonly sessions: number;
  readonly before: number;
  readonly after: number;
}

const openedAtOnce = 50;
/** What is only garbage may go; what stays after it is what the sessions cost. */
const settleMs = 1500;

/** `vm`: through SSH to the VM; `local`: without. */
export async function idleMemory(paths: Paths, host: "vm" | "local", sessions: number): Promise<IdleMemory> {
  const [ide = 0] = await freePorts(1);
  const listens = paths.sparePorts[host === "vm" ? 0 : 1];
  const relay = await startRelay({
    sshd: paths.sshd,
    record: true,
    services: { idle: { host, wire: "dap", listens, ide } },
  });
  const message = frames.dap(200);
  const sockets: Socket[] = [];
  try {
    await untilOpen(
      () => openSession(ide, "dap"),
      message,
      () => relay.check(),
    );
    const before = residentMemory(relay.pid);
    while (sockets.length < sessions) {
      const count = Math.min(openedAtOnce, sessions - sockets.length);
      const opened = Array.from({ length: count }, async () => {
        const socket = await openSession(ide, "dap");
        await pingPong(socket, message, () => false);
        return socket;
      });
      sockets.push(...(await Promise.all(opened)));
    }
    await pause(settleMs);
    return { sessions, before, after: residentMemory(relay.pid) };
  } finally {
    for (const socket of sockets) socket.destroy();
    await relay.stop();
  }
}
