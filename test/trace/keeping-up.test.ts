import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync, watch } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import t from "tap";
import type { Missed } from "../../protocol/control.ts";
import type { Manifest } from "../../src/trace/format.ts";
import { openTrace, recoverTrace, TraceWriter } from "../../src/trace/index.ts";
import type { TraceEvent } from "../../src/trace/index.ts";
import { frameText, hitOf, openAll, random, readAll, textOf } from "./recording.ts";

const facts = { version: "0.0.0" };
const child = fileURLToPath(new URL("keeping-up-child.js", import.meta.url));

t.test("200 MB with a bound of 10 MB: the directory is never larger, nor does the memory grow", async (t) => {
  const dir = join(t.testdir(), "trace");
  const said = JSON.parse(execFileSync(process.execPath, [child, dir, "large"], { encoding: "utf8" })) as {
    sent: number;
    largest: number;
    grown: number;
    missed: Missed;
    told: string[];
  };
  t.comment(`largest ${said.largest} bytes, memory grown by ${said.grown} bytes`);
  t.ok(said.largest <= 10e6, `${said.largest} bytes`);
  t.ok(said.largest > 5e6, "the room is used");
  t.ok(said.grown < 50e6, `the second 100 MB took ${said.grown} bytes of memory more than the first`);
  t.strictSame(said.missed, { chunks: 0, bytes: 0, hits: 0 });
  t.strictSame(said.told, ["dropped"], "told once");
  const { messages, count, problems } = await readAll(dir);
  t.strictSame(problems, []);
  t.equal(count, said.sent, "ordinals are those of the whole recording");
  const { dropped, segments } = JSON.parse(readFileSync(join(dir, "manifest.json"), "utf8")) as Manifest;
  t.match(dropped, { by: ["max_size"], segments: Number, hits: 0, ended: 0, through: dropped?.segments });
  t.strictSame(
    readdirSync(dir).sort(),
    [...segments.map(({ file }) => file), "manifest.json"].sort(),
    "nothing else is left",
  );
  t.equal(messages[0]?.ordinal, (dropped?.frames ?? 0) + 1);
  const wrong = messages.filter(
    ({ ordinal, frame }, i) =>
      // The first may be the end of one that was cut.
      (i > 0 && frame === undefined) ||
      (frame !== undefined &&
        !Buffer.from(frame.bytes)
          .toString()
          .includes(`{"seq":${ordinal - 1},`)),
  );
  t.strictSame(wrong.map(textOf), [], "each has the number that it was sent with");
});

t.test("kill -9 at any moment: every hit that was written is there, or was dropped", async (t) => {
  const parent = t.testdir();
  const moments: Record<string, (file: string, dir: string) => boolean> = {
    "while it seals": (file) => file.endsWith(".mcap.tmp"),
    "as a sealed file appears": (file, dir) => file.endsWith(".mcap") && existsSync(join(dir, file)),
    "as a segment begins": (file, dir) => file.endsWith(".live") && existsSync(join(dir, file)),
    "while the manifest is written": (file) => file === "manifest.json.tmp",
    "as a segment is dropped": (file, dir) => file.endsWith(".mcap") && !existsSync(join(dir, file)),
  };
  const next = random(11);
  const runs = [...Object.entries(moments), ...Array.from({ length: 5 }, () => ["some time"] as const)];
  let drops = 0;
  for (const [i, [when, isIt]] of runs.entries()) {
    const dir = join(parent, `trace-${i}`);
    mkdirSync(dir);
    // Not at the first: each moment comes back with every segment.
    let left = 1 + next(12);
    // At some time, or on a machine on which the moment is not seen in time.
    const enough = 5 * (isIt === undefined ? 1 + next(60) : 200);
    let acknowledged = 0;
    const recorder = spawn(process.execPath, [child, dir, "kill"], { stdio: ["ignore", "pipe", "inherit"] });
    const stop = () => recorder.kill("SIGKILL");
    const watcher = watch(dir, (_, file) => {
      if (acknowledged > 0 && file !== null && isIt?.(file, dir) === true && --left === 0) stop();
    });
    for await (const line of createInterface(recorder.stdout)) {
      acknowledged = Number(line);
      if (acknowledged === enough) setTimeout(stop, next(30));
    }
    watcher.close();
    if (recorder.exitCode === null && recorder.signalCode === null) await once(recorder, "close");
    for (const state of ["as it was left", "recovered"]) {
      if (state === "recovered") await recoverTrace(dir);
      const trace = await openTrace(dir);
      const dropped = trace.dropped?.hits ?? 0;
      if (state === "recovered" && dropped > 0) drops++;
      const numbers: number[] = [];
      for await (const { hit } of trace.hits()) numbers.push(hit.number);
      const what = `${when}, ${state}: ${acknowledged} written, ${dropped} dropped, ${numbers.length} read`;
      const expected = Array.from({ length: numbers.length }, (_, n) => n + 1 + dropped);
      if (dropped + numbers.length < acknowledged || acknowledged === 0) t.fail(what);
      else t.strictSame(numbers, expected, what);
      // A batch that a kill cut off is said to be there; nothing else may be wrong.
      t.strictSame(
        trace.problems.filter(({ why }) => why?.includes("not committed") !== true),
        [],
      );
      trace.close();
    }
  }
  t.ok(drops > 3, `segments had been dropped in ${drops} of ${runs.length} runs`);
});

