// What `debugtap again` makes of a trace, before it sends anything.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { encodeDap } from "../../protocol/dap.ts";
import type { Hit } from "../../protocol/hit.ts";
import { defaultSecretRules } from "../../protocol/redact.ts";
import type { Trigger } from "../../protocol/trigger.ts";
import { requestBytes, textOf } from "../../src/again/http-request.ts";
import { planAgain, type AgainPlan, type Sent } from "../../src/again/plan.ts";
import { rulesFor, takeSecrets } from "../../src/again/secrets.ts";
import { LengthMender } from "../../src/trace/export/http-length.ts";
import { openTrace, TraceWriter } from "../../src/trace/index.ts";
import { program } from "../helpers/relay-process.ts";
import { factsOf, hitOf } from "../trace/recording.ts";

type Said = readonly [side: "client" | "debuggee", text: string, hit?: Partial<Hit>];

/** A trace of a service `api` and of the REST port `rest`, in which this was said, with hits of `api` in between; and what is planned. */
async function planned(t: Test, said: readonly Said[], triggers: readonly Trigger[] = [], meant?: number) {
  const dir = join(t.testdir({}), "trace");
  const writer = await TraceWriter.open({ dir, facts: { version: "0" } });
  writer.session(factsOf(1, "dap"));
  writer.session({ ...factsOf(2, "raw"), service: "rest", name: "rest#1", ordinal: 1 });
  const breakpoints = { source: { path: "/opt/app/app.py" }, breakpoints: [{ line: 12, condition: "size > 3" }] };
  writer.chunk(1, "client", encodeDap({ seq: 1, type: "request", command: "setBreakpoints", arguments: breakpoints }));
  for (const trigger of triggers) writer.trigger(trigger);
  let number = 0;
  for (const [side, text, hit] of said) {
    if (text !== "") writer.chunk(2, side, Buffer.from(text));
    const { correlated: _, ...plain } = hitOf(1, ++number);
    if (hit !== undefined) writer.hit(1, { ...plain, at: performance.timeOrigin + performance.now(), ...hit, number });
  }
  await writer.close();
  const trace = await openTrace(dir);
  t.teardown(() => trace.close());
  return { dir, plan: async (): Promise<AgainPlan> => await planAgain(trace, meant) };
}

function httpOf({ sent }: { readonly sent: Sent }) {
  if (sent.kind !== "http") throw new Error("a command");
  return sent;
}

const answer = (body: string, more = ""): string =>
  `HTTP/1.1 200 OK\r\n${more}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
const post = (body: string, more = ""): string =>
  `POST /v3/volumes HTTP/1.1\r\nHost: vm\r\n${more}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;

t.test("nothing to send, or several things: the error says how to go on", async (t) => {
  const none = await planned(t, [["client", "where\n", {}]]);
  await t.rejects(none.plan(), { code: "DT_NOTHING_TO_SEND", why: /no command .* and no HTTP/ });
  const two: readonly Said[] = [
    ["client", "GET /a HTTP/1.1\r\nHost: vm\r\n\r\n", { correlated: { id: "req-aaaaaaaa" } }],
    ["debuggee", answer("{}", "X-Request-Id: req-aaaaaaaa\r\n")],
    ["client", "GET /b HTTP/1.1\r\nHost: vm\r\n\r\n", { correlated: { id: "req-bbbbbbbb" } }],
    [
      "debuggee",
      answer("{}", "X-Request-Id: req-bbbbbbbb\r\n"),
      { reason: "step", correlated: { id: "req-bbbbbbbb" } },
    ],
  ];
  const both = await planned(t, two);
  await t.rejects(both.plan(), { code: "DT_NOTHING_TO_SEND", message: /^2 commands or requests/, fix: /trace 1$/ });
  const second = await (await planned(t, two, [], 2)).plan();
  const { request, service } = httpOf(second);
  t.match(request, { method: "GET", url: "/b" });
  t.equal(service, "rest");
  t.strictSame(request.headers.at(-1), ["baggage", "debugtap-replay-of=req-bbbbbbbb"], "the id that the answer had");
  t.match(second, { safe: true, secrets: [], services: ["api"], others: 1 });
  t.strictSame(
    second.specs.map(({ text }) => text),
    ["/opt/app/app.py:12 in api if size > 3"],
    "as the IDE had set it",
  );
  t.strictSame(
    second.hits.map(({ number }) => number),
    [2],
    "a step is not looked for",
  );
  const step = await planned(t, two, [], 3);
  await t.rejects(step.plan(), { code: "DT_NOTHING_TO_SEND", message: /hit 3$/ });
});

