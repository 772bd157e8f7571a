// The suite `hits`: how soon a trace of 100,000 hits is open, a page of its list is there, and a text is found.
//
// Rules
// - The hits are like those of an OpenStack service: 2 to 3 KB each, ids and addresses of their own, four hits a request, recorded by
//   the real writer, which seals and indexes them.
// - `open`, `page` and `text` are measured in this process, each from a trace that is opened anew, with the index on the disk.
//   `list`, `found` are the whole commands, the start of Node included.
import { execFileSync } from "node:child_process";
import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { wordsOf } from "../../protocol/hit-words.ts";
import { HitGroups, HitIndex, openTrace, TraceWriter } from "../../src/trace/index.ts";
import { machine, type Machine } from "./machine.ts";
import { modelHit, services, uuid } from "./model-hit.ts";
import type { BenchOptions } from "./options.ts";

export const hitSteps = ["open", "page", "text", "common text", "list", "found"] as const;
export type HitStep = (typeof hitSteps)[number];

export interface HitsResult {
  readonly suite: "hits";
  readonly started: string;
  readonly seconds: number;
  readonly repetitions: number;
  readonly machine: Machine;
  readonly hits: number;
  /** Of one hit as JSON, and of all indexes. */
  readonly bytes: { readonly hit: number; readonly index: number };
  /** Seconds to make the indexes again, and the most memory of this process afterwards, MB. */
  readonly rebuilt: { readonly seconds: number; readonly memory: number };
  /** Milliseconds, one figure a repetition. */
  readonly times: Readonly<Record<HitStep, readonly number[]>>;
}

const pageSize = 50;
const program = fileURLToPath(new URL("../../../bin/debugtap.js", import.meta.url));

export async function runHits(options: BenchOptions, say: (text: string) => void): Promise<HitsResult> {
  const began = performance.now();
  const started = new Date().toISOString();
  const hits = options.quick ? 20_000 : 100_000;
  const parent = await mkdtemp(join(tmpdir(), "debugtap-bench-"));
  try {
    const dir = join(parent, "trace");
    const hitBytes = await record(dir, hits);
    say(`${hits} hits recorded`);
    const index = await bytesIn(join(dir, "hits"));
    const times: Record<HitStep, number[]> = { open: [], page: [], text: [], "common text": [], list: [], found: [] };
    // The first is for the compiler.
    for (let repetition = 0; repetition <= options.reps; repetition++) {
      const found = await measure(dir, hits, repetition);
      if (repetition > 0) for (const step of hitSteps) times[step].push(found[step]);
    }
    say("measured");
    await rm(join(dir, "hits"), { recursive: true });
    const before = performance.now();
    await opened(dir, (all) => Promise.resolve(expect(all.size, hits)));
    const rebuilt = {
      seconds: (performance.now() - before) / 1000,
      memory: process.resourceUsage().maxRSS / 1024,
    };
    const seconds = Math.round((performance.now() - began) / 1000);
    const bytes = { hit: hitBytes, index };
    return {
      suite: "hits",
      started,
      seconds,
      repetitions: options.reps,
      machine: machine(),
      hits,
      bytes,
      rebuilt,
      times,
    };
  } finally {
    await rm(parent, { recursive: true, force: true });
  }
}

async function measure(dir: string, hits: number, seed: number): Promise<Record<HitStep, number>> {
  const wanted = 1 + ((seed * 7919) % hits);
  let began = performance.now();
  const took = (): number => {
    const time = performance.now() - began;
    began = performance.now();
    return time;
  };
  return opened(dir, async (index) => {
    const open = took();
    const groups = new HitGroups(index, await index.find({}));
    const page = Array.from(groups.order.subarray(0, pageSize), (number, i) => [groups.groupAt(i), index.row(number)]);
    expect(page.length, pageSize);
    const first = took();
    expect((await index.find({ words: wordsOf(uuid(wanted, 3).slice(4)) })).length, 1);
    const text = took();
    expect((await index.find({ words: ["e"] })).length, hits);
    const common = took();
    run("hits", dir, "--page", "1");
    const list = took();
    run("hits", dir, "--text", uuid(wanted, 3));
    return { open, page: first, text, "common text": common, list, found: took() };
  });
}

async function opened<Result>(dir: string, use: (index: HitIndex) => Promise<Result>): Promise<Result> {
  const trace = await openTrace(dir);
  const index = await HitIndex.open(trace);
  try {
    return await use(index);
  } finally {
    index.close();
    trace.close();
  }
}

function run(...words: string[]): void {
  execFileSync(process.execPath, [program, ...words], { stdio: ["ignore", "pipe", "inherit"], maxBuffer: 1e8 });
}

function expect(found: number, wanted: number): void {
  if (found !== wanted) throw new Error(`${found} hits where there are ${wanted}`);
}

/** Bytes of a hit as JSON, the mean of them. `run`: the same hits with other ids and addresses, of which each 100th has another value. */
export async function record(dir: string, hits: number, run = 0): Promise<number> {
  const writer = await TraceWriter.open({ dir, facts: { version: "bench" } });
  for (const [i, service] of services.entries()) {
    const facts = { service, ordinal: 1, name: `${service}#1`, debuggee: "vm", client: "ide" };
    writer.session({ ...facts, id: i + 1, wire: "dap" });
  }
  let bytes = 0;
  const counts = services.map(() => 0);
  const at = Date.now();
  for (let i = 1; i <= hits; i++) {
    const service = i % services.length;
    counts[service] = (counts[service] ?? 0) + 1;
    const hit = modelHit(i, service, counts[service], at + i, run);
    bytes += JSON.stringify(hit).length;
    writer.hit(service + 1, hit);
    if (i % 500 === 0) await writer.flush();
  }
  await writer.close();
  return Math.round(bytes / hits);
}

async function bytesIn(dir: string): Promise<number> {
  const sizes = await Promise.all((await readdir(dir)).map(async (name) => (await stat(join(dir, name))).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}