t.test(
  "hits go before bytes where there is no room, and what is left out is told when it begins and ends",
  async (t) => {
    const events: TraceEvent[] = [];
    const writer = await TraceWriter.open({
      dir: join(t.testdir(), "trace"),
      facts,
      limits: { inFlight: 1 },
      onEvent: (event) => events.push(event),
    });
    openAll(writer);
    const bulk = Buffer.from(frameText("dap", 1, "b".repeat(100_000)));
    // In one turn, so that the worker makes no room meanwhile, or little.
    for (let i = 1; i <= 500; i++) {
      writer.chunk(1, "debuggee", bulk);
      if (i % 10 === 0) writer.hit(1, hitOf(1, i / 10));
    }
    t.match(events, [{ type: "behind", missed: { chunks: 1, hits: 0 }, error: { code: "DT_TRACE_GAP" } }]);
    t.match(writer.trouble, { state: "behind" });
    while (events.length < 2) await pause(20);
    t.equal(writer.trouble, undefined);
    const { missed } = await writer.close();
    const trace = await openTrace(writer.dir);
    const numbers: number[] = [];
    for await (const { hit } of trace.hits()) numbers.push(hit.number);
    t.strictSame(
      numbers,
      Array.from({ length: 50 }, (_, i) => i + 1),
      "no hit is lost to bytes",
    );
    const [session] = trace.sessions();
    const { lostChunks: chunks = 0, lostBytes: bytes = 0 } = session?.debuggee ?? {};
    t.ok(chunks > 100);
    t.equal(chunks + (session?.debuggee.chunks ?? 0), 500);
    t.strictSame(missed, { chunks, bytes, hits: 0 });
    t.strictSame(
      events.map((event) => ("missed" in event ? [event.type, event.missed] : [event.type])).slice(1),
      [["caught-up", missed]],
      "one line when it begins, one when it is over",
    );
    trace.close();
  },
);

t.test("a file system that is full: recording stops and says so, and goes on when there is room", async (t) => {
  const dir = t.testdir();
  // A mount that goes with the process: no one else sees it, and nobody has to remove it.
  const own = process.getuid?.() === 0 ? ["--mount"] : ["--mount", "--user", "--map-root-user"];
  let said: string;
  try {
    said = execFileSync("unshare", [...own, process.execPath, child, dir, "full"], { encoding: "utf8" });
  } catch (error) {
    throw new Error("this test needs unshare and mount: apt-get install util-linux mount", { cause: error });
  }
  const { told, trouble, after, missed, sent, hits, numbers, read, last, session } = JSON.parse(said) as {
    told: [string, Missed?][];
    trouble: object;
    after: boolean;
    missed: Missed;
    sent: number;
    hits: number;
    numbers: number[];
    read: number;
    last: string;
    session: { missedHits?: number; debuggee: { lostChunks: number; lostBytes: number; chunks: number } };
  };
  const types = told.map(([type]) => type);
  t.strictSame(types.slice(0, 2).sort(), ["behind", "failed"], "on a busy machine the queue is full first");
  t.strictSame(types.slice(2), ["resumed", "caught-up"]);
  t.match(trouble, { state: "failed", reason: { code: "DT_TRACE_DISK", why: /ENOSPC/ }, missed: { hits: Number } });
  t.ok(after, "no trouble any more");
  const { missedHits = 0 } = session;
  t.ok(missedHits > 400 && missedHits < 1000, `${missedHits} hits are missing`);
  t.equal(numbers.length, hits - missedHits, "what is missing is counted");
  t.ok(numbers.every((number, i) => number > (numbers[i - 1] ?? 0)));
  // One that comes when the recorder has just taken a slot has room again.
  t.strictSame(
    numbers.slice(0, 9000),
    Array.from({ length: 9000 }, (_, i) => i + 1),
    "so many wait",
  );
  t.ok(missed.chunks > 10, `${missed.chunks} chunks are missing`);
  t.strictSame(told.at(-1)?.[1], missed, "and that was said");
  t.strictSame(missed, { chunks: session.debuggee.lostChunks, bytes: session.debuggee.lostBytes, hits: missedHits });
  t.equal(session.debuggee.chunks + missed.chunks, sent);
  t.equal(read, session.debuggee.chunks);
  t.match(last, new RegExp(`"seq":${sent - 1},`));
});
