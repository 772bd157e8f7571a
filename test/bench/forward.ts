// The suite `forward`: what a message pays on its way through debugtap, beside the ways that people have without it.
//
// Rules
// - All paths are open at once and lead to the same peer; in each repetition of a workload they take short turns, in a new order
//   each time.
// - One repetition goes before and is not counted. It is long: some thousand messages pass until the compiler has seen to all of
//   a path, and until then a message costs twice its later time; a session in use has that behind it in its first second.
// - A process has its luck for its life (where its memory lies, what the compiler made of it first): some hundredths of a median. So where
//   medians are judged (`isJudged`) each repetition has programs of its own.
import { idleMemory, type IdleMemory } from "./idle.ts";
import { machine, type Machine } from "./machine.ts";
import type { BenchOptions } from "./options.ts";
import { openPaths, type Path, type Paths } from "./paths.ts";
import { cpuOfMainThread } from "./program.ts";
import { recorderCost } from "./recorder-cost.ts";
import { recordedSizes, workloads, type Figures, type Workload } from "./workloads.ts";

/** By workload, path and metric: one figure for each repetition. */
export type Samples = Readonly<Record<string, Readonly<Record<string, Readonly<Record<string, readonly number[]>>>>>>;

export interface ForwardResult {
  readonly suite: "forward";
  readonly started: string;
  readonly seconds: number;
  readonly repetitions: number;
  readonly machine: Machine;
  readonly samples: Samples;
  /** CPU that recording adds to the forwarding thread, us per message; by workload, one figure for each repetition. */
  readonly recorder: Readonly<Record<string, readonly number[]>>;
  /** By path. */
  readonly idle: Readonly<Record<string, IdleMemory>>;
}

/** Of which path the idle sessions are, by where their service is. */
const idlePaths = { vm: "debugtap -L, recorded", local: "debugtap, recorded" } as const;

/** How long some parts are, so many times `--measure`: what goes before, a repetition that is judged, one of the recorder alone. */
const lengths = { warmUp: 6, judged: 6, recorder: 16 } as const;
const quickLengths = { warmUp: 2, judged: 2, recorder: 4 } as const;

function lengthOf(part: keyof typeof lengths, { quick, measure }: BenchOptions): number {
  return (quick ? quickLengths : lengths)[part] * measure;
}

export async function runForward(options: BenchOptions, say: (text: string) => void): Promise<ForwardResult> {
  const began = performance.now();
  const result = {
    suite: "forward",
    started: new Date().toISOString(),
    repetitions: options.reps,
    machine: machine(),
  } as const;
  const chosen = workloads.filter(({ name }) => wants(options, name));
  const [judged, others] = [chosen.filter(({ isJudged }) => isJudged), chosen.filter(({ isJudged }) => !isJudged)];
  const samples = new SampleBook(chosen.map(({ name }) => name));
  if (judged.length > 0) await measureJudged(judged, options, samples, say);
  const paths = await openPaths(options.paths);
  try {
    if (options.reps > 1) await warmUp(others, paths.all, options);
    for (let repetition = 1; others.length > 0 && repetition <= options.reps; repetition++) {
      for (const workload of others) samples.add(workload.name, await repeat(workload, paths.all, options.measure));
      say(`the other workloads: repetition ${repetition} of ${options.reps}`);
    }
    const recorder = await measureRecorder(options, say);
    const idle = await measureIdle(paths, options, say);
    return { ...result, seconds: Math.round((performance.now() - began) / 1000), samples: samples.all, recorder, idle };
  } finally {
    await paths.close();
  }
}

async function measureJudged(
  judged: readonly Workload[],
  options: BenchOptions,
  samples: SampleBook,
  say: (text: string) => void,
): Promise<void> {
  const names = judged.map(({ name }) => name).join(", ");
  for (let repetition = 1; repetition <= options.reps; repetition++) {
    const paths = await openPaths(options.paths);
    try {
      if (options.reps > 1) await warmUp(judged, paths.all, options);
      for (const workload of judged)
        samples.add(workload.name, await repeat(workload, paths.all, lengthOf("judged", options)));
    } finally {
      await paths.close();
    }
    say(`${names}: repetition ${repetition} of ${options.reps}, programs of its own`);
  }
}

/** Not counted. A single repetition, which goes without, is for trying the bench, not for its figures. */
async function warmUp(chosen: readonly Workload[], paths: readonly Path[], options: BenchOptions): Promise<void> {
  for (const workload of chosen) await repeat(workload, paths, lengthOf("warmUp", options));
}

/** One repetition of a workload: the paths take turns, so that a busy moment of the machine is shared by all. */
async function repeat(workload: Workload, paths: readonly Path[], milliseconds: number): Promise<Map<string, Figures>> {
  const { turns, metrics } = workload;
  const cpuMetric = metrics.find((metric) => metric === "cpu" || metric === "cpuBulk");
  const runs = await Promise.all(
    paths.map(async (path) => ({ path, work: await workload.start(path), cpu: 0, units: 0 })),
  );
  for (let turn = 0; turn < turns; turn++) {
    for (const run of shuffled(runs)) {
      const before = cpuOfMainThread(run.path.pid);
      run.units += await run.work.turn(milliseconds / turns);
      run.cpu += cpuOfMainThread(run.path.pid) - before;
    }
  }
  const figures = runs.map(async ({ path, work, cpu, units }): Promise<[string, Figures]> => {
    const withCpu = path.pid === undefined || cpuMetric === undefined ? {} : { [cpuMetric]: cpu / units };
    return [path.name, { ...(await work.finish()), ...withCpu }];
  });
  return new Map(await Promise.all(figures));
}

function wants({ only }: BenchOptions, name: string): boolean {
  return only.length === 0 || only.includes(name);
}

async function measureRecorder(options: BenchOptions, say: (text: string) => void): Promise<ForwardResult["recorder"]> {
  if (!wants(options, "recorder")) return {};
  const figures: Record<string, number[]> = {};
  for (const [name, size] of Object.entries(recordedSizes))
    for (let repetition = 1; repetition <= options.reps; repetition++)
      (figures[name] ??= []).push(await recorderCost(size, lengthOf("recorder", options)));
  say("the recorder alone");
  return figures;
}

async function measureIdle(
  paths: Paths,
  options: BenchOptions,
  say: (text: string) => void,
): Promise<ForwardResult["idle"]> {
  if (!wants(options, "idle") || !options.paths.includes("debugtap")) return {};
  const measured = Object.entries(idlePaths).map(async ([host, path]): Promise<[string, IdleMemory]> => {
    return [path, await idleMemory(paths, host === "vm" ? "vm" : "local", options.idle)];
  });
  const idle = Object.fromEntries(await Promise.all(measured));
  say(`${options.idle} idle sessions`);
  return idle;
}

/** In the order of the workloads, whatever order they are measured in. */
class SampleBook {
  readonly all: Record<string, Record<string, Record<string, number[]>>> = {};

  constructor(workloads: readonly string[]) {
    for (const workload of workloads) this.all[workload] = {};
  }

  add(workload: string, figures: ReadonlyMap<string, Figures>): void {
    for (const [path, values] of figures) {
      const book = ((this.all[workload] ??= {})[path] ??= {});
      for (const [metric, value] of Object.entries(values)) (book[metric] ??= []).push(value);
    }
  }
}

function shuffled<Item>(items: readonly Item[]): Item[] {
  return items
    .map((item) => ({ item, place: Math.random() }))
    .sort((a, b) => a.place - b.place)
    .map(({ item }) => item);
}
