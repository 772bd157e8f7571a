// Free ports for a demo, a test or a bench, so that many can run at once.
//
// They are taken from below the kernel's ephemeral range (32768 and up on Linux): a port there that is free now cannot be
// taken meanwhile as the source port of somebody's outgoing connection, only by another listener, and two demos draw at random.
import { randomInt } from "node:crypto";
import { createServer } from "node:net";
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
    if (await isFree(port)) found.add(port);
  }
  return [...found];
}

async function isFree(port: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
