import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import t from "tap";
import type { Manifest } from "../../src/trace/format.ts";
import { follow, HitIndex, openTrace, recoverTrace, TraceWriter } from "../../src/trace/index.ts";
import type { MessageQuery, Trace, TraceEvent, TraceMessage } from "../../src/trace/index.ts";
import { removeOldTraces } from "../../src/trace/old-traces.ts";
import { factsOf, frameText, hitOf, nothingSent, openAll, random, sendSome, textOf } from "./recording.ts";

const facts = { version: "0.0.0" };
/** Room for a few segments of 50 kB, beside what is kept free for records of any length. */
const small = { limits: { segmentBytes: 50_000 }, keep: { maxSize: 1_500_000 } };

async function all(trace: Trace, query: MessageQuery = {}): Promise<TraceMessage[]> {
  const messages: TraceMessage[] = [];
  for await (const message of trace.messages(query)) messages.push(message);
  return messages;
}

function manifestOf(dir: string): Manifest {
  return JSON.parse(readFileSync(join(dir, "manifest.json"), "utf8")) as Manifest;
}

/** Sends the same to two recordings, one with a bound; gives what each then holds. */
async function withAndWithout(parent: string) {
  const whole = await TraceWriter.open({ dir: join(parent, "whole"), facts, limits: { segmentBytes: 50_000 } });
  const kept = await TraceWriter.open({ dir: join(parent, "kept"), facts, ...small });
  for (const writer of [whole, kept]) {
    openAll(writer);
    writer.session(factsOf(9, "dap"));
    writer.chunk(9, "client", Buffer.from(frameText("dap", 1)));
    // One that ends in what is dropped, and one that says nothing until the end.
    writer.end(9, { by: "client", how: "end" });
    writer.session(factsOf(8, "dap"));
    writer.chunk(8, "client", Buffer.from(frameText("dap", 1).repeat(3)));
  }
  for (let round = 0; round < 30; round++)
    for (const writer of [whole, kept]) {
      sendSome(writer, nothingSent(), 150, round, 3000);
      await writer.flush();
    }
  for (const writer of [whole, kept]) {
    writer.chunk(8, "client", Buffer.from(frameText("dap", 4)));
    await writer.flush();
  }
  return { whole, kept };
}

t.test(
  "what is left is what it was: same messages, ordinals, sessions, from any ordinal, live and closed",
  async (t) => {
    const { whole, kept } = await withAndWithout(t.testdir());
    for (const state of ["live", "closed", "closed, with a leftover"]) {
      if (state === "closed") await Promise.all([whole.close(), kept.close()]);
      if (state === "closed, with a leftover") leaveOver(kept.dir);
      const [full, rest] = [await openTrace(whole.dir), await openTrace(kept.dir)];
      const { dropped } = rest;
      t.ok((dropped?.segments ?? 0) > 3, `${state}: ${dropped?.segments} segments dropped`);
      t.equal(dropped?.ended, 1);
      const [before, after] = [await all(full), await all(rest)];
      t.ok(after.length > 200 && after.length < before.length, `${after.length} of ${before.length}`);
      t.equal(rest.count(), full.count(), state);
      t.equal(before.length - after.length, dropped?.frames, state);
      const suffix = before.slice(-after.length);
      const torn = new Set<string>();
      for (const [i, message] of after.entries()) {
        const original = suffix[i];
        const { session, side, ordinal } = message;
        const same = original && textOf(message) === textOf(original) && ordinal === original.ordinal;
        if (same) continue;
        // The end of one that began in what is dropped: once a side.
        const key = `${session.id} ${side}`;
        const end = Buffer.from(message.bytes ?? []).toString();
        const isEnd = original !== undefined && textOf(original).endsWith(end) && ordinal === original.ordinal;
        if (!isEnd || torn.has(key)) t.fail(`${state}: ${textOf(message)} for ${original && textOf(original)}`);
        torn.add(key);
      }
      const first = before.length - after.length + 1;
      for (let from = first - 100; from <= before.length; from += 150) {
        const start = Math.max(from, first);
        const expected = after.slice(start - first, start - first + 3);
        t.strictSame(await all(rest, { from, count: 3 }), expected, `${state}: from ${from}`);
      }
      for (const { facts: session, messages } of full.sessions()) {
        if (session.id === 9) continue;
        t.equal(rest.count(session.id), messages, session.name);
        const own = after.filter((message) => message.session.id === session.id);
        t.strictSame(await all(rest, { session: session.id }), own, session.name);
        const middle = own[Math.floor(own.length / 2)]?.ordinal ?? 1;
        t.strictSame(
          await all(rest, { session: session.id, from: middle }),
          own.filter(({ ordinal }) => ordinal >= middle),
        );
      }
      t.equal(rest.count(8), 4);
      t.notOk(rest.sessions().some(({ facts: { id } }) => id === 9));
      t.strictSame([...rest.problems], []);
      for (const trace of [full, rest]) trace.close();
    }
    await recoverTrace(kept.dir);
    const files = manifestOf(kept.dir).segments.map(({ file }) => file);
    t.strictSame(readdirSync(kept.dir).sort(), [...files, "manifest.json"], "recovery removes leftovers");
  },
);

