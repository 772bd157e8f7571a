// A replay as a pydevd debuggee: what PyCharm and PyDev are told and answered.
import t from "tap";
import type { SnapshotVariable } from "../../protocol/hit.ts";
import { parsePydevdXml } from "../../protocol/pydevd-xml.ts";
import type { PydevdMessage } from "../../protocol/pydevd.ts";
import { consoleIn, filesHere, PydevdClient, recordingOf, stopIn, type HitFacts } from "../helpers/replayed.ts";

const locals: readonly SnapshotVariable[] = [
  { name: "n", type: "int", value: "3" },
  { name: "s", type: "str", value: "'it\\'s'" },
  { name: "bare", type: "str", value: "req-1" },
  { name: "bad", type: "Bad", value: "<error>", failed: true },
  { name: "long", type: "str", value: "'abc", cut: { by: "string", of: 4000 } },
  { name: "untyped", value: "x" },
  {
    name: "volume",
    type: "dict",
    value: "{'size': 10, …}",
    children: [
      { name: "'size'", type: "int", value: "10" },
      { name: "'a\tb'", type: "list", value: "[…]", cut: { by: "depth", of: 7 } },
    ],
  },
];
const story: readonly HitFacts[] = [
  { line: 12, locals, callers: ["handle <x>"], cut: { by: "frames", of: 9 }, request: "req-1" },
  { line: 13, reason: "step" },
  { reason: "log", text: "size is <10> & more" },
  { session: "volume#1", path: "/opt/vol/m.py", line: 7, callers: ["run"] },
  { line: 40, reason: "exception", text: 'ValueError: "too\nlarge"\x1b[0m', callers: ["handle"] },
];
const [one, two] = ["pid_1_id_1", "pid_1_id_2"];

function ids(messages: readonly PydevdMessage[]): number[] {
  return messages.map(({ id }) => id);
}

/** Name and value of the variables in an answer. */
function vars([message]: readonly PydevdMessage[]): (string | boolean)[][] {
  const found = parsePydevdXml(message?.text ?? "")?.vars ?? [];
  return found.map(({ name, value, isContainer, isErrorOnEval }) => [
    name,
    value,
    ...(isContainer ? ["container"] : []),
    ...(isErrorOnEval ? ["error"] : []),
  ]);
}

