// `debugtap replay --sessions` and `--pace`, as an IDE sees them that begins child sessions.
import { join } from "node:path";
import type { DebugProtocol } from "@vscode/debugprotocol";
import t, { type Test } from "tap";
import { partOf, sessionsOf } from "../../protocol/replay-part.ts";
import type { Recording } from "../../protocol/replay-recording.ts";
import { openTrace, recordedStops, TraceWriter } from "../../src/trace/index.ts";
import { startCli } from "../helpers/cli.ts";
import { IdeSession } from "../helpers/dap-ide.ts";
import { startReplay, type ReplayProcess } from "../helpers/replay-process.ts";
import { freePort } from "../helpers/sockets.ts";

type Stopped = DebugProtocol.StoppedEvent["body"];
type Breakpoints = DebugProtocol.SetBreakpointsResponse["body"];
type Threads = DebugProtocol.ThreadsResponse["body"];
type Stack = DebugProtocol.StackTraceResponse["body"];

const names = ["api#1", "volume#1", "api#2"];
/** Session, thread, line: each half a minute after the one before. */
const hits = [
  ["api#1", 1, 10],
  ["volume#1", 1, 5],
  ["api#1", 2, 10],
  ["api#2", 1, 10],
  ["volume#1", 1, 7],
] as const;
const starts = { starts: true };

async function recordHits(t: Test): Promise<string> {
  const dir = join(t.testdir(), "trace");
  const writer = await TraceWriter.open({ dir, facts: { version: "test" } });
  const [began, counts] = [Date.now(), new Map<string, number>()];
  for (const [i, name] of names.entries()) {
    const [service = "", ordinal] = name.split("#");
    const facts = { service, ordinal: Number(ordinal), name, wire: "dap", debuggee: "vm", client: "ide" } as const;
    writer.session({ ...facts, id: i + 1 });
  }
  for (const [i, [session, id, line]] of hits.entries()) {
    const [service = ""] = session.split("#");
    const number = (counts.get(session) ?? 0) + 1;
    counts.set(session, number);
    const thread = { id, name: `Thread-${id}` };
    const frame = { name: "handle", path: `/srv/${service}.py`, line };
    const snapshot = { frames: [frame], took: 1 };
    const at = began + i * 30_000;
    writer.hit(names.indexOf(session) + 1, { number, session, service, at, thread, reason: "breakpoint", snapshot });
  }
  await writer.close();
  return dir;
}

async function replayed(
  t: Test,
  trace: string,
  ...options: string[]
): Promise<{ replay: ReplayProcess; port: number }> {
  const port = await freePort();
  const replay = startReplay(t, trace, "--listen", String(port), ...options);
  await replay.next("listening");
  return { replay, port };
}

async function continued(ide: IdeSession): Promise<string | undefined> {
  await ide.ask("continue", { threadId: 1 });
  return (await ide.event<Stopped>("stopped")).description;
}