/** As a writer that died between the manifest and the removal left it: a segment that the manifest calls dropped is still there. */
function leaveOver(dir: string): void {
  const { dropped } = manifestOf(dir);
  const file = `${String(dropped?.through).padStart(6, "0")}.mcap`;
  writeFileSync(join(dir, file), "a leftover");
}

t.test("a reader goes on in segments that are dropped, one that follows is told where it goes on", async (t) => {
  const writer = await TraceWriter.open({ dir: join(t.testdir(), "trace"), facts, ...small });
  openAll(writer);
  const sent = nothingSent();
  const send = async (rounds: number) => {
    for (let i = 0; i < rounds; i++) {
      sendSome(writer, sent, 100, i, 3000);
      await writer.flush();
    }
  };
  await send(2);
  const early = await openTrace(writer.dir);
  const following = follow(await openTrace(writer.dir));
  const followed = [(await following.next()).value as TraceMessage];
  await send(40);
  t.ok(!existsSync(join(writer.dir, "000002.mcap")) && !existsSync(join(writer.dir, "000002.live")));
  t.strictSame((await all(early)).map(textOf), sent.messages.slice(0, 200));
  early.close();
  await writer.close();
  for await (const message of following) followed.push(message);
  const texts = followed.map(textOf);
  t.strictSame(texts.slice(0, 200), sent.messages.slice(0, 200), "what it had open");
  t.equal(texts.at(-1), sent.messages.at(-1));
  t.ok(texts.length < sent.messages.length, "it was late");
  const final = await openTrace(writer.dir);
  const ends = [followed, await all(final)].map((messages) =>
    messages.slice(-100).map((message) => `${message.ordinal} ${textOf(message)}`),
  );
  t.strictSame(ends[0], ends[1], "with the ordinals of the whole trace");
  final.close();
});

