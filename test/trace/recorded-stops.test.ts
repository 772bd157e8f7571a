// The hits of a trace as a replay plays them: their order, filters and numbers, whatever has become of the trace.
import { cpSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import t from "tap";
import type { Hit } from "../../protocol/hit.ts";
import { stopText } from "../../protocol/replay-walk.ts";
import { HitIndex, openTrace, recordedStops, TraceWriter, type HitFilter } from "../../src/trace/index.ts";
import type { RecordedStops } from "../../src/trace/recorded-stops.ts";
import { DapClient } from "../helpers/replayed.ts";
import { factsOf, frameText, hitOf, random } from "./recording.ts";

const facts = { version: "0.0.0" };

async function using<Result>(
  dir: string,
  run: (stops: RecordedStops) => Promise<Result>,
  filter: HitFilter = {},
): Promise<Result> {
  const trace = await openTrace(dir);
  const stops = await recordedStops(trace, filter);
  try {
    return await run(stops);
  } finally {
    stops.index.close();
    trace.close();
  }
}

/** What lists say of hits, in the order of the trace, by the index itself. */
async function listed(
  dir: string,
): Promise<{ number: number; at: number; session: string; thread: string; reason: string }[]> {
  const trace = await openTrace(dir);
  const index = await HitIndex.open(trace);
  const numbers = await index.find({});
  const rows = Array.from(numbers, (number) => index.row(number));
  index.close();
  trace.close();
  return rows.map(({ number, at, session, threadId, reason }) => ({ number, at, session, thread: threadId, reason }));
}

/** Hits of three sessions whose captures ended in another order than they began; two threads of each have one name. */
function madeHits(count: number): (readonly [session: number, hit: Hit])[] {
  const next = random(11);
  return Array.from({ length: count }, (_, i) => {
    const id = 1 + next(3);
    const made = hitOf(id, i + 1, "v".repeat(next(300)));
    const [top] = made.snapshot.frames;
    const reason = ["breakpoint", "step", "log", "exception"][next(4)] ?? "";
    const frames = [
      { ...top, name: `f${next(3)}`, path: `/opt/app/${next(2)}.py`, line: 1 + next(4) },
      ...made.snapshot.frames.slice(1),
    ];
    return [
      id,
      {
        ...made,
        at: made.at + 1000 * i - next(5000),
        thread: { id: 5 + next(2), name: "MainThread" },
        reason,
        ...(reason === "log" ? { text: `log ${i}` } : {}),
        snapshot: { ...made.snapshot, frames: reason === "log" ? [] : frames.slice(next(2)) },
      },
    ] as const;
  });
}

async function write(
  dir: string,
  hits: readonly (readonly [number, Hit])[],
  limits = { segmentBytes: 20_000 },
  keep?: { maxSize: number },
) {
  const writer = await TraceWriter.open({ dir, facts, limits, ...(keep === undefined ? {} : { keep }) });
  for (const id of [1, 2, 3]) writer.session(factsOf(id, "dap"));
  for (const [id, hit] of hits) {
    writer.hit(id, hit);
    for (let i = 0; i < 10; i++) writer.chunk(id, "client", Buffer.from(frameText("dap", i, "p".repeat(200))));
    await writer.flush();
  }
  return writer;
}

/** All that a recording says is what the list of hits says, in the order of the stops. */
async function check(dir: string, what: string): Promise<number> {
  const rows = await listed(dir);
  const wanted = rows.toSorted((a, b) => a.at - b.at || a.number - b.number);
  return using(dir, async (stops) => {
    const order = Array.from({ length: stops.count }, (_, place) => stops.stop(place));
    t.strictSame(
      order.map(({ number, at, session, thread, reason }) => ({ number, at, session, thread, reason })),
      wanted,
      what,
    );
    t.equal(stops.total, rows.length, what);
    const keys = new Map<string, number[]>();
    for (const [place, { number, session, thread, file, line, function: name, reason }] of order.entries()) {
      if (stops.placeOf(number) !== place) t.fail(`${what}: place of ${number}`);
      keys.set(`${session} ${thread}`, [...(keys.get(`${session} ${thread}`) ?? []), place]);
      if (!stops.threads[stops.threadOf(place)]?.includes(place)) t.fail(`${what}: thread of ${place}`);
      const isLog = reason === "log";
      if (stops.isLog(place) !== isLog) t.fail(`${what}: ${place} is a log line`);
      if (isLog !== (stops.functions.get(name ?? "")?.includes(place) !== true))
        t.fail(`${what}: function of ${place}`);
      if (
        isLog !==
        (stops.files
          .get(file ?? "")
          ?.get(line ?? 0)
          ?.includes(place) !==
          true)
      )
        t.fail(`${what}: line of ${place}`);
      const hit = await stops.hit(place);
      if (hit === undefined) continue;
      if (hit.at !== order[place]?.at || stops.depth(place) !== depthOf(hit)) t.fail(`${what}: hit ${place}`);
    }
    t.strictSame([...stops.threads], [...keys.values()], `${what}: threads in the order of their first stops`);
    t.equal(stops.placeOf(0), undefined);
    t.equal(stops.placeOf(stops.index.size + 1), undefined);
    await walk(
      stops,
      wanted.filter(({ reason }) => reason !== "log").map(({ number }) => number),
      what,
    );
    return stops.count;
  });
}

/** Also of frames that were not captured. */
function depthOf({ snapshot: { frames, cut } }: Hit): number {
  return cut?.of ?? frames.length;
}

/** A replay goes through all of them, also those that cannot be read. */
async function walk(stops: RecordedStops, numbers: readonly number[], what: string): Promise<void> {
  const client = new DapClient(stops);
  const visited: number[] = [];
  for (let said = await client.begin(); said.stopped?.reason !== "pause"; said = await client.ask("continue")) {
    visited.push(stops.stop(client.replay.place).number);
    const [frame] = await client.stack(said.stopped?.threadId);
    if (frame === undefined) t.fail(`${what}: no stack`);
  }
  t.strictSame(visited, numbers, what);
}

t.test("in the order of the stops, with the numbers of the list, sealed and live, by a killed relay too", async (t) => {
  const parent = t.testdir();
  const hits = madeHits(60);
  const writer = await write(join(parent, "trace"), hits);
  // How records come together in batches, and so where segments end, is a matter of time: a copy is taken that has a live segment, with the
  // last hit in it, and none that is being sealed.
  let total = hits.length;
  const killed = join(parent, "killed");
  const copied = (): boolean => {
    rmSync(killed, { recursive: true, force: true });
    try {
      cpSync(writer.dir, killed, { recursive: true });
    } catch {
      return false;
    }
    const names = readdirSync(killed);
    return names.some((name) => name.endsWith(".live")) && !names.some((name) => name.endsWith(".tmp"));
  };
  do {
    writer.hit(1, hitOf(1, ++total));
    await writer.flush();
    await turn();
  } while (!copied());
  t.equal(await check(writer.dir, "live"), total);
  await writer.close();
  t.equal(await check(writer.dir, "sealed"), total);
  rmSync(join(writer.dir, "hits"), { recursive: true });
  t.equal(await check(writer.dir, "without an index"), total);
  t.equal(await check(killed, "of a relay that was killed"), total);

  const live = readdirSync(killed).find((name) => name.endsWith(".live")) ?? "";
  const next = random(3);
  const counts: number[] = [];
  for (let i = 0; i < 8; i++) {
    const dir = join(parent, `cut${i}`);
    cpSync(killed, dir, { recursive: true });
    truncateSync(join(dir, live), next(statSync(join(dir, live)).size));
    counts.push(await check(dir, `cut off, ${i}`));
  }
  t.ok(counts.some((count) => count < total) && counts.every((count) => count > 20), counts.join(" "));
});

t.test("a filter plays some, with their own numbers; names of threads and of hits say which", async (t) => {
  const dir = join(t.testdir(), "trace");
  const hits = madeHits(40);
  await (await write(dir, hits)).close();
  const rows = await listed(dir);
  for (const filter of [
    { session: "api#2" },
    { reason: "step" },
    { file: "1.py", line: 2 },
    { since: rows[20]?.at ?? 0 },
  ] satisfies HitFilter[])
    await using(
      dir,
      async (stops) => {
        const trace = await openTrace(dir);
        const index = await HitIndex.open(trace);
        const wanted = [...(await index.find(filter))];
        const numbers = Array.from({ length: stops.count }, (_, place) => stops.stop(place).number);
        t.strictSame(
          numbers.toSorted((a, b) => a - b),
          wanted,
          JSON.stringify(filter),
        );
        t.ok(wanted.length > 0 && wanted.length < 40);
        t.equal(stops.total, 40);
        const hidden = rows.find(({ number }) => !wanted.includes(number))?.number ?? 0;
        t.equal(stops.placeOf(hidden), undefined);
        t.equal(
          stopText(stops, 0),
          `hit ${numbers[0]}, 1 of ${wanted.length} · api${stops.stop(0).request === undefined ? "" : " · req-1"}`,
        );
        index.close();
        trace.close();
      },
      filter,
    );
  await using(dir, async (stops) => {
    t.equal(stops.threads.length, 6, "two threads of one name are two");
    const names = stops.threads.map((_, thread) => stops.threadName(thread));
    t.strictSame([...new Set(names)].sort(), ["api#1 · MainThread", "api#2 · MainThread", "api#3 · MainThread"]);
  });
  await using(dir, async (stops) => t.strictSame([stops.count, stops.total, stops.threads.length], [0, 40, 0]), {
    session: "no#1",
  });
});

t.test("a session whose one thread has no name is that thread", async (t) => {
  const dir = join(t.testdir(), "trace");
  const hits = [1, 2].map((id) => [id, { ...hitOf(id, id), thread: { id: 7 } }] as const);
  await (await write(dir, hits)).close();
  await using(dir, async (stops) =>
    t.strictSame([stops.threadName(0), stops.threadName(1), stops.threadName(2)], ["api#1", "api#2", ""]),
  );
});

t.test("no hits, and only log lines", async (t) => {
  const parent = t.testdir();
  await (await write(join(parent, "none"), [])).close();
  t.equal(await check(join(parent, "none"), "no hits"), 0);
  const logs = [1, 2].map((n) => [1, { ...hitOf(1, n), reason: "log", snapshot: { frames: [], took: 0 } }] as const);
  await (await write(join(parent, "logs"), logs)).close();
  t.equal(await check(join(parent, "logs"), "log lines"), 2);
});

t.test("where the oldest segments were dropped, numbers go on behind them", async (t) => {
  const dir = join(t.testdir(), "trace");
  const next = random(5);
  const noise = Array.from({ length: 60_000 }, () => next(36).toString(36)).join("");
  const hits = Array.from(
    { length: 60 },
    (_, i) => [1, hitOf(1, i + 1, noise.slice(i * 100, i * 100 + 50_000))] as const,
  );
  await (await write(dir, hits, { segmentBytes: 50_000 }, { maxSize: 1_500_000 })).close();
  const count = await check(dir, "dropped");
  const trace = await openTrace(dir);
  const dropped = trace.dropped?.hits ?? 0;
  trace.close();
  t.ok(dropped > 5, `${dropped} were dropped`);
  t.equal(count + dropped, 60);
  await using(dir, async (stops) => {
    t.equal(stops.stop(0).number, dropped + 1);
    t.equal(stopText(stops, 0), `hit ${dropped + 1}, 1 of ${count} · api · req-1`);
    t.equal((await stops.hit(count - 1))?.number, 60);
    t.equal(stops.placeOf(1), undefined);
  });
});

t.test("damage: what can be read is played, and what cannot is said where it stood", async (t) => {
  const parent = t.testdir();
  const whole = join(parent, "whole");
  await (await write(whole, madeHits(60))).close();
  const first = readdirSync(whole).find((name) => name.endsWith(".mcap")) ?? "";
  const damaged = readFileSync(join(whole, first));
  const inChunk = damaged.indexOf(Buffer.from([0x28, 0xb5, 0x2f, 0xfd])) + 100;
  damaged[inChunk] = (damaged[inChunk] ?? 0) ^ 1;
  // Its index, which was made before, still knows of its hits.
  writeFileSync(join(whole, first), damaged);
  await using(whole, async (stops) => {
    t.equal(stops.count, 60);
    const unread: number[] = [];
    for (let place = 0; place < stops.count; place++) if ((await stops.hit(place)) === undefined) unread.push(place);
    t.ok(unread.length > 0 && unread.length < 60, `${unread.length} cannot be read`);
    const client = new DapClient(stops);
    const place = unread.find((each) => !stops.isLog(each)) ?? 0;
    await client.begin();
    const said = await client.ask("goto", { targetId: stops.stop(place).number });
    t.match(said.stopped, { reason: "goto" });
    t.match(await client.stack(said.stopped?.threadId), [
      { name: "this hit cannot be read: the trace is damaged here" },
    ]);
    t.strictSame(await stops.asked(place), { expressions: [], values: [] });
  });
  rmSync(join(whole, "hits"), { recursive: true });
  t.ok((await check(whole, "with a new index")) < 60);
});

t.test("sources: the texts of the trace, and why there is none", async (t) => {
  const dir = join(t.testdir(), "trace");
  const writer = await TraceWriter.open({ dir, facts });
  writer.session(factsOf(1, "dap"));
  const hit = hitOf(1, 1);
  writer.hit(1, hit);
  writer.source(1, { path: "/opt/app/app.py", since: hit.at }, Buffer.from("a = 1\n"));
  writer.source(1, { path: "/opt/app/wsgi.py", since: hit.at, why: "it is gone" });
  await writer.flush();
  await writer.close();
  const look = () =>
    using(dir, async (stops) => {
      const frames = (await stops.hit(0))?.snapshot.frames ?? [];
      return [
        frames.map(({ noSource }) => noSource),
        stops.text(frames[0]?.source ?? ""),
        stops.text("../../etc/passwd"),
      ];
    });
  t.strictSame(await look(), [[undefined, "it is gone"], "a = 1\n", undefined]);
  rmSync(join(dir, "sources"), { recursive: true });
  t.strictSame(await look(), [[undefined, "it is gone"], undefined, undefined], "its file is gone");
});