t.test("replay --sessions, --pace", async (t) => {
  const trace = await recordHits(t);
  const configuration = {
    type: "debugpy",
    request: "attach",
    name: "replay",
    connect: { port: 5790 },
    justMyCode: false,
  };

  await t.test("the part of a session is what asking for that session alone gives", async (t) => {
    const opened = await openTrace(trace);
    const whole = await recordedStops(opened, {});
    t.strictSame(sessionsOf(whole), names);
    const everything = (recording: Recording): unknown => {
      const { count, total, files, functions, threads } = recording;
      const places = Array.from({ length: count }, (_, place) => [
        recording.stop(place),
        recording.isLog(place),
        recording.isException(place),
        recording.depth(place),
        recording.threadOf(place),
      ]);
      const found = hits.map((_, i) => recording.placeOf(i + 1));
      const named = threads.map((_, thread) => recording.threadName(thread));
      return { count, total, files, functions, threads, places, found, named };
    };
    for (const session of [...names, "none#1"]) {
      const alone = await recordedStops(opened, { session });
      const part = partOf(whole, session);
      t.strictSame(everything(part), everything(alone), session);
      for (let place = 0; place < alone.count; place++)
        t.strictSame(await part.hit(place), await alone.hit(place), `${session}, ${place}`);
      alone.index.close();
    }
    whole.index.close();
    opened.close();
  });

  await t.test("each recorded session is a session of the IDE, with its own threads and hits", async (t) => {
    const { replay, port } = await replayed(t, trace, "--sessions");
    const root = await IdeSession.open(port, starts, configuration);
    const children = await root.untilChildren(names.length);
    t.strictSame(
      children.map((child) => child.configuration),
      names.map((name) => ({ ...configuration, name, __debugtapSession: name })),
      "begun with the IDE's own configuration",
    );
    t.strictSame(await root.ask<Threads>("threads", {}), { threads: [] });
    await t.rejects(root.ask("continue", { threadId: 1 }), /this one has no threads/);
    const source = { path: "/srv/api.py" };
    const set = await root.ask<Breakpoints>("setBreakpoints", { source, breakpoints: [{ line: 10 }] });
    t.strictSame(set.breakpoints, [{ verified: false }]);

    const [api, volume, second] = children;
    if (api === undefined || volume === undefined || second === undefined) return;
    t.match((await api.event("output"))["output"], /replays 2 of 5 recorded hits/);
    const threads = await Promise.all(children.map((child) => child.ask<Threads>("threads", {})));
    t.strictSame(
      threads.map((each) => each.threads.map(({ id, name }) => `${id} ${name}`)),
      [["1 api#1 · Thread-1", "2 api#1 · Thread-2"], ["1 volume#1 · Thread-1"], ["1 api#2 · Thread-1"]],
    );
    const first = await Promise.all(children.map((child) => child.event<Stopped>("stopped")));
    t.strictSame(
      first.map(({ description }) => description),
      ["hit 1, 1 of 2 · api", "hit 2, 1 of 2 · volume", "hit 4, 1 of 1 · api"],
    );
    t.equal(await continued(api), "hit 3, 2 of 2 · api");
    const { stackFrames } = await api.ask<Stack>("stackTrace", { threadId: 2 });
    t.match(stackFrames, [{ name: "handle", source: { path: "/srv/api.py" }, line: 10 }]);
    t.match((await api.ask<Stack>("stackTrace", { threadId: 1 })).stackFrames, [{ name: /last at hit 1: / }]);
    t.equal(await continued(api), "end of the recording · hit 3, 2 of 2 · api");
    for (const [child, message] of [
      [api, "2 recorded hits"],
      [second, "1 recorded hit"],
    ] as const) {
      const here = await child.ask<Breakpoints>("setBreakpoints", { source, breakpoints: [{ line: 10 }] });
      t.match(here.breakpoints, [{ verified: true, message }]);
    }
    const other = { source: { path: "/srv/volume.py" }, breakpoints: [{ line: 7 }] };
    t.match((await api.ask<Breakpoints>("setBreakpoints", other)).breakpoints, [
      { verified: false, message: /nor anywhere in this file/ },
    ]);
    await t.rejects(api.ask("evaluate", { expression: "hit 2", context: "repl" }), /there is no hit 2 in this replay/);

    replay.type("5");
    await replay.next("shown");
    t.equal((await volume.event<Stopped>("stopped")).description, "hit 5, 2 of 2 · volume");
    for (const each of [root, api, second]) {
      await each.ask("threads", {});
      t.equal(each.waiting("stopped"), 0, `${String(each.configuration["name"])} has no such hit`);
    }
    const over = Promise.all([root, ...children].map((each) => each.event("terminated")));
    t.equal(await replay.end("SIGINT"), 0);
    await over;
  });

  await t.test("one that the IDE does not start is told, one begins at --from", async (t) => {
    const { port } = await replayed(t, trace, "--sessions", "--from", "5");
    const root = await IdeSession.open(port, { ...starts, refuses: ["api#1"] }, configuration);
    t.match((await root.event("output"))["output"], /replays 3 sessions/);
    t.match(await root.event("output"), { output: "api#1: the IDE has not started its session: the user said no\n" });
    const [volume, second] = await root.untilChildren(2);
    t.equal((await volume?.event<Stopped>("stopped"))?.description, "hit 5, 2 of 2 · volume");
    t.equal((await second?.event<Stopped>("stopped"))?.description, "hit 4, 1 of 1 · api");
  });

  await t.test("an IDE that cannot begin sessions has all hits in one, and is told", async (t) => {
    const { port } = await replayed(t, trace, "--sessions");
    for (const [args, told] of [
      [configuration, /does not begin sessions by itself/],
      [{ ...configuration, __debugtapSession: "gone#9" }, /There is no session "gone#9"/],
    ] as const) {
      const ide = await IdeSession.open(port, { starts: false }, args);
      await ide.event("output");
      t.match((await ide.event("output"))["output"], told);
      t.equal((await ide.event<Stopped>("stopped")).description, "hit 1 of 5 · api");
      t.equal(await continued(ide), "hit 2 of 5 · volume");
      t.strictSame(ide.children, []);
      await ide.close();
    }
  });

  await t.test("--pace keeps the time to the next hit; pause does not wait for it", async (t) => {
    const { replay, port } = await replayed(t, trace, "--pace", "1");
    const ide = await IdeSession.open(port, starts, configuration);
    await ide.event("stopped");
    await ide.ask("continue", { threadId: 1 });
    await ide.ask("threads", {});
    t.equal(ide.waiting("stopped"), 0, "it runs");
    await ide.ask("pause", { threadId: 1 });
    t.match(await ide.event("stopped"), { reason: "breakpoint", description: "hit 2 of 5 · volume" });
    t.match(await ide.event("stopped"), { reason: "pause", description: /a recording stands still · hit 2 of 5/ });
    await ide.ask("reverseContinue", { threadId: 1 });
    t.match(await ide.event("stopped"), { description: "hit 1 of 5 · api" }, "backwards at once");
    await ide.ask("continue", { threadId: 1 });
    replay.type("4");
    t.match(await ide.event("stopped"), { description: "hit 2 of 5 · volume" });
    t.match(await ide.event("stopped"), { reason: "goto", description: "hit 4 of 5 · api" });
    await ide.ask("continue", { threadId: 1 });
    const over = ide.event("terminated");
    t.equal(await replay.end("SIGINT"), 0, "nor does the end");
    await over;

    const fast = await replayed(t, trace, "--pace", "1000000");
    const other = await IdeSession.open(fast.port, starts, configuration);
    await other.event("stopped");
    t.equal(await continued(other), "hit 2 of 5 · volume", "a millionth of half a minute");
  });

  await t.test("what does not go together is said", async (t) => {
    const cli = startCli(t);
    t.match(await cli("replay", trace, "--ide", "5711", "--sessions"), { status: 2, stderr: /--sessions nor --pace/ });
    t.match(await cli("replay", trace, "--pace", "0"), { status: 2, stderr: /--pace 0 is no number above 0/ });
  });
});
