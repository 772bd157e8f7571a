// Where a replay goes: continue and back, breakpoints, steps, the ends, log lines, and what it refuses.
import t from "tap";
import { isEvent } from "../../protocol/dap.ts";
import { DapClient, hitOf, recordingOf, type HitFacts } from "../helpers/replayed.ts";

const locals = [{ name: "n", type: "int", value: "1" }];
/** Two threads, a step, a log line, an exception. */
const story: readonly HitFacts[] = [
  { line: 12, request: "req-1", locals },
  { line: 13, reason: "step", callers: ["handle"] },
  { session: "volume#1", name: "Manager.attach", path: "/opt/vol/manager.py", line: 7, request: "req-1" },
  { reason: "log", text: "size is 10" },
  { line: 40, name: "delete", callers: ["handle", "main"] },
  { session: "volume#1", name: "Manager.attach", path: "/opt/vol/manager.py", line: 9, callers: ["run"] },
  { line: 12, reason: "exception", text: "ValueError: too large\nby far" },
];
const app = "/home/me/app/app.py";

/** Numbers of the hits that Continue visits from here on, and what is said at the end. */
async function visited(client: DapClient, command = "continue"): Promise<(string | number)[]> {
  const numbers: (string | number)[] = [];
  for (;;) {
    const { stopped } = await client.ask(command, { threadId: 1 });
    if (stopped?.reason === "pause") return [...numbers, stopped.description ?? ""];
    numbers.push(client.replay.place + 1);
  }
}

t.test("Continue visits all stops of all threads, Reverse the same backwards; both ends stop and say so", async (t) => {
  const client = new DapClient(recordingOf(story));
  const first = await client.begin();
  t.strictSame(first.stopped, {
    reason: "breakpoint",
    description: "hit 1 of 7 · api · req-1",
    threadId: 1,
    text: "hit 1 of 7 · api · req-1",
    allThreadsStopped: true,
  });
  const second = await client.ask("continue", { threadId: 1 });
  t.strictSame(second.body, { allThreadsContinued: true });
  t.strictSame(second.events, ["stopped"], "the answer comes before the stop");
  t.equal(second.stopped?.reason, "step");
  const third = await client.ask("continue", { threadId: 1 });
  t.match(third.stopped, { threadId: 2, reason: "breakpoint", description: "hit 3 of 7 · volume · req-1" });
  const fifth = await client.ask("continue", { threadId: 2 });
  t.strictSame(fifth.output, ["size is 10\n"], "the log line that was passed");
  t.match(fifth.stopped, { threadId: 1, description: "hit 5 of 7 · api" });
  const end = "end of the recording · hit 7 of 7 · api";
  t.strictSame(await visited(client), [6, 7, end]);
  t.strictSame(await visited(client), [end], "again: it stands where it stood, and ends nothing");
  t.strictSame(await visited(client, "reverseContinue"), [
    6,
    5,
    3,
    2,
    1,
    "beginning of the recording · hit 1 of 7 · api · req-1",
  ]);
  const back = await client.ask("reverseContinue");
  t.match(back.stopped, { description: /^beginning/, threadId: 1 });
  t.notOk(
    client.told.some((each) => isEvent(each) && each.event === "terminated"),
    "none ends by itself",
  );
  t.match((await client.show(6)).stopped, {
    reason: "goto",
    text: /^hit 7 of 7 · api · ValueError: too large\nby far$/,
  });
});

