// What a replay shows of a stop: threads, stacks, values, expressions, and sources.
import t from "tap";
import type { DebugProtocol } from "../../protocol/dap.ts";
import type { Cut, SnapshotVariable } from "../../protocol/hit.ts";
import { DapClient, filesHere, recordingOf, type HitFacts } from "../helpers/replayed.ts";

const int = (name: string, value: number | string): SnapshotVariable => ({ name, type: "int", value: String(value) });
const str = (name: string, value: string): SnapshotVariable => ({ name, type: "str", value });
const cutBy = (name: string, cut: Cut, children?: readonly SnapshotVariable[]): SnapshotVariable => ({
  name,
  type: "list",
  value: "[…]",
  cut,
  ...(children === undefined ? {} : { children }),
});

/** Values of every kind. */
const locals: readonly SnapshotVariable[] = [
  int("n", 3),
  str("password", "'***'"),
  { name: "bad", type: "Bad", value: "<error: no repr>", failed: true },
  {
    name: "volume",
    type: "dict",
    value: "{'size': 10, …}",
    children: [int("'size'", 10), str("'it\\'s'", "'x'"), int("b'k'", 1), int("-1", 2)],
  },
  {
    name: "items",
    type: "list",
    value: "[[1], <C>]",
    children: [
      { name: "0", type: "list", value: "[1]", children: [int("0", 1)] },
      { name: "1", type: "C", value: "<C>", children: [int("id", 7), int("a b", 1)] },
    ],
  },
  { name: "None", value: "1" },
  { name: "(return) f", value: "1" },
  { name: "long", type: "str", value: "'abc", cut: { by: "string", of: 4000 } },
  { name: "cutText", type: "list", value: "[1", cut: { by: "string" }, children: [int("0", 1)] },
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

t.test("values are shown as they were captured; what was left out, cut or masked is said", async (t) => {
  const client = new DapClient(recordingOf([{ locals, callers: ["handle"] }]));
  await client.begin();
  const [top, caller] = await client.stack();
  const scopes = await client.scopes(top?.id ?? 0);
  t.strictSame(scopes, [{ name: "Locals", presentationHint: "locals", variablesReference: 3, expensive: false }]);
  const shown = await client.variables(3);
  t.strictSame(
    shown.map(({ name, value, evaluateName }) => [name, value, evaluateName]),
    [
      ["n", "3", "n"],
      ["password", "'***'", "password"],
      ["bad", "<error: no repr>", "bad"],
      ["volume", "{'size': 10, …}", "volume"],
      ["items", "[[1], <C>]", "items"],
      ["None", "1", undefined],
      ["(return) f", "1", undefined],
      ["long", "'abc… (4 of 4000 characters recorded)", "long"],
      ["cutText", "[1… (2 characters recorded)", "cutText"],
    ],
  );
  t.strictSame(
    shown.map(({ variablesReference }) => variablesReference > 0),
    [false, false, false, true, true, false, false, false, true],
  );
  const volume = shown[3]?.variablesReference ?? 0;
  t.strictSame(
    (await client.variables(volume)).map(({ name, evaluateName }) => [name, evaluateName]),
    [
      ["'size'", "volume['size']"],
      ["'it\\'s'", "volume['it\\'s']"],
      ["b'k'", undefined],
      ["-1", undefined],
    ],
  );
  t.strictSame(await client.variables(volume, { start: 1, count: 2 }), (await client.variables(volume)).slice(1, 3));
  t.strictSame(
    await client.variables(volume, { filter: "named", start: 3 }),
    (await client.variables(volume)).slice(3),
  );
  t.strictSame(await client.variables(volume, { filter: "indexed" }), []);
  const [scope] = await client.scopes(caller?.id ?? 0);
  t.match(await client.variables(scope?.variablesReference ?? 0), [
    { name: "…", value: "not recorded: no client asked for these values", presentationHint: { kind: "virtual" } },
  ]);

  const cuts: readonly [cut: Cut, children: readonly SnapshotVariable[] | undefined, said: string][] = [
    [{ by: "depth", of: 7 }, undefined, "not recorded (7 items): deeper than record.depth"],
    [{ by: "depth" }, undefined, "not recorded: deeper than record.depth"],
    [{ by: "items", of: 300 }, [int("0", 1), int("1", 2)], "2 of 300 recorded"],
    [{ by: "items", of: 300 }, undefined, "not recorded (300 items)"],
    [{ by: "bytes", of: 9 }, [int("0", 1)], "1 of 9 recorded: record.bytes was reached"],
    [{ by: "bytes" }, [int("0", 1)], "others not recorded: record.bytes was reached"],
    [{ by: "time" }, [], "not recorded: record.time was over"],
    [{ by: "gone" }, undefined, "not recorded: the debuggee did not answer"],
    [{ by: "frames" }, undefined, "not recorded"],
  ];
  for (const [cut, children, said] of cuts) {
    const made = new DapClient(recordingOf([{ locals: [cutBy("x", cut, children)] }]));
    await made.begin();
    const [x] = await made.locals();
    const inside = await made.variables(x?.variablesReference ?? 0);
    t.equal(inside.at(-1)?.value, said);
    t.equal(inside.length, (children?.length ?? 0) + 1, said);
  }
  const scopesCut = new DapClient(
    recordingOf([
      { frame: { scopes: [{ name: "Locals", variables: [int("n", 1)], cut: { by: "items", of: 312 } }] } },
      { frame: { scopes: [] } },
      { locals: [{ name: "x", value: "", cut: { by: "gone" } }] },
    ]),
  );
  await scopesCut.begin();
  t.match(await scopesCut.locals(), [{ name: "n" }, { name: "…", value: "1 of 312 recorded" }]);
  await scopesCut.ask("continue");
  t.match(await scopesCut.locals(), [{ name: "…" }]);
  await scopesCut.ask("continue");
  t.match(await scopesCut.locals(), [{ name: "x", value: "not recorded: the debuggee did not answer" }]);
});

t.test("an evaluateName gives the value that it is of, at any depth", async (t) => {
  const scopes = [
    { name: "Locals", variables: locals },
    {
      name: "Globals",
      variables: [int("n", 99), int("only", 5), { name: "volume", value: "{}", children: [int("'x'", 1)] }],
    },
  ];
  const client = new DapClient(recordingOf([{ frame: { scopes } }]));
  await client.begin();
  const [top] = await client.stack();
  const frameId = top?.id ?? 0;
  let checked = 0;
  const check = async (reference: number): Promise<void> => {
    for (const { evaluateName, value, type, variablesReference } of await client.variables(reference)) {
      if (evaluateName !== undefined) {
        const { body } = await client.ask("evaluate", { expression: evaluateName, frameId, context: "hover" });
        t.match(body, { result: value, ...(type === undefined ? {} : { type }) }, evaluateName);
        t.strictSame(
          (await client.ask("variables", { variablesReference: body.variablesReference })).body?.variables?.length,
          (await client.ask("variables", { variablesReference })).body?.variables?.length,
          "with as many children",
        );
        checked++;
      }
      if (variablesReference > 0) await check(variablesReference);
    }
  };
  for (const { variablesReference } of await client.scopes(frameId)) await check(variablesReference);
  t.equal(checked, 15);
});

t.test("what clients opened by hand is shown, with its pages, and found by expressions", async (t) => {
  const opened = [cutBy("0", { by: "depth" }), int("1", 2)];
  const client = new DapClient(
    recordingOf(
      [
        {
          locals: [cutBy("x", { by: "depth" }), cutBy("y", { by: "items", of: 4 }, [int("0", 5)])],
          callers: ["handle"],
        },
      ],
      {
        asked: {
          0: {
            values: [
              { frame: 0, path: ["Locals", "x"], variables: opened },
              { frame: 0, path: ["Locals", "x", "0"], variables: [str("'k'", "'deep'")] },
              { frame: 0, path: ["Locals", "y"], variables: [int("2", 7), int("3", 8)] },
              { frame: 0, path: ["Locals", "nothing", "at"], variables: [int("2", 7)] },
              { frame: 0, path: ["Globals"], variables: [int("g", 6)] },
              { frame: 1, path: ["Locals"], variables: [int("request", 9)] },
            ],
          },
        },
      },
    ),
  );
  await client.begin();
  const [top, caller] = await client.stack();
  const [scope] = await client.scopes(top?.id ?? 0);
  const [x, y] = await client.variables(scope?.variablesReference ?? 0);
  const inX = await client.variables(x?.variablesReference ?? 0);
  t.match(inX, [
    { name: "0", evaluateName: "x[0]" },
    { name: "1", value: "2" },
  ]);
  t.equal(inX.length, 2, "nothing is missing any more");
  t.match(await client.variables(inX[0]?.variablesReference ?? 0), [
    { name: "'k'", value: "'deep'", evaluateName: "x[0]['k']" },
  ]);
  t.match(await client.variables(y?.variablesReference ?? 0), [
    { name: "0", value: "5" },
    { name: "2", value: "7" },
    { name: "3", value: "8" },
    { value: "3 of 4 recorded" },
  ]);
  const evaluated = async (expression: string, frameId?: number) =>
    (await client.ask("evaluate", { expression, frameId })).body;
  t.match(await evaluated("x[0]['k']", top?.id), { result: "'deep'" });
  t.match(await evaluated("x[0]['k'] + '!'", top?.id), { result: "'deep!'  (computed from the recording)" });
  t.match(await evaluated("y[3] - x[1]"), { result: "6  (computed from the recording)" });
  t.match(await evaluated("g"), { result: "6" });
  t.match(await evaluated("request", caller?.id), { result: "9" });
  const { variablesReference } = await evaluated("x");
  t.equal((await client.variables(variablesReference)).length, 2);
  const [ofCaller] = await client.scopes(caller?.id ?? 0);
  t.match(await client.variables(ofCaller?.variablesReference ?? 0), [{ name: "request", value: "9" }]);
});

t.test("expressions: recorded, as a client asked, computed, or not recorded and where it was last seen", async (t) => {
  const asked = [
    { expression: "f(1)", value: "2", type: "int" },
    { expression: "f(1)", frame: 1, value: "3" },
    { expression: "g()", frame: 0, failure: "NameError: g" },
    { expression: "n", frame: 0, value: "7" },
    { expression: " f(2) ", frame: 0, value: "old" },
    { expression: "f(2)", frame: 0, value: "new" },
  ];
  const facts: readonly HitFacts[] = [
    { locals: [int("gone", 41), int("n", 1)], callers: ["handle"] },
    { locals: [int("n", 3), ...locals.slice(3, 5)], callers: ["handle"] },
    { name: "other", line: 90 },
    { locals: [int("n", 4)], callers: ["handle"] },
  ];
  const client = new DapClient(recordingOf(facts, { asked: { 1: { expressions: asked } } }), undefined, 1);
  await client.begin();
  const [top, caller] = await client.stack();
  const says = async (expression: string, frameId: unknown = top?.id): Promise<string> => {
    const args = { expression, ...(frameId === "none" ? {} : { frameId }), context: "watch" };
    const { response, body } = await client.ask("evaluate", args);
    return response.success ? body.result : `! ${response.message}`;
  };
  t.equal(await says("n"), "3", "what was captured comes first");
  t.equal(await says("f(1)"), "2");
  t.equal(await says("f(1)", caller?.id), "3");
  t.equal(await says("f(2)"), "new", "the last answer");
  t.equal(await says("g()"), "! NameError: g", "its error is its answer");
  t.equal(
    await says("g()", caller?.id),
    "! not recorded at hit 2: a recording tells names, attributes, indexes, comparisons, arithmetic, in and len(); nothing runs",
  );
  t.equal(await says("n + len(items) * 2 > 6 and n"), "3  (computed from the recording)");
  t.equal(await says("items[-1]"), "<C>", "an item that was recorded is that");
  t.equal(await says("gone"), "! not recorded at hit 2; last seen at hit 1: 41");
  t.equal(await says("gone", caller?.id), "! not recorded at hit 2", "of another function");
  t.equal(await says("nowhere + 1"), "! not recorded at hit 2");
  t.equal(
    await says("x".repeat(20_000)),
    "! not recorded at hit 2: a recording tells names, attributes, indexes, comparisons, arithmetic, in and len(); nothing runs",
  );
  t.equal(await says("n", "none"), "3", "without a frame: the innermost");
  t.equal(await says("n", 0), "! this line of the stack is no frame: nothing was recorded of it");
  t.equal(await says("n", 999), "! this id is of an earlier stop, and is not known any more");
  const { body } = await client.ask("evaluate", { expression: "n * 2", frameId: top?.id });
  t.strictSame(body, {
    result: "6  (computed from the recording)",
    type: "int",
    variablesReference: 0,
    presentationHint: { attributes: ["readOnly"] },
  });
  await client.ask("continue");
  t.equal(await says("n"), "3", "of an earlier stop, as long as its id is known");
  t.equal(await says("gone", "none"), "! not recorded at hit 3", "in another function it was never seen");
  await client.ask("continue");
  t.equal(await says("gone", "none"), "! not recorded at hit 4; last seen at hit 1: 41");
  t.equal(
    await says("f(1)", "none"),
    "! not recorded at hit 4: a recording tells names, attributes, indexes, comparisons, arithmetic, in and len(); nothing runs",
  );
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
    ["variables", { variablesReference: shown[3]?.variablesReference }],
    ["variables", { variablesReference: top?.id }],
    ["variables", {}],
    ["scopes", { frameId: top?.id }],
    ["scopes", { frameId: "1" }],
    ["evaluate", { frameId: top?.id, expression: "n" }],
  ] as const)
    t.match((await client.ask(command, args)).response, { success: false, message: stale }, JSON.stringify(args));
});

function withoutId({ variablesReference: _, ...rest }: DebugProtocol.Variable): object {
  return rest;
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
