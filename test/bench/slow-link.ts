// No false alarm: bulk both ways on a link of 400 kB/s, where every answer waits behind much else.
import net from "node:net";
import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import { startAutossh, startDebugtap, ways, type Contender } from "./contenders.ts";
import { connect } from "./client.ts";

const rate = 400_000;
const block = Buffer.alloc(64 * 1024, "a");

export interface SlowLink {
  readonly name: string;
  readonly seconds: number;
  /** kB a second that arrived, both ways together. */
  readonly throughput: number;
  /** Connections lost, and changes of state other than to degraded. */
  readonly alarms: number;
}

export async function slowLink(milliseconds: number): Promise<SlowLink[]> {
  const sources = [await source(), await source()];
  const [first = 0, second = 0] = sources.map((server) => (server.address() as net.AddressInfo).port);
  const contenders = [await startDebugtap(first, second), await startAutossh(first)].flatMap((one) => one ?? []);
  try {
    return await Promise.all(contenders.map((contender) => load(contender, milliseconds)));
  } finally {
    await Promise.all(contenders.map((contender) => contender.stop()));
    for (const server of sources) server.close();
  }
}

async function load(contender: Contender, milliseconds: number): Promise<SlowLink> {
  const { name, vm, ports } = contender;
  const sockets = await Promise.all(ways.map((way) => opened(ports[way])));
  let lost = 0;
  let open = true;
  for (const socket of sockets) {
    socket.once("close", () => (lost += open ? 1 : 0));
    pour(socket);
  }
  vm.shim.rate = rate;
  const [began, before] = [Date.now(), vm.shim.delivered("forth") + vm.shim.delivered("back")];
  await pause(milliseconds);
  const bytes = vm.shim.delivered("forth") + vm.shim.delivered("back") - before;
  const told = contender.states().filter(([at, state]) => at >= began && state !== "up" && state !== "degraded");
  open = false;
  vm.shim.rate = 0;
  for (const socket of sockets) socket.destroy();
  const seconds = milliseconds / 1000;
  return { name, seconds, throughput: bytes / 1000 / seconds, alarms: lost + told.length };
}

/** autossh does not say when it is ready. */
async function opened(port: number): Promise<net.Socket> {
  for (;;) {
    try {
      const socket = await connect(port);
      socket.on("error", () => undefined);
      socket.write("?");
      const heard = await Promise.race([
        once(socket, "data").then(() => true),
        once(socket, "close").then(() => false),
      ]);
      if (heard) return socket;
    } catch {
      await pause(20); // refused
    }
  }
}

/** Speaks without end, and listens to what the other side says. */
function pour(socket: net.Socket): void {
  const go = (): void => {
    while (socket.writable && socket.write(block));
  };
  socket.on("error", () => undefined);
  socket.on("drain", go);
  socket.resume();
  go();
}

async function source(): Promise<net.Server> {
  const server = net.createServer({ noDelay: true }, (socket) => pour(socket)).listen(0, "127.0.0.1");
  await once(server, "listening");
  return server;
}
