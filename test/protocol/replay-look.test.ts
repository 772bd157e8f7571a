// What a replay shows of a stop beside its values: threads, stacks, ids, exceptions, sources.
import t from "tap";
import type { DebugProtocol } from "../../protocol/dap.ts";
import type { SnapshotVariable } from "../../protocol/hit.ts";
import { DapClient, filesHere, recordingOf, type HitFacts } from "../helpers/replayed.ts";

const locals: readonly SnapshotVariable[] = [
  { name: "n", type: "int", value: "3" },
  { name: "volume", type: "dict", value: "{'size': 10}", children: [{ name: "'size'", type: "int", value: "10" }] },
];

t.test("the thread of the hit has its stack, the others say where they last stood", async (t) => {
  const client = new DapClient(
    recordingOf([
      { callers: ["handle", "main"], cut: { by: "frames", of: 45 } },
      { session: "volume#1", path: "/opt/vol/m.py", line: 7, cut: { by: "frames" } },
      { thread: "worker", reason: "log" },
      { cut: { by: "frames", of: 2 } },
      { cut: { by: "frames", of: 1 } },
      { frame: { column: 5 }, reason: "step" },
      { thread: "worker", cut: { by: "gone" } },
    ]),
  );
  await client.begin();
  t.strictSame((await client.ask("threads")).body.threads, [
    { id: 1, name: "api#1 · MainThread" },
    { id: 2, name: "volume#1 · MainThread" },
    { id: 3, name: "api#1 · worker" },
  ]);
  const { body } = await client.ask("stackTrace", { threadId: 1 });
  t.strictSame(body.totalFrames, 4);
  t.strictSame(
    body.stackFrames.map(({ name, line, id }: { name: string; line: number; id: number }) => [id, name, line]),
    [
      [1, "create", 12],
      [2, "handle", 40],
      [3, "main", 41],
      [0, "42 frames not recorded", 0],
    ],
  );
  t.strictSame(
    (await client.stack(1, { startFrame: 1, levels: 2 })).map(({ id }) => id),
    [2, 3],
    "a page of it, the same ids",
  );
  t.strictSame(
    (await client.stack(1, { startFrame: 3 })).map(({ presentationHint }) => presentationHint),
    ["label"],
  );
  t.strictSame(await client.stack(1, { startFrame: 9 }), []);
  t.match(await client.stack(2), [{ id: 0, name: "not stopped at hit 1, nor before it", presentationHint: "label" }]);
  await client.ask("continue");
  t.match(await client.stack(2), [{ name: "create", line: 7 }, { name: "more frames not recorded" }]);
  t.match(await client.stack(1), [{ name: "not stopped at hit 2; last at hit 1: create (app.py:12)" }]);
  await client.ask("continue");
  t.match(await client.stack(3), [{ name: "not stopped at hit 4, nor before it" }], "at a log line nothing stopped");
  t.match(await client.stack(1), [{ name: "create" }, { name: "1 frame not recorded" }]);
  await client.ask("continue");
  t.equal((await client.stack(1)).length, 1, "none is missing");
  await client.ask("continue");
  t.match(await client.stack(1), [{ line: 12, column: 5 }]);
  await client.ask("initialize", { linesStartAt1: false, columnsStartAt1: false });
  t.match(await client.stack(1), [{ line: 11, column: 4 }], "counted from 0");
  t.match((await client.setLines("/home/me/app/app.py", [11, 12])).body.breakpoints, [
    { verified: true, line: 11, message: "5 recorded hits" },
    { verified: false, line: 12 },
  ]);
  t.match((await client.ask("gotoTargets", { source: { path: "/home/me/app/app.py" }, line: 11 })).body.targets, [
    { id: 1, line: 11 },
  ]);

  const gone = new DapClient(recordingOf([{ frame: {}, cut: { by: "gone" } }, {}], { unreadable: [1] }));
  await gone.begin();
  t.match((await gone.ask("continue")).stopped, { text: "hit 2 of 2 · api" });
  t.match(await gone.stack(), [
    { name: "this hit cannot be read: the trace is damaged here", presentationHint: "label" },
  ]);
  t.match((await gone.ask("evaluate", { expression: "n" })).response, { message: "not recorded at hit 2" });
  t.match((await gone.ask("exceptionInfo")).response, { message: "this hit is no exception" });
});

