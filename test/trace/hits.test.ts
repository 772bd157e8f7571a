import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import t from "tap";
import { captureLimits } from "../../protocol/hit.ts";
import type { Hit, SnapshotVariable } from "../../protocol/hit.ts";
import { Recorder } from "../../src/addons/recorder.ts";
import { isHit } from "../../src/trace/hits.ts";
import { openTrace, recoverTrace, TraceWriter } from "../../src/trace/index.ts";
import type { HitQuery } from "../../src/trace/index.ts";
import { SealedWriter } from "../../src/trace/seal.ts";
import { maxPayload } from "../../src/trace/slots.ts";
import { factsOf, frameText, hitOf, readAll } from "./recording.ts";

const facts = { version: "0.0.0" };

async function hitsOf(dir: string, query: HitQuery = {}): Promise<Hit[]> {
  const trace = await openTrace(dir);
  try {
    const hits = [];
    for await (const { hit } of trace.hits(query)) hits.push(hit);
    return hits;
  } finally {
    trace.close();
  }
}

/** Hits of two sessions among messages, over several segments; the last of them are in the live one. */
async function traceWithHits(dir: string) {
  const writer = await TraceWriter.open({ dir, facts, limits: { segmentBytes: 20_000 } });
  const recorder = new Recorder(writer);
  const hits: Hit[] = [];
  for (const id of [1, 2]) recorder.sessionOpened(factsOf(id, "dap"));
  for (let i = 1; i <= 12; i++) {
    for (let j = 0; j < 20; j++) writer.chunk(1, "client", Buffer.from(frameText("dap", i, "p".repeat(i * 20))));
    const id = 1 + (i % 2);
    const hit = hitOf(id, Math.ceil(i / 2), "v".repeat(i * 100));
    recorder.hit(id, hit);
    hits.push(hit);
    await writer.flush();
  }
  return { writer, hits };
}

t.test("hits are read back as they were, in order, live and sealed, of one session or all, from any on", async (t) => {
  const { writer, hits } = await traceWithHits(join(t.testdir(), "trace"));
  const check = async (what: string) => {
    t.strictSame(await hitsOf(writer.dir), hits, what);
    t.strictSame(await hitsOf(writer.dir, { from: 10 }), hits.slice(9), what);
    const second = hits.filter(({ session }) => session === "api#2");
    t.strictSame(await hitsOf(writer.dir, { session: 2 }), second, what);
    t.strictSame(await hitsOf(writer.dir, { session: 2, from: 4 }), second.slice(3), what);
    const { sessions, problems, count } = await readAll(writer.dir);
    t.strictSame(
      sessions.map(({ hits }) => hits),
      [6, 6],
      what,
    );
    t.strictSame([problems, count], [[], 240], what);
  };
  await check("with a live segment");
  t.ok(readdirSync(writer.dir).some((file) => file.endsWith(".live")));
  await writer.close();
  await check("sealed");
  t.equal((await recoverTrace(writer.dir)).length, 0);
});

t.test("a hit as large as its limits allow is stored whole, a larger one without values and marked so", async (t) => {
  const writer = await TraceWriter.open({ parent: t.testdir(), facts });
  writer.session(factsOf(1, "dap"));
  // A text over 4,096 characters is cut in other records of the relay's own.
  const whole = hitOf(1, 1, "ü".repeat(captureLimits.bytes / 2 - 2000));
  writer.hit(1, whole);
  writer.hit(1, hitOf(1, 2, "v".repeat(maxPayload)));
  const deep = { ...hitOf(1, 3), text: "t".repeat(2 * maxPayload) };
  writer.hit(1, deep);
  await writer.close();
  const [first, second, third] = await hitsOf(writer.dir);
  t.strictSame(first, whole);
  const [top, below] = hitOf(1, 2).snapshot.frames;
  t.strictSame(second?.snapshot.frames, [
    { name: top?.name, path: top?.path, line: top?.line, cut: { by: "bytes" } },
    below,
  ]);
  t.strictSame(third?.snapshot, { frames: [], cut: { by: "bytes", of: 2 }, took: 95.4 });
  t.equal(third?.text?.length, 4097);
});

t.test("while the disk refuses hits wait, in bounded memory: those over it without values, none is lost", async (t) => {
  const dir = join(t.testdir(), "trace");
  const child = fileURLToPath(new URL("disk-child.js", import.meta.url));
  // See writer.test.ts for NODE_OPTIONS.
  execFileSync("env", ["-u", "NODE_OPTIONS", process.execPath, child, dir, "hits"]);
  const hits = await hitsOf(dir);
  t.strictSame(
    hits.map(({ number }) => number),
    Array.from({ length: 60 }, (_, i) => i + 1),
  );
  const short = hits.filter(({ snapshot }) => snapshot.frames[0]?.scopes === undefined);
  t.ok(short.length > 0 && short.length < 30, `${short.length} of 60 lost their values to the bound`);
  t.ok(short.every(({ snapshot }) => snapshot.frames[0]?.cut?.by === "bytes"));
});