t.test(
  "log lines are told when they are passed forwards, also by a step, and not backwards; of very many the first",
  async (t) => {
    const logs = Array.from({ length: 1005 }, (_, i): HitFacts => ({
      reason: "log",
      text: `log ${i}${"x".repeat(2000)}`,
    }));
    const client = new DapClient(recordingOf([{}, ...logs, { session: "volume#1" }, {}]));
    await client.begin();
    const stepped = await client.ask("next", { threadId: 1 });
    t.equal(stepped.output.length, 1001);
    t.match(stepped.output[0], /^log 0x+\n$/);
    t.equal(stepped.output[0]?.length, 1001, "each is cut");
    t.equal(stepped.output[1000], "… and 5 more log lines\n");
    t.strictSame((await client.ask("reverseContinue")).output, []);
    t.strictSame((await client.ask("stepBack", { threadId: 1 })).output, []);
    t.equal((await client.ask("continue")).output.length, 1001);
    const only = new DapClient(
      recordingOf([
        { reason: "log", text: "a" },
        { reason: "log", text: "b" },
      ]),
    );
    const begun = await only.begin();
    t.strictSame([begun.output, begun.stopped?.text], [["a\n", "b\n"], "no recorded hit is at these breakpoints"]);
  },
);

t.test("breakpoints choose what Continue stops at, and say how many hits are there", async (t) => {
  const client = new DapClient(recordingOf([...story, { reason: "log", line: 12 }]));
  await client.ask("initialize", {});
  await client.ask("attach", {});
  const set = await client.setLines(app, [12, 13, 99, 14]);
  t.strictSame(set.body.breakpoints, [
    { id: 1, verified: true, line: 12, message: "2 recorded hits" },
    { id: 2, verified: true, line: 13, message: "1 recorded hit" },
    {
      id: 3,
      verified: false,
      line: 99,
      message: "never stopped here in this recording; the nearest is line 40 (1 recorded hit)",
    },
    {
      id: 4,
      verified: false,
      line: 14,
      message: "never stopped here in this recording; the nearest is line 13 (1 recorded hit)",
    },
  ]);
  t.match((await client.setLines("/home/me/other/x.py", [1])).body.breakpoints, [
    { verified: false, message: "never stopped here in this recording; nor anywhere in this file" },
  ]);
  t.equal((await client.ask("configurationDone")).stopped?.description, "hit 1 of 8 · api · req-1");
  t.strictSame(await visited(client), [2, 7, "end of the recording · hit 7 of 8 · api"], "exceptions are meant too");
  await client.ask("setExceptionBreakpoints", { filters: [] });
  t.strictSame(await visited(client, "reverseContinue"), [
    2,
    1,
    "beginning of the recording · hit 1 of 8 · api · req-1",
  ]);
  await client.setLines(app, [13]);
  t.strictSame(await visited(client), [2, "end of the recording · hit 2 of 8 · api"], "in place of what the file had");
  const functions = await client.ask("setFunctionBreakpoints", {
    breakpoints: [{ name: "attach" }, { name: "delete" }, { name: "nothing" }],
  });
  t.match(functions.body.breakpoints, [
    { verified: true, message: "2 recorded hits" },
    { verified: true, message: "1 recorded hit" },
    { verified: false, message: "never stopped in it in this recording" },
  ]);
  t.strictSame(await visited(client), [3, 5, 6, "end of the recording · hit 6 of 8 · volume"]);
  await client.ask("setFunctionBreakpoints", { breakpoints: [] });
  await client.setLines(app, []);
  await client.ask("goto", { targetId: 1 });
  t.strictSame(
    await visited(client),
    ["end of the recording · hit 1 of 8 · api · req-1"],
    "one that is nowhere is set all the same",
  );
  await client.setLines("/home/me/other/x.py", []);
  t.strictSame(
    await visited(client),
    [2, 3, 5, 6, 7, "end of the recording · hit 7 of 8 · api"],
    "none set: all, exceptions too",
  );
  await client.ask("setExceptionBreakpoints", { filters: ["recorded"] });
  await client.ask("setBreakpoints", { source: { path: app }, lines: [40] });
  await client.ask("goto", { targetId: 1 });
  t.strictSame(await visited(client), [5, 7, "end of the recording · hit 7 of 8 · api"], "lines in their old form");
});