t.test("it is silent until asked, names a thread before its first stop, and stops at each hit", async (t) => {
  const client = new PydevdClient(recordingOf(story));
  t.strictSame(await client.ask(106, "*"), [], "nothing runs before 101");
  t.strictSame(await client.ask(105, "*"), []);
  t.match(await client.ask(102), [{ id: 502, text: "<xml></xml>" }]);
  t.strictSame(client.replay.terminated(), []);
  t.strictSame(await client.show(1), []);
  t.match(await client.ask(501, "1.1", "UNIX", "ID"), [{ id: 501, seq: 7, text: "@@BUILD_NUMBER@@" }]);
  for (const id of [122, 146, 190, 200, 202, 141]) t.strictSame(await client.ask(id, "x"), [], `${id} has no answer`);
  await client.ask(123, "x");
  const begun = await client.ask(101);
  t.strictSame(ids(begun), [116, 103, 105]);
  t.equal(consoleIn(begun), "debugtap: hit 1 of 5 · api · req-1\n");
  t.match(parsePydevdXml(begun[1]?.text ?? "")?.threads, [{ id: one, name: "api#1 · MainThread" }]);
  const stop = stopIn(begun);
  t.match(stop, { id: one, stopReason: 111, suspendType: "trace", message: undefined });
  t.strictSame(stop?.frames, [
    { id: "1001", name: "create", file: "/home/me/app/app.py", line: 12 },
    { id: "1002", name: "handle <x>", file: "/home/me/app/wsgi.py", line: 40 },
    { id: "1003", name: "7 frames not recorded", file: "", line: 0 },
  ]);
  t.strictSame(await client.ask(101), [], "a second one begins nothing");

  const stepped = await client.ask(108, one);
  t.strictSame(ids(stepped), [106, 116, 105]);
  t.equal(stepped[0]?.text, `${one}\t108`);
  t.match(stopIn(stepped), { stopReason: 108, frames: [{ id: "1004", line: 13 }] }, "frames have ids of their own");
  t.strictSame(await client.ask(107, two), [], "a thread that does not stand moves nothing");

  const next = await client.ask(106, one);
  t.strictSame(ids(next), [106, 116, 116, 104, 103, 105], "the thread of the next hit is there in place of this one");
  t.equal(
    consoleIn(next),
    "debugtap: size is <10> & more\ndebugtap: hit 4 of 5 · volume\n",
    "with the log line that was passed",
  );
  t.equal(stopIn(next)?.id, two);
  t.match(await client.ask(102), [{ id: 502, text: /volume%231/ }]);
  t.strictSame(await client.ask(106, one), [], "PyCharm resumes all that it knew");
  t.strictSame(
    await client.ask(109, two).then(consoleIn),
    "debugtap: this thread has no later stop in the recording · hit 4 of 5 · volume\n",
  );

  const last = await client.ask(106, "*");
  t.match(
    stopIn(last),
    { id: one, stopReason: 122, message: 'ValueError: "too large"\ufffd[0m' },
    "no control character",
  );
  const end = await client.ask(106, one);
  t.equal(consoleIn(end), "debugtap: end of the recording · hit 5 of 5 · api\n");
  t.match(stopIn(end), { id: one, stopReason: 105 }, "it stands again");
  const paused = await client.ask(105, one);
  t.match(
    [stopIn(paused)?.stopReason, consoleIn(paused)],
    [105, "debugtap: a recording stands still · hit 5 of 5 · api\n"],
  );
  t.match(stopIn(await client.show(0)), { id: one, stopReason: 127, frames: [{ line: 12 }, {}, {}] });
  t.strictSame(ids(await client.show(3)), [106, 116, 104, 103, 105]);
  for (const place of [-1, 5]) t.strictSame(await client.show(place), []);
  t.equal(client.replay.terminated().length, 1, "the one thread that is there ends");
});

t.test("PyCharm's Resume of all threads that it knows visits every hit", async (t) => {
  const client = new PydevdClient(recordingOf(story));
  const known = new Set<string>();
  const places: number[] = [];
  const see = (messages: readonly PydevdMessage[]): void => {
    for (const { id, text } of messages) {
      if (id === 103) known.add(parsePydevdXml(text)?.threads[0]?.id ?? "");
      if (id === 104) known.delete(text);
      if (id === 105) t.ok(known.has(stopIn(messages)?.id ?? ""), "the thread is known when it stops");
    }
    places.push(client.replay.place);
  };
  see(await client.begin());
  for (let i = 0; i < 3; i++) {
    // All at once, before it hears of the next stop.
    const answers = [];
    for (const thread of known) answers.push(await client.ask(106, thread));
    see(answers.flat());
  }
  t.strictSame(places, [0, 1, 3, 4]);
});

