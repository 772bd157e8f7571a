// Calls in a trace: written, masked, read, kept, listed with their hits and exported.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { McapRecordBuilder } from "@mcap/core";
import type { Har } from "har-format";
import t, { type Test } from "tap";
import type { Hit } from "../../protocol/hit.ts";
import type { HttpCall } from "../../protocol/http.ts";
import { RecordDecoder } from "../../src/trace/records.ts";
import { sessionHttpViews } from "../../src/trace/export/index.ts";
import { HitIndex, openTrace, TraceWriter } from "../../src/trace/index.ts";
import { allText, plain } from "../helpers/all-text.ts";
import { startCli } from "../helpers/cli.ts";
import { program } from "../helpers/relay-process.ts";
import { factsOf, hitOf, openAll } from "./recording.ts";

const debugtap = startCli(t);
const facts = { version: "0.0.0" };
const seed = "c0ffee-5e5a-me01";

const post: HttpCall = {
  id: 1,
  through: "cinder",
  method: "POST",
  url: "/v3/volumes?limit=2",
  version: "HTTP/1.1",
  headers: [
    { name: "Host", value: "127.0.0.1:5780" },
    { name: "Content-Type", value: "application/json" },
  ],
  at: Date.now(),
  ids: [],
};
const answered: HttpCall = {
  ...post,
  body: { length: 10, text: '{"size":1}' },
  answer: {
    status: 202,
    reason: "Accepted",
    version: "HTTP/1.1",
    headers: [{ name: "X-OpenStack-Request-Id", value: "req-11112222" }],
    body: { length: 12, text: '{"ok":true}\n' },
  },
  sent: post.at + 1,
  answered: post.at + 40,
  ended: post.at + 50,
  ids: ["req-11112222"],
};

function bare(call: HttpCall): HttpCall {
  const { body: _, answer, ...rest } = call;
  if (answer === undefined) return rest;
  const { body: __, ...head } = answer;
  return { ...rest, answer: head };
}

/** Without a state directory of its own the key of the markers would be the user's. */
async function writerFor(t: Test, options: Partial<Parameters<typeof TraceWriter.open>[0]> = {}): Promise<TraceWriter> {
  const dir = t.testdir();
  process.env["XDG_STATE_HOME"] = join(dir, "state");
  return await TraceWriter.open({ dir: join(dir, "trace"), facts, ...options });
}

t.test("a call is told when it begins and when it has ended, live and sealed", async (t) => {
  const writer = await writerFor(t);
  writer.http(post);
  await writer.flush();
  const live = await openTrace(writer.dir);
  t.strictSame(await live.http(), [post]);
  t.strictSame(live.sessions(), [], "it is no session's");
  live.close();
  writer.http({ ...post, id: 2, at: post.at - 5 });
  writer.http(answered);
  await writer.close();
  const sealed = await openTrace(writer.dir);
  t.strictSame(await sealed.http({ bodies: true }), [{ ...post, id: 2, at: post.at - 5 }, answered], "as they began");
  t.match(await sealed.http(), [{ id: 2 }, { ...bare(answered), body: { length: 10, text: undefined } }]);
  t.strictSame(sealed.problems, []);
  sealed.close();
});

