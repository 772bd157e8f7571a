// Records in a process of its own, for keeping-up.test.ts. argv: directory, and what to do:
//   large  200 MB with a bound of 10 MB; looks at the size of the directory all the time, and at the memory of the process
//   kill   hits and bytes in small segments, until it is killed; says on stdout which hit is written
//   full   on a file system of 24 MB of its own, that something else fills and leaves again; run it in a mount namespace
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setImmediate as turn, setTimeout as pause } from "node:timers/promises";
import { Collector, keepCollectionsSmall } from "../../src/cli/collector.ts";
import { openTrace, TraceWriter } from "../../src/trace/index.ts";
import type { TraceEvent } from "../../src/trace/index.ts";
import { factsOf, frameText, hitOf } from "./recording.ts";

const [dir = "", what] = process.argv.slice(2);
const facts = { version: "0" };

/** Bytes of all files of a directory, those included that go while this looks. */
function sizeOf(path: string): number {
  let sum = 0;
  for (const name of readdirSync(path)) sum += statSync(join(path, name), { throwIfNoEntry: false })?.size ?? 0;
  return sum;
}

async function large(): Promise<unknown> {
  const events: TraceEvent[] = [];
  const writer = await TraceWriter.open({
    dir,
    facts,
    keep: { maxSize: 10e6 },
    onEvent: (event) => events.push(event),
  });
  writer.session(factsOf(1, "dap"));
  // Half of it compresses, as long as it is not the same again within a chunk.
  const padding = Array.from({ length: 250 }, () => randomBytes(2500).toString("hex"));
  await writer.flush();
  // As a relay has it, or garbage that waits for its collection is measured.
  keepCollectionsSmall();
  const collector = new Collector();
  // Of each half: how much is kept of garbage differs from Node to Node, but it does not grow.
  const rss = [0, 0];
  let [largest, sent, bytes] = [0, 0, 0];
  for (; bytes < 200e6; sent++) {
    const message = Buffer.from(frameText("dap", sent, padding[sent % padding.length]));
    bytes += message.length;
    writer.chunk(1, "debuggee", message);
    collector.chunk(1, "debuggee", message);
    if (sent % 20 > 0) continue;
    largest = Math.max(largest, sizeOf(dir));
    const half = bytes < 100e6 ? 0 : 1;
    rss[half] = Math.max(rss[half] ?? 0, process.memoryUsage.rss());
    // No faster than it is written: what is left out would not be recorded.
    while (sent - writer.marks.written > 1000) {
      largest = Math.max(largest, sizeOf(dir));
      await pause(1);
    }
  }
  const look = setInterval(() => (largest = Math.max(largest, sizeOf(dir))), 1);
  const { missed } = await writer.close();
  clearInterval(look);
  return { sent, largest, grown: (rss[1] ?? 0) - (rss[0] ?? 0), missed, told: events.map(({ type }) => type) };
}

async function kill(): Promise<never> {
  const keep = { maxSize: 1_300_000 };
  const writer = await TraceWriter.open({ dir, facts, keep, limits: { segmentBytes: 60_000 } });
  writer.session(factsOf(1, "dap"));
  const noise = Array.from({ length: 50 }, () => randomBytes(10_000).toString("base64"));
  let given = 1;
  for (let hit = 1; ; hit++) {
    writer.chunk(1, "debuggee", Buffer.from(frameText("dap", hit, noise[hit % noise.length])));
    writer.hit(1, hitOf(1, hit));
    given += 2;
    if (hit % 5 > 0) continue;
    while (writer.marks.written < given) await turn();
    process.stdout.write(`${hit}\n`);
  }
}

async function full(): Promise<unknown> {
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=24m", "tmpfs", dir]);
  const events: TraceEvent[] = [];
  const until = async (type: TraceEvent["type"]): Promise<void> => {
    while (!events.some((event) => event.type === type)) await turn();
  };
  const limits = { inFlight: 1024 * 1024 };
  const writer = await TraceWriter.open({
    dir: join(dir, "trace"),
    facts,
    limits,
    onEvent: (event) => events.push(event),
  });
  writer.session(factsOf(1, "dap"));
  await writer.flush();
  mkdirSync(join(dir, "other"));
  writeFileSync(join(dir, "other", "ballast"), Buffer.alloc(23e6));
  let sent = 0;
  let hits = 0;
  const send = (): void => {
    writer.chunk(1, "debuggee", Buffer.from(frameText("dap", sent++, randomBytes(5000).toString("hex"))));
    if (sent % 10 === 0) writer.hit(1, hitOf(1, ++hits));
  };
  while (!events.some(({ type }) => type === "failed")) {
    send();
    await pause(2);
  }
  for (let i = 0; i < 300; i++) send();
  await until("behind");
  // More than may wait.
  const counted = hits + 9500;
  while (hits < counted) writer.hit(1, hitOf(1, ++hits));
  const { trouble } = writer;
  rmSync(join(dir, "other"), { recursive: true });
  await until("resumed");
  await until("caught-up");
  const after = writer.trouble === undefined;
  send();
  const { missed } = await writer.close();
  const trace = await openTrace(join(dir, "trace"));
  const numbers: number[] = [];
  for await (const { hit } of trace.hits()) numbers.push(hit.number);
  const read: (string | undefined)[] = [];
  for await (const { frame } of trace.messages()) read.push(frame && Buffer.from(frame.bytes).toString().slice(0, 60));
  const [session] = trace.sessions();
  const told = events.map((event) => ("missed" in event ? [event.type, event.missed] : [event.type]));
  return { told, trouble, after, missed, sent, hits, numbers, read: read.length, last: read.at(-1), session };
}

// A recorder alone does not keep a process alive; a relay's listeners do.
const alive = setInterval(() => undefined, 1000);
if (what === "kill") await kill();
process.stdout.write(JSON.stringify(what === "large" ? await large() : await full()));
clearInterval(alive);