t.test("hits keep their numbers, and the texts that they need, when what said so first is dropped", async (t) => {
  const writer = await TraceWriter.open({ dir: join(t.testdir(), "trace"), facts, ...small });
  const session = { ...factsOf(1, "dap"), host: "vm" };
  writer.session(session);
  const next = random(5);
  const [old, app] = ["old text\n", "print(1)\n"].map((text) => Buffer.from(text));
  writer.source(1, { path: "/opt/app/old.py", host: "vm", since: 1 }, new Uint8Array(old ?? []));
  writer.source(1, { path: "/opt/app/app.py", host: "vm", since: 1 }, new Uint8Array(app ?? []));
  await writer.flush();
  const before = readdirSync(join(writer.dir, "sources")).length;
  // From now on another text.
  writer.source(1, { path: "/opt/app/old.py", host: "vm", since: 2 }, new Uint8Array(Buffer.from("new text\n")));
  for (let number = 1; number <= 400; number++) {
    writer.hit(1, hitOf(1, number));
    const noise = Array.from({ length: 1500 }, () => String.fromCharCode(97 + next(26))).join("");
    writer.chunk(1, "debuggee", Buffer.from(frameText("dap", number, noise)));
    if (number % 20 === 0) await writer.flush();
  }
  await writer.close();
  const trace = await openTrace(writer.dir);
  const { dropped } = trace;
  t.ok((dropped?.hits ?? 0) > 50, `${dropped?.hits} hits dropped`);
  const hits = [];
  for await (const { hit } of trace.hits()) hits.push(hit);
  t.equal(trace.hitCount(), hits.length);
  t.strictSame(
    hits.map(({ number }) => number),
    Array.from({ length: 400 - (dropped?.hits ?? 0) }, (_, i) => i + 1 + (dropped?.hits ?? 0)),
  );
  for await (const { hit } of trace.hits({ from: 390 })) t.ok(hit.number >= 390);
  const index = await HitIndex.open(trace);
  t.strictSame([index.first, index.size], [(dropped?.hits ?? 0) + 1, 400]);
  t.equal(index.numberOf("api#1", 390), 390, "one session: the number of the trace is that of the session");
  t.equal(index.row(390).ordinal, 390);
  t.equal((await index.find({}))[0], index.first);
  index.close();
  t.strictSame(
    readdirSync(join(writer.dir, "hits")).map((file) => file.replace("idx", "mcap")),
    readdirSync(writer.dir).filter((file) => file.endsWith(".mcap")),
    "indexes go with their segments",
  );
  const texts = new Set(hits.map((hit) => trace.source(hit.snapshot.frames[0]?.source ?? "")));
  t.strictSame([...texts], ["print(1)\n"]);
  t.equal(before, 2);
  t.equal(readdirSync(join(writer.dir, "sources")).length, 2, "the text that nothing names any more is gone");
  trace.close();
});

t.test("a live segment that fills the trace together with texts makes room by itself", async (t) => {
  const limits = { segmentBytes: 1_000_000 };
  const writer = await TraceWriter.open({
    dir: join(t.testdir(), "trace"),
    facts,
    limits,
    keep: { maxSize: 1_500_000 },
  });
  writer.session(factsOf(1, "dap"));
  writer.source(1, { path: "/a.py", since: 1 }, new Uint8Array(350_000));
  const texts = Array.from({ length: 8 }, (_, i) => frameText("dap", i, "p".repeat(200_000)));
  for (const text of texts) {
    writer.chunk(1, "client", Buffer.from(text));
    await writer.flush();
  }
  const { missed } = await writer.close();
  t.strictSame(missed, { chunks: 0, bytes: 0, hits: 0 });
  const trace = await openTrace(writer.dir);
  t.strictSame((await all(trace)).at(-1)?.ordinal, texts.length);
  trace.close();
});

t.test("what is older than max_age goes, also while nothing comes", async (t) => {
  const events: TraceEvent[] = [];
  const keep = { maxAge: 1000 };
  const writer = await TraceWriter.open({
    dir: join(t.testdir(), "trace"),
    facts,
    keep,
    onEvent: (event) => events.push(event),
  });
  writer.session(factsOf(1, "dap"));
  for (let i = 0; i < 5; i++) writer.chunk(1, "client", Buffer.from(frameText("dap", i)));
  await writer.flush();
  while (!events.some(({ type }) => type === "dropped")) await pause(20);
  t.strictSame(events, [{ type: "dropped", by: "max_age" }]);
  writer.chunk(1, "client", Buffer.from(frameText("dap", 5)));
  await writer.close();
  const trace = await openTrace(writer.dir);
  t.match(trace.dropped, { by: ["max_age"], frames: 5, ended: 0 });
  t.strictSame(
    (await all(trace)).map((message) => [message.ordinal, textOf(message)]),
    [[6, `1 client ${frameText("dap", 5)}`]],
  );
  t.strictSame(trace.sessions()[0]?.facts, factsOf(1, "dap"));
  trace.close();
});

