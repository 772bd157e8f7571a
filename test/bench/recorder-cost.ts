// What the recorder costs the thread that forwards, alone: in the paths it drowns in the noise of the system calls.
//
// A process of its own: as the main script it gives chunks to a real recorder at the pace of a fast ping-pong, and in every
// other turn to nobody; the difference of its main thread's CPU is the recorder's. Prints one JSON array, us per message.
//   node recorder-cost.js SIZE REPETITIONS TURN_MS
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Recorder } from "../../src/addons/recorder.ts";
import { TraceWriter } from "../../src/trace/index.ts";
import { frames } from "./message.ts";
import { cpuOfMainThread, Program } from "./program.ts";

const burst = 20;
const burstMs = 4;
const script = fileURLToPath(import.meta.url);

/** CPU of the forwarding thread for each message of so many bytes, microseconds; one figure a repetition. */
export async function recorderCost(size: number, repetitions: number, turnMs: number): Promise<number[]> {
  const program = new Program(process.execPath, [script, `${size}`, `${repetitions}`, `${turnMs}`]);
  try {
    const figures: unknown = JSON.parse(await program.firstLine());
    return Array.isArray(figures) ? figures.map(Number) : [];
  } finally {
    await program.stop();
  }
}

if (process.argv[1] === script) {
  const [size = 0, repetitions = 0, turnMs = 0] = process.argv.slice(2).map(Number);
  const dir = await mkdtemp(join(tmpdir(), "debugtap-bench-"));
  const writer = await TraceWriter.open({ dir: join(dir, "trace"), facts: { version: "bench" } });
  const recorder = new Recorder(writer);
  const chunk = frames.dap(size);
  const figures: number[] = [];
  // The first two are for the compiler.
  for (let i = -2; i < repetitions; i++) {
    const off = await turn(turnMs, () => undefined);
    const on = await turn(turnMs, () => recorder.chunk(1, "debuggee", chunk));
    if (i >= 0) figures.push(on - off);
  }
  await writer.close();
  await rm(dir, { recursive: true });
  process.stdout.write(`${JSON.stringify(figures)}\n`);
}

async function turn(milliseconds: number, give: () => void): Promise<number> {
  const before = cpuOfMainThread(process.pid);
  let messages = 0;
  for (const began = performance.now(); performance.now() - began < milliseconds; messages += burst) {
    for (let i = 0; i < burst; i++) give();
    await pause(burstMs);
  }
  return (cpuOfMainThread(process.pid) - before) / messages;
}
