// Any requests to a replay, in any order and with any arguments: it answers each, always the same, in messages that are DAP.
import { fc } from "../helpers/property.ts";
import t from "tap";
import type { DapMessage } from "../../protocol/dap.ts";
import { isResponse } from "../../protocol/dap.ts";
import { frameOf } from "../../protocol/frame.ts";
import type { Cut, SnapshotVariable } from "../../protocol/hit.ts";
import { parsePydevdXml } from "../../protocol/pydevd-xml.ts";
import { encodePydevd } from "../../protocol/pydevd.ts";
import { DapReplay } from "../../protocol/replay-dap.ts";
import { ReplaySessions } from "../../protocol/replay-sessions.ts";
import { PydevdReplay } from "../../protocol/replay-pydevd.ts";
import { sessionKey } from "../../protocol/replay-root.ts";
import type { Recording } from "../../protocol/replay-recording.ts";
import { bodies, wrongWith } from "../helpers/dap-shapes.ts";
import { DapClient, decoded, filesHere, recordingOf, type HitFacts } from "../helpers/replayed.ts";

const locals: readonly SnapshotVariable[] = [
  { name: "n", type: "int", value: "3" },
  { name: "s", type: "str", value: "'a\\x1b\ud800'" },
  { name: "", value: "", failed: true },
  {
    name: "x",
    type: "dict",
    value: "{…}",
    cut: { by: "items", of: 5 },
    children: [{ name: "'k'", value: "[…]", cut: { by: "depth" } }],
  },
];
const recording = recordingOf(
  [
    { locals, callers: ["handle"], request: "req-1", source: "s1", cut: { by: "frames", of: 7 } },
    { line: 13, reason: "step", path: "/opt/app/b.py", source: "s2" },
    { reason: "log", text: "a line\u0007" },
    { session: "volume#1", line: 7, frame: { scopes: [] } },
    { line: 40, reason: "exception", text: "ValueError: no" },
    { session: "volume#1", line: 9, locals },
    { line: 12, locals, frame: { cut: { by: "gone" } } },
  ],
  {
    unreadable: [3],
    texts: { s1: "one", s2: "two" },
    asked: {
      0: {
        values: [{ frame: 0, path: ["Locals", "x", "'k'"], variables: [{ name: "0", value: "1" }] }],
        expressions: [{ expression: "f()", value: "9" }],
        exception: { id: "E" },
      },
    },
  },
);
const local = filesHere({ "/home/me/app/app.py": "other" });

interface Request {
  readonly command: string;
  readonly arguments: unknown;
}

const commands = [
  ...Object.keys(bodies),
  ..."attach launch configurationDone setExceptionBreakpoints reverseContinue next stepIn stepOut stepBack goto restart pause".split(
    " ",
  ),
  ..."terminate disconnect setVariable cancel constructor __proto__ toString".split(" "),
];
const junk = fc.oneof(
  fc.integer({ min: -2, max: 30 }),
  fc.constantFrom(null, true, "", "n", "/home/me/app/app.py", 1e300, 0.5, -0, [], {}, [null], "hit 2", "x['k'][0]"),
  fc.jsonValue({ maxDepth: 2 }),
);
const args = fc.record(
  {
    threadId: fc.oneof(fc.integer({ min: 0, max: 3 }), junk),
    frameId: fc.oneof(fc.integer({ min: 0, max: 20 }), junk),
    variablesReference: fc.oneof(fc.integer({ min: 0, max: 20 }), junk),
    expression: fc.oneof(
      fc.constantFrom("n", "x", "x['k']", "n + 1", "f()", "hit 1", "hit 9", "nobody", "s * 2"),
      junk,
    ),
    context: fc.constantFrom("repl", "watch", "hover", 7),
    source: fc.oneof(
      fc.record({
        path: fc.constantFrom("/home/me/app/app.py", "b.py", "", 5),
        sourceReference: fc.oneof(fc.nat(3), junk),
      }),
      junk,
    ),
    sourceReference: junk,
    breakpoints: fc.oneof(
      fc.array(fc.oneof(fc.record({ line: fc.oneof(fc.constantFrom(7, 12, 13), junk), name: junk }), junk)),
      junk,
    ),
    lines: fc.oneof(fc.array(junk), junk),
    line: junk,
    targetId: junk,
    filters: fc.oneof(fc.constant(["recorded"]), junk),
    start: junk,
    count: junk,
    startFrame: junk,
    levels: junk,
    filter: fc.constantFrom("indexed", "named", 3),
    linesStartAt1: junk,
    columnsStartAt1: junk,
    supportsStartDebuggingRequest: fc.boolean(),
    [sessionKey]: fc.oneof(fc.constantFrom("api#1", "volume#1"), junk),
  },
  { requiredKeys: [] },
);
const request = fc.record({
  command: fc.oneof({ weight: 20, arbitrary: fc.constantFrom(...commands) }, fc.string()),
  arguments: fc.oneof({ weight: 9, arbitrary: args }, junk),
});
/** What an IDE asks at the hits 1 and 5: others are refused nearly everything, so that conversations often begin with some of it. */
const usual: readonly Request[] = [
  { command: "attach", arguments: {} },
  { command: "configurationDone", arguments: {} },
  { command: "stackTrace", arguments: { threadId: 1 } },
  { command: "scopes", arguments: { frameId: 1 } },
  { command: "variables", arguments: { variablesReference: 3 } },
  { command: "evaluate", arguments: { expression: "x['k']", frameId: 1 } },
  { command: "source", arguments: { sourceReference: 1 } },
  { command: "goto", arguments: { targetId: 5 } },
  { command: "exceptionInfo", arguments: { threadId: 1 } },
];
const conversation = fc
  .tuple(fc.integer({ min: 0, max: usual.length }), fc.array(request, { maxLength: 40 }))
  .map(([some, requests]) => [...usual.slice(0, some), ...requests]);

