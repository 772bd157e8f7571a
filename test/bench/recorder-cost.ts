// What the recorder costs the thread that forwards, alone: in the paths it drowns in the noise of the system calls.
//
// A process of its own for each repetition (each has its luck with memory): as the main script it gives chunks to a real recorder at the
// pace of a fast ping-pong, and in short turns before and after to nobody; the difference of its main thread's CPU is the recorder's. A
// repetition's figure is the median of its turns: on a shared machine a turn alone is off by more than the recorder costs. Prints it, us
// per message.
//   node recorder-cost.js SIZE MS
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
/** For the compiler. */
const warmUpMs = 1200;
const script = fileURLToPath(import.meta.url);

/** CPU of the forwarding thread for each message of so many bytes, microseconds. */
export async function recorderCost(size: number, milliseconds: number): Promise<number> {
  const program = new Program(process.execPath, [script, `${size}`, `${milliseconds}`]);
  try {
    return Number(await program.firstLine());
  } finally {
    await program.stop();
  }
}

if (process.argv[1] === script) {
  const [size = 0, milliseconds = 0] = process.argv.slice(2).map(Number);
  const dir = await mkdtemp(join(tmpdir(), "debugtap-bench-"));
  const writer = await TraceWriter.open({ dir: join(dir, "trace"), facts: { version: "bench" } });
  const recorder = new Recorder(writer);
  const chunk = frames.dap(size);
  const turns: number[] = [];
  for (const began = performance.now(); performance.now() - began < warmUpMs + milliseconds;) {
    const before = await turn(() => undefined);
    const on = await turn(() => recorder.chunk(1, "debuggee", chunk));
    const after = await turn(() => undefined);
    if (performance.now() - began > warmUpMs) turns.push(on - (before + after) / 2);
  }
  await writer.close();
  await rm(dir, { recursive: true });
  process.stdout.write(`${summarize(turns).median}\n`);
}

async function turn(give: () => void): Promise<number> {
  const before = cpuOfMainThread(process.pid);
  for (let i = 0; i < burstsOfTurn; i++) {
    for (let j = 0; j < burst; j++) give();
    await pause(burstMs);
  }
  return (cpuOfMainThread(process.pid) - before) / (burst * burstsOfTurn);
}