t.test("breakpoints that no hit is at: it stands before the first one, and goes on when they change", async (t) => {
  const client = new DapClient(recordingOf(story));
  await client.ask("initialize", {});
  await client.ask("setExceptionBreakpoints", { filters: [] });
  const begun = await client.begin({ path: app, lines: [99] });
  const none = "no recorded hit is at these breakpoints";
  t.match(begun.stopped, { reason: "pause", description: none, text: none, threadId: 1 });
  t.match(await client.stack(), [{ name: none, presentationHint: "label", id: 0 }]);
  t.strictSame(await client.scopes(0), []);
  t.match((await client.ask("evaluate", { expression: "n" })).response, {
    message: "the replay stands before the first hit",
  });
  t.match((await client.ask("exceptionInfo", { threadId: 1 })).response, { message: "this hit is no exception" });
  t.match((await client.ask("reverseContinue")).stopped, { reason: "pause" });
  await client.setLines(app, [40]);
  t.match((await client.ask("continue")).stopped, { text: "hit 5 of 7 · api" });
  await client.setLines(app, [99]);
  t.match((await client.ask("restart")).stopped, { text: none }, "restart goes before the first again");
  t.match((await client.ask("next", { threadId: 2 })).stopped, {
    description: "not recorded: moved to hit 3 · hit 3 of 7 · volume · req-1",
  });
});

t.test("steps: exact where one was recorded, else the next stop of the thread and how far it is", async (t) => {
  const client = new DapClient(recordingOf(story));
  const says = async (command: string, threadId: number): Promise<string> => {
    const { stopped } = await client.ask(command, { threadId });
    return `${stopped?.reason} ${stopped?.threadId}: ${stopped?.description}`;
  };
  await client.begin();
  t.equal(await says("next", 1), "step 1: hit 2 of 7 · api", "that was recorded");
  t.equal(await says("next", 1), "step 1: not recorded: moved to hit 5, 5.4 s later · hit 5 of 7 · api");
  t.equal(await says("stepBack", 1), "step 1: hit 2 of 7 · api");
  t.equal(await says("stepBack", 1), "step 1: hit 1 of 7 · api · req-1");
  t.equal(
    await says("stepBack", 1),
    "pause 1: this thread has no earlier stop in the recording · hit 1 of 7 · api · req-1",
  );
  t.equal(await says("stepIn", 1), "step 1: hit 2 of 7 · api");
  t.equal(
    await says("stepIn", 2),
    "step 2: not recorded: moved to hit 3, 1.8 s later · hit 3 of 7 · volume · req-1",
    "another thread",
  );
  t.equal(await says("next", 1), "step 1: not recorded: moved to hit 5, 3.6 s later · hit 5 of 7 · api");
  t.equal(
    await says("stepOut", 1),
    "step 1: not recorded: moved to hit 7, 3.6 s later · hit 7 of 7 · api",
    "a shallower stack",
  );
  t.equal(await says("next", 1), "pause 1: this thread has no later stop in the recording · hit 7 of 7 · api");
  t.equal(await says("stepBack", 2), "step 2: hit 6 of 7 · volume");
  t.equal(await says("stepBack", 2), "step 2: hit 3 of 7 · volume · req-1");
  t.equal(
    await says("stepOut", 2),
    "pause 2: this thread never stops in a caller of this function in the recording · hit 3 of 7 · volume · req-1",
  );
  const out = new DapClient(recordingOf([{ callers: ["a", "b"] }, { callers: ["a", "b", "c"] }, { callers: ["a"] }]));
  await out.begin();
  t.match((await out.ask("stepOut", { threadId: 1 })).stopped, { text: "hit 3 of 3 · api" }, "deeper ones are passed");
});

