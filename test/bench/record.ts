// The suite `record`: how fast a program with a breakpoint in a loop gets on when `debugtap record` is its IDE, and whether hits are missed.
//
// Rules
// - `bare`: from stop to stop of stock debugpy; beside it a minimal client, which says `continue` and nothing else.
// - `captured`: the same with stack and values taken at each stop; the minimal client asks the very same questions.
// - Each side has a debugpy of its own; they take turns, the other's program is stopped by a signal meanwhile.
// - `missed`: two services at once, a thousand hits each, without values; what is in the trace is counted. The recorder's memory is
//   looked at after the first hundred and at the end.
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { capture } from "../../protocol/capture.ts";
import { captureLimits } from "../../protocol/hit.ts";
import { freePorts } from "../../src/demo/ports.ts";
import { openTrace } from "../../src/trace/index.ts";
import { DapClient } from "./dap-client.ts";
import { machine, type Machine } from "./machine.ts";
import type { BenchOptions } from "./options.ts";
import { Program, residentMemory } from "./program.ts";

export interface RecordResult {
  readonly suite: "record";
  readonly started: string;
  readonly seconds: number;
  readonly repetitions: number;
  readonly machine: Machine;
  /** From hit to hit, ms; one figure a repetition. */
  readonly bare: { readonly record: readonly number[]; readonly client: readonly number[] };
  readonly captured: { readonly record: readonly number[]; readonly client: readonly number[] };
  /** Hits of each service that are in the trace, of so many. */
  readonly found: readonly number[];
  readonly of: number;
  /** Resident, MB. */
  readonly memory: { readonly early: number; readonly end: number };
}

const root = fileURLToPath(new URL("../../../", import.meta.url));
const loop = `${root}test/fixtures/debuggees/loop.py`;
const line =
  readFileSync(loop, "utf8")
    .split("\n")
    .findIndex((text) => text.includes("# breakpoint")) + 1;
const hitsOfTurn = { bare: 40, captured: 8 } as const;
const rounds = { whole: 1000, quick: 100 } as const;

export async function runRecord(options: BenchOptions, say: (text: string) => void): Promise<RecordResult> {
  const began = performance.now();
  const started = new Date().toISOString();
  const bare = await measure("bare", options.reps);
  say("bare loops");
  const captured = await measure("captured", options.reps);
  say("captured loops");
  const of = options.quick ? rounds.quick : rounds.whole;
  const { found, memory } = await countHits(of);
  say("two services at once");
  const seconds = Math.round((performance.now() - began) / 1000);
  return {
    suite: "record",
    started,
    seconds,
    repetitions: options.reps,
    machine: machine(),
    bare,
    captured,
    found,
    of,
    memory,
  };
}

async function debuggee(port: number, ...more: string[]): Promise<Program> {
  const env = { PYDEVD_DISABLE_FILE_VALIDATION: "1" };
  const program = new Program("/usr/bin/python3", ["-Xfrozen_modules=off", loop, `${port}`, ...more], env);
  await program.firstLine();
  return program;
}

/** `debugtap record`, its hits as they come. */
class Recorder {
  readonly child;
  readonly dir = mkdtempSync(join(tmpdir(), "debugtap-bench-"));
  hits = 0;
  #onHit: () => void = () => undefined;