t.test("values, children, expressions and temporaries of the frame that stands", async (t) => {
  const client = new PydevdClient(
    recordingOf(story, {
      asked: {
        0: {
          values: [
            { frame: 0, path: ["Locals", "volume", "'a\tb'"], variables: [{ name: "0", type: "int", value: "1" }] },
          ],
          expressions: [{ expression: "f(n)", frame: 0, value: "9", type: "int" }],
        },
      },
    }),
  );
  const place = [one, 1001, "FRAME"];
  t.match(await client.ask(114, ...place), [{ id: 901, text: /earlier stop, or was not recorded/ }], "before it runs");
  await client.begin();
  t.strictSame(vars(await client.ask(114, ...place)), [
    ["n", "int: 3"],
    ["s", "str: it's"],
    ["bare", "str: req-1"],
    ["bad", "Bad: <error>", "error"],
    ["long", "str: 'abc… (4 of 4000 characters recorded)"],
    ["untyped", "x"],
    ["volume", "dict: {'size': 10, …}", "container"],
  ]);
  t.strictSame(vars(await client.ask(114, one, 1002, "FRAME")), [
    ["…", "not recorded: no client asked for these values"],
  ]);
  t.match(await client.ask(114, one, 1003, "FRAME"), [{ id: 901 }], "a line of the stack that is no frame");
  t.strictSame(vars(await client.ask(110, ...place, "volume")), [
    ["'size'", "int: 10"],
    ["'a\tb'", "list: […]", "container"],
  ]);
  t.strictSame(vars(await client.ask(110, ...place, "volume", "'a@_@TAB_CHAR@_@b'")), [
    ["0", "int: 1"],
    ["…", "1 of 7 recorded: deeper than record.depth"],
  ]);
  t.match(await client.ask(110, ...place, "volume", "'x'"), [{ id: 901, text: "volume.'x' was not recorded" }]);
  t.match(await client.ask(110, one, 7, "FRAME", "volume"), [{ id: 901 }]);
  t.strictSame(vars(await client.ask(110, ...place, "n")), [], "it has none");

  t.strictSame(vars(await client.ask(113, ...place, "n", 1)), [["n", "int: 3"]]);
  t.strictSame(vars(await client.ask(113, ...place, "volume['size']", 1)), [["volume['size']", "int: 10"]]);
  t.strictSame(vars(await client.ask(113, ...place, "f(n)", 1)), [["f(n)", "int: 9"]]);
  t.strictSame(vars(await client.ask(121, ...place, "n + 1", 1)), [["n + 1", "int: 4  (computed from the recording)"]]);
  t.match(vars(await client.ask(113, ...place, "g(n)", 1)), [["g(n)", /^NotRecorded: not recorded at hit 1/, "error"]]);
  t.match(ids(await client.ask(134, ...place, "n", 1)), [134]);
  t.match(await client.ask(113, one, 999, "FRAME", "n", 1), [{ id: 901, text: /earlier stop/ }]);
  t.strictSame(
    vars(await client.ask(110, one, 1001, "EXPRESSION", "volume")),
    vars(await client.ask(110, ...place, "volume")),
  );

  const saved = "__py_debug_temp_var_1";
  t.match(ids(await client.ask(117, ...place, saved, "volume")), [502]);
  t.strictSame(vars(await client.ask(110, ...place, saved)), vars(await client.ask(110, ...place, "volume")));
  t.strictSame(vars(await client.ask(113, ...place, saved, 1)), [[saved, "dict: {'size': 10, …}", "container"]]);
  t.match(await client.ask(117, ...place, "n", "4"), [
    { id: 901, text: "n cannot be set: a recording cannot be changed" },
  ]);
  t.match(ids(await client.ask(115, ...place, "try:@LINE@ del x", 1)), [113]);
  t.match(await client.ask(120, ...place, "vol"), [{ id: 120, text: "<xml></xml>" }]);
  for (const id of [119, 148, 151, 160, 201, 777])
    t.match(await client.ask(id, ...place), [{ id: 901, text: /is not possible in a replay: nothing runs/ }], `${id}`);

  await client.ask(106, one);
  t.match(await client.ask(114, ...place), [{ id: 901 }], "frames of an earlier stop are refused");
  t.match(await client.ask(113, ...place, "n", 1), [{ id: 901 }]);
  t.match(await client.ask(110, one, 1004, "FRAME", saved), [{ id: 901 }], "temporaries end with their stop");
});

t.test("stacks, exceptions, sources, and `hit N`", async (t) => {
  const recording = recordingOf([...story, { path: "/opt/app/src.py", source: "s" }], { texts: { s: "a = 1\n\tb" } });
  const client = new PydevdClient(recording, filesHere(), 4);
  t.match(stopIn(await client.begin()), { stopReason: 127, frames: [{ line: 40 }, {}] });
  const [stack] = await client.ask(152, one);
  t.match(parsePydevdXml(stack?.text ?? "")?.threads, [{ id: one, frames: [{ id: "1001" }, { id: "1002" }] }]);
  t.match(await client.ask(152, two), [{ text: `<xml><thread id="${two}"></thread></xml>` }], "another does not stand");
  const [exception] = await client.ask(155, one);
  t.match(parsePydevdXml(exception?.text ?? "")?.threads, [
    { message: /^ValueError/, frames: [{ name: "create" }, {}] },
  ]);
  t.match(await client.ask(124, "/home/me/app/src.py"), [{ id: 124, text: "a = 1\n\tb" }]);
  t.match(await client.ask(124, "/opt/app/app.py"), [
    { id: 901, text: "the recording has no text of /opt/app/app.py" },
  ]);
  const went = await client.ask(113, one, 1001, "FRAME", "hit 1", 1);
  t.strictSame(ids(went), [113, 106, 116, 105]);
  t.match(stopIn(went), { id: one, stopReason: 127, frames: [{ line: 12 }, {}, {}] });
  t.match(vars(await client.ask(113, one, 1001, "FRAME", "hit 9", 1)), [
    ["hit 9", /there is no hit 9 in this replay/, "error"],
  ]);
  t.match(await client.ask(155, one), [{ id: 901, text: "this hit is no exception" }]);
});