t.test("ids: the same while it stands, new at each visit, known for twenty visits", async (t) => {
  const client = new DapClient(recordingOf([{ locals }, {}]));
  await client.begin();
  const [top] = await client.stack();
  const [scope] = await client.scopes(top?.id ?? 0);
  t.equal((await client.stack())[0]?.id, top?.id);
  t.strictSame(await client.scopes(top?.id ?? 0), [scope]);
  const shown = await client.locals();
  t.strictSame(await client.locals(), shown, "asked twice they are the same");
  const other = new DapClient(recordingOf([{ locals }, {}]));
  await other.begin();
  t.strictSame(await other.locals(), shown, "and in another replay");
  const seen = new Set([
    top?.id,
    scope?.variablesReference,
    ...shown.map(({ variablesReference }) => variablesReference),
  ]);
  for (let visit = 2; visit <= 20; visit++) {
    await client.ask(visit % 2 === 0 ? "continue" : "reverseContinue");
    const [frame] = await client.stack();
    t.notOk(seen.has(frame?.id), `visit ${visit} has another id`);
    seen.add(frame?.id);
  }
  const still = await client.variables(scope?.variablesReference ?? 0);
  t.strictSame(still.map(withoutId), shown.map(withoutId), "the twentieth visit: the first is known");
  await client.ask("pause");
  const stale = /this id is of an earlier stop, and is not known any more/;
  for (const [command, args] of [
    ["variables", { variablesReference: scope?.variablesReference }],
    ["variables", { variablesReference: shown[1]?.variablesReference }],
    ["variables", { variablesReference: top?.id }],
    ["variables", {}],
    ["scopes", { frameId: top?.id }],
    ["scopes", { frameId: "1" }],
    ["evaluate", { frameId: top?.id, expression: "n" }],
  ] as const)
    t.match((await client.ask(command, args)).response, { success: false, message: stale }, JSON.stringify(args));
});

function withoutId(variable: DebugProtocol.Variable): object {
  return { ...variable, variablesReference: undefined };
}

t.test("exceptions say their kind and text, as a client had asked or as they were captured", async (t) => {
  const exception = { id: "builtins.ValueError", description: "too large", stack: "Traceback…" };
  const texts = ["ValueError: too\nlarge", "KeyError", "what happened?!", undefined];
  const facts = texts.map((text): HitFacts => ({ reason: "exception", ...(text === undefined ? {} : { text }) }));
  const client = new DapClient(recordingOf([...facts, { reason: "exception" }], { asked: { 4: { exception } } }));
  const info = async () => (await client.ask("exceptionInfo", { threadId: 1 })).body;
  await client.begin();
  t.strictSame(await info(), { exceptionId: "ValueError", description: "too\nlarge", breakMode: "always" });
  await client.ask("continue");
  t.strictSame(await info(), { exceptionId: "KeyError", description: "KeyError", breakMode: "always" });
  await client.ask("continue");
  t.strictSame(await info(), { exceptionId: "what happened?!", description: "what happened?!", breakMode: "always" });
  await client.ask("continue");
  t.strictSame(await info(), { exceptionId: "exception", breakMode: "always" });
  await client.ask("continue");
  t.strictSame(await info(), {
    exceptionId: "builtins.ValueError",
    description: "too large",
    breakMode: "always",
    details: { stackTrace: "Traceback…" },
  });
});

