// The values of a stop in a replay: as they were captured, as clients opened them, and what expressions give.
import t from "tap";
import type { Cut, SnapshotVariable } from "../../protocol/hit.ts";
import { DapClient, recordingOf, type HitFacts } from "../helpers/replayed.ts";

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