t.test("goto targets are the hits of a line; pause, restart, `hit N` and a start elsewhere", async (t) => {
  const client = new DapClient(recordingOf(story), undefined, 4);
  t.match((await client.begin()).stopped, { reason: "entry", text: "hit 5 of 7 · api" }, "--from");
  const targets = await client.ask("gotoTargets", { source: { path: app }, line: 12 });
  t.strictSame(targets.body.targets, [
    { id: 1, label: "hit 1 of 7 · api · req-1", line: 12 },
    { id: 7, label: "hit 7 of 7 · api", line: 12 },
  ]);
  t.strictSame((await client.ask("gotoTargets", { source: { path: app }, line: 1 })).body.targets, []);
  t.match((await client.ask("gotoTargets", { line: 1 })).response, { message: "a file and a line are needed" });
  t.match((await client.ask("goto", { threadId: 1, targetId: 7 })).stopped, { reason: "goto", text: /^hit 7 of 7/ });
  t.match((await client.ask("goto", { targetId: 8 })).response, {
    success: false,
    message: "there is no hit 8 in this replay",
  });
  t.match((await client.ask("pause", { threadId: 1 })).stopped, {
    reason: "pause",
    description: "a recording stands still · hit 7 of 7 · api",
  });
  t.match((await client.ask("restart")).stopped, { reason: "breakpoint", text: /^hit 1 of 7/ });
  const said = await client.ask("evaluate", { expression: " hit  6 ", context: "repl" });
  t.strictSame(said.body, { result: "", variablesReference: 0 });
  t.match(said.stopped, { reason: "goto", threadId: 2, text: "hit 6 of 7 · volume" });
  t.match((await client.ask("evaluate", { expression: "hit 60", context: "repl" })).response, {
    success: false,
    message: "there is no hit 60 in this replay",
  });
  t.match((await client.ask("evaluate", { expression: "hit 6", context: "watch" })).response, { success: false });
  t.equal(client.replay.place, 5, "a watch moves nothing");
  t.match((await client.show(2)).stopped, { reason: "goto", text: /^hit 3 of 7/ });
  for (const place of [-1, 7]) t.equal((await client.show(place)).stopped, undefined, `no place ${place}`);

  const some = new DapClient(recordingOf(story, { played: [2, 5] }));
  t.match(await some.ask("attach", {}), { output: [/replays 2 of 7 recorded hits\. Nothing runs/] });
  t.match((await some.ask("configurationDone")).stopped, { text: "hit 3, 1 of 2 · volume · req-1" });
  t.match(
    (await some.ask("goto", { targetId: 6 })).stopped,
    { text: "hit 6, 2 of 2 · volume" },
    "numbers of `debugtap hits`",
  );
  t.match((await some.ask("goto", { targetId: 1 })).response, { success: false });
});

