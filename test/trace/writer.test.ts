import { fc } from "../helpers/property.ts";
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setImmediate as turn } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import t from "tap";
import { breathe } from "../../src/trace/breath.ts";
import type { Missed } from "../../protocol/control.ts";
import { Recorder } from "../../src/addons/recorder.ts";
import { jsonPayload, kinds, readPacked } from "../../src/trace/batch.ts";
import { TraceWriter } from "../../src/trace/index.ts";
import type { TraceEvent } from "../../src/trace/index.ts";
import { maxPayload, SlotDrainer, SlotFiller, slotMemory } from "../../src/trace/slots.ts";
import { factsOf, frameText, nothingSent, openAll, readAll, sendSome } from "./recording.ts";

const facts = { version: "0.0.0" };

t.test(
  "records go through the shared memory in order and whole, however filling and draining take turns",
  async (t) => {
    const record = fc.record({
      kind: fc.constantFrom(kinds.client, kinds.debuggee, kinds.hit),
      session: fc.integer({ min: 0, max: 0xffffffff }),
      time: fc.double({ min: 0, max: 1e12, noNaN: true }),
      size: fc.oneof(fc.integer({ min: 0, max: 64 }), fc.constantFrom(200_000, maxPayload - 1, maxPayload)),
      // Where the payload stands in its own memory.
      offset: fc.integer({ min: 0, max: 15 }),
      fill: fc.integer({ min: 0, max: 255 }),
    });
    const turn = fc.constantFrom("drain", "refuse", "go on");
    fc.assert(
      fc.property(fc.array(fc.tuple(record, turn), { maxLength: 40 }), (turns) => {
        const memory = slotMemory(3 * 512 * 1024);
        const filler = new SlotFiller(memory);
        const drainer = new SlotDrainer(memory);
        const put: unknown[] = [];
        const got: unknown[] = [];
        const take = (done: boolean) => {
          const { begun } = drainer;
          for (let piece = drainer.next(begun); piece !== undefined; piece = done ? drainer.next(begun) : undefined) {
            if (!done) return;
            for (const { kind, session, time, payload } of readPacked(piece))
              got.push([kind, session, time, payload.length, payload.every((byte) => byte === payload[0]), payload[0]]);
            drainer.done();
          }
        };
        for (const [{ kind, session, time, size, offset, fill }, then] of turns) {
          const payload = new Uint8Array(offset + size).fill(fill).subarray(offset);
          if (filler.append(kind, session, time, payload)) put.push([kind, session, time, size, true, payload[0]]);
          else assert.equal(filler.room, false);
          if (then !== "go on") take(then === "drain");
        }
        take(true);
        assert.deepEqual(got, put);
        assert.equal(filler.append(kinds.client, 1, 1, new Uint8Array(maxPayload)), true, "there is room again");
      }),
      { numRuns: 100 },
    );
    t.strictSame(JSON.parse(Buffer.from(jsonPayload({ a: 1 })).toString()), { a: 1 });
    t.ok(jsonPayload({ detail: "\0".repeat(1e6) }).length < maxPayload, "a record of the relay's own always fits");
  },
);

t.test("a chunk longer than the memory's slots, and one after a pause in which the worker fell asleep", async (t) => {
  const writer = await TraceWriter.open({ parent: t.testdir(), facts });
  openAll(writer);
  const texts = ["x".repeat(1_400_000), "y"].map((padding, i) => frameText("dap", i, padding));
  for (const text of texts) writer.chunk(1, "client", Buffer.from(text));
  await writer.flush();
  const { written } = writer.marks;
  // The worker sleeps after half a second without a record; nothing says so, but a record then must still be written by itself.
  const from = performance.now();
  while (performance.now() - from < 800) await turn();
  texts.push(frameText("dap", 2));
  writer.chunk(1, "client", Buffer.from(texts[2] ?? ""));
  while (writer.marks.written === written) await turn();
  t.equal(writer.marks.written, written + 1);
  await writer.close();
  const read = await readAll(writer.dir);
  t.strictSame(
    read.texts,
    texts.map((text) => `1 client ${text}`),
  );
});

