// Breakpoints that the board sets, in real debugpy and pydevd: with an IDE, when it has left, with none at all, in children and later sessions.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import t, { type Test } from "tap";
import type { BreakpointView, LiveMessage } from "../../protocol/api.ts";
import * as check from "../../protocol/api-check.ts";
import { asker, Listener } from "../helpers/board.ts";
import { IdeSession } from "../helpers/dap-ide.ts";
import { breakpointOf, debuggeeFile, python, type Running } from "../helpers/processes.ts";
import { startRelay } from "../helpers/relay-process.ts";
import { freePort, listen, read } from "../helpers/sockets.ts";

interface Up {
  readonly ask: ReturnType<typeof asker>;
  readonly live: Listener;
  readonly put: (...specs: string[]) => Promise<readonly BreakpointView[]>;
  readonly get: () => Promise<readonly BreakpointView[]>;
}

async function up(t: Test, services: Record<string, object>): Promise<Up> {
  const dir = t.testdir();
  const file = join(dir, "debugtap.yml");
  writeFileSync(file, JSON.stringify({ services, record: { time: "20s" } }));
  // Short: the path of a socket is.
  const run = mkdtempSync(join(tmpdir(), "debugtap-"));
  t.teardown(() => rmSync(run, { recursive: true, force: true }));
  const env = { XDG_RUNTIME_DIR: run, XDG_STATE_HOME: join(dir, "state"), NODE_OPTIONS: "" };
  const relay = startRelay(["up", "--config", file, "--board", "0"], env);
  t.teardown(async () => {
    relay.kill("SIGKILL");
    await relay.exit;
  });
  const { url } = await relay.event("board", () => true);
  const board = readFileSync(join(run, "debugtap", `${relay.pid}.board`), "utf8");
  const token = new URL((JSON.parse(board) as { address: string }).address).searchParams.get("token") ?? "";
  await relay.listening(Object.keys(services));
  const live = new Listener({ url }, token);
  t.teardown(() => live.socket.terminate());
  const ask = asker(url, token);
  const views = async (method: string, body?: unknown): Promise<readonly BreakpointView[]> => {
    const { status, json, text } = await ask(method, "/api/breakpoints", body);
    t.equal(status, 200, text);
    t.ok(check.isBreakpointViews(json));
    return json;
  };
  return { ask, live, put: async (...specs) => await views("PUT", { specs }), get: async () => await views("GET") };
}

function run(t: Test, name: string, ...args: string[]): Running {
  const running = python(name, ...args);
  t.teardown(() => running.child.kill("SIGKILL"));
  return running;
}

/** Breakpoints by state, with their hits. */
function states(views: readonly BreakpointView[]): string[] {
  return views.map(({ spec, state, hits }) => `${spec.slice(spec.lastIndexOf("/") + 1)} ${state} ${hits}`);
}

const isHit =
  (number: number, ended = false) =>
  (message: LiveMessage): boolean =>
    message.type === "hit" && message.row.number === number && (!ended || message.row.end !== undefined);

const isSession =
  (name: string, state: string) =>
  (message: LiveMessage): boolean =>
    message.type === "view" &&
    message.view.sessions.some((session) => session.name === name && session.state === state);

t.test("debugpy: beside an IDE's, after it has left, for the next one, and away again", async (t) => {
  const file = debuggeeFile("answers.py");
  const at = breakpointOf(file);
  const line = Number(at.slice(file.length + 1));
  const port = await freePort();
  const ide = await freePort();
  const { ask, live, put, get } = await up(t, { svc: { wire: "dap", listens: port, ide } });
  const service = run(t, "answers.py", `${port}`);
  await service.prints("listening");
  const spec = `${at} in svc if size != 3`;
  t.match(await put(spec), [{ spec, state: "pending", why: /no session of svc is open/, hits: 0 }]);

  const options = { starts: true };
  const first = await IdeSession.open(ide, options, { justMyCode: false });
  t.match(await get(), [{ spec, state: "bound", hits: 0 }], "set before the program is configured");
  // The IDE's own, in the same file: each has its own, and neither takes the other's away.
  const own = { source: { path: file }, breakpoints: [{ line: line - 1, condition: "word == 'mine'" }] };
  t.match(await first.ask("setBreakpoints", own), { breakpoints: [{ verified: true, line: line - 1 }] });
  service.child.stdin.write("abc\nfour\n");
  const stopped = await first.event<{ threadId: number }>("stopped");
  t.match(await live.hears(isHit(1)), { row: { file, line, breakpoint: spec, reason: "breakpoint" } });
  t.equal(service.text().includes("answered 3"), true, "its condition was the debuggee's work");
  await first.ask("continue", { threadId: stopped.threadId });
  await service.prints("answered 4");
  service.child.stdin.write("mine\n");
  const mine = await first.event<{ threadId: number }>("stopped");
  await first.ask("continue", { threadId: mine.threadId });
  const again = await first.event<{ threadId: number }>("stopped");
  await first.ask("continue", { threadId: again.threadId });
  await live.hears(isHit(3, true));
  t.same(states(await get()), [`answers.py:${line} in svc if size != 3 bound 2`]);
  t.match(
    live.heard.flatMap((message) =>
      message.type === "hit" && message.row.end === undefined ? (message.row.breakpoint ?? "the IDE's") : [],
    ),
    [spec, "the IDE's", spec],
  );

  await first.close();
  await live.hears(isSession("svc#1", "released"));
  service.child.stdin.write("fives\n");
  await live.hears(isHit(4, true));
  await service.prints("answered 5");
  t.pass("nobody was there: it was captured and ran on");

  const second = await IdeSession.open(ide, options, { justMyCode: false });
  await second.ask("setBreakpoints", { source: { path: file }, breakpoints: [] });
  t.match(await get(), [{ spec, state: "bound" }], "an IDE's empty list is its own alone");
  service.child.stdin.write("sixsix\n");
  const seen = await second.event<{ threadId: number }>("stopped");
  t.match((await ask("POST", "/api/sessions/svc/resume")).json, { resumed: ["svc#1"] });
  await service.prints("answered 6");
  await second.ask("setBreakpoints", { source: { path: file }, breakpoints: [{ line }] });
  t.same(await put(), []);
  service.child.stdin.write("abc\n");
  t.match(await second.event("stopped"), { threadId: seen.threadId }, "the IDE's stays when debugtap's goes");
  await second.ask("setBreakpoints", { source: { path: file }, breakpoints: [] });
  await second.ask("continue", { threadId: seen.threadId });
  service.child.stdin.write("sevenseven\n");
  await service.prints("answered 10");
  t.equal(second.waiting("stopped"), 0, "gone everywhere");
  await second.close();
});

