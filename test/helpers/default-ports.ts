// The ports that `debugtap init` proposes, 5678 and 5711 on, for one test of this machine at a time: another one that runs beside it would
// propose the same ones, and open them first.
import { once } from "node:events";
import net from "node:net";
import type { Test } from "tap";

/** A name and no file; it goes with the process. */
const path = "\0debugtap-test-default-ports";

/** Resolves when this test has them, until it ends. */
export async function holdDefaultPorts(t: Test): Promise<void> {
  for (;;) {
    const sockets = new Set<net.Socket>();
    const server = net.createServer((socket) => sockets.add(socket.on("error", () => undefined)));
    server.listen(path);
    if (await begins(server)) {
      t.teardown(() => {
        server.close();
        for (const socket of sockets) socket.destroy();
      });
      return;
    }
    const holder = net.connect(path);
    holder.on("error", () => undefined);
    await once(holder, "close");
  }
}

async function begins(server: net.Server): Promise<boolean> {
  return await new Promise((resolve) => {
    server.once("listening", () => resolve(true)).once("error", () => resolve(false));
  });
}