t.test("breakpoints by id and by line choose the hits; one that no hit is at is told", async (t) => {
  const client = new PydevdClient(recordingOf(story));
  await client.ask(501, "1.1", "UNIX", "ID");
  const set = (id: number, line: number) =>
    client.ask(111, id, "python-line", "/home/me/app/app.py", line, "None", "None", "None", "None", "False", "NONE");
  t.strictSame(await set(1, 13), []);
  t.equal(
    consoleIn(await set(2, 14)),
    "debugtap: /home/me/app/app.py:14: never stopped here in this recording; the nearest is line 13 (1 recorded hit)\n",
  );
  t.strictSame(await client.ask(111, "what", "is", "this"), []);
  t.match(stopIn(await client.ask(101)), { frames: [{ line: 13 }] });
  t.equal(consoleIn(await client.ask(106, one)).split("\n")[1], "debugtap: end of the recording · hit 2 of 5 · api");
  await client.ask(122, "BaseException", 1, 0, 0);
  t.match(stopIn(await client.ask(106, one)), { stopReason: 122, frames: [{ line: 40 }, {}] });
  await client.show(0);
  await client.ask(112, "python-line", "/home/me/app/app.py", 1);
  await client.ask(112, "python-line", "/home/me/app/app.py", 9);
  t.match(stopIn(await client.ask(106, one)), { stopReason: 122 }, "the breakpoint at the step is gone");
  await client.ask(112, "python-line", "/home/me/app/app.py", 2);
  await client.show(0);
  t.match(stopIn(await client.ask(106, one)), { frames: [{ line: 13 }] }, "none: all");

  const byLine = new PydevdClient(recordingOf(story));
  await byLine.ask(501, "1.1", "UNIX", "LINE");
  await byLine.ask(111, "python-line", "/home/me/vol/m.py", 7, "None", "None", "None", "None");
  const begun = await byLine.ask(101);
  t.equal(stopIn(begun)?.id, two);
  t.strictSame(ids(begun), [116, 116, 103, 105], "only the thread that stands is named");

  const never = new PydevdClient(recordingOf(story));
  await never.ask(111, "python-line", "/home/me/vol/m.py", 8, "None", "None", "None", "None");
  t.match(consoleIn(await never.ask(101)), /end of the recording · no recorded hit is at these breakpoints\n$/);
  t.strictSame(stopIn(await never.ask(106, one)), undefined);
  t.equal(stopIn(await never.show(3))?.id, two, "from the terminal it goes on");
});

t.test("a recording without hits, and a hit that cannot be read", async (t) => {
  const none = new PydevdClient(recordingOf([]));
  const begun = await none.begin();
  t.strictSame(ids(begun), [116]);
  t.match(await none.ask(155, one), [{ id: 901 }]);
  t.match(await none.ask(113, one, 1001, "FRAME", "n"), [{ id: 901 }]);
  const unreadable = new PydevdClient(recordingOf([{}], { unreadable: [0] }));
  t.match(stopIn(await unreadable.begin())?.frames, [{ name: "this hit cannot be read", file: "" }]);
  t.match(await unreadable.ask(114, one, 1001, "FRAME"), [{ id: 901 }]);
  t.match(await unreadable.ask(155, one), [{ id: 901 }]);
});