  constructor(args: readonly string[]) {
    const words = [
      `${root}bin/debugtap.js`,
      "record",
      "--json",
      "-o",
      join(this.dir, "trace"),
      "--at",
      `${loop}:${line}`,
      ...args,
    ];
    this.child = spawn(process.execPath, words, { stdio: ["ignore", "pipe", "inherit"] });
    createInterface({ input: this.child.stdout }).on("line", (said) => {
      if (!said.includes('"type":"hit","hit"')) return;
      this.hits++;
      this.#onHit();
    });
    this.ended = new Promise((resolve) => this.child.once("close", () => resolve()));
    void this.ended.then(() => this.#onHit());
  }

  readonly ended: Promise<void>;

  async until(hits: number): Promise<void> {
    while (this.hits < hits) {
      if (this.child.exitCode !== null) throw new Error(`debugtap record ended after ${this.hits} hits`);
      await new Promise<void>((resolve) => (this.#onHit = resolve));
    }
  }

  async stop(): Promise<void> {
    this.child.kill("SIGINT");
    await this.ended;
    rmSync(this.dir, { recursive: true, force: true });
  }
}

async function measure(what: "bare" | "captured", repetitions: number): Promise<RecordResult["bare"]> {
  const [mine = 0, its = 0] = await freePorts(2);
  const [recorded, driven] = [await debuggee(mine), await debuggee(its)];
  const limits = { ...captureLimits, time: 20_000 };
  const flags = what === "bare" ? ["--no-capture"] : [];
  const recorder = new Recorder(["--attach", `${mine}`, "--wire", "dap", "--time", "20s", ...flags]);
  try {
    const client = await DapClient.open(its, { path: loop, line });
    let stop = await client.stop();
    const cycle = async (): Promise<void> => {
      const asking = capture(stop, limits);
      for (let ask = what === "bare" ? undefined : asking.begin(); ask?.wire === "dap";)
        ask = asking.take(await client.ask(ask.command, ask.arguments));
      const went = client.ask("continue", { threadId: stop.thread });
      stop = await client.stop();
      await went;
    };
    const turn = hitsOfTurn[what];
    const figures = { record: [] as number[], client: [] as number[] };
    await recorder.until(turn);
    process.kill(recorded.pid, "SIGSTOP");
    for (let n = 0; n < turn; n++) await cycle();
    for (let repetition = 0; repetition < repetitions; repetition++) {
      process.kill(recorded.pid, "SIGCONT");
      await recorder.until(recorder.hits + 2);
      const from = recorder.hits;
      const began = performance.now();
      await recorder.until(from + turn);
      figures.record.push((performance.now() - began) / (recorder.hits - from));
      process.kill(recorded.pid, "SIGSTOP");
      await cycle();
      const second = performance.now();
      for (let n = 0; n < turn; n++) await cycle();
      figures.client.push((performance.now() - second) / turn);
    }
    process.kill(recorded.pid, "SIGCONT");
    client.close();
    return figures;
  } finally {
    process.kill(recorded.pid, "SIGCONT");
    await recorder.stop();
    await Promise.all([recorded.stop(), driven.stop()]);
  }
}

async function countHits(of: number): Promise<Pick<RecordResult, "found" | "memory">> {
  const ports = await freePorts(4);
  const dir = mkdtempSync(join(tmpdir(), "debugtap-bench-"));
  const services = Object.fromEntries(
    ["one", "two"].map((name, i) => [name, { wire: "dap", listens: ports[2 * i], ide: ports[2 * i + 1] }]),
  );
  const config = join(dir, "debugtap.yml");
  writeFileSync(config, JSON.stringify({ services }));
  const programs = [await debuggee(ports[0] ?? 0, `${of}`), await debuggee(ports[2] ?? 0, `${of}`)];
  const recorder = new Recorder(["-c", config, "--no-capture", "--hits", `${2 * of}`]);
  try {
    await recorder.until(200);
    const early = residentMemory(recorder.child.pid ?? 0);
    await recorder.until(2 * of - 1);
    const end = residentMemory(recorder.child.pid ?? 0);
    await recorder.ended;
    const trace = await openTrace(join(recorder.dir, "trace"));
    const found = new Map([
      ["one", 0],
      ["two", 0],
    ]);
    for await (const { session } of trace.hits()) found.set(session.service, (found.get(session.service) ?? 0) + 1);
    trace.close();
    return { found: [...found.values()], memory: { early, end } };
  } finally {
    await recorder.stop();
    await Promise.all(programs.map((program) => program.stop()));
    rmSync(dir, { recursive: true, force: true });
  }
}