t.test("a reader from before hits sees the rest of such a trace; a trace from before hits has none", async (t) => {
  const { writer } = await traceWithHits(join(t.testdir(), "trace"));
  await writer.close();
  const before = await readAll(writer.dir);
  const trace = await openTrace(writer.dir);
  const dir = t.testdir();
  const fd = openSync(join(dir, "000001.mcap"), "wx");
  const sealed = new SealedWriter(fd);
  await sealed.start("9.0.0", 1);
  for await (const { stored } of trace.records()) {
    const later = stored.channel.topic === "/relay/hit" ? { ...stored.channel, topic: "/relay/later" } : stored.channel;
    await sealed.add({ ...stored, channel: later });
  }
  const old = trace.sessions().map((totals) => ({ ...totals, hits: undefined }));
  await sealed.json("debugtap/sessions", old);
  await sealed.end("000001.mcap");
  closeSync(fd);
  trace.close();
  const { texts, problems, sessions } = await readAll(dir);
  t.strictSame(texts, before.texts, "a topic that is not known is passed over");
  t.strictSame(problems, []);
  t.strictSame(
    sessions.map(({ hits }) => hits),
    [0, 0],
  );
  t.strictSame(await hitsOf(dir), []);
});

t.test("what is not a hit is not taken for one", async (t) => {
  const hit = hitOf(1, 1);
  t.ok(isHit(JSON.parse(JSON.stringify(hit))));
  const [frame] = hit.snapshot.frames;
  const framed = (part: object) => ({ ...hit, snapshot: { ...hit.snapshot, frames: [{ ...frame, ...part }] } });
  const valued = (...variables: unknown[]) => framed({ scopes: [{ name: "Locals", variables }] });
  let nested: SnapshotVariable = { name: "x", value: "1" };
  for (let i = 0; i < 100; i++) nested = { name: "x", value: "1", children: [nested] };
  const wrong: unknown[] = [
    undefined,
    [],
    { ...hit, number: "1" },
    { ...hit, thread: 7 },
    { ...hit, correlated: { a: 1 } },
    { ...hit, uncorrelated: [1] },
    { ...hit, snapshot: { frames: {}, took: 1 } },
    { ...hit, snapshot: { ...hit.snapshot, cut: "time" } },
    framed({ name: undefined }),
    framed({ line: "12" }),
    framed({ scopes: [{ name: "Locals" }] }),
    valued({ name: "x" }),
    valued({ name: "x", value: 1 }),
    valued({ name: "x", value: "1", children: [null] }),
    valued(nested),
  ];
  for (const value of wrong) t.notOk(isHit(value), JSON.stringify(value)?.slice(0, 100));
});

t.test("sources are files by their hash, each once, for the user only; a hit finds the text of its time", async (t) => {
  const writer = await TraceWriter.open({ parent: t.testdir(), facts });
  for (const id of [1, 2]) writer.session({ ...factsOf(id, "dap"), host: "vm" });
  writer.session({ ...factsOf(3, "dap"), host: "other" });
  const texts = ["# ключ\nkey = 1\n", "# ключ\n\nkey = 2\n"];
  const hashes = texts.map((text) => createHash("sha256").update(text).digest("hex"));
  const at = (number: number) => hitOf(1, number).at;
  const path = "/opt/app/app.py";
  const about = (number: number) => ({ host: "vm", path, since: at(number), size: 1, mtime: number });
  for (const number of [1, 2, 3, 4]) writer.hit(1, hitOf(1, number));
  writer.hit(2, hitOf(2, 3));
  writer.hit(3, hitOf(3, 3));
  t.ok(writer.source(1, about(1), Buffer.from(texts[0] ?? "")));
  t.ok(writer.source(1, about(2), Buffer.from(texts[0] ?? "")), "the same text again");
  t.ok(writer.source(1, about(3), Buffer.from(texts[1] ?? "")));
  t.ok(writer.source(1, { ...about(4), why: "there is no such file" }));
  t.ok(writer.source(1, { host: "vm", path: "/opt/app/wsgi.py", since: at(1), why: "Permission denied" }));
  t.notOk(writer.source(1, about(5), Buffer.alloc(17 * 1024 * 1024)), "no room");
  await writer.flush();
  const dir = join(writer.dir, "sources");
  t.strictSame(readdirSync(dir).sort(), hashes.toSorted());
  t.equal(readFileSync(join(dir, hashes[0] ?? ""), "utf8"), texts[0]);
  t.equal((statSync(dir).mode & 0o777).toString(8), "700");
  t.equal((statSync(join(dir, hashes[0] ?? "")).mode & 0o777).toString(8), "600");
  const check = async (what: string) => {
    const frames = (await hitsOf(writer.dir)).map(({ snapshot }) => snapshot.frames);
    const [first, second] = hashes;
    t.strictSame(
      frames.map(([top]) => top?.source),
      [first, first, second, second, second, undefined],
      `${what}: a file that went keeps its last text, another host's has none`,
    );
    t.equal(frames[0]?.[1]?.noSource, "Permission denied", what);
  };
  await check("live");
  await writer.close();
  await check("sealed");
  const large = "0".repeat(64);
  writeFileSync(join(dir, large), Buffer.alloc(8 * 1024 * 1024 + 1));
  const trace = await openTrace(writer.dir);
  t.equal(trace.source(hashes[0] ?? ""), texts[0]);
  for (const name of [large, "f".repeat(64), "../manifest.json", ""]) t.equal(trace.source(name), undefined, name);
  trace.close();
});

