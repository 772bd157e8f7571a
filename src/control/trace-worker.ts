// The thread in which a board's traces are read: files are read in one go, and what is forwarded must not wait for that.
//
// Rules
// - It is told which trace is written and when hits of that ran on; all else it finds in the files.
// - It yields to the thread that forwards.
import { setPriority } from "node:os";
import { parentPort, workerData } from "node:worker_threads";
import type { SourceMapping } from "../../protocol/path-map.ts";
import { OpenTraces } from "./open-traces.ts";
import { Replays } from "./replays.ts";
import { answerBy } from "./router.ts";
import type { FromTraceWorker, ToTraceWorker } from "./trace-thread.ts";
import { traceRoutes } from "./trace-routes.ts";

const niceness = 5;

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- of trace-thread.ts, which made it
const { sources } = workerData as { readonly sources: readonly SourceMapping[] };

let live: string | undefined;
const ends = new Map<number, number>();
const traces = new OpenTraces({ live: () => live, liveEndOf: (number) => ends.get(number) });
const replays = new Replays(sources);

if (process.platform === "linux") setPriority(niceness);
parentPort?.on("message", (message: ToTraceWorker) => void take(message));

async function take(message: ToTraceWorker): Promise<void> {
  switch (message.type) {
    case "live":
      live = message.dir;
      ends.clear();
      for (const [number, at] of message.ends) ends.set(number, at);
      return;
    case "end":
      ends.set(message.number, message.at);
      return;
    case "ask": {
      const { id, request, late } = message;
      say({ type: "answer", id, answer: await answerBy(traceRoutes, { traces, replays, late }, request) });
      return;
    }
    case "close":
      await Promise.all([replays.close(), traces.close()]);
      say({ type: "closed" });
  }
}

function say(message: FromTraceWorker): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has none
  parentPort?.postMessage(message);
}
