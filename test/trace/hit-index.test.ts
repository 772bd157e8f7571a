// The index of hits, against plain scans of the hits themselves.
import { cpSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { crc32 } from "node:zlib";
import { fc } from "../helpers/property.ts";
import t, { type Test } from "tap";
import { hasWords, wordsOf } from "../../protocol/hit-words.ts";
import type { Hit, SnapshotVariable } from "../../protocol/hit.ts";
import { IndexBuilder } from "../../src/trace/hit-index-file.ts";
import { indexInMemory } from "../../src/trace/hit-index-store.ts";
import { HitGroups, HitIndex, isWanted, openTrace, rowOf, rowTests, TraceWriter } from "../../src/trace/index.ts";
import type { HitFilter } from "../../src/trace/index.ts";
import { factsOf, frameText, hitOf, random } from "./recording.ts";

const facts = { version: "0.0.0" };

/** All texts of a hit that count, found without the code under test. */
function scan(value: unknown, texts: string[] = []): string[] {
  if (Array.isArray(value)) for (const item of value) scan(item, texts);
  else if (typeof value === "object" && value !== null) {
    for (const [key, item] of Object.entries(value)) {
      if (typeof item === "string" && ["name", "type", "value", "path", "reason", "text", "process"].includes(key))
        texts.push(item);
      else if (key === "correlated") texts.push(...Object.entries(item as object).flat());
      else scan(item, texts);
    }
  }
  return texts;
}

/** Whether a plain scan finds each word of a query in a word of the hit. */
function scanned(hit: Hit, query: string): boolean {
  const cut = (text: string): string[] =>
    text
      .toLowerCase()
      .replaceAll("ς", "σ")
      .split(/[^\w\-./@:\u0080-\uffff]+/)
      .map((word) => word.replace(/^[.:]+|[.:]+$/g, ""));
  const words = scan({
    ...hit,
    snapshot: { ...hit.snapshot, frames: hit.snapshot.frames.map(withoutScopeNames) },
  }).flatMap(cut);
  return cut(query).every((part) => words.some((word) => word.includes(part)));
}

function withoutScopeNames(frame: Hit["snapshot"]["frames"][number]): unknown {
  return { ...frame, scopes: frame.scopes?.map(({ variables }) => variables) };
}

const word = fc.oneof(
  fc.constantFrom(
    "req-1f",
    "/opt/app/a.py",
    "user@host",
    "10.0.0.1:80",
    "a",
    "ab",
    "ABC",
    "größe",
    "ΟΔΟΣ",
    "日本",
    "x\\ny",
    "'",
    "𝒳y",
  ),
  fc.string({ maxLength: 5, unit: "grapheme" }),
);
const value = fc.array(word, { maxLength: 4 }).map((words) => words.join(" "));
const variable: fc.Arbitrary<SnapshotVariable> = fc.letrec<{ variable: SnapshotVariable }>((tie) => ({
  variable: fc.record(
    { name: word, value, type: word, children: fc.array(tie("variable"), { maxLength: 2, depthIdentifier: "v" }) },
    { requiredKeys: ["name", "value"] },
  ),
})).variable;
const anyHit: fc.Arbitrary<Hit> = fc
  .record({
    variables: fc.array(variable, { maxLength: 3 }),
    text: value,
    thread: word,
    correlated: fc.dictionary(word, word),
  })
  .map(({ variables, text, thread, correlated }) => {
    const hit = hitOf(1, 1);
    const scopes = [{ name: "Locals", variables }];
    const frames = [{ name: "create", path: "/opt/app/app.py", line: 12, scopes }];
    return { ...hit, text, correlated, thread: { id: 1, name: thread }, snapshot: { frames, took: 1 } };
  });

t.test("words: the index finds what a scan of the hits finds, in as many parts as it has", async (t) => {
  let found = 0;
  fc.assert(
    fc.property(
      fc.array(anyHit, { maxLength: 12 }),
      fc.array(value, { minLength: 1, maxLength: 4 }),
      fc.integer({ min: 1, max: 60 }),
      (hits, queries, most) => {
        const builder = new IndexBuilder(most);
        for (const hit of hits) builder.add(hit, 1, 0);
        const index = indexInMemory(builder);
        for (const query of queries) {
          const expected = hits.map((hit) => (scanned(hit, query) ? 1 : 0));
          found += expected.filter(Boolean).length;
          if (Buffer.compare(index.search(wordsOf(query)), Uint8Array.from(expected)) !== 0) return false;
          if (hits.some((hit, i) => hasWords(hit, wordsOf(query)) !== (expected[i] === 1))) return false;
        }
        return true;
      },
    ),
    { numRuns: 400 },
  );
  t.ok(found > 100, `${found} found`);
});

t.test("words: ids, paths, addresses and parts of them", async (t) => {
  t.strictSame(wordsOf("<Ctx req-5F1c at 0x7f> {'user@host': '/opt/a.py:12'}"), [
    "ctx",
    "req-5f1c",
    "at",
    "0x7f",
    "user@host",
    "/opt/a.py:12",
  ]);
  t.strictSame(wordsOf("volume['size']=C:\\x"), ["volume", "size", "c", "x"]);
  t.strictSame(wordsOf(" '\"() "), []);
});

const hitsOfTrace = 60;

/** Hits of three sessions among messages, over several segments, each other than the rest. */
function someHit(i: number): { id: number; hit: Hit } {
  const id = 1 + (i % 3);
  const base = hitOf(id, 1 + Math.floor(i / 3), `'value-${i} of ${i % 7}'`);
  const [top, ...below] = base.snapshot.frames;
  const { correlated: _, ...rest } = base;
  const hit: Hit = {
    ...rest,
    // Captures end in another order than stops.
    at: 1_790_000_000_000 + (i % 2 === 0 ? i : i - 3) * 100,
    thread: { id: i % 4 },
    reason: i % 5 === 0 ? "exception" : "breakpoint",
    ...(i % 5 === 0 ? { text: `ValueError: ${i}` } : {}),
    ...(i % 4 === 0 ? {} : { correlated: { "context.request_id": `req-${Math.floor(i / 8)}`, "v.id": `vol-${i}` } }),
    ...(i % 8 === 4 ? { trigger: 1 + (i % 2) } : {}),
    ...(i % 9 === 0 ? { breakpoint: "app.py:12" } : {}),
    snapshot: {
      ...base.snapshot,
      frames:
        i === 20
          ? []
          : [
              {
                ...top,
                name: i % 2 === 0 ? "create" : "Api.delete",
                path: `/opt/app/${i % 3}/app.py`,
                line: 1 + (i % 10),
              },
              ...below,
            ],
    },
  };
  return { id, hit };
}

async function begin(dir: string, hits = hitsOfTrace): Promise<TraceWriter> {
  const writer = await TraceWriter.open({ dir, facts, limits: { segmentBytes: 20_000 } });
  for (const id of [1, 2, 3]) writer.session(factsOf(id, "dap"));
  await go(writer, 0, hits);
  return writer;
}

async function go(writer: TraceWriter, from: number, to: number): Promise<void> {
  for (let i = from; i < to; i++) {
    writer.chunk(1, "client", Buffer.from(frameText("dap", i, "p".repeat(500))));
    const { id, hit } = someHit(i);
    writer.hit(id, hit);
    if (i % 3 === 0) await writer.flush();
  }
  await writer.flush();
}

async function using<Result>(
  dir: string,
  use: (index: HitIndex, problems: () => number) => Promise<Result>,
): Promise<Result> {
  const trace = await openTrace(dir);
  const index = await HitIndex.open(trace);
  try {
    return await use(index, () => trace.problems.length);
  } finally {
    index.close();
    trace.close();
  }
}

async function hitsOf(dir: string): Promise<Hit[]> {
  const trace = await openTrace(dir);
  const hits: Hit[] = [];
  for await (const { hit } of trace.hits()) hits.push(hit);
  trace.close();
  return hits;
}

const filters: readonly [HitFilter, (hit: Hit) => boolean][] = [
  [{}, () => true],
  [{ service: "api" }, () => true],
  [{ service: "ap" }, () => false],
  [{ session: "api#2" }, ({ session }) => session === "api#2"],
  [{ file: "app.py" }, ({ snapshot }) => snapshot.frames.length > 0],
  [{ file: "1/app.py" }, ({ snapshot }) => snapshot.frames[0]?.path === "/opt/app/1/app.py"],
  [
    { file: "/opt/app/1/app.py", line: 7 },
    ({ snapshot: { frames } }) => frames[0]?.path?.includes("/1/") === true && frames[0].line === 7,
  ],
  [{ file: "pp.py" }, () => false],
  [{ fn: "delete" }, ({ snapshot }) => snapshot.frames[0]?.name === "Api.delete"],
  [{ fn: "Api.delete" }, ({ snapshot }) => snapshot.frames[0]?.name === "Api.delete"],
  [{ reason: "exception" }, ({ reason }) => reason === "exception"],
  [{ request: "req-2" }, ({ correlated }) => correlated?.["context.request_id"]?.startsWith("req-2") === true],
  [{ request: "vol-1" }, ({ correlated }) => correlated?.["v.id"]?.startsWith("vol-1") === true],
  [{ trigger: 1 }, ({ trigger }) => trigger === 1],
  [
    { since: 1_790_000_001_000, until: 1_790_000_003_000 },
    ({ at }) => at >= 1_790_000_001_000 && at <= 1_790_000_003_000,
  ],
  [{ words: ["value-1"] }, (hit) => scanned(hit, "value-1")],
  [
    { words: ["lue-3", "vol-"], reason: "breakpoint" },
    (hit) => scanned(hit, "lue-3 vol-") && hit.reason === "breakpoint",
  ],
];

/** The index of a trace is that of its hits, whatever is asked. */
async function check(t: Test, dir: string, what: string): Promise<void> {
  const hits = await hitsOf(dir);
  await using(dir, async (index) => {
    t.equal(index.size, hits.length, what);
    const rows = hits.map((hit, i) => rowOf(i + 1, hit));
    t.strictSame(
      rows.map(({ number }) => index.row(number)),
      rows,
      what,
    );
    for (const [filter, wanted] of filters) {
      const expected = hits.flatMap((hit, i) => (wanted(hit) ? [i + 1] : []));
      t.strictSame(Array.from(await index.find(filter)), expected, `${what}: ${JSON.stringify(filter)}`);
      const byRow = rows.filter(
        (row) =>
          isWanted(row, filter, rowTests(filter)) &&
          hasWords(hits[row.number - 1] ?? someHit(0).hit, filter.words ?? []),
      );
      t.strictSame(
        byRow.map(({ number }) => number),
        expected,
        `${what}, by row: ${JSON.stringify(filter)}`,
      );
    }
    const read: (Hit | undefined)[] = [];
    for await (const { hit } of index.read(rows.map(({ number }) => number))) read.push(hit?.hit);
    t.strictSame(read, hits, what);
    for (const [i, { session, number }] of hits.entries()) t.equal(index.numberOf(session, number), i + 1, what);
    t.equal(index.numberOf("api#1", 999), undefined);
    for (const number of [0, hits.length + 1]) t.throws(() => index.row(number), RangeError);
  });
}

/** Damages a file where `next` says; returns the byte. */
function turnBit(path: string, next: (below: number) => number): number {
  const bytes = readFileSync(path);
  const at = next(bytes.length);
  bytes[at] = (bytes[at] ?? 0) ^ (1 << (next(8) % 8));
  writeFileSync(path, bytes);
  return at;
}

function indexFiles(dir: string): string[] {
  return readdirSync(join(dir, "hits")).sort();
}

t.test("a trace that grows: live, sealed, both; the files are its user's, and numbers stay", async (t) => {
  const dir = join(t.testdir(), "trace");
  const writer = await begin(dir, 40);
  await check(t, dir, "with a live segment");
  const before = await using(dir, async (index) => index.row(33));
  await go(writer, 40, hitsOfTrace);
  await check(t, dir, "grown");
  await writer.close();
  t.strictSame(await using(dir, async (index) => index.row(33)), before);
  const segments = readdirSync(dir).filter((name) => name.endsWith(".mcap"));
  t.ok(segments.length > 3, `${segments.length} segments`);
  t.strictSame(
    indexFiles(dir),
    segments.map((name) => name.replace("mcap", "idx")),
    "made while they were sealed",
  );
  t.equal(statSync(join(dir, "hits")).mode & 0o777, 0o700);
  for (const file of indexFiles(dir)) t.equal(statSync(join(dir, "hits", file)).mode & 0o777, 0o600);
  await check(t, dir, "sealed");

  const made = indexFiles(dir).map((file) => readFileSync(join(dir, "hits", file)));
  rmSync(join(dir, "hits"), { recursive: true });
  await check(t, dir, "without");
  t.strictSame(
    indexFiles(dir).map((file) => readFileSync(join(dir, "hits", file))),
    made,
    "the reader makes the same",
  );
});

t.test("a trace whose writer was killed, and one that is cut off or damaged anywhere", async (t) => {
  const parent = t.testdir();
  const whole = join(parent, "trace");
  const writer = await begin(whole);
  // All that has ended is sealed in the first half second of silence; the manifest is the last to say so.
  const named = (end: string): string[] => readdirSync(whole).filter((name) => name.endsWith(end));
  const told = (): number => readFileSync(join(whole, "manifest.json"), "utf8").split('"file":').length - 1;
  while (named(".live").length !== 1 || named(".mcap").length !== told()) await pause(20);
  const [live = ""] = named(".live");
  const next = random(7);
  for (let i = 0; i < 12; i++) {
    const dir = join(parent, `${i}`);
    cpSync(whole, dir, { recursive: true });
    const files = readdirSync(dir).filter((name) => /\.(?:live|mcap)$/.test(name));
    if (i < 6) truncateSync(join(dir, live), next(statSync(join(dir, live)).size));
    else {
      turnBit(join(dir, files[next(files.length)] ?? live), next);
      // What was made before the damage may know of hits that cannot be read any more.
      rmSync(join(dir, "hits"), { recursive: true, force: true });
    }
    await check(t, dir, `copy ${i}`);
    await check(t, dir, `copy ${i}, again`);
  }
  await writer.close();
});

t.test("damage is told each time: what it left is not stored", async (t) => {
  const dir = join(t.testdir(), "trace");
  await (await begin(dir)).close();
  const first = readdirSync(dir).find((name) => name.endsWith(".mcap")) ?? "";
  // Within what zstd has made of its only chunk.
  const inChunk = readFileSync(join(dir, first)).indexOf(Buffer.from([0x28, 0xb5, 0x2f, 0xfd])) + 100;
  turnBit(join(dir, first), (below) => (below === 8 ? 0 : inChunk));
  const all = await using(dir, async (index) => {
    const unread: number[] = [];
    for await (const { number, hit } of index.read(await index.find({}))) if (hit === undefined) unread.push(number);
    t.ok(unread.length > 0, "an index from before still names what cannot be read");
    return index.size;
  });
  t.equal(all, hitsOfTrace);
  rmSync(join(dir, "hits", first.replace("mcap", "idx")));
  for (let i = 0; i < 2; i++)
    await using(dir, async (index, problems) => {
      t.ok(index.size < hitsOfTrace);
      t.equal(problems(), 1);
    });
  t.notOk(indexFiles(dir).includes(first.replace("mcap", "idx")));
});

/** An index with another head, whose checksum is right. */
function withHead(index: Buffer, change: (text: string) => string): Buffer {
  const aligned = (length: number): number => Math.ceil(length / 8) * 8;
  const length = index.readUInt32LE(8);
  const head = Buffer.from(change(index.toString("utf8", 16, 16 + length)));
  const start = Buffer.alloc(aligned(16 + head.length));
  index.copy(start, 0, 0, 8);
  start.writeUInt32LE(head.length, 8);
  start.writeUInt32LE(crc32(head), 12);
  head.copy(start, 16);
  return Buffer.concat([start, index.subarray(aligned(16 + length))]);
}

t.test("an index that is damaged, cut off, of another segment or of a later version is made again", async (t) => {
  const dir = join(t.testdir(), "trace");
  await (await begin(dir)).close();
  const [first = "", second = ""] = indexFiles(dir);
  const path = join(dir, "hits", first);
  const good = readFileSync(path);
  const expected = await using(dir, async (index) => [index.row(3), await index.find({ words: ["value-1"] })]);
  const other = readFileSync(join(dir, "hits", second));
  const [named = ""] = /"file":.*?,"size":\d+/.exec(good.toString("latin1")) ?? [];
  const wrong: [string, Buffer][] = [
    ["another segment's", other],
    ["a later version", Buffer.concat([Buffer.from("dthits3\n"), good.subarray(8)])],
    ["of another file of that name and size", withHead(other, (text) => text.replace(/"file":.*?,"size":\d+/, named))],
    [
      "with a hit too many",
      withHead(good, (text) => text.replace(/"hits":(\d+)/, (_, hits) => `"hits":${Number(hits) + 1}`)),
    ],
    ["empty", Buffer.alloc(0)],
    ["no head", good.subarray(0, 12)],
  ];
  const next = random(3);
  for (let i = 0; i < 60; i++) {
    writeFileSync(path, good);
    const at = turnBit(path, next);
    wrong.push([`turned bit in byte ${at} of ${good.length}`, readFileSync(path)]);
  }
  for (let i = 0; i < 10; i++) wrong.push(["cut off", good.subarray(0, next(good.length))]);
  for (const [what, bytes] of wrong) {
    writeFileSync(path, bytes);
    t.strictSame(
      await using(dir, async (index) => [index.row(3), await index.find({ words: ["value-1"] })]),
      expected,
      what,
    );
    const stored = readFileSync(path);
    // Bytes between the sections mean nothing.
    if (!stored.equals(bytes)) t.ok(stored.equals(good), what);
    else t.strictSame([what.startsWith("turned"), bytes.length], [true, good.length], what);
  }
});

t.test("a directory that cannot be written to has its index in memory", async (t) => {
  const parent = t.testdir();
  const dir = join(parent, "trace");
  await (await begin(dir)).close();
  rmSync(join(dir, "hits"), { recursive: true });
  // Root may write anywhere, but makes no directory of a file.
  writeFileSync(join(dir, "hits"), "");
  await check(t, dir, "with a file in its place");
  t.equal(readFileSync(join(dir, "hits"), "utf8"), "");
  const empty = join(parent, "empty");
  await (await TraceWriter.open({ dir: empty, facts })).close();
  await check(t, empty, "no hits");
  t.notOk(readdirSync(empty).includes("hits"));
});

t.test("groups: by the first correlated value, else by trigger; in order of the stops, across segments", async (t) => {
  const dir = join(t.testdir(), "trace");
  const writer = await begin(dir);
  await writer.close();
  const hits = await hitsOf(dir);
  const keyOf = ({ correlated, trigger }: Hit): string =>
    correlated?.["context.request_id"] ?? (trigger === undefined ? "" : `trigger ${trigger}`);
  const inOrder = hits
    .map((hit, i) => ({ hit, number: i + 1 }))
    .sort((a, b) => a.hit.at - b.hit.at || a.number - b.number);
  const expected = new Map<string, number[]>();
  for (const { hit, number } of inOrder) expected.set(keyOf(hit), [...(expected.get(keyOf(hit)) ?? []), number]);
  await using(dir, async (index) => {
    const groups = new HitGroups(index, await index.find({}));
    const found = new Map<string, number[]>();
    for (const [place, number] of groups.order.entries()) {
      const { request, trigger } = groups.groupAt(place);
      const key = request?.value ?? (trigger === undefined ? "" : `trigger ${trigger}`);
      t.equal(request?.expression, request && "context.request_id");
      found.set(key, [...(found.get(key) ?? []), number]);
    }
    t.strictSame([...found], [...expected]);
    t.ok(found.has("") && found.has("trigger 1") && found.size > 6, [...found.keys()].join());
    t.equal(new HitGroups(index, new Uint32Array(0)).order.length, 0);
  });
});
