// The suite `diff`: how soon two traces of 10,000 hits are compared.
//
// Rules
// - The hits are those of the suite `hits`; those of the second trace have other ids and addresses, and each 100th another value.
// - `compared` is measured in this process, from two traces that are opened anew; `command` is the whole command, the start of Node included.
import { spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { compareTraces, openTrace } from "../../src/trace/index.ts";
import { record } from "./hits.ts";
import { machine, type Machine } from "./machine.ts";
import type { BenchOptions } from "./options.ts";

export const diffSteps = ["compared", "command"] as const;
export type DiffStep = (typeof diffSteps)[number];

export interface DiffResult {
  readonly suite: "diff";
  readonly started: string;
  readonly repetitions: number;
  readonly machine: Machine;
  /** Of each trace, and how many differ. */
  readonly hits: number;
  readonly changed: number;
  /** Of one hit as JSON. */
  readonly bytes: number;
  /** The most memory of this process, MB. */
  readonly memory: number;
  /** Milliseconds, one figure a repetition. */
  readonly times: Readonly<Record<DiffStep, readonly number[]>>;
}

const program = fileURLToPath(new URL("../../../bin/debugtap.js", import.meta.url));

export async function runDiff(options: BenchOptions, say: (text: string) => void): Promise<DiffResult> {
  const started = new Date().toISOString();
  const hits = options.quick ? 2000 : 10_000;
  const parent = await mkdtemp(join(tmpdir(), "debugtap-bench-"));
  const [a, b] = [join(parent, "a"), join(parent, "b")];
  try {
    const bytes = await record(a, hits, 0);
    await record(b, hits, 1);
    say(`twice ${hits} hits recorded`);
    const times: Record<DiffStep, number[]> = { compared: [], command: [] };
    // The first is for the compiler.
    for (let repetition = 0; repetition <= options.reps; repetition++) {
      const found = { compared: await compared(a, b, hits), command: command(a, b) };
      if (repetition > 0) for (const step of diffSteps) times[step].push(found[step]);
    }
    const memory = process.resourceUsage().maxRSS / 1024;
    const { reps: repetitions } = options;
    return { suite: "diff", started, repetitions, machine: machine(), hits, changed: hits / 100, bytes, memory, times };
  } finally {
    await rm(parent, { recursive: true, force: true });
  }
}

async function compared(dirA: string, dirB: string, hits: number): Promise<number> {
  const began = performance.now();
  const [a, b] = [await openTrace(dirA), await openTrace(dirB)];
  const { changedCount, equal } = await compareTraces(a, b);
  for (const trace of [a, b]) trace.close();
  if (changedCount !== hits / 100 || equal !== hits - changedCount)
    throw new Error(`${changedCount} hits differ, ${equal} are equal, of ${hits}`);
  return performance.now() - began;
}

function command(a: string, b: string): number {
  const began = performance.now();
  const { status, stderr } = spawnSync(process.execPath, [program, "diff", a, b], { encoding: "utf8", maxBuffer: 1e8 });
  if (status !== 1) throw new Error(`debugtap diff ended with ${status}\n${stderr}`);
  return performance.now() - began;
}