t.test("show and export", async (t) => {
  const cli = fileURLToPath(new URL("show-child.js", import.meta.url));
  const env = { ...process.env, NO_COLOR: "1", TZ: "UTC" };
  const run = (...words: string[]) => execFileSync(process.execPath, [cli, ...words], { encoding: "utf8", env });
  const dir = join(t.testdir(), "trace");
  const writer = await TraceWriter.open({ dir, facts });
  for (const id of [1, 2]) writer.session(factsOf(id, "dap"));
  writer.chunk(1, "client", Buffer.from(frameText("dap", 1)));
  writer.hit(1, hitOf(1, 1, "v".repeat(300)));
  writer.hit(2, { ...hitOf(2, 1), reason: "exception", text: "ValueError:\tno" });
  writer.chunk(1, "client", Buffer.from(frameText("dap", 2)));
  writer.hit(1, hitOf(1, 5));
  const code = Array.from({ length: 13 }, (_, i) => `line ${i + 1}\tof 13`).join("\n");
  writer.source(1, { path: "/opt/app/app.py", since: hitOf(1, 5).at }, Buffer.from(code));
  writer.source(2, { path: "/opt/app/app.py", since: hitOf(2, 1).at, why: "Permission denied" });
  await writer.close();

  t.match(run("show", dir), /MESSAGES {2}HITS {2}CLIENT.*\napi#1 .* 2 {9}2 {5}/);
  const text = run("show", dir, "api#1", "--hits", "--from", "2").replace(/\+\d+\.\d{3}s/, "+T");
  t.equal(
    text,
    [
      "#5  +T  breakpoint  MainThread  create (app.py:12)",
      "     context.request_id = req-1",
      "     create (/opt/app/app.py:12)",
      "       10  line 10 of 13",
      "       11  line 11 of 13",
      "     → 12  line 12 of 13",
      "       13  line 13 of 13",
      "       Locals",
      "         size: int = 1",
      "         … 1 of 312",
      "     handle (/opt/app/wsgi.py:40)",
      "     … 2 of 45",
      "",
    ].join("\n"),
  );
  const all = run("show", dir, "--hits").split("\n");
  t.match(all[0], /^api#1 {2}#1 {2}\+\d/);
  t.ok(all.includes("       no source: Permission denied"));
  t.match(all[8], /^ {9}size: int = v{199}…$/, "a long value is one line");
  t.ok(all.includes("     ValueError: no"));
  t.match(run("show", dir, "--hits", "--last", "1"), /^api#1 {2}#5 /);
  t.match(run("show", dir, "api#1", "--hits", "--last", "1"), /^#5 /, "the last, though its number is not its place");
  t.match(run("show", dir, "--hits", "--count", "1", "--json"), /^\{"session":"api#1","time":"20.*\n$/);
  const [json] = run("show", dir, "api#1", "--hits", "--json").split("\n");
  const shown = Reflect.get(JSON.parse(json ?? "") as object, "hit") as Hit;
  t.match(shown.snapshot.frames[0]?.source, /^[0-9a-f]{64}$/);
  t.match(shown, hitOf(1, 1, "v".repeat(300)));
  const refused = spawnSync(process.execPath, [cli, "show", dir, "--hits", "--follow"], { encoding: "utf8", env });
  t.match(refused.stdout, /DT_USAGE/);

  const lines = (...words: string[]) =>
    run("export", dir, "--to", "ndjson", ...words)
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { session: string; ordinal?: number; hit?: Hit })
      .map(({ session, ordinal, hit }) => (hit === undefined ? `${session} ${ordinal}` : `${session} #${hit.number}`));
  t.strictSame(lines(), ["api#1 1", "api#1 #1", "api#2 #1", "api#1 2", "api#1 #5"]);
  t.strictSame(lines("--session", "api#2"), ["api#2 #1"]);
  const merged = join(dir, "merged");
  mkdirSync(merged);
  run("export", dir, "--to", "mcap", "--session", "api#1", "-o", join(merged, "000001.mcap"));
  t.strictSame(
    (await hitsOf(merged)).map(({ number }) => number),
    [1, 5],
  );
});