t.test("what is recorded is read back byte for byte, in order, with every session's facts and end", async (t) => {
  const writer = await TraceWriter.open({ parent: t.testdir(), facts, limits: { segmentBytes: 200_000 } });
  const recorder = new Recorder(writer);
  const sent = nothingSent();
  for (const id of [1, 2, 3] as const)
    recorder.sessionOpened(factsOf(id, (["dap", "pydevd", "raw"] as const)[id - 1] ?? "raw"));
  for (let round = 0; round < 8; round++) {
    sendSome(writer, sent, 250, round);
    await writer.flush();
    t.equal(writer.marks.durable, writer.marks.written);
  }
  recorder.note(1, { kind: "rewritten", detail: "a port", side: "debuggee" });
  recorder.sessionClosed(1, { by: "client", how: "end" });
  const summary = await writer.close();
  t.strictSame(summary.missed, { chunks: 0, bytes: 0, hits: 0 });
  t.ok(summary.segments.length > 2, "sealed more than once");
  const { texts, sessions, problems, messages } = await readAll(writer.dir);
  t.strictSame(texts, sent.messages);
  t.strictSame(problems, []);
  t.strictSame(
    sessions.map(({ facts }) => facts.name),
    ["api#1", "api#2", "api#3"],
  );
  t.strictSame(sessions[0]?.end, { by: "client", how: "end" });
  t.equal(sessions[0]?.notes, 1);
  for (const session of sessions)
    for (const side of ["client", "debuggee"] as const)
      t.equal(session[side].bytes, Buffer.concat(sent.bytes.get(`${session.facts.id} ${side}`) ?? []).length);
  const times = messages.map(({ time }) => time);
  t.ok(
    times.every((time, i) => i === 0 || time >= (times[i - 1] ?? 0)),
    "times never go back",
  );
  t.ok(Math.abs((times[0] ?? 0) - Date.now()) < 60_000);
});

t.test("only the user may read a trace", async (t) => {
  const parent = join(t.testdir(), "state", "traces");
  const writer = await TraceWriter.open({ parent, facts: { ...facts, command: ["debugtap", "up"], config: "a: 1" } });
  writer.session(factsOf(1, "dap"));
  await writer.flush();
  const modes = () =>
    readdirSync(writer.dir).map((file) => (statSync(join(writer.dir, file)).mode & 0o777).toString(8));
  t.match(writer.dir, /traces\/trace-\d{8}T\d{6}Z-[0-9a-f]{4}$/);
  t.equal((statSync(writer.dir).mode & 0o777).toString(8), "700");
  t.strictSame(new Set(modes()), new Set(["600"]));
  await writer.close();
  t.strictSame(new Set(modes()), new Set(["600"]));
  t.strictSame(readdirSync(writer.dir).sort(), ["000001.mcap", "manifest.json"]);
  const manifest = JSON.parse(readFileSync(join(writer.dir, "manifest.json"), "utf8")) as Record<string, unknown>;
  t.match(manifest, { format: 2, version: "0.0.0", command: ["debugtap", "up"], config: "a: 1", ended: Number });
  await t.rejects(TraceWriter.open({ dir: writer.dir, facts }), { code: "DT_USAGE" });
  await t.rejects(TraceWriter.open({ dir: "/dev/null/trace", facts }), { code: "DT_TRACE_DISK" });
});

