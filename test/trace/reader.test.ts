import { mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { McapRecordBuilder } from "@mcap/core";
import t from "tap";
import { commitLength, findCommit } from "../../src/trace/commit.ts";
import { LiveScanner } from "../../src/trace/live-scanner.ts";
import { follow, openTrace, recoverTrace, TraceWriter } from "../../src/trace/index.ts";
import { factsOf, frameText, nothingSent, openAll, random, readAll, sendSome, textOf } from "./recording.ts";
import type { Sent } from "./recording.ts";

const facts = { version: "0.0.0" };

/** A trace that is still open, so that its last segment is live; `live` is a copy of that segment. */
async function liveTrace(parent: string, rounds: number, each: number, limits = {}) {
  const writer = await TraceWriter.open({ dir: join(parent, "trace"), facts, limits });
  const sent = nothingSent();
  openAll(writer);
  for (let round = 0; round < rounds; round++) {
    sendSome(writer, sent, each, round, 60);
    await writer.flush();
  }
  const file = readdirSync(writer.dir).findLast((name) => name.endsWith(".live")) ?? "";
  const live = file === "" ? Buffer.alloc(0) : readFileSync(join(writer.dir, file));
  return { writer, sent, file, live };
}

/** Thirty messages a round, each round one batch, and where the commits stand: the head's first. */
async function inRounds(parent: string, rounds: number) {
  for (let attempt = 1; attempt <= 20; attempt++) {
    const { writer, sent, live } = await liveTrace(join(parent, `attempt-${attempt}`), rounds, 30);
    await writer.close();
    const commits = commitsOf(live);
    // The recorder takes what came by itself every 20 ms, and so cuts a round in two now and then.
    if (commits.length === rounds + 1) return { sent, live, commits };
  }
  throw new Error(`never ${rounds} batches`);
}

function commitsOf(live: Uint8Array): number[] {
  const commits: number[] = [];
  for (let at = findCommit(live, 0, 0); at !== -1; at = findCommit(live, at + 1, 0)) commits.push(at);
  return commits;
}

/** A directory with one segment file and nothing else. */
function traceOf(parent: string, name: string, content: Uint8Array): string {
  const dir = join(parent, "one");
  rmSync(dir, { recursive: true, force: true });
  mkdirSync(dir);
  writeFileSync(join(dir, name), content);
  return dir;
}

/** How many messages of `sent` were read, if they are its first ones; the last may be a begun message that came out as bytes. */
function prefixLength(texts: readonly string[], sent: Sent): number {
  const all = texts.every((text, i) => text === sent.messages[i]);
  return all ? texts.length : -1;
}

t.test("a live segment cut anywhere gives a prefix: everything that was committed before the cut", async (t) => {
  const { writer, sent, live } = await liveTrace(t.testdir(), 4, 3);
  await writer.close();
  const parent = t.testdir();
  let before = 0;
  const lengths = new Set<number>();
  // From the end on, so that the whole is one of them.
  for (let cut = live.length % 5; cut <= live.length; cut += 5) {
    const { texts, problems } = await readAll(traceOf(parent, "000001.live", live.subarray(0, cut)));
    const length = prefixLength(texts, sent);
    if (length < before) t.fail(`cut at ${cut}: ${length} messages, ${before} at a shorter cut`);
    if (problems.some(({ code }) => code !== "DT_TRACE_DAMAGED")) t.fail(`cut at ${cut}: ${problems.join(" ")}`);
    before = length;
    lengths.add(length);
  }
  t.equal(before, 12);
  t.ok(lengths.size > 3, "batch by batch");
});

t.test("a larger live segment, cut and with bits turned, never throws and never gives what was not sent", async (t) => {
  const { writer, sent, live } = await liveTrace(t.testdir(), 20, 60);
  await writer.close();
  const parent = t.testdir();
  const next = random(7);
  for (let run = 0; run < 60; run++) {
    const cut = next(live.length);
    const { texts } = await readAll(traceOf(parent, "000001.live", live.subarray(0, cut)));
    if (prefixLength(texts, sent) < 0) t.fail(`cut at ${cut}`);
    const wrong = await turn(parent, live, sent, next(live.length), next(8));
    if (wrong !== undefined) t.fail(wrong);
  }
  t.pass("60 cuts, 60 bits");
});

t.test("a bit turned anywhere is told, and nothing is joined across it, however the batches are cut", async (t) => {
  for (const each of [1, 3]) {
    const { writer, sent, live } = await liveTrace(t.testdir(), 4, each);
    await writer.close();
    const parent = t.testdir();
    for (let byte = 0; byte < live.length; byte += 13) {
      const wrong = await turn(parent, live, sent, byte, byte % 8);
      if (wrong !== undefined) t.fail(wrong);
    }
  }
  t.pass("a bit in each thirteenth byte");
});

/** Turns one bit of a live segment; gives what is wrong with what is then read, if anything. */
async function turn(parent: string, live: Uint8Array, sent: Sent, byte: number, bit: number) {
  const turned = Buffer.from(live);
  turned[byte] = (turned[byte] ?? 0) ^ (1 << bit);
  const { messages, problems, count } = await readAll(traceOf(parent, "000001.live", turned));
  const known = new Set(sent.messages);
  const wrong = messages.filter((message) => message.frame !== undefined && !known.has(textOf(message)));
  if (wrong.length > 0) return `byte ${byte}, bit ${bit}: ${wrong.map(textOf).join(" ")}`;
  if (problems.length === 0) return `byte ${byte}, bit ${bit}: nothing was said`;
  return count === messages.length ? undefined : `byte ${byte}, bit ${bit}: ${count} counted, ${messages.length} read`;
}

t.test("behind damage reading goes on with the next batch, wherever the damage is", async (t) => {
  const { sent, live, commits } = await inRounds(t.testdir(), 3);
  const parent = t.testdir();
  const second = (commits[1] ?? 0) + commitLength;
  const damage: Record<string, (bytes: Buffer) => void> = {
    "a length that leads far away": (bytes) => bytes.writeUInt32LE(0xffff_ffff, second + 1),
    "a length that leads into the next batches": (bytes) => bytes.writeUInt32LE(600, second + 1),
    "a commit that is none": (bytes) => bytes.writeUInt8(0, commits[2] ?? 0),
    "its channel": (bytes) => bytes.writeUInt16LE(7, (commits[2] ?? 0) + 9),
    "a page of zeros": (bytes) => bytes.fill(0, second + 20, second + 100),
  };
  for (const [what, change] of Object.entries(damage)) {
    const bytes = Buffer.from(live);
    change(bytes);
    const { texts, problems } = await readAll(traceOf(parent, "000001.live", bytes));
    t.strictSame(texts.slice(0, 30), sent.messages.slice(0, 30), what);
    t.strictSame(texts.slice(-30), sent.messages.slice(-30), what);
    t.equal(problems[0]?.code, "DT_TRACE_DAMAGED", what);
    t.match(problems[0]?.why, /damaged|checksum/, what);
  }
});

t.test("live segments of format 1, whose commits were JSON, are read, damaged ones too", async (t) => {
  const { writer, sent, live } = await liveTrace(t.testdir(), 4, 3);
  await writer.close();
  const batches = new LiveScanner().push(live);
  const old = new McapRecordBuilder();
  const parts: Buffer[] = [];
  let written = 0;
  for (const batch of batches) {
    if ("damaged" in batch) throw new Error(batch.damaged);
    const head = written === 0 ? live.subarray(0, 8) : Buffer.alloc(0);
    const bytes = Buffer.concat([head, batch.records]);
    const data = Buffer.from(JSON.stringify({ seq: 1, bytes: bytes.length, crc32: crc32(bytes) }));
    old.reset();
    old.writeMessage({ channelId: 1, sequence: 0, logTime: 1n, publishTime: 1n, data });
    parts.push(bytes, Buffer.from(old.buffer));
    written += bytes.length;
  }
  const parent = t.testdir();
  const whole = Buffer.concat(parts);
  const { texts, problems } = await readAll(traceOf(parent, "000001.live", whole));
  t.strictSame(texts, sent.messages);
  t.strictSame(problems, []);
  const known = new Set(sent.messages);
  for (let byte = 0; byte < whole.length; byte += 31) {
    const turned = Buffer.from(whole);
    turned[byte] = (turned[byte] ?? 0) ^ (1 << (byte % 8));
    const { messages } = await readAll(traceOf(parent, "000001.live", turned));
    const wrong = messages.filter((message) => message.frame !== undefined && !known.has(textOf(message)));
    if (wrong.length > 0) t.fail(`byte ${byte}: ${wrong.map(textOf).join(" ")}`);
  }
  const dir = traceOf(parent, "000001.live", whole);
  await recoverTrace(dir);
  t.strictSame((await readAll(dir)).texts, sent.messages);
});

t.test("a sealed segment, cut and with bits turned: what can be trusted is read", async (t) => {
  const writer = await TraceWriter.open({ dir: join(t.testdir(), "trace"), facts });
  const sent = nothingSent();
  openAll(writer);
  // Text that does not compress, for several chunks.
  const next = random(3);
  const noise = () => Array.from({ length: 3000 }, () => String.fromCharCode(97 + next(26))).join("");
  for (let i = 0; i < 1000; i++) {
    const text = frameText("dap", i, noise());
    sent.messages.push(`1 client ${text}`);
    writer.chunk(1, "client", Buffer.from(text));
    if (i % 100 === 0) await writer.flush();
  }
  await writer.close();
  const sealed = readFileSync(join(writer.dir, "000001.mcap"));
  const whole = await readAll(writer.dir);
  t.strictSame(whole.texts, sent.messages);
  const known = new Set(sent.messages);
  const parent = t.testdir();
  const footless = await readAll(traceOf(parent, "000001.mcap", sealed.subarray(0, sealed.length - 1)));
  t.strictSame(footless.texts, sent.messages, "without a footer, every chunk is found");
  t.equal(footless.problems[0]?.code, "DT_TRACE_DAMAGED");
  for (let run = 0; run < 25; run++) {
    const cut = next(sealed.length);
    const short = await readAll(traceOf(parent, "000001.mcap", sealed.subarray(0, cut)));
    if (prefixLength(short.texts, sent) < 0) t.fail(`cut at ${cut}`);
    const turned = Buffer.from(sealed);
    const at = next(sealed.length);
    turned[at] = (turned[at] ?? 0) ^ (1 << next(8));
    const { messages } = await readAll(traceOf(parent, "000001.mcap", turned));
    const wrong = messages.filter((message) => message.frame !== undefined && !known.has(textOf(message)));
    if (wrong.length > 0) t.fail(`byte ${at}: ${wrong.length} wrong messages`);
    if (messages.length === 0 && at > 400) t.fail(`byte ${at}: nothing was read`);
  }
});

t.test("every message is found by its ordinal and by its time, over segments and in the live one", async (t) => {
  const { writer, sent } = await liveTrace(t.testdir(), 12, 100, { segmentBytes: 30_000 });
  const trace = await openTrace(writer.dir);
  t.ok(trace.segments.length > 2);
  const all = [];
  for await (const message of trace.messages()) all.push(message);
  t.strictSame(all.map(textOf), sent.messages);
  t.equal(trace.count(), 1200);
  for (let from = 1; from <= 1200; from += 97) {
    const got = [];
    for await (const message of trace.messages({ from, count: 3 })) got.push(message);
    t.strictSame(got, all.slice(from - 1, from + 2));
  }
  for (const id of [1, 2, 3]) {
    const own = all.filter(({ session }) => session.id === id);
    t.strictSame(
      own.map(({ ordinal }) => ordinal),
      own.map((_, i) => i + 1),
    );
    for (let from = 1; from <= own.length; from += 61) {
      const got = [];
      for await (const message of trace.messages({ session: id, from, count: 2 })) got.push(message);
      t.strictSame(got, own.slice(from - 1, from + 1));
    }
  }
  const [since, until] = [all[500]?.time ?? 0, all[700]?.time ?? 0];
  const window = [];
  for await (const message of trace.messages({ since, until })) window.push(message);
  t.strictSame(
    window,
    all.filter(({ time }) => time >= since && time <= until),
  );
  trace.close();
  await writer.close();
});

t.test("a crash at any point of sealing leaves one readable file, and recovery ends the seal", async (t) => {
  const { writer, sent, live } = await liveTrace(t.testdir(), 4, 50);
  await writer.close();
  const sealed = readFileSync(join(writer.dir, "000001.mcap"));
  const manifest = readFileSync(join(writer.dir, "manifest.json"), "utf8").replace(/"ended": \d+(\.\d+)?,/, "");
  const leftovers: Record<string, Record<string, Uint8Array>> = {
    "before the seal": { "000001.live": live },
    "a begun file": { "000001.live": live, "000001.mcap.tmp": sealed.subarray(0, 500) },
    "a whole file, not renamed": { "000001.live": live, "000001.mcap.tmp": sealed },
    "renamed, live not removed": { "000001.live": live, "000001.mcap": sealed },
    "renamed, but damaged": { "000001.live": live, "000001.mcap": sealed.subarray(0, 500) },
    "all done": { "000001.mcap": sealed },
  };
  for (const [i, [name, files]] of Object.entries(leftovers).entries()) {
    const dir = join(writer.dir, "..", `leftovers-${i}`);
    mkdirSync(dir);
    writeFileSync(join(dir, "manifest.json"), manifest.replace(/"pid": \d+/, `"pid": ${process.pid}`));
    for (const [file, content] of Object.entries(files)) writeFileSync(join(dir, file), content);
    t.strictSame((await readAll(dir)).texts, sent.messages, name);
    await recoverTrace(dir);
    t.strictSame(
      readdirSync(dir).filter((file) => file !== "manifest.json"),
      ["000001.mcap"],
      name,
    );
    const after = await readAll(dir);
    t.strictSame(after.texts, sent.messages, name);
    t.strictSame(after.problems, [], name);
  }
});

t.test("recovery goes on where the sealed segments before it end, also inside a message", async (t) => {
  const writer = await TraceWriter.open({ dir: join(t.testdir(), "trace"), facts, limits: { segmentBytes: 1 } });
  writer.session(factsOf(1, "dap"));
  await writer.flush();
  const text = frameText("dap", 1, "p".repeat(2000));
  for (let at = 0; at < text.length; at += 300) {
    writer.chunk(1, "client", Buffer.from(text.slice(at, at + 300)));
    await writer.flush();
  }
  writer.chunk(1, "client", Buffer.from(frameText("dap", 2)));
  await writer.flush();
  await writer.close();
  const copy = writer.dir;
  const { texts, count } = await readAll(copy);
  t.strictSame(texts, [`1 client ${text}`, `1 client ${frameText("dap", 2)}`]);
  t.equal(count, 2);
  const trace = await openTrace(copy);
  const second = [];
  for await (const message of trace.messages({ session: 1, from: 2 })) second.push(textOf(message));
  t.strictSame(second, [`1 client ${frameText("dap", 2)}`]);
  trace.close();
});

t.test("following sees every message once, across seals and to the end", async (t) => {
  const { writer, sent } = await liveTrace(t.testdir(), 2, 50, { segmentBytes: 20_000 });
  const trace = await openTrace(writer.dir);
  const writing = (async () => {
    for (let round = 10; round < 20; round++) {
      sendSome(writer, sent, 100, round);
      await writer.flush();
    }
    await writer.close();
  })();
  const texts = [];
  for await (const message of follow(trace)) texts.push(textOf(message));
  await writing;
  trace.close();
  t.strictSame(texts, sent.messages);
});

t.test("a trace that is newer or not there is refused in words", async (t) => {
  const dir = t.testdir({ empty: {}, newer: { "manifest.json": '{"format":3}' }, file: "" });
  await t.rejects(openTrace(join(dir, "nothing")), { code: "DT_TRACE_MISSING" });
  await t.rejects(openTrace(join(dir, "empty")), { code: "DT_TRACE_MISSING" });
  await t.rejects(openTrace(join(dir, "file")), { code: "DT_TRACE_MISSING" });
  await t.rejects(openTrace(join(dir, "newer")), { code: "DT_TRACE_NEWER", message: /written by a newer debugtap/ });
});

t.test("a million tiny frames in a few chunks are a million messages, opened at once", async (t) => {
  const writer = await TraceWriter.open({ dir: join(t.testdir(), "trace"), facts });
  writer.session(factsOf(1, "pydevd"));
  const line = Buffer.from("1\t2\t\n");
  const chunk = Buffer.concat(Array.from({ length: 10_000 }, () => line));
  for (let i = 0; i < 100; i++) {
    writer.chunk(1, "debuggee", chunk);
    if (i % 20 === 0) await writer.flush();
  }
  await writer.close();
  const trace = await openTrace(writer.dir);
  t.equal(trace.count(1), 1_000_000);
  const got = [];
  for await (const { ordinal } of trace.messages({ session: 1, from: 999_999 })) got.push(ordinal);
  t.strictSame(got, [999_999, 1_000_000]);
  trace.close();
  truncateSync(join(writer.dir, "manifest.json"), 0);
  const bare = await openTrace(writer.dir);
  t.equal(bare.count(), 1_000_000, "a lost manifest costs nothing");
  bare.close();
});