t.test(
  "a body whose secret was masked is whole, whatever its length, and what follows on the connection is read",
  async (t) => {
    for (const password of ["p7", "a-much-longer-password-than-its-marker-0123456789"]) {
      const body = JSON.stringify({ user: "me", password, end: "é" });
      const said: readonly Said[] = [
        ["client", post(JSON.stringify({ password: "another" }))],
        ["debuggee", answer(JSON.stringify({ password }))],
        ["client", post(body, "Content-Type: application/json\r\nX-Auth-Token: abc-123\r\n").slice(0, 70)],
        [
          "client",
          post(body, "Content-Type: application/json\r\nX-Auth-Token: abc-123\r\n").slice(70),
          { correlated: { id: "req-cccccccc" } },
        ],
        ["debuggee", answer("{}", "X-Request-Id: req-cccccccc\r\n")],
      ];
      const plan = await (await planned(t, said)).plan();
      const { request } = httpOf(plan);
      t.match(textOf(request.body), /^\{"user":"me","password":"«redacted:\w{8}»","end":"é"\}$/);
      t.strictSame(
        plan.secrets.map(({ variable }) => variable),
        ["DEBUGTAP_SECRET_X_AUTH_TOKEN", "DEBUGTAP_SECRET_PASSWORD"],
      );
      t.equal(plan.safe, false);
      const environment = { DEBUGTAP_SECRET_X_AUTH_TOKEN: "abc-123", DEBUGTAP_SECRET_PASSWORD: password, HOME: "/" };
      const secrets = takeSecrets(plan.secrets, environment, "debugtap again x");
      t.strictSame(Object.keys(environment), ["HOME"], "what is started does not inherit them");
      const text = Buffer.from(requestBytes(request, secrets)).toString();
      t.ok(text.endsWith(`\r\n\r\n${body}`));
      t.match(text, `\r\nContent-Length: ${Buffer.byteLength(body)}\r\n`);
      t.match(text, /^POST \/v3\/volumes HTTP\/1\.1\r\nHost: vm\r\n/);
      t.match(text, "\r\nX-Auth-Token: abc-123\r\n");
      t.notMatch(text, "redacted");
    }
  },
);

t.test(
  "what is sent has one connection, one length and no broken head; what the trace has in part is refused",
  async (t) => {
    const chunked =
      "PUT /x HTTP/1.1\r\nHost: vm\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    const put = await (
      await planned(t, [
        ["client", chunked, {}],
        ["debuggee", answer("")],
      ])
    ).plan();
    t.equal(
      Buffer.from(requestBytes(httpOf(put).request, new Map())).toString(),
      "PUT /x HTTP/1.1\r\nHost: vm\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc",
    );
    const withId = await (
      await planned(t, [
        ["client", "GET /x HTTP/1.1\r\nX-OpenStack-Request-ID: req-1\r\n\r\n", {}],
        ["debuggee", answer("")],
      ])
    ).plan();
    const { headers } = httpOf(withId).request;
    t.match(headers[0], ["X-OpenStack-Request-ID", /^req-[0-9a-f-]{36}$/]);
    t.strictSame(headers[1], ["baggage", "debugtap-replay-of=req-1"]);
    const marker = "«redacted:0000abcd»";
    const head = { method: "GET", url: "/", headers: [["A", marker]] as const, body: new Uint8Array(0) };
    t.throws(() => requestBytes(head, new Map([[marker, "x\r\nB: y"]])), { code: "DT_SECRET_NEEDED" });
    const binary = { ...head, headers: [], body: Uint8Array.of(0xff, 0, 0xfe) };
    t.strictSame([...requestBytes(binary, new Map())].slice(-3), [0xff, 0, 0xfe]);
    const cut = await planned(t, [
      ["client", "POST /x HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc", {}],
      ["client", "d"],
    ]);
    await t.rejects(cut.plan(), { code: "DT_NOTHING_TO_SEND", why: /not have all of it/ });
  },
);

