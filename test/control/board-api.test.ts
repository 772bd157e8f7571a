// Every route of the API, over traces with known content: what is answered is what protocol/api-check.ts says, and what was recorded.
import { cpSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { DebugClient } from "@vscode/debugadapter-testsupport";
import * as check from "../../protocol/api-check.ts";
import { contentLengthFrame } from "../../protocol/frame.ts";
import type { Hit } from "../../protocol/hit.ts";
import { Recorder } from "../../src/addons/recorder.ts";
import { TraceWriter } from "../../src/trace/index.ts";
import { factsOf, hitOf } from "../trace/recording.ts";
import { emptyView, Listener, openBoard } from "../helpers/board.ts";

const facts = { version: "0.0.0" };

function dap(message: object): Uint8Array {
  return contentLengthFrame(Buffer.from(JSON.stringify(message)));
}

function stopped(threadId: number): Uint8Array {
  return dap({ seq: 1, type: "event", event: "stopped", body: { reason: "breakpoint", threadId } });
}

const continued = dap({ seq: 2, type: "event", event: "continued", body: { threadId: 7, allThreadsContinued: true } });

interface Written {
  readonly writer: TraceWriter;
  readonly recorder: Recorder;
  /** A stop with its hit; the thread runs on unless it is to stand. */
  readonly hit: (number: number, more?: Partial<Hit>, stands?: boolean) => Promise<Hit>;
}

async function write(dir: string): Promise<Written> {
  const writer = await TraceWriter.open({ dir, facts });
  const recorder = new Recorder(writer);
  recorder.sessionOpened(factsOf(1, "dap"));
  return {
    writer,
    recorder,
    async hit(number, more = {}, stands = false) {
      const hit = { ...hitOf(1, number, `${number}`), at: performance.timeOrigin + performance.now(), ...more };
      recorder.chunk(1, "debuggee", stopped(7));
      recorder.hit(1, hit);
      if (!stands) recorder.chunk(1, "debuggee", continued);
      await writer.flush();
      return hit;
    },
  };
}

/** Three hits, the last of which stands. */
async function writeThree(dir: string): Promise<readonly Hit[]> {
  const { writer, hit } = await write(dir);
  const hits = [
    await hit(1),
    await hit(2, { correlated: { "context.request_id": "req-2" } }),
    await hit(3, { correlated: {}, trigger: 1 }, true),
  ];
  writer.trigger({ id: 1, argv: ["curl", "-X", "POST", "x y"], at: 5 });
  await writer.close();
  return hits;
}

t.test("a trace that was opened: hits, one hit, history, sessions, messages, sources", async (t) => {
  const dir = join(t.testdir(), "run-1");
  const hits = await writeThree(dir);
  const { ask } = await openBoard(t, {}, { dir: join(t.testdirName, "run") });
  t.strictSame((await ask("GET", "/api/traces")).json, []);
  const opened = await ask("POST", "/api/traces", { dir });
  t.ok(check.isTraceInfo(opened.json));
  t.match(opened.json, { id: "run-1", dir, live: false, hits: 3, sessions: 1 });
  t.strictSame((await ask("POST", "/api/traces", { dir: `${dir}/` })).json, opened.json, "once more it is the same");
  t.strictSame((await ask("GET", "/api/traces")).json, [opened.json]);

  const page = (await ask("GET", "/api/traces/run-1/hits")).json;
  t.ok(check.isHitPage(page));
  t.match(page, {
    total: 3,
    rows: [
      { number: 1, name: "api#1:1", service: "api", file: "/opt/app/app.py", line: 12, request: "req-1" },
      { number: 2, request: "req-2" },
      { number: 3, trigger: 1 },
    ],
    requests: [
      { name: "req-1", expression: "context.request_id", hits: [1] },
      { name: "req-2", expression: "context.request_id", hits: [2] },
      { name: "curl -X POST 'x y'", hits: [3] },
    ],
    triggers: [{ id: 1 }],
  });
  t.equal(page.rows[0].at, hits[0]?.at, "epoch milliseconds");
  t.ok(page.rows[0].end >= page.rows[0].at, "it ran on");
  t.equal(page.rows[2].end, undefined, "it stands");
  const numbers = async (query: string): Promise<number[]> =>
    (await ask("GET", `/api/traces/run-1/hits?${query}`)).json.rows.map(({ number }: { number: number }) => number);
  t.strictSame(await numbers("from=1&count=1"), [2]);
  t.strictSame(await numbers("request=req-2"), [2]);
  t.strictSame(await numbers("where=size%20%3E%202"), [3]);
  t.strictSame(await numbers("file=app.py:12&fn=create&service=api&session=api%231"), [1, 2, 3]);
  t.strictSame(await numbers("file=other.py"), []);
  t.match(await ask("GET", "/api/traces/run-1/hits?where=%5B"), { status: 400, json: { error: { code: /^DT_/ } } });
  t.match(await ask("GET", "/api/traces/run-1/hits?count=-1"), { status: 400, json: { error: { code: "DT_USAGE" } } });

  const detail = (await ask("GET", "/api/traces/run-1/hits/2")).json;
  t.ok(check.isHitDetail(detail));
  t.strictSame(detail.hit, hits[1]);
  t.match(detail, { previous: 1, next: 3, row: { number: 2 } });
  for (const [path, status] of [
    ["4", 404],
    ["0", 404],
    ["x", 400],
    ["%ff", 400],
  ] as const)
    t.match(await ask("GET", `/api/traces/run-1/hits/${path}`), { status, json: { error: { what: String } } }, path);

  const history = (await ask("GET", "/api/traces/run-1/history?path=size.real&hit=1")).json;
  t.ok(check.isHistory(history));
  t.strictSame(
    history,
    hits.map(({ at }, i) => ({ number: i + 1, at, value: "ö\nß" })),
  );
  t.strictSame((await ask("GET", "/api/traces/run-1/history?path=none&hit=1")).json[0].value, undefined);
  t.equal((await ask("GET", "/api/traces/run-1/history?path=f()&hit=1")).status, 400);

  const sessions = (await ask("GET", "/api/traces/run-1/sessions")).json;
  t.ok(check.isTraceSessions(sessions));
  t.match(sessions, [{ name: "api#1", service: "api", wire: "dap", messages: 5, hits: 3 }]);
  const messages = (await ask("GET", "/api/traces/run-1/messages?session=api%231&count=2")).json;
  t.ok(check.isMessagePage(messages));
  t.match(messages, {
    messages: [
      { ordinal: 1, side: "debuggee", summary: /stopped/, detail: { event: "stopped" } },
      { ordinal: 2, summary: /continued/ },
    ],
    total: 5,
    next: 3,
  });
  const found = (await ask("GET", "/api/traces/run-1/messages?text=CONTINUED&from=3")).json;
  t.match(found, { messages: [{ ordinal: 4 }], total: 5, next: undefined });
  t.equal((await ask("GET", "/api/traces/run-1/messages?session=none")).status, 404);
  t.equal((await ask("GET", `/api/traces/run-1/sources/${"a".repeat(64)}`)).status, 404);
  t.equal((await ask("GET", "/api/traces/run-1/sources/..%2fmanifest.json")).status, 400);
  t.ok(check.isHttpViews((await ask("GET", "/api/traces/run-1/http")).json));
  t.equal((await ask("GET", "/api/traces/other/hits")).status, 404);
});

t.test("two traces are compared", async (t) => {
  const home = t.testdir();
  await writeThree(join(home, "one"));
  const { writer, hit } = await write(join(home, "two"));
  await hit(1);
  const [frame] = hitOf(1, 2, "<script>").snapshot.frames;
  await hit(2, {
    correlated: { "context.request_id": "req-2" },
    snapshot: { frames: [frame ?? { name: "" }], took: 1 },
  });
  await writer.close();
  const { ask } = await openBoard(t, {}, { dir: join(home, "run") });
  for (const name of ["one", "two"]) await ask("POST", "/api/traces", { dir: join(home, name) });
  const diff = (await ask("GET", "/api/diff?a=one&b=two")).json;
  t.ok(check.isDiffView(diff));
  t.match(diff, { equal: false, lines: [{ kind: "note", text: "1 equal, 1 changed, 1 only in A" }] });
  const texts = diff.lines.map(({ kind, text }: { kind: string; text: string }) => `${kind} ${text}`);
  t.match(texts, [/^note/, /^head hit 2 ↔ hit 2 {2}api {2}create/]);
  for (const line of ["removed size = 2", "added size = <script>", "removed only in A: hit 3  api  create (app.py:12)"])
    t.ok(texts.includes(line), `${line} in ${texts.join("\n")}`);
  t.match((await ask("GET", "/api/diff?a=one&b=one")).json, { equal: true });
  t.equal((await ask("GET", "/api/diff?a=one")).status, 404);
});

t.test("which directories can be opened", async (t) => {
  const home = t.testdir({ empty: {}, "a file": "" });
  await writeThree(join(home, "x", "same"));
  cpSync(join(home, "x", "same"), join(home, "y", "same"), { recursive: true });
  const { ask } = await openBoard(t, {}, { dir: join(home, "run") });
  const open = async (dir: unknown) => await ask("POST", "/api/traces", { dir });
  for (const dir of ["x/same", `${home}/x/../x/same`, `${home}/./x/same`, "\0", "", 5, null])
    t.match(await open(dir), { status: 400, json: { error: { code: "DT_BOARD_REQUEST" } } }, String(dir));
  for (const dir of [`${home}/none`, `${home}/empty`, `${home}/a file`, "/", "/proc/self/fd"])
    t.match(await open(dir), { json: { error: { code: /DT_TRACE_MISSING|DT_BOARD_REFUSED/ } } }, dir);
  if (process.getuid?.() !== 0) t.match(await open("/"), { status: 409 });
  t.equal((await open(`${home}/x/same`)).json.id, "same");
  t.equal((await open(`${home}/y/same`)).json.id, "same-2");
  t.equal((await ask("GET", "/api/traces/same-2/hits")).json.total, 3);
  for (let i = 0; i < 16; i++) {
    const dir = join(home, `t${i}`);
    cpSync(join(home, "x", "same"), dir, { recursive: true });
    t.equal((await open(dir)).status, 200);
  }
  t.equal((await ask("GET", "/api/traces/same/hits")).status, 404, "sixteen stay open");
  t.equal((await ask("GET", "/api/traces")).json.length, 16);
});

t.test("the one that is recorded grows; a hit that was just told is there", async (t) => {
  const dir = join(t.testdir(), "run-1");
  const { writer, recorder, hit } = await write(dir);
  const { ask, board, at, token } = await openBoard(
    t,
    { view: () => ({ ...emptyView, trace: dir, recording: true }) },
    { dir: join(t.testdirName, "run") },
  );
  board.event({ at: 1, type: "trace", state: "open", dir });
  const listener = new Listener(at, token);
  t.match(await listener.hears(({ type }) => type === "view"), { view: { trace: dir, board: at.url } });
  for (let number = 1; number <= 8; number++) {
    const made = await hit(number);
    board.hits.hit(1, made);
    const heard = await listener.hears((message) => message.type === "hit" && message.row.number === number);
    t.ok(check.isLiveMessage(heard));
    t.match(heard, { row: { name: `api#1:${number}`, request: "req-1" } });
    const detail = await ask("GET", `/api/traces/live/hits/${number}`);
    t.strictSame(detail.json.hit, made);
    board.hits.resumed(1, "7");
    await listener.hears(
      (message) => message.type === "hit" && message.row.end !== undefined && message.row.number === number,
    );
  }
  const page = (await ask("GET", "/api/traces/live/hits?from=7")).json;
  t.match(page, { total: 8, rows: [{ number: 8, end: Number }] });
  t.match((await ask("GET", "/api/traces")).json, [{ id: "live", live: true, dir }]);
  t.match((await ask("POST", "/api/traces", { dir })).json, { id: "live" });
  t.equal((await ask("GET", "/api/traces/live/hits/9")).status, 404);
  recorder.sessionClosed(1, { by: "debuggee", how: "end" });
  await writer.close();
  board.event({ at: 1, type: "trace", state: "closed", dir });
  listener.socket.terminate();
  // It may still read what was recorded last, and tap removes the directory before it calls teardowns.
  await board.close();
});

t.test("live: what it says is what it should; who reads again hears what was missed", async (t) => {
  let views = 0;
  const { board, at, token } = await openBoard(t, { view: () => (views++, emptyView) });
  for (let n = 0; n < 100; n++) board.event({ at: n, type: "note", session: "api#1", kind: "held", detail: "x" });
  t.equal(views, 0, "nobody watches");
  const listener = new Listener(at, token);
  await listener.hears(({ type }) => type === "view");
  for (let n = 0; n < 1000; n++) board.event({ at: n, type: "note", session: "api#1", kind: "held", detail: "x" });
  await listener.hears((message) => message.type === "event" && message.event.at === 999);
  t.ok(views <= 3, "views are coalesced");
  t.ok(listener.heard.every((message) => check.isLiveMessage(message)));
  listener.socket.pause();
  const detail = "y".repeat(100_000);
  for (let n = 0; n < 300; n++) board.event({ at: 2000 + n, type: "note", session: "api#1", kind: "held", detail });
  listener.socket.resume();
  const missed = await listener.hears(({ type }) => type === "missed");
  t.ok(check.isLiveMessage(missed));
  const notes = listener.heard.filter((message) => message.type === "event" && message.event.at >= 2000).length;
  const views2 = listener.heard.slice(listener.heard.indexOf(missed));
  await listener.hears((message) => message.type === "view" && views2.length >= 0);
  t.match(missed, { messages: Number });
  t.ok(notes < 300 && missed.type === "missed" && notes + missed.messages >= 300, `${notes} heard, the rest counted`);
  listener.socket.terminate();
});

t.test("what acts: checked before it is done, and refused with a reason", async (t) => {
  const done: unknown[] = [];
  const { ask } = await openBoard(t, {
    knows: (name) => name === "api#1",
    release: (name) => (done.push(["release", name]), [name]),
    resume: (name, thread) => (done.push(["resume", name, thread]), thread === "9" ? [] : [name]),
    drive: (session, client) => [{ session, client: { id: 1, name: client, drives: true } }],
    record: async (on) => void done.push(["record", on]),
  });
  const released = await ask("POST", "/api/sessions/api%231/release");
  t.ok(check.isReleased(released.json));
  t.ok(check.isResumed((await ask("POST", "/api/sessions/api%231/resume")).json));
  await ask("POST", "/api/sessions/api%231/resume", { thread: 7 });
  t.match(await ask("POST", "/api/sessions/api%231/resume", { thread: "9" }), {
    status: 409,
    json: { error: { code: "DT_NOT_STOPPED" } },
  });
  t.ok(check.isDriving((await ask("POST", "/api/sessions/api%231/drive", { client: 2 })).json));
  t.ok(check.isApiView((await ask("POST", "/api/recording", { on: false })).json));
  t.strictSame(done, [
    ["release", "api#1"],
    ["resume", "api#1", undefined],
    ["resume", "api#1", "7"],
    ["resume", "api#1", "9"],
    ["record", false],
  ]);
  for (const [path, body] of [
    ["/api/sessions/api%231/resume", { thread: {} }],
    ["/api/sessions/api%231/resume", []],
    ["/api/sessions/api%231/drive", {}],
    ["/api/recording", { on: 1 }],
    ["/api/traces", undefined],
    ["/api/traces/x/replay", { from: "1" }],
    ["/api/triggers/1/again", { yes: "no" }],
  ] as const)
    t.match(await ask("POST", path, body), { status: 400, json: { error: { code: "DT_BOARD_REQUEST" } } }, path);
  t.equal((await ask("POST", "/api/sessions/none/resume")).status, 404);
  t.match(await ask("PUT", "/api/breakpoints", { specs: ["app.py:1"] }), {
    status: 409,
    json: { error: { code: "DT_BOARD_REFUSED" } },
  });
  t.ok(check.isBreakpointViews((await ask("GET", "/api/breakpoints")).json));
  for (const [method, path] of [
    ["GET", "/api"],
    ["GET", "/api/none"],
    ["DELETE", "/api/view"],
    ["POST", "/api/view"],
    ["POST", "/"],
  ] as const)
    t.match(
      await ask(method, path),
      { status: 404, json: { error: { code: "DT_BOARD_MISSING" } } },
      `${method} ${path}`,
    );
  t.equal(done.length, 5, "nothing more was done");
});

t.test("a defect says no more of itself than that it is one", async (t) => {
  const { ask } = await openBoard(t, {
    knows: () => {
      throw new Error("secret path /home/me");
    },
  });
  const answer = await ask("POST", "/api/sessions/a/release");
  t.match(answer, { status: 500, json: { error: { code: "DT_INTERNAL" } } });
  t.notMatch(answer.text, /secret/);
});

t.test("a replay: an IDE attaches and stands at the hit", async (t) => {
  const dir = join(t.testdir(), "run-1");
  await writeThree(dir);
  const { ask, board } = await openBoard(t, {}, { dir: join(t.testdirName, "run") });
  await ask("POST", "/api/traces", { dir });
  const answer = await ask("POST", "/api/traces/run-1/replay", { from: 2 });
  t.ok(check.isReplayAnswer(answer.json), answer.text);
  const client = new DebugClient("node", "unused", "replay");
  await client.start(Number(new URL(`http://${answer.json.address}`).port));
  const stop = client.waitForEvent("stopped");
  await Promise.all([
    client.waitForEvent("initialized").then(() => client.configurationDoneRequest()),
    client.initializeRequest().then(() => client.attachRequest({})),
  ]);
  await stop;
  const { body } = await client.stackTraceRequest({ threadId: 1 });
  t.match(body.stackFrames[0], { name: "create", line: 12 });
  t.equal((await ask("POST", "/api/traces/run-1/replay", { from: 99 })).status, 404);
  t.equal((await ask("POST", "/api/traces/none/replay")).status, 404);
  const over = client.waitForEvent("terminated");
  await Promise.all([board.close(), over.then(() => void client.disconnectRequest({}))]);
});