t.test("requests out of order, twice, unknown or too early are answered, and end nothing", async (t) => {
  const client = new DapClient(recordingOf(story));
  const refused = async (command: string, args: unknown, message: RegExp): Promise<void> => {
    const { response, events } = await client.ask(command, args);
    t.match(response, { success: false, command, message }, command);
    t.match(response.body, { error: { id: 1, format: "{why}", variables: { why: message } } });
    t.strictSame(events, []);
  };
  await refused("configurationDone", {}, /launch or attach comes first/);
  for (const command of ["stackTrace", "continue", "next", "evaluate", "exceptionInfo", "goto", "pause", "restart"])
    await refused(command, { threadId: 1 }, /the replay has not begun: configurationDone comes first/);
  t.equal((await client.show(1)).stopped, undefined, "nobody is moved before it has begun");
  t.strictSame(client.replay.terminated(), []);
  const set = await client.setLines(app, [40]);
  t.match(set.body.breakpoints, [{ verified: true }], "before everything");
  t.match((await client.ask("threads")).body.threads, [{ id: 1, name: "api#1 · MainThread" }, { id: 2 }]);
  t.match((await client.ask("initialize")).body, {
    supportsStepBack: true,
    supportsConfigurationDoneRequest: true,
    supportsSetVariable: undefined,
    supportsRestartFrame: undefined,
    exceptionBreakpointFilters: [{ filter: "recorded", default: true }],
  });
  await client.ask("initialize", {});
  t.strictSame((await client.ask("launch", {})).events, ["initialized", "output"]);
  await refused("attach", {}, /this replay was started already/);
  t.match((await client.ask("configurationDone")).stopped, { text: "hit 5 of 7 · api" });
  t.strictSame((await client.ask("configurationDone")).events, [], "a second one moves nothing");
  for (const command of ["setVariable", "setExpression", "restartFrame", "writeMemory", "terminateThreads", "nonsense"])
    await refused(command, {}, new RegExp(`${command} is not possible in a replay: a recording cannot be changed`));
  await refused("next", { threadId: 3 }, /there is no thread 3 in this recording/);
  await refused("stepBack", {}, /there is no thread undefined/);
  await refused("stackTrace", { threadId: 0 }, /there is no thread 0/);
  await refused("setBreakpoints", { breakpoints: [{ line: 1 }] }, /the file of the breakpoints has no path/);
  await refused("evaluate", { expression: " " }, /there is no expression/);
  t.strictSame((await client.ask("terminate")).events, ["terminated"]);
  t.match((await client.ask("continue")).stopped, { text: /^hit 7 of 7/ }, "it still answers");
  t.match((await client.ask("disconnect")).response, { success: true });
  t.strictSame(
    client.told.map(({ seq }) => seq),
    client.told.map((_, i) => i + 1),
    "its messages are numbered without a gap",
  );
  t.match(client.replay.terminated(), [{ event: "terminated" }]);
});

t.test("a recording without hits is answered too", async (t) => {
  const client = new DapClient(recordingOf([]));
  t.match(await client.ask("attach"), { output: [/replays 0 recorded hits/] });
  const { stopped } = await client.ask("configurationDone");
  t.match(stopped, { threadId: 1, description: "this recording has no hits", reason: "pause" });
  t.strictSame((await client.ask("threads")).body, { threads: [{ id: 1, name: "no hits in this recording" }] });
  t.match(await client.stack(1), [{ name: "this recording has no hits", presentationHint: "label" }]);
  for (const command of ["continue", "reverseContinue", "next", "stepBack", "stepOut", "restart", "pause"])
    t.match((await client.ask(command, { threadId: 1 })).stopped, { text: "this recording has no hits" }, command);
  t.match((await client.setLines(app, [1])).body.breakpoints, [{ verified: false }]);
  t.strictSame((await client.ask("loadedSources")).body, { sources: [] });
  t.match((await client.ask("goto", { targetId: 1 })).response, { success: false });
});

t.test("a hundred thousand hits are walked through in one go", async (t) => {
  const hits = Array.from({ length: 100_000 }, (_, i) => ({ line: i % 50 }));
  const recording = { ...recordingOf(hits.slice(0, 1)), count: hits.length, total: hits.length };
  const made = hits.map(hitOf);
  const places = [...made.keys()];
  const whole = {
    ...recording,
    stop: (place: number) => ({ ...recording.stop(0), number: place + 1, line: place % 50 }),
    isLog: () => false,
    isException: () => false,
    hit: async (place: number) => made[place],
    threads: [places],
    threadOf: () => 0,
    placeOf: (number: number) => number - 1,
    depth: () => 1,
    files: new Map([["/opt/app/app.py", new Map([[12, places.filter((place) => place % 50 === 12)]])]]),
  };
  const client = new DapClient(whole);
  await client.begin();
  t.match((await client.setLines(app, [12, 1])).body.breakpoints, [
    { message: "2000 recorded hits" },
    { verified: false },
  ]);
  await client.ask("goto", { targetId: 99_999 });
  t.match((await client.ask("continue")).stopped, { description: /^end of the recording/ });
  t.match((await client.ask("reverseContinue")).stopped, { text: "hit 99963 of 100000 · api" });
  t.equal((await client.ask("gotoTargets", { source: { path: app }, line: 12 })).body.targets.length, 500);
});