t.test("kill -9: all that was acknowledged is read, and what is read has no hole", async (t) => {
  const dir = join(t.testdir(), "trace");
  const child = spawn(process.execPath, [fileURLToPath(new URL("writer-child.js", import.meta.url)), dir], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let acknowledged = 0;
  for await (const line of createInterface(child.stdout)) {
    acknowledged = Number(line.split(" ")[1]);
    if (acknowledged > 8000) break;
  }
  child.kill("SIGKILL");
  await once(child, "close");
  const { texts, count } = await readAll(dir);
  t.ok(texts.length >= acknowledged, `${texts.length} read, ${acknowledged} acknowledged`);
  t.equal(count, texts.length);
  t.strictSame(
    texts,
    texts.map((_, i) => `1 client ${frameText("dap", i)}`),
  );
});

t.test("a disk that refuses: the session goes on, a gap is noted and told, and recording resumes", async (t) => {
  const dir = join(t.testdir(), "trace");
  const child = fileURLToPath(new URL("disk-child.js", import.meta.url));
  // tap makes every Node below it end at SIGXFSZ, which Node itself ignores, by putting itself into NODE_OPTIONS.
  const said = execFileSync("env", ["-u", "NODE_OPTIONS", process.execPath, child, dir], { encoding: "utf8" });
  const { events, flush, missed } = JSON.parse(said) as { events: string[]; flush: string; missed: Missed };
  t.equal(flush, "DT_TRACE_DISK");
  t.equal(events.filter((type) => type === "failed").length, 1, "said once");
  t.strictSame(new Set(events), new Set(["failed", "behind", "resumed", "caught-up"]));
  const { texts, sessions, problems } = await readAll(dir);
  const session = sessions[2];
  t.equal(texts[0], "3 client before");
  t.equal(texts[1], "3 client held", "what was handed over is not lost");
  t.equal(texts.at(-1), "3 client after");
  t.ok((session?.client.lostChunks ?? 0) > 100);
  t.equal((session?.client.lostBytes ?? 0) + (session?.bytes ?? 0), 300 * 10_000 + "beforeheldafter".length);
  t.equal(session?.notes, 1);
  t.strictSame(session?.end, { by: "debuggee", how: "reset" });
  t.equal(missed.bytes, session?.client.lostBytes);
  t.strictSame(problems, []);
});

t.test("a worker that cannot keep up: what is left out is counted exactly, on each side", async (t) => {
  const events: TraceEvent[] = [];
  const onEvent = (event: TraceEvent) => events.push(event);
  const writer = await TraceWriter.open({ parent: t.testdir(), facts, onEvent, limits: { inFlight: 1024 * 1024 } });
  openAll(writer);
  // Twice as much as the memory holds, faster than the worker looks.
  for (let i = 0; i < 1000; i++) {
    writer.chunk(1, "client", Buffer.from(frameText("dap", i, "p".repeat(1000))));
    writer.chunk(2, "debuggee", Buffer.from(frameText("pydevd", i, "p".repeat(1000))));
  }
  await writer.flush();
  // In step again behind the gap.
  writer.chunk(1, "client", Buffer.from(frameText("dap", 5000)));
  await writer.close();
  const { texts, sessions, messages } = await readAll(writer.dir);
  t.equal(events.filter(({ type }) => type === "behind").length, 1, "said once");
  for (const [session, side] of [
    [sessions[0], "client"],
    [sessions[1], "debuggee"],
  ] as const) {
    t.ok((session?.[side].lostChunks ?? 0) > 0);
    t.equal((session?.[side].lostChunks ?? 0) + (session?.[side].chunks ?? 0), side === "client" ? 1001 : 1000);
  }
  t.equal(texts.at(-1), `1 client ${frameText("dap", 5000)}`);
  t.ok(
    messages.every(({ frame }) => frame !== undefined),
    "every message behind the gap is a frame again",
  );
});

t.test("long work of the recorder lets go of its core again and again", (t) => {
  const { voluntaryContextSwitches: before } = process.resourceUsage();
  for (const began = performance.now(); performance.now() - began < 50;) breathe();
  const times = process.resourceUsage().voluntaryContextSwitches - before;
  t.ok(times >= 20, `${times} times in 50 ms`);
  t.end();
});

t.test("the hand-over is crowded from more than half of its memory on", (t) => {
  const memory = slotMemory(4 * 512 * 1024);
  const [filler, drainer] = [new SlotFiller(memory), new SlotDrainer(memory)];
  const slot = new Uint8Array(maxPayload);
  t.ok(filler.append(kinds.client, 1, 0, slot) && filler.append(kinds.client, 1, 0, slot));
  t.equal(drainer.crowded, false);
  t.ok(filler.append(kinds.client, 1, 0, slot));
  t.equal(drainer.crowded, true);
  for (let piece = drainer.next(drainer.begun); piece !== undefined; piece = drainer.next(drainer.begun))
    drainer.done();
  t.equal(drainer.crowded, false);
  t.end();
});

t.test("the first slots are full at 128 KiB, so that warm memory is used again", (t) => {
  const memory = slotMemory(32 * 512 * 1024);
  const [filler, drainer] = [new SlotFiller(memory), new SlotDrainer(memory)];
  const record = new Uint8Array(20_000);
  const put = () => filler.append(kinds.client, 1, 0, record);
  // 131 kB are behind 128 KiB, and the slot is left with the next.
  for (let i = 0; i < 3 * 7; i++) put();
  t.equal(drainer.filled, false);
  put();
  t.equal(drainer.filled, true);
  const lengths: number[] = [];
  const take = () => {
    for (let piece = drainer.next(drainer.begun); piece !== undefined; piece = drainer.next(drainer.begun)) {
      lengths.push(piece.length / 20_017);
      drainer.done();
    }
  };
  take();
  t.strictSame(lengths, [7, 7, 7, 1]);
  t.equal(drainer.filled, false);
  while (put());
  take();
  // The fourth goes on where it was taken; the first three are used again, then the others.
  t.strictSame(lengths.slice(4), [6, 7, 7, 7, ...Array<number>(28).fill(26)]);
  t.end();
});
