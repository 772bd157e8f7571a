// Records while the kernel refuses to let files grow, and on after it allows it again. A process of its own, because the limit
// (RLIMIT_FSIZE, which any user may lower and raise again) holds for all that a process writes. Says what it saw as JSON.
import { execFileSync } from "node:child_process";
import { TraceWriter } from "../../src/trace/index.ts";
import type { TraceEvent } from "../../src/trace/index.ts";
import { hitOf, openAll } from "./recording.ts";

const events: string[] = [];
const waiting = new Map<string, () => void>();

function onEvent({ type }: TraceEvent): void {
  events.push(type);
  waiting.get(type)?.();
}

function first(type: TraceEvent["type"]): Promise<void> {
  return events.includes(type) ? Promise.resolve() : new Promise((resolve) => waiting.set(type, resolve));
}

function limitFiles(size: string): void {
  try {
    execFileSync("prlimit", ["--pid", String(process.pid), `--fsize=${size}:`]);
  } catch (error) {
    throw new Error("this test needs prlimit: apt-get install util-linux", { cause: error });
  }
}

// A recorder alone does not keep a process alive; a relay's listeners do.
const alive = setInterval(() => undefined, 1000);
const [dir = "", what] = process.argv.slice(2);
if (what === "hits") {
  const small = await TraceWriter.open({ dir, facts: { version: "0" }, limits: { inFlight: 1 } });
  openAll(small);
  await small.flush();
  limitFiles("0");
  for (let i = 1; i <= 60; i++) small.hit(1, hitOf(1, i, "v".repeat(400_000)));
  limitFiles("unlimited");
  await small.close();
  process.exit();
}
const writer = await TraceWriter.open({ dir, facts: { version: "0" }, onEvent, limits: { inFlight: 1024 * 1024 } });
openAll(writer);
writer.chunk(3, "client", Buffer.from("before"));
await writer.flush();
limitFiles("0");
writer.chunk(3, "client", Buffer.from("held"));
await first("failed");
const flush = await writer.flush().then(
  () => "resolved",
  (error: { code?: string }) => error.code,
);
for (let i = 0; i < 300; i++) writer.chunk(3, "client", Buffer.alloc(10_000, "x"));
await first("behind");
writer.note(3, { kind: "held", detail: "said while the disk refused" });
limitFiles("unlimited");
await first("resumed");
await writer.flush();
writer.chunk(3, "client", Buffer.from("after"));
writer.end(3, { by: "debuggee", how: "reset" });
await first("caught-up");
const { missed } = await writer.close();
clearInterval(alive);
process.stdout.write(JSON.stringify({ events, flush, missed }));
