// The suite `replay`: how soon a trace of 10 million messages stands at its first hit in an IDE, and how soon requests are answered.
//
// Rules
// - The trace is written first (replay-trace.ts), with its index of hits, and is gone afterwards.
// - `open` is measured in this process, from opening the trace to the first stack; `command` from the start of `debugtap replay` to
//   the first stack over its port, the start of Node included. Both with the files in the system's cache.
// - Answers are those of walks (replay-walk.ts), each with a trace that is opened anew.
import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { DapReplay } from "../../protocol/replay-dap.ts";
import { freePorts } from "../../src/demo/ports.ts";
import { localFiles } from "../../src/replay/local-files.ts";
import { openTrace, recordedStops } from "../../src/trace/index.ts";
import { DapClient } from "./dap-client.ts";
import { machine, type Machine } from "./machine.ts";
import type { BenchOptions } from "./options.ts";
import { Program } from "./program.ts";
import { messagesOfHit, writeTrace } from "./replay-trace.ts";
import { begin, walk, type Timed } from "./replay-walk.ts";

export interface ReplayResult {
  readonly suite: "replay";
  readonly started: string;
  readonly seconds: number;
  readonly repetitions: number;
  readonly machine: Machine;
  readonly hits: number;
  readonly messages: number;
  /** Of all files. */
  readonly bytes: number;
  /** Milliseconds, one figure a repetition. */
  readonly open: readonly number[];
  readonly command: readonly number[];
  /** Of each walk. */
  readonly walks: readonly (readonly Timed[])[];
  /** The most memory of this process, MB, once it has walked. */
  readonly memory: number;
}

const requestsOfWalk = 5000;
const program = fileURLToPath(new URL("../../../bin/debugtap.js", import.meta.url));

export async function runReplay(options: BenchOptions, say: (text: string) => void): Promise<ReplayResult> {
  const began = performance.now();
  const started = new Date().toISOString();
  const hits = options.quick ? 20_000 : 100_000;
  const parent = await mkdtemp(join(tmpdir(), "debugtap-bench-"));
  try {
    const dir = join(parent, "trace");
    say(
      `writing ${(hits * messagesOfHit).toLocaleString("en")} messages${options.quick ? ", a fifth of the whole" : ""}`,
    );
    await writeTrace(dir, hits);
    say("written");
    const [open, command, walks]: [number[], number[], Timed[][]] = [[], [], []];
    // The first is for the compiler.
    for (let repetition = 0; repetition <= options.reps; repetition++) {
      const times = [await openOnce(dir), await commandOnce(dir)] as const;
      const walked = await walkOnce(dir, hits, repetition);
      if (repetition === 0) continue;
      open.push(times[0]);
      command.push(times[1]);
      walks.push(walked);
    }
    say("measured");
    return {
      suite: "replay",
      started,
      seconds: Math.round((performance.now() - began) / 1000),
      repetitions: options.reps,
      machine: machine(),
      hits,
      messages: hits * messagesOfHit,
      bytes: await bytesIn(dir),
      open,
      command,
      walks,
      memory: process.memoryUsage().rss / 1e6,
    };
  } finally {
    await rm(parent, { recursive: true, force: true });
  }
}

async function opened<Result>(dir: string, use: (replay: DapReplay) => Promise<Result>): Promise<Result> {
  const trace = await openTrace(dir);
  const recording = await recordedStops(trace, {});
  try {
    return await use(new DapReplay(recording, localFiles([])));
  } finally {
    recording.index.close();
    trace.close();
  }
}

async function openOnce(dir: string): Promise<number> {
  const began = performance.now();
  return opened(dir, async (replay) => {
    const threadId = await begin(replay);
    const answers = await replay.handle({ seq: 4, type: "request", command: "stackTrace", arguments: { threadId } });
    const took = performance.now() - began;
    if (!JSON.stringify(answers).includes("volumes.py"))
      throw new Error("the first stack is not that of the first hit");
    return took;
  });
}

async function commandOnce(dir: string): Promise<number> {
  const [port = 0] = await freePorts(1);
  const began = performance.now();
  const replay = new Program(process.execPath, [program, "replay", dir, "--listen", String(port), "--json"]);
  try {
    await replay.firstLine();
    const client = await DapClient.open(port);
    const { thread } = await client.stop();
    await client.ask("stackTrace", { threadId: thread });
    const took = performance.now() - began;
    client.close();
    return took;
  } finally {
    await replay.stop();
  }
}

function walkOnce(dir: string, hits: number, seed: number): Promise<Timed[]> {
  return opened(dir, (replay) => walk(replay, hits, requestsOfWalk, seed + 1));
}

async function bytesIn(dir: string): Promise<number> {
  const files = await readdir(dir, { recursive: true, withFileTypes: true });
  const sizes = files.map(async (file) => (file.isFile() ? (await stat(join(file.parentPath, file.name))).size : 0));
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}