t.test(
  "a command: its hits by their trigger, each with its time; a fresh request id; printed, not sent, without --yes",
  async (t) => {
    const now = Date.now();
    const token = "tok-51c9a7e20b";
    const argv = ["curl", "-H", `X-Auth-Token: ${token}`, "-HX-Request-Id: req-1", "-d", "x", "http://127.0.0.1:1/"];
    const mine = { trigger: 1, breakpoint: "app.py:12 required", thread: { id: 1 } };
    const said: readonly Said[] = [
      ["client", "", { at: now + 100, ...mine }],
      ["client", "", { at: now + 20_100, ...mine, thread: { id: 2 } }],
      ["client", "", { at: now + 20_200, trigger: 2 }],
    ];
    const triggers = [{ id: 1, argv, at: now, ended: now + 30_000 }];
    const { dir, plan } = await planned(t, said, triggers);
    const { sent, specs, patience, secrets, safe, hits } = await plan();
    if (sent.kind !== "command") throw new Error("no command");
    t.match(sent.argv, ["curl", "-H", /^X-Auth-Token: «redacted:/, /^-HX-Request-Id: req-[0-9a-f-]{36}$/, "-d"]);
    t.strictSame(patience, [10_000, 60_000]);
    t.match(specs, [{ text: "app.py:12 required", required: false }], "what is missing is told by its hits");
    t.equal(hits.length, 2);
    t.equal(safe, false);
    t.match(rulesFor(secrets, "keep"), { names: ["X-Auth-Token"], types: defaultSecretRules.types });
    t.equal(rulesFor([], "keep"), "keep");

    const target = join(t.testdirName, "new");
    const { status, stdout, stderr } = spawnSync(process.execPath, [program, "again", dir, "-o", target], {
      encoding: "utf8",
      env: { ...process.env, NODE_OPTIONS: "", NO_COLOR: "1" },
    });
    t.equal(status, 2);
    t.match(stdout, /^\$ curl -H 'X-Auth-Token: «redacted:\w{8}»' .* -d x http:\/\/127\.0\.0\.1:1\/\n/);
    t.match(stdout, "breakpoints in api:\n  app.py:12 required\n2 recorded hits are looked for\n");
    t.match(stderr, `fix: DEBUGTAP_SECRET_X_AUTH_TOKEN=… debugtap again ${dir} -o ${target} --yes\n`);
    t.notOk(existsSync(target));
  },
);

t.test("lengths are mended however the bytes were cut; what is no HTTP passes byte for byte", async (t) => {
  const marked = '{"password":"«redacted:1f9c22ab»","x":1}';
  const message = (body: string, length: number): string =>
    `POST /x HTTP/1.1\r\nContent-Length: ${length}\r\n\r\n${body}`;
  const get = "GET /y HTTP/1.1\r\n\r\n";
  const through = (side: "client" | "debuggee", text: string, cut: number): string => {
    const mender = new LengthMender(side);
    const bytes = Buffer.from(text);
    const out: Uint8Array[] = [];
    for (let at = 0; at < bytes.length; at += cut)
      out.push(...mender.push({ bytes: bytes.subarray(at, at + cut), time: at }).map((piece) => piece.bytes));
    out.push(...mender.end().map((piece) => piece.bytes));
    return Buffer.concat(out).toString();
  };
  const right = Buffer.byteLength(marked);
  const others = [
    "where\nn\n",
    "POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "GET ",
    "«redacted:00000000»",
    "",
  ];
  for (let cut = 1; cut < 60; cut++) {
    for (const length of [right - 20, right - 9, right, right + 30])
      for (const last of ["", get, message("{}", 2) + get])
        t.equal(through("client", get + message(marked, length) + last, cut), get + message(marked, right) + last);
    for (const side of ["client", "debuggee"] as const)
      for (const other of others) if (through(side, other, cut) !== other) t.fail(`${side} ${cut} ${other}`);
    const answers = `HTTP/1.1 204 No\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: ${right - 20}\r\n\r\n${marked}HTTP/1.1 200 OK\r\n\r\nrest`;
    t.equal(through("debuggee", answers, cut), answers.replace(`Length: ${right - 20}`, `Length: ${right}`));
  }
});