async function dapAnswers(Replay: typeof DapReplay | typeof ReplaySessions, requests: readonly Request[]) {
  const replay = new Replay(recording, local);
  const told: DapMessage[] = [];
  for (const [seq, each] of requests.entries()) {
    const answer = await replay.handle({ seq, type: "request", ...each });
    if (answer.filter((message) => isResponse(message) && message.request_seq === seq).length !== 1)
      throw new Error(`${each.command} has no answer`);
    told.push(...answer);
  }
  told.push(...replay.terminated());
  return told;
}

for (const Replay of [DapReplay, ReplaySessions])
  t.test(`${Replay.name}: any requests are answered, in DAP, and the same again byte for byte`, async (t) => {
    const succeeded = new Set<string>();
    await fc.assert(
      fc.asyncProperty(conversation, async (requests) => {
        const told = await dapAnswers(Replay, requests);
        for (const [i, message] of told.entries()) {
          const wrong = wrongWith(message, i + 1);
          if (wrong !== undefined) throw new Error(wrong);
          if (isResponse(message) && message.success) succeeded.add(message.command);
        }
        return JSON.stringify(told) === JSON.stringify(await dapAnswers(Replay, requests));
      }),
      { numRuns: 600 },
    );
    const missed = Object.keys(bodies).filter((command) => !succeeded.has(command));
    t.strictSame(missed, [], "each of the bodies was seen");
  });

const pydevdIds = [
  101, 102, 105, 106, 107, 108, 109, 110, 111, 112, 113, 114, 115, 117, 120, 121, 122, 123, 124, 128, 134, 144, 152,
  155, 159, 160, 501, 503, 777, -1,
];
const field = fc.oneof(
  fc.constantFrom(
    "pid_1_id_1",
    "pid_1_id_2",
    "*",
    "1001",
    "1002",
    "1005",
    "FRAME",
    "n",
    "x",
    "'k'",
    "hit 2",
    "hit 99",
    "/home/me/app/app.py",
    "12",
    "None",
    "python-line",
    "__py_debug_temp_var_1",
    "ID",
    "",
  ),
  fc.string(),
);
const pydevdTalk = fc.array(fc.tuple(fc.constantFrom(...pydevdIds), fc.array(field, { maxLength: 9 })), {
  maxLength: 40,
});

async function pydevdAnswers(talk: readonly (readonly [number, readonly string[]])[]): Promise<Uint8Array[]> {
  const replay = new PydevdReplay(recording, local);
  const told: Uint8Array[] = [];
  for (const [i, [id, fields]] of talk.entries())
    told.push(
      ...(await replay.handle(frameOf("line", encodePydevd(id, 2 * i + 1, fields.join("\t"), { side: "client" })))),
    );
  told.push(...(await replay.handle(frameOf("line", Buffer.from("garbage\n")))));
  return told;
}

