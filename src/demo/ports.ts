// Free ports for a demo, a test or a bench, so that many can run at once.
//
// They are taken from below the kernel's ephemeral range (32768 and up on Linux): a port there that is free now cannot be
// taken meanwhile as the source port of somebody's outgoing connection, only by another listener. What was drawn is reserved until this
// process ends, so that nobody else who draws gets it, or tries it, before it is listened on. The reservation is an abstract socket: it is
// gone with the process, whatever ends that. Linux only; elsewhere the draw is random and nothing more.
import { randomInt } from "node:crypto";
import { createServer, type Server } from "node:net";
import { DebugtapError } from "../../protocol/errors.ts";

const lowest = 20_000;
const highest = 32_000;
const tries = 500;

/** `count` different ports of 127.0.0.1 that nothing listens on. */
export async function freePorts(count: number): Promise<number[]> {
  const found = new Set<number>();
  for (let attempt = 0; found.size < count; attempt++) {
    if (attempt === tries)
      throw new DebugtapError("DT_DEMO_FAILED", `no ${count} free ports between ${lowest} and ${highest}`);
    const port = randomInt(lowest, highest);
    const reservation = process.platform === "linux" ? await listen(`\0debugtap-port-${port}`) : undefined;
    if (process.platform === "linux" && reservation === undefined) continue;
    const server = await listen(port);
    if (server === undefined) reservation?.close();
    else {
      await new Promise((resolve) => server.close(resolve));
      reservation?.unref();
      found.add(port);
    }
  }
  return [...found];
}

/** Undefined: somebody listens there. A number is a port of 127.0.0.1, a text the path of a socket. */
async function listen(at: number | string): Promise<Server | undefined> {
  return await new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(undefined));
    server.listen(typeof at === "number" ? { port: at, host: "127.0.0.1" } : { path: at }, () => resolve(server));
  });
}
