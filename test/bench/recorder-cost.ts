// What the recorder costs the thread that forwards, alone: in the paths it drowns in the noise of the system calls.
//
// A process of its own: as the main script it gives chunks to a real recorder at the pace of a fast ping-pong, and in short turns
// before and after to nobody; the difference of its main thread's CPU is the recorder's. A repetition's figure is the median of
// its turns: on a shared machine a turn alone is off by more than the recorder costs. Prints one JSON array, us per message.
//   node recorder-cost.js SIZE REPETITIONS REPETITION_MS
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Recorder } from "../../src/addons/recorder.ts";
import { TraceWriter } from "../../src/trace/index.ts";
import { frames } from "./message.ts";
import { cpuOfMainThread, Program } from "./program.ts";
import { summarize } from "./statistics.ts";

const burst = 20;
const burstMs = 4;
const burstsOfTurn = 8;
const script = fileURLToPath(import.meta.url);

/** CPU of the forwarding thread for each message of so many bytes, microseconds; one figure a repetition. */
export async function recorderCost(size: number, repetitions: number, repetitionMs: number): Promise<number[]> {
  const program = new Program(process.execPath, [script, `${size}`, `${repetitions}`, `${repetitionMs}`]);
  try {
    const figures: unknown = JSON.parse(await program.firstLine());
    return Array.isArray(figures) ? figures.map(Number) : [];
  } finally {
    await program.stop();
  }
}

if (process.argv[1] === script) {
  const [size = 0, repetitions = 0, repetitionMs = 0] = process.argv.slice(2).map(Number);
  const dir = await mkdtemp(join(tmpdir(), "debugtap-bench-"));
  const writer = await TraceWriter.open({ dir: join(dir, "trace"), facts: { version: "bench" } });
  const recorder = new Recorder(writer);
  const chunk = frames.dap(size);
  const figures: number[] = [];
  // The first two are for the compiler.
  for (let i = -2; i < repetitions; i++) {
    const turns: number[] = [];
    for (const began = performance.now(); performance.now() - began < repetitionMs;) {
      const before = await turn(() => undefined);
      const on = await turn(() => recorder.chunk(1, "debuggee", chunk));
      const after = await turn(() => undefined);
      turns.push(on - (before + after) / 2);
    }
    if (i >= 0) figures.push(summarize(turns).median);
  }
  await writer.close();
  await rm(dir, { recursive: true });
  process.stdout.write(`${JSON.stringify(figures)}\n`);
}

async function turn(give: () => void): Promise<number> {
  const before = cpuOfMainThread(process.pid);
  for (let i = 0; i < burstsOfTurn; i++) {
    for (let j = 0; j < burst; j++) give();
    await pause(burstMs);
  }
  return (cpuOfMainThread(process.pid) - before) / (burst * burstsOfTurn);
}