t.test("pydevd: any commands are answered, with XML that can be read, and the same again byte for byte", async (t) => {
  let stops = 0;
  await fc.assert(
    fc.asyncProperty(fc.boolean(), pydevdTalk, async (begun, talk) => {
      const all = begun ? [[501, ["1.1", "UNIX", "ID"]] as const, [101, []] as const, ...talk] : talk;
      const told = await pydevdAnswers(all);
      for (const { id, text } of decoded(told)) {
        if (text.startsWith("<xml>") && parsePydevdXml(text) === undefined) throw new Error(text);
        if (id === 105) stops++;
      }
      return Buffer.concat(told).equals(Buffer.concat(await pydevdAnswers(all)));
    }),
    { numRuns: 600 },
  );
  t.ok(stops > 100, `${stops} stops`);
});

const variable: fc.Arbitrary<SnapshotVariable> = fc.letrec<{ variable: SnapshotVariable }>((tie) => ({
  variable: fc.record(
    {
      name: fc.oneof(fc.constantFrom("a", "b", "'k'", "0", "[1]", "x y"), fc.string()),
      value: fc.string(),
      type: fc.constantFrom("int", "str", "list", "dict", ""),
      failed: fc.constant(true as const),
      children: fc.oneof({ maxDepth: 3 }, fc.constant([]), fc.array(tie("variable"), { maxLength: 3 })),
      cut: fc.record(
        { by: fc.constantFrom<Cut["by"]>("depth", "items", "string", "bytes", "time", "gone"), of: fc.nat(400) },
        { requiredKeys: ["by"] },
      ),
    },
    { requiredKeys: ["name", "value"] },
  ),
})).variable;
const facts: fc.Arbitrary<HitFacts> = fc.record(
  {
    session: fc.constantFrom("api#1", "volume#1", "api#2"),
    thread: fc.constantFrom("MainThread", "worker"),
    reason: fc.constantFrom("breakpoint", "step", "exception", "log"),
    line: fc.integer({ min: 1, max: 5 }),
    locals: fc.array(variable, { maxLength: 4 }),
    callers: fc.array(fc.constantFrom("handle", "main"), { maxLength: 3 }),
  },
  { requiredKeys: [] },
);

/** All that is shown of a stop, without ids. */
async function shownAt(client: DapClient, recording: Recording): Promise<string> {
  const { place } = client.replay;
  const shown: unknown[] = [place];
  if (place < 0) return JSON.stringify(shown);
  const open = async (reference: number, depth: number): Promise<void> => {
    for (const { variablesReference, ...rest } of await client.variables(reference)) {
      shown.push(rest);
      if (variablesReference > 0 && depth < 5) await open(variablesReference, depth + 1);
    }
  };
  for (const { id, ...frame } of await client.stack(recording.threadOf(place) + 1)) {
    shown.push(frame);
    for (const { variablesReference, ...scope } of await client.scopes(id)) {
      shown.push(scope);
      await open(variablesReference, 0);
    }
  }
  return JSON.stringify(shown);
}

t.test("a stop is the same however it is reached; backwards are the stops of forwards in reverse", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(facts, { minLength: 1, maxLength: 12 }), async (all) => {
      const recording = recordingOf(all);
      const client = new DapClient(recording);
      const { stopped } = await client.begin();
      const forwards: string[] = [];
      for (let reason = stopped?.reason; reason !== "pause";) {
        forwards.push(await shownAt(client, recording));
        reason = (await client.ask("continue")).stopped?.reason;
      }
      const stops = all.filter(({ reason }) => reason !== "log").length;
      if (forwards.length !== stops) throw new Error(`${forwards.length} of ${stops} stops`);
      if (stops === 0) return true;
      const backwards: string[] = [];
      for (let reason: string | undefined; reason !== "pause";) {
        backwards.push(await shownAt(client, recording));
        reason = (await client.ask("reverseContinue")).stopped?.reason;
      }
      const jumped: string[] = [];
      for (const [place, { reason }] of all.entries()) {
        if (reason === "log") continue;
        await client.ask("goto", { targetId: place + 1 });
        jumped.push(await shownAt(client, recording));
      }
      return (
        JSON.stringify(backwards.reverse()) === JSON.stringify(forwards) &&
        JSON.stringify(jumped) === JSON.stringify(forwards)
      );
    }),
    { numRuns: 150 },
  );
});