t.test("debugpy: a child that opens later stops at its first lines", async (t) => {
  const at = breakpointOf(debuggeeFile("debugpy_child.py"));
  const port = await freePort();
  const ide = await freePort();
  const { live, put, get } = await up(t, { svc: { wire: "dap", listens: port, ide } });
  await put(`${at} if who == "child"`);
  const service = run(t, "debugpy_child.py", `${port}`);
  await service.prints("listening");
  const options = { starts: false };
  const session = await IdeSession.open(ide, options, { justMyCode: false, subProcess: true });
  const child = await IdeSession.open(ide, options, await session.event("debugpyAttach"));
  const stopped = await child.event<{ threadId: number }>("stopped");
  t.match(await live.hears(isHit(1)), { row: { session: "svc#2", breakpoint: /debugpy_child\.py/ } });
  t.match(await get(), [{ state: "bound", hits: 1 }]);
  await child.ask("continue", { threadId: stopped.threadId });
  await service.prints("done");
});

t.test(
  "pydevd: without an IDE each hit is captured and runs on; with one it is seen; forked children too",
  async (t) => {
    const file = debuggeeFile("pydevd_service.py");
    const at = breakpointOf(file);
    const line = at.slice(file.length + 1);
    const port = await freePort();
    const idePort = await freePort();
    const { live, put, get, ask } = await up(t, { svc: { wire: "pydevd", dials: port, ide: idePort, hold: "never" } });
    t.match(await put(`${at} if n > 1`), [{ state: "pending" }]);
    const service = run(t, "pydevd_service.py", `${port}`);
    await service.prints("settrace took");
    t.match(await get(), [{ state: "bound", hits: 0 }]);
    await live.hears(isHit(1, true)); // settrace itself
    service.child.stdin.write("1\n2\n");
    t.match(await live.hears(isHit(2, true)), { row: { file, line: Number(line), breakpoint: `${at} if n > 1` } });
    await service.prints("worked 4");
    t.equal((await get())[0]?.hits, 1);

    const port2 = await listen(idePort);
    t.teardown(() => port2.close());
    const client = await port2.next();
    t.teardown(() => client.destroy());
    client.write("501\t1\t1.1\tUNIX\tID\n101\t3\t\n");
    await read(client, "103\t");
    service.child.stdin.write("3\n");
    await read(client, "105\t");
    await live.hears(isHit(3));
    // The IDE sets one at the same line, and takes it away: debugtap's stays.
    const own = ["python-line", file, line, "None", "None", "None", "None", "False", "NONE"].join("\t");
    client.write(`111\t5\t1\t${own}\n112\t7\tpython-line\t${file}\t1\n`);
    t.match((await ask("POST", "/api/sessions/svc/resume")).json, { resumed: ["svc#1"] });
    await service.prints("worked 6");
    service.child.stdin.write("4\n");
    await live.hears(isHit(4));
    t.same(await put(), []);
    await ask("POST", "/api/sessions/svc/resume");
    await service.prints("worked 8");
    service.child.stdin.write("5\n");
    await service.prints("worked 10");
    client.destroy();

    // A later session and its forked children have them from their first line on.
    const fork = debuggeeFile("pydevd_fork.py");
    await put(breakpointOf(fork));
    const forked = run(t, "pydevd_fork.py", `${port}`);
    await forked.prints("done");
    t.match(await live.hears(isHit(5, true)), { row: { file: fork } });
    t.same(
      (await get()).map(({ hits }) => hits),
      [2],
      "the parent's and the child's",
    );
  },
);

t.test("what cannot be set is said, and nothing is done", async (t) => {
  const { ask, put, get } = await up(t, { svc: { wire: "pydevd", dials: await freePort(), ide: await freePort() } });
  await put("app.py:1");
  const refused = async (specs: readonly string[]) => await ask("PUT", "/api/breakpoints", { specs });
  t.match(await refused(["app.py:2", "app.py:x"]), {
    status: 400,
    json: { error: { code: "DT_SPEC", what: /^specs\[1\]: / } },
  });
  t.match(await refused(["app.py:2 in nova"]), {
    status: 400,
    json: { error: { code: "DT_SPEC", why: "there is svc" } },
  });
  t.match(await refused(["app.py:2 max 3"]), {
    status: 409,
    json: { error: { code: "DT_BOARD_REFUSED", what: /`max`/ } },
  });
  t.same(
    (await get()).map(({ spec }) => spec),
    ["app.py:1"],
  );
});