t.test("a killed recorder leaves the calls that had begun", async (t) => {
  const dir = join(t.testdir(), "trace");
  const child = spawn(process.execPath, [fileURLToPath(new URL("http-child.js", import.meta.url)), dir], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(child.stdout, "data");
  child.kill("SIGKILL");
  await once(child, "close");
  const trace = await openTrace(dir);
  const [call] = await trace.http();
  t.match(call, { id: 1, url: "/waits", ended: undefined, answer: undefined });
  trace.close();
});

t.test("secrets in headers, addresses and bodies of all kinds do not reach the disk", async (t) => {
  const writer = await writerFor(t);
  const header = (name: string, value = seed) => ({ name, value });
  const bodies = [
    JSON.stringify({ auth: { identity: { password: { user: { password: seed } } } } }),
    JSON.stringify({ auth: { identity: { password: { user: { password: seed } } } } }).slice(0, -9),
    `username=me&password=${seed}&next=%2F`,
    `{"token": "${seed}", "unfinished`,
    `--b\r\nContent-Disposition: form-data; name="password"\r\n\r\n${seed}\r\n--b--`,
  ];
  for (const [at, text] of bodies.entries())
    writer.http({
      ...answered,
      id: at + 1,
      url: `/v3?token=${seed}&x=1`,
      headers: [
        header("Authorization", `Bearer ${seed}`),
        header("X-Auth-Token"),
        header("x-subject-token"),
        header("Cookie", `sessionid=${seed}; theme=dark`),
      ],
      body: { length: text.length, text },
      answer: {
        status: 201,
        reason: "Created",
        version: "HTTP/1.1",
        headers: [
          header("Set-Cookie", `sessionid=${seed}; Path=/`),
          header("X-Subject-Token"),
          header("X-Auth-Token", "lowercase"),
        ],
        body: { length: text.length, encoding: "latin1", text: `\u00ff\u0000${text}` },
      },
    });
  writer.http({ ...post, id: 9, url: `/?password=${seed}` });
  await writer.flush();
  t.notOk(plain(await allText(writer.dir)).includes(seed), "while it is written");
  await writer.close();
  const text = plain(await allText(writer.dir));
  t.notOk(text.includes(seed));
  t.notOk(text.includes("lowercase"), "a token need not look like one");
  const trace = await openTrace(writer.dir);
  const calls = await trace.http({ bodies: true });
  t.equal(calls.length, 6);
  t.match(JSON.parse(calls[0]?.body?.text ?? ""), {
    auth: { identity: { password: { user: { password: /^«redacted:\w{8}»$/ } } } },
  });
  t.match(calls[2]?.body?.text, /^username=me&password=«redacted:\w{8}»&next=%2F$/);
  t.match(calls[0]?.url, /^\/v3\?token=«redacted:\w{8}»&x=1$/);
  t.match(calls[0]?.headers, [{ name: "Authorization" }, { name: "X-Auth-Token", value: /^«redacted:\w{8}»$/ }]);
  trace.close();
});

t.test("a call that is too long for a record is recorded with less of its bodies, masked or not", async (t) => {
  const writer = await writerFor(t);
  const long = (text: string, times: number) => ({ length: text.length * times, text: text.repeat(times) });
  const answer = { status: 200, reason: "OK", version: "HTTP/1.1", headers: [] };
  writer.http({ ...answered, body: long("\u0001", 300_000), answer: { ...answer, body: long("é", 200_000) } });
  writer.http({ ...answered, id: 2, body: long('"token":"a",', 40_000), answer: { ...answer, body: long("x", 10) } });
  writer.http({ ...answered, id: 3, url: "/x".repeat(300_000) });
  await writer.close();
  const trace = await openTrace(writer.dir);
  const [first, second, third] = await trace.http({ bodies: true });
  t.match(first, { body: { length: 300_000, cut: true }, answer: { body: { length: 200_000, cut: true } } });
  t.ok((first?.body?.text?.length ?? 0) > 10_000, "as much as there is room for");
  t.match(second, { body: { length: 480_000, cut: true } });
  t.ok((second?.answer?.body?.text?.length ?? 0) === 10, "what is short stays");
  t.match(third, { id: 3, url: /…$/ });
  t.strictSame(trace.problems, []);
  trace.close();
});

t.test("when the oldest segments are dropped, calls that end in a later one are kept whole", async (t) => {
  const writer = await writerFor(t, { limits: { segmentBytes: 50_000 }, keep: { maxSize: 1_500_000 } });
  openAll(writer);
  writer.http({ ...post, url: "/long" });
  writer.http({ ...answered, id: 2, url: "/gone" });
  for (let round = 0; round < 60; round++) {
    writer.chunk(3, "client", Buffer.alloc(60_000, `${round}`));
    await writer.flush();
  }
  writer.http({ ...answered, url: "/long" });
  await writer.close();
  const trace = await openTrace(writer.dir);
  t.ok((trace.dropped?.segments ?? 0) > 0);
  t.match(await trace.http(), [{ id: 1, url: "/long", ended: answered.ended }]);
  t.equal((await trace.http()).length, 1);
  trace.close();
});

t.test("a topic that a reader does not know is no damage: so older debugtaps read traces with calls", (t) => {
  const builder = new McapRecordBuilder();
  builder.writeChannel({ id: 9, schemaId: 0, topic: "/relay/later", messageEncoding: "json", metadata: new Map() });
  const data = Buffer.from(JSON.stringify({ session: 0, later: {} }));
  builder.writeMessage({ channelId: 9, sequence: 1, logTime: 1n, publishTime: 1n, data });
  const decoder = new RecordDecoder();
  t.match([...decoder.decode(builder.buffer)], [{ kind: "other" }]);
  t.equal(decoder.unreadable, 0);
  t.end();
});

/** Three hits: of the call's request id, of its time, of nobody; and what is printed of them. */
async function story(t: Test): Promise<string> {
  const writer = await writerFor(t);
  writer.session(factsOf(1, "dap"));
  const start = Date.now();
  const at = (ms: number): number => start + ms;
  const call = (id: number, from: number, to: number, about: Partial<HttpCall>): HttpCall => {
    const { ids: _, ...whole } = answered;
    return { ...whole, id, at: at(from), sent: at(from), answered: at(to), ended: at(to), ids: [], ...about };
  };
  const hit = (number: number, ms: number, correlated?: string): Hit => {
    const { correlated: _, ...rest } = hitOf(1, number);
    return {
      ...rest,
      at: at(ms),
      ...(correlated === undefined ? {} : { correlated: { "context.request_id": correlated } }),
    };
  };
  writer.http(call(1, 100, 200, { ids: ["req-11112222"] }));
  writer.http(call(2, 300, 400, { method: "GET", url: "/v3/volumes/detail?all=1", headers: [] }));
  writer.http(call(3, 500, 600, { method: "GET", url: "/nothing", headers: [] }));
  for (const each of [hit(1, 150, "req-11112222"), hit(2, 250, "req-11112222"), hit(3, 350), hit(4, 450)])
    writer.hit(1, each);
  await writer.close();
  return writer.dir;
}

t.test(
  "hits: under the HTTP request that caused them where no request id was correlated; --json says which",
  async (t) => {
    const dir = await story(t);
    const { stdout } = await debugtap("hits", dir);
    const heads = stdout.split("\n").filter((line) => line !== "" && !line.startsWith(" "));
    t.strictSame(heads, ["req-11112222  (context.request_id)", "GET /v3/volumes/detail (cinder)  202", "no request"]);
    const json = await debugtap("hits", dir, "--json");
    const rows = json.stdout
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    const posted = { id: 1, through: "cinder", method: "POST", url: "/v3/volumes?limit=2", status: 202 };
    t.match(rows, [
      { number: 1, request: "req-11112222", http: posted },
      { number: 2, http: posted },
      { number: 3, http: { id: 2, method: "GET" } },
      { number: 4, http: undefined, request: undefined },
    ]);
    t.match(JSON.parse((await debugtap("show", dir, "3", "--json")).stdout), { number: 3, http: { id: 2 } });
  },
);

t.test("har has the calls with the hits that they caused; markdown, chrome and otlp name them", async (t) => {
  const dir = await story(t);
  const har = JSON.parse((await debugtap("export", dir, "--to", "har")).stdout) as Har;
  t.match(
    har.log.entries.map((entry) => [entry.request.method, entry.request.url, entry.response.status, entry.comment]),
    [
      ["POST", "http://127.0.0.1:5780/v3/volumes?limit=2", 202, "cinder"],
      ["GET", "http://unknown/v3/volumes/detail?all=1", 202, "cinder"],
      ["GET", "http://unknown/nothing", 202, "cinder"],
    ],
  );
  t.match(har.log.entries, [{ _debugHits: [1, 2] }, { _debugHits: [3] }, { _debugHits: [] }]);
  t.match(har.log.entries[0], {
    request: { postData: { mimeType: "application/json", text: '{"size":1}' }, bodySize: 10 },
    response: { content: { text: '{"ok":true}\n', size: 12 } },
    timings: { send: 0, wait: 100, receive: 0 },
  });
  const only = JSON.parse((await debugtap("export", dir, "--to", "har", "--request", "req-1111")).stdout) as Har;
  t.equal(only.log.entries.length, 1);
  const named = JSON.parse((await debugtap("export", dir, "--to", "har", "--service", "cinder")).stdout) as Har;
  t.equal(named.log.entries.length, 3, "a trigger is named like a service");
  const others = JSON.parse((await debugtap("export", dir, "--to", "har", "--service", "api")).stdout) as Har;
  t.equal(others.log.entries.length, 0);
  t.match(await debugtap("export", dir, "--to", "har", "--service", "nova"), {
    status: 2,
    stderr: /DT_SERVICE_UNKNOWN.*\n.*it has those of api, cinder/,
  });

  const markdown = (await debugtap("export", dir, "--to", "markdown")).stdout;
  t.match(
    markdown,
    "## Request `req-11112222`\n\nKnown by `context.request_id`.\n\nSet off by `POST /v3/volumes (cinder)`: 202 Accepted after 0.1 s, `req-11112222`.",
  );
  t.match(markdown, "## Request `GET /v3/volumes/detail (cinder)`");
  t.match(markdown, "## Hits of no request");
  const chrome = (await debugtap("export", dir, "--to", "chrome")).stdout;
  const { traceEvents } = JSON.parse(chrome) as { traceEvents: Record<string, unknown>[] };
  t.match(
    traceEvents.filter(({ ph, name }) => ph === "X" && String(name).includes("(cinder)")),
    [{ name: "POST /v3/volumes (cinder)", dur: 100_000 }, { name: "GET /v3/volumes/detail (cinder)" }],
  );
  t.equal(traceEvents.filter(({ ph }) => ph === "s").length, 2, "an arrow from each to its hits");
  const otlp = JSON.parse((await debugtap("export", dir, "--to", "otlp")).stdout) as {
    resourceSpans: { scopeSpans: { spans: { name: string; attributes: { key: string }[] }[] }[] }[];
  };
  const names = otlp.resourceSpans.flatMap(({ scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) => spans.map(({ name }) => name)),
  );
  t.ok(names.includes("POST /v3/volumes (cinder)") && names.includes("GET /v3/volumes/detail (cinder)"), String(names));
});

t.test("what went through a session of wire raw is listed too, with the hits of its time", async (t) => {
  const writer = await writerFor(t);
  writer.session(factsOf(1, "dap"));
  writer.session({ ...factsOf(2, "raw"), name: "rest#2" });
  writer.chunk(2, "client", Buffer.from("GET /a HTTP/1.1\r\nHost: x\r\n\r\n"));
  const { correlated: _, ...hit } = hitOf(1, 1);
  writer.hit(1, { ...hit, at: performance.timeOrigin + performance.now() });
  writer.chunk(2, "debuggee", Buffer.from("HTTP/1.1 204 No Content\r\n\r\n"));
  writer.chunk(2, "client", Buffer.from("GET /b HTTP/1.1\r\nHost: x\r\n\r\n"));
  await writer.close();
  const trace = await openTrace(writer.dir);
  const index = await HitIndex.open(trace);
  t.match(await sessionHttpViews(trace, index), [
    { id: -1, through: "rest#2", method: "GET", path: "/a", status: 204, hits: [1], again: false },
    { id: -2, path: "/b", status: 0, end: undefined, hits: [] },
  ]);
  index.close();
  trace.close();
});

t.test("hits --follow: those that come later stand under their request too", async (t) => {
  const writer = await writerFor(t);
  writer.session(factsOf(1, "dap"));
  const hit = (number: number): Hit => {
    const { correlated: _, ...rest } = hitOf(1, number);
    return { ...rest, at: Date.now() };
  };
  writer.http({ ...post, at: Date.now() - 10 });
  writer.hit(1, hit(1));
  await writer.flush();
  const follower = spawn(process.execPath, [program, "hits", writer.dir, "--follow"], {
    env: { ...process.env, NO_COLOR: "1", NODE_OPTIONS: "" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  t.teardown(() => follower.kill("SIGKILL"));
  const closed = once(follower, "close");
  const lines: string[] = [];
  const said = createInterface({ input: follower.stdout }).on("line", (line) => lines.push(line.trim()));
  const until = async (text: RegExp): Promise<void> => {
    while (!lines.some((line) => text.test(line))) await once(said, "line");
  };
  await until(/api#1:1/);
  writer.hit(1, hit(2));
  await writer.flush();
  await until(/api#1:2/);
  writer.http({ ...answered, at: post.at, ended: Date.now() });
  writer.http({ ...post, id: 2, url: "/v3/other", at: Date.now() });
  writer.hit(1, hit(3));
  await writer.close();
  await closed;
  t.match(lines, [
    "POST /v3/volumes (cinder)",
    /^1 .*api#1:1/,
    /^2 .*api#1:2/,
    "POST /v3/other (cinder)",
    /^3 .*api#1:3/,
  ]);
  t.equal(lines.length, 5);
});