t.test("sources: the file here where it is the recorded one, else the recorded text, and a warning once", async (t) => {
  const facts: readonly HitFacts[] = [
    { path: "/opt/app/same.py", source: "s1" },
    { path: "/opt/app/gone.py", source: "s2" },
    { path: "/opt/app/other.py", source: "s3" },
    { path: "/opt/app/none.py" },
    { path: "/opt/app/large.py", frame: { noSource: "larger than 2 MB" } },
    { path: "/opt/app/lost.py", source: "s6" },
    { path: "<string>" },
    { path: "C:\\app\\win.py", line: 3 },
  ];
  const texts = { s1: "one", s2: "two", s3: "three" };
  const here = { "/home/me/app/same.py": "s1", "/home/me/app/other.py": "mine", "/home/me/app/lost.py": "mine" };
  const recording = recordingOf(facts, { texts });
  const client = new DapClient(recording, filesHere(here));
  await client.begin();
  const shown = [];
  const warned: string[] = [];
  for (const _ of facts) {
    const { body, output } = await client.ask("stackTrace", { threadId: 1 });
    shown.push(body.stackFrames[0].source);
    warned.push(...output);
    await client.ask("stackTrace", { threadId: 1 });
    await client.ask("continue");
  }
  const differs = "/home/me/app/other.py differs from what was recorded: the recorded text is shown";
  t.strictSame(shown, [
    { name: "same.py", path: "/home/me/app/same.py" },
    { name: "gone.py", path: "/home/me/app/gone.py", sourceReference: 1, origin: "text from the recording" },
    {
      name: "other.py (as recorded: the local file differs)",
      path: "/home/me/app/other.py",
      sourceReference: 2,
      origin: differs,
    },
    { name: "none.py", path: "/home/me/app/none.py", origin: "its text was not recorded" },
    { name: "large.py", path: "/home/me/app/large.py", origin: "larger than 2 MB" },
    { name: "lost.py", path: "/home/me/app/lost.py" },
    { name: "<string>", path: "<string>", origin: "its text was not recorded" },
    { name: "win.py", path: "C:\\app\\win.py", origin: "its text was not recorded" },
  ]);
  t.strictSame(warned, [`${differs}\n`]);
  t.strictSame((await client.ask("source", { source: { sourceReference: 1 } })).body, { content: "two" });
  t.strictSame((await client.ask("source", { sourceReference: 2 })).body, { content: "three" });
  for (const sourceReference of [0, 3, -1, "1"])
    t.match((await client.ask("source", { sourceReference })).response, {
      message: "the recording has no text of this source",
    });

  const early = new DapClient(recording, filesHere(here));
  const { body, output } = await early.ask("loadedSources");
  t.strictSame(body.sources, shown, "all files, each with its text");
  t.strictSame(output, [`${differs}\n`]);
  t.strictSame((await early.ask("source", { sourceReference: 1 })).body, { content: "two" });
});

t.test("the IDE's own name of a file is given back, that which fits best", async (t) => {
  const facts = [{ path: "/opt/stack/cinder/api.py" }, { path: "/opt/stack/nova/api.py", line: 3 }];
  const client = new DapClient(recordingOf(facts), filesHere());
  const path = async () => (await client.stack())[0]?.source?.path;
  await client.begin();
  t.equal(await path(), "/home/me/stack/cinder/api.py");
  t.match((await client.setLines("/ws/cinder/api.py", [12])).body.breakpoints, [{ verified: true }]);
  t.equal(await path(), "/ws/cinder/api.py");
  t.match(
    (await client.setLines("/ws/glance/api.py", [12, 3])).body.breakpoints,
    [{ verified: true }, { verified: true }],
    "by its end",
  );
  t.equal(await path(), "/ws/cinder/api.py", "which fits better");
  await client.setLines("/other/cinder/api.py", []);
  t.equal(await path(), "/other/cinder/api.py", "of two that fit as well the last");
  await client.setLines("file:///ws/cinder/api.py", []);
  await client.setLines("D:\\ws\\nova\\api.py", [3]);
  await client.ask("continue");
  t.equal(await path(), "D:\\ws\\nova\\api.py");
  await client.setLines("/opt/stack/nova/api.py", [3]);
  await client.setLines("D:\\ws\\nova\\api.py", [3]);
  t.equal(await path(), "/opt/stack/nova/api.py", "its very path is best");
  t.match((await client.setLines("/ws/nova/other.py", [3])).body.breakpoints, [
    { verified: false, message: /nor anywhere in this file/ },
  ]);
  t.match(
    (await client.setLines("/", [3])).body.breakpoints,
    [{ verified: false }],
    "of a path without a name nothing is meant",
  );
});