t.test("old traces: only those that ended long ago are removed, and only what is theirs", async (t) => {
  const top = t.testdir({ outside: { "note.txt": "mine", "000001.mcap": "mine" }, traces: {} });
  const parent = join(top, "traces");
  const writer = await TraceWriter.open({ dir: join(top, "made"), facts });
  writer.session(factsOf(1, "dap"));
  writer.source(1, { path: "/a.py", since: 1 }, new Uint8Array(Buffer.from("a")));
  await writer.flush();
  await writer.close();
  const [now, day] = [Date.now(), 86_400_000];
  /** A trace of this name; `ended` in days before now. */
  const make = (name: string, { ended, pid = 4_194_305, id = name }: { ended?: number; pid?: number; id?: string }) => {
    const dir = join(parent, name);
    cpSync(writer.dir, dir, { recursive: true });
    const { ended: _, ...manifest } = manifestOf(dir);
    const end = ended === undefined ? {} : { ended: now - ended * day };
    writeFileSync(join(dir, "manifest.json"), JSON.stringify({ ...manifest, ...end, id, pid }));
    const old = now / 1000 - 20 * 86_400;
    for (const file of ["000001.mcap", `sources/${readdirSync(join(dir, "sources"))[0]}`])
      utimesSync(join(dir, file), old, old);
    return dir;
  };
  make("trace-old", { ended: 8 });
  make("trace-young", { ended: 6 });
  make("trace-died", {});
  make("trace-died-now", {});
  utimesSync(join(parent, "trace-died-now", "000001.mcap"), now / 1000, now / 1000);
  make("trace-runs", { pid: process.ppid });
  make("trace-own", { ended: 8 });
  make("renamed", { ended: 8, id: "trace-old" });
  writeFileSync(join(make("trace-with-more", { ended: 8 }), "note.txt"), "mine");
  const linked = make("trace-linked", { ended: 8 });
  renameSync(join(linked, "sources"), join(top, "elsewhere"));
  symlinkSync(join(top, "elsewhere"), join(linked, "sources"));
  make("moved-away", { ended: 8, id: "trace-link" });
  renameSync(join(parent, "moved-away"), join(top, "target"));
  symlinkSync(join(top, "target"), join(parent, "trace-link"));
  mkdirSync(join(parent, "trace-empty"));
  mkdirSync(join(parent, "trace-manifest-link"));
  symlinkSync(join(top, "target", "manifest.json"), join(parent, "trace-manifest-link", "manifest.json"));
  const size = (dir: string) =>
    readdirSync(dir, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name !== "manifest.json" && entry.name !== "note.txt")
      .reduce((sum, { name, parentPath }) => sum + statSync(join(parentPath, name)).size, 0);
  const one = size(writer.dir);
  const removed = await removeOldTraces(parent, 7 * day, join(parent, "trace-own"), now);
  t.strictSame(removed, {
    traces: 4,
    bytes: 4 * one - statSync(join(top, "elsewhere", readdirSync(join(top, "elsewhere"))[0] ?? "")).size,
  });
  t.strictSame(readdirSync(parent).sort(), [
    "renamed",
    "trace-died-now",
    "trace-empty",
    "trace-link",
    "trace-linked",
    "trace-manifest-link",
    "trace-own",
    "trace-runs",
    "trace-with-more",
    "trace-young",
  ]);
  t.strictSame(readdirSync(join(parent, "trace-with-more")), ["note.txt"]);
  t.strictSame(readdirSync(linked), ["sources"]);
  t.equal(readdirSync(join(top, "elsewhere")).length, 1);
  t.strictSame(readdirSync(join(top, "outside")).sort(), ["000001.mcap", "note.txt"]);
  t.ok(existsSync(join(top, "target", "000001.mcap")));
  t.strictSame(await removeOldTraces(join(top, "nothing"), day, ""), { traces: 0, bytes: 0 });
});
