// The exports of hits, read by those whose forms they are: Chrome's own trace engine, OpenTelemetry's own schema, a Markdown parser.
import { execFileSync } from "node:child_process";
import { createRequire } from "node:module";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import * as engine from "@paulirish/trace_engine";
import type { Har } from "har-format";
import { marked } from "marked";
import t, { type Test } from "tap";
import { encodeDap } from "../../protocol/dap.ts";
import type { Hit } from "../../protocol/hit.ts";
import { openTrace, TraceWriter } from "../../src/trace/index.ts";
import { storyOf, toChrome, toMarkdown, toOtlp } from "../../src/trace/export/index.ts";
import { program } from "../helpers/relay-process.ts";
import { factsOf } from "./recording.ts";

const nasty = "a`b``c | \\| \\\\| \u001b[31m\u202e <script>alert(1)</script> \n # no heading [x](javascript:1) ***";
const parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

function hit(number: number, at: number, more: Partial<Hit> = {}): Hit {
  return {
    number,
    session: "api#1",
    service: "api",
    at,
    thread: { id: 1, name: "MainThread" },
    reason: "breakpoint",
    snapshot: {
      frames: [
        {
          name: "create",
          path: "/opt/api.py",
          line: 2,
          scopes: [{ name: "Locals", variables: [{ name: "x`|", type: "str", value: nasty }] }],
        },
        { name: "main", path: "/opt/main.py", line: 9 },
      ],
      took: 3,
      cut: { by: "frames", of: 12 },
    },
    ...more,
  };
}

/** One command and two services: api stops twice (once it never runs on), volume once; one hit of no request. */
async function recorded(t: Test): Promise<string> {
  const dir = join(t.testdir(), "trace");
  const writer = await TraceWriter.open({ dir, facts: { version: "1.2.3" } });
  const now = Date.now();
  writer.trigger({ id: 1, argv: ["curl", "-sS", "http://x/"], at: now - 5 });
  writer.session(factsOf(1, "dap"));
  writer.session({ ...factsOf(2, "pydevd"), service: "volume", name: "volume#1", ordinal: 1 });
  const say = (message: object): void => writer.chunk(1, "debuggee", encodeDap(message as never));
  say({ seq: 1, type: "event", event: "stopped", body: { reason: "breakpoint", threadId: 1 } });
  writer.hit(1, hit(1, now, { correlated: { "context.request_id": parent }, trigger: 1, breakpoint: "api.py:2" }));
  await new Promise((resolve) => setTimeout(resolve, 30));
  say({ seq: 2, type: "event", event: "continued", body: { threadId: 1, allThreadsContinued: true } });
  writer.chunk(2, "debuggee", Buffer.from('105\t4\t<xml><thread id="pid_1_id_2"/></xml>\n'));
  writer.hit(2, {
    ...hit(1, now + 40, { correlated: { "context.request_id": parent }, trigger: 1, thread: { id: "pid_1_id_2" } }),
    session: "volume#1",
    service: "volume",
  });
  writer.chunk(2, "debuggee", Buffer.from("106\t6\tpid_1_id_2\t-1\n"));
  await new Promise((resolve) => setTimeout(resolve, 30));
  say({ seq: 3, type: "event", event: "stopped", body: { reason: "breakpoint", threadId: 1 } });
  writer.hit(1, hit(2, now + 80, { text: nasty }));
  writer.trigger({
    id: 1,
    argv: ["curl", "-sS", "http://x/"],
    at: now - 5,
    ended: now + 60,
    exit: 22,
    stdout: "```\n# no heading\n",
    stderr: "no",
  });
  await writer.flush();
  writer.source(1, { path: "/opt/api.py", since: now }, Buffer.from("def create():\n    return '```'\n"));
  writer.end(1, { by: "debuggee", how: "end" });
  writer.end(2, { by: "debuggee", how: "end" });
  await writer.close();
  return dir;
}

t.test("the story: order, ends from the wire, requests", async (t) => {
  const trace = await openTrace(await recorded(t));
  const { hits, requests, others } = await storyOf(trace);
  t.strictSame(
    hits.map(({ session, number }) => [session.name, number]),
    [
      ["api#1", 1],
      ["volume#1", 2],
      ["api#1", 3],
    ],
  );
  t.ok((hits[0]?.end ?? 0) - (hits[0]?.hit.at ?? 0) >= 20, "it stood until `continued`");
  t.equal(hits[2]?.end, undefined, "it never ran on");
  t.strictSame(
    requests.map((each) => [each.name, each.hits.length, each.trigger?.exit]),
    [[parent, 2, 22]],
  );
  t.equal(others.length, 1);
  const one = await storyOf(trace, { sessions: new Set([2]) });
  t.equal(one.hits.length, 1);
  t.equal(one.hits[0]?.number, 2, "under the number that it has in the whole");
  const [first, , third] = hits.map((each) => each.hit.at);
  t.strictSame(
    (await storyOf(trace, { since: third ?? 0 })).hits.map(({ number }) => number),
    [3],
  );
  t.strictSame(
    (await storyOf(trace, { until: first ?? 0 })).hits.map(({ number }) => number),
    [1],
  );
  t.equal((await storyOf(trace, { request: "00-4bf" })).hits.length, 2);
  t.equal((await storyOf(trace, { request: "01" })).hits.length, 0);
  trace.close();
});

t.test("chrome: Chrome's trace engine finds the flow through both services, and every slice", async (t) => {
  const trace = await openTrace(await recorded(t));
  const { traceEvents } = JSON.parse(toChrome(await storyOf(trace))) as { traceEvents: Record<string, unknown>[] };
  const { Meta, Flows } = engine.Handlers.ModelHandlers;
  const reader = new engine.Processor.TraceProcessor({ Meta, Flows }, engine.Types.Configuration.defaults());
  await reader.parse(traceEvents as unknown as engine.Types.Events.Event[], {});
  const data = reader.data as unknown as { Flows: { flows: { name: string; pid: number }[][] } };
  t.strictSame(
    data.Flows.flows.map((flow) => flow.map(({ name }) => name)),
    [["curl -sS http://x/", "create (api.py:2)", "create (api.py:2)"]],
  );
  const names = new Map(
    traceEvents
      .filter(({ name }) => name === "process_name")
      .map((event) => [event["pid"], (event["args"] as { name: string }).name]),
  );
  t.strictSame(
    data.Flows.flows[0]?.map(({ pid }) => names.get(pid)),
    ["commands", "api", "volume"],
  );
  for (const event of traceEvents) {
    t.match(event, { ph: /^[MXstf]$/, name: String, pid: Number, tid: Number });
    if (event["ph"] !== "M") t.ok(Number.isInteger(event["ts"]) && Number(event["ts"]) >= 0);
    if (event["ph"] === "X") t.ok(Number(event["dur"]) >= 1);
  }
  t.equal(traceEvents.filter(({ ph }) => ph === "X").length, 4, "three stops and a command");
  trace.close();
});

interface Spans {
  readonly resourceSpans: readonly {
    readonly resource: {
      readonly attributes: readonly { readonly key: string; readonly value: { readonly stringValue: string } }[];
    };
    readonly scopeSpans: readonly { readonly spans: readonly Record<string, unknown>[] }[];
  }[];
}

t.test("otlp: OpenTelemetry's own schema takes it whole", async (t) => {
  const trace = await openTrace(await recorded(t));
  const story = await storyOf(trace);
  const text = toOtlp(story, "1.2.3");
  t.equal(toOtlp(story, "1.2.3"), text, "the same trace gives the same spans");
  const told = JSON.parse(text) as Spans;
  const schema = createRequire(import.meta.url)("@opentelemetry/otlp-transformer/build/src/generated/root.js") as {
    opentelemetry: { proto: { collector: { trace: { v1: { ExportTraceServiceRequest: Schema } } } } };
  };
  interface Schema {
    fromObject(value: unknown): unknown;
    encode(message: unknown): { finish(): Uint8Array };
    decode(bytes: Uint8Array): unknown;
    toObject(message: unknown, options: object): Spans;
  }
  const request = schema.opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest;
  // OTLP's JSON writes bytes in hex, where the JSON of protobuf has base64.
  const ids = (key: string, value: unknown): unknown =>
    /^(?:trace|span|parentSpan)Id$/.test(key) ? Buffer.from(String(value), "hex").toString("base64") : value;
  const read = request.decode(request.encode(request.fromObject(JSON.parse(JSON.stringify(told, ids)))).finish());
  const back = request.toObject(read, { longs: String, bytes: String });
  const spans = (from: Spans) =>
    from.resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans));
  t.equal(spans(back).length, 4);
  for (const [i, span] of spans(back).entries()) {
    const own = JSON.parse(JSON.stringify(spans(told)[i], ids)) as Record<string, unknown>;
    for (const key of ["traceId", "spanId", "name", "kind", "startTimeUnixNano", "endTimeUnixNano"])
      t.strictSame(span[key], own[key], key);
    t.ok(BigInt(String(span["endTimeUnixNano"])) >= BigInt(String(span["startTimeUnixNano"])));
  }
  const [root, first, last] = ["debugtap", "api", "volume"].map((name) => {
    const found = told.resourceSpans.find(({ resource }) => resource.attributes[0]?.value.stringValue === name);
    return found?.scopeSpans[0]?.spans[0];
  });
  t.equal(root?.["traceId"], "4bf92f3577b34da6a3ce929d0e0e4736", "the trace of the traceparent");
  t.strictSame([first?.["parentSpanId"], last?.["parentSpanId"]], [root?.["spanId"], root?.["spanId"]]);
  t.strictSame(root?.["status"], { code: 2 }, "the command failed");
  trace.close();
});

/** The same command twice, and two threads of one name, one of which is never seen to run on. */
async function twice(t: Test): Promise<string> {
  const dir = join(t.testdir(), "twice");
  const writer = await TraceWriter.open({ dir, facts: { version: "1.2.3" } });
  const now = Date.now();
  writer.session(factsOf(1, "dap"));
  const argv = ["sh", "-c", "echo 1"];
  for (const id of [1, 2]) writer.trigger({ id, argv, at: now + id * 10, ended: now + id * 10 + 5, exit: 0 });
  const named = (id: number): Hit["thread"] => ({ id, name: "worker" });
  writer.hit(1, hit(1, now + 11, { thread: named(1), trigger: 1 }));
  writer.hit(1, hit(2, now + 12, { thread: named(2), trigger: 1 }));
  writer.hit(1, hit(3, now + 21, { thread: named(1), trigger: 2 }));
  await writer.close();
  return dir;
}

t.test(
  "a command that ran twice is two requests, threads of one name are two, and no stop overlaps the next",
  async (t) => {
    const trace = await openTrace(await twice(t));
    const story = await storyOf(trace);
    t.strictSame(
      story.requests.map(({ name, hits }) => [name, hits.map(({ number }) => number)]),
      [
        ["sh -c 'echo 1'", [1, 2]],
        ["sh -c 'echo 1'", [3]],
      ],
    );
    t.equal(story.hits[0]?.end, story.hits[2]?.hit.at, "its thread had run on when it stopped again");
    const otlp = JSON.parse(toOtlp(story, "1")) as Spans;
    const spans = otlp.resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((each) => each.spans));
    t.equal(new Set(spans.map((span) => span["traceId"])).size, 2);
    const { traceEvents } = JSON.parse(toChrome(story)) as {
      traceEvents: { ph: string; tid: number; pid: number; ts: number; dur: number; name: string }[];
    };
    t.equal(
      traceEvents.filter(({ ph, name }) => ph === "M" && name === "thread_name").length,
      4,
      "two commands, two threads",
    );
    const slices = traceEvents.filter(({ ph }) => ph === "X");
    for (const one of slices)
      for (const other of slices)
        t.ok(one === other || one.tid !== other.tid || one.ts + one.dur <= other.ts || other.ts + other.dur <= one.ts);
    trace.close();
  },
);

t.test("markdown: a parser sees the structure that was meant, whatever the program said", async (t) => {
  const trace = await openTrace(await recorded(t));
  const text = [...toMarkdown(await storyOf(trace), trace)].join("");
  const tokens = marked.lexer(text);
  const headings = tokens.flatMap((token) => (token.type === "heading" ? [`${token["depth"]} ${token["text"]}`] : []));
  t.strictSame(headings, [
    "1 3 breakpoint hits in 2 services",
    `2 Request \`${parent}\``,
    "3 1. api\\#1: `create (api.py:2)`",
    "3 2. volume\\#1: `create (api.py:2)`",
    "2 Hits of no request",
    "3 3. api\\#1: `create (api.py:2)`",
  ]);
  const code = tokens.flatMap((token) => (token.type === "code" ? [String(token["text"])] : []));
  t.ok(
    code.some((each) => each.includes("```\n# no heading")),
    "the command's output is code, fences and all",
  );
  t.ok(
    code.some((each) => each.includes("→ 2      return '```'")),
    "the stopped line is marked",
  );
  const tables = tokens.flatMap((token) =>
    token.type === "table" ? [token as unknown as { rows: { text: string }[][] }] : [],
  );
  t.equal(tables.length, 3);
  for (const { rows } of tables) {
    t.equal(rows.length, 1);
    t.equal(rows[0]?.length, 3, "a bar in a value ends no cell");
  }
  const html = await marked.parse(text);
  t.notMatch(html, /<script|href="javascript:|<strong>|<em>/);
  t.match(html, "&lt;script&gt;alert(1)");
  t.match(text, "… 2 of 12", "what is cut is said");
  // oxlint-disable-next-line no-control-regex -- they are what must not be there
  t.notMatch(text, /[\u0000-\u0009\u000b-\u001f\u202e]/);
  const said = html.replace(/&#(\d+);/g, (_, code: string) => String.fromCodePoint(Number(code)));
  t.match(said, String.raw`c | \| \\| \x1b[31m\x202e <script>`, "every backslash and bar stands as it was");
  trace.close();
});

t.test("the verb writes each form to a file of its owner alone, and never over another", async (t) => {
  const dir = await recorded(t);
  const run = (...args: string[]): string =>
    execFileSync(process.execPath, [program, "export", dir, ...args], {
      env: { ...process.env, NODE_OPTIONS: "" },
      stdio: ["ignore", "pipe", "pipe"],
    }).toString();
  for (const form of ["markdown", "chrome", "otlp"]) {
    const file = join(t.testdirName, form);
    t.equal(run("--to", form, "-o", file), "");
    t.equal(execFileSync("stat", ["-c", "%a", file]).toString().trim(), "600");
    t.throws(() => run("--to", form, "-o", file), /is there already|Command failed/);
    t.equal(run("--to", form), execFileSync("cat", [file]).toString());
  }
  t.match(run("--to", "markdown", "--service", "volume"), "# 1 breakpoint hit in 1 service\n");
  t.match(run("--to", "markdown", "--service", "volume"), /^### 2\. volume/m);
  t.match(run("--to", "markdown", "--since", "1h"), "# 0 breakpoint hits in 0 services");
  for (const form of ["ndjson", "mcap", "pcapng"])
    t.throws(() => run("--to", form, "--request", "x"), /--request/, `${form} cannot leave out by request`);
  t.throws(() => run("--to", "mcap", "--since", "1s", "-o", join(t.testdirName, "x")), /--since/);
  const of = (...args: string[]): number => run("--to", "ndjson", ...args).split("\n").length - 1;
  t.equal(of("--until", "1h"), of());
  t.ok(of("--since", "1h") < of());
  t.strictSame(
    readdirSync(t.testdirName).filter((name) => name.endsWith(".part")),
    [],
  );
  t.throws(() => run("--to", "chrome", "--service", "nova"), /DT_SERVICE_UNKNOWN/);
});

t.test(
  "pcapng: Wireshark dissects every packet, hits have comments, a long message is cut and says its length",
  async (t) => {
    const dir = join(t.testdir(), "trace");
    const writer = await TraceWriter.open({ dir, facts: { version: "1.2.3" } });
    writer.session(factsOf(1, "dap"));
    writer.session(factsOf(2, "pydevd"));
    writer.session(factsOf(3, "raw"));
    writer.chunk(1, "client", encodeDap({ seq: 1, type: "request", command: "threads" }));
    const long = encodeDap({ seq: 2, type: "event", event: "output", body: { output: "x".repeat(300_000) } });
    writer.chunk(1, "debuggee", long.subarray(0, 1000));
    writer.chunk(1, "debuggee", long.subarray(1000));
    writer.chunk(2, "debuggee", Buffer.from("103\t4\t<xml></xml>\n"));
    writer.chunk(3, "client", Buffer.from("where\n"));
    writer.session(factsOf(4, "raw"));
    writer.chunk(4, "client", Buffer.from("GET /v3/volumes HTTP/1.1\r\nHost: vm:8776\r\n\r\n"));
    writer.chunk(4, "debuggee", Buffer.from("HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\nok"));
    writer.hit(1, hit(7, Date.now()));
    await writer.close();
    const trace = await openTrace(dir);
    let messages = 0;
    for await (const _ of trace.messages()) messages++;
    trace.close();
    const file = join(t.testdirName, "trace.pcapng");
    const env = { ...process.env, NODE_OPTIONS: "" };
    execFileSync(process.execPath, [program, "export", dir, "--to", "pcapng", "-o", file], { env });
    const fields = [
      "frame.interface_name",
      "frame.len",
      "frame.cap_len",
      "frame.protocols",
      "frame.comment",
      "json.member",
      "_ws.malformed",
      "http.request.uri",
      "http.response.code",
    ];
    let output: string;
    try {
      const args = ["-r", file, "-T", "fields", "-E", "occurrence=f", ...fields.flatMap((field) => ["-e", field])];
      output = execFileSync("tshark", args, { stdio: ["ignore", "pipe", "ignore"] }).toString();
    } catch (error) {
      t.fail(`apt-get install tshark: ${String(error)}`);
      return;
    }
    const packets = output
      .trimEnd()
      .split("\n")
      .map((line) => line.split("\t"));
    t.equal(packets.length, messages + 1);
    t.ok(
      packets.every((packet) => (packet[6] ?? "") === ""),
      "none is malformed",
    );
    const of = (name: string) => packets.filter((packet) => packet[0] === name);
    t.match(of("api#1 client"), [["api#1 client", /\d+/, /\d+/, /json/, /threads/, "seq"]]);
    const [cut] = of("api#1 debuggee");
    t.ok(Number(cut?.[1]) > 300_000 && Number(cut?.[2]) <= 262_144, "its whole length is told");
    t.match(of("api#2 debuggee"), [["api#2 debuggee", /\d+/, /\d+/, /data-text-lines/, /THREAD_CREATE/]]);
    t.match(of("api#3 client"), [["api#3 client", /\d+/, /\d+/, /data-text-lines/]]);
    t.match(of("api#4 client"), [["api#4 client", /\d+/, /\d+/, /http/, /client/, "", "", "/v3/volumes"]]);
    t.equal(of("api#4 debuggee")[0]?.[8], "202");
    t.match(of("api#1 hits"), [["api#1 hits", /\d+/, /\d+/, /json/, /hit api#1:7 breakpoint create \(api\.py:2\)/]]);
  },
);

t.test("har: the same entries however the bytes came; hits of other services, with --service too", async (t) => {
  const said: readonly (readonly ["client" | "debuggee", string])[] = [
    ["client", "POST /a HTTP/1.1\r\nHost: vm\r\nContent-Length: 4\r\n\r\nbody"],
    [
      "debuggee",
      "HTTP/1.1 200 OK\r\nX-Request-Id: req-12345678\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    ],
    ["client", "GET /cut HTTP/1.1\r\nHost: vm\r\n\r\n"],
    ["debuggee", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"],
  ];
  const base = t.testdir({});
  const harOf = async (name: string, cut: number, ...args: string[]): Promise<Record<string, unknown>[]> => {
    const dir = join(base, name);
    const writer = await TraceWriter.open({ dir, facts: { version: "1.2.3" } });
    writer.session({ ...factsOf(1, "raw"), service: "rest", name: "rest#1" });
    writer.session(factsOf(2, "dap"));
    for (const [side, text] of said)
      for (let at = 0; at < text.length; at += cut) writer.chunk(1, side, Buffer.from(text.slice(at, at + cut)));
    writer.hit(2, hit(1, Date.now() + 5000, { session: "api#2", correlated: { id: "req-12345678" } }));
    await writer.close();
    const env = { ...process.env, NODE_OPTIONS: "" };
    const text = execFileSync(process.execPath, [program, "export", dir, "--to", "har", ...args], { env }).toString();
    const { log } = JSON.parse(text) as { log: { entries: Record<string, unknown>[] } };
    const without = new Set(["startedDateTime", "time", "timings"]);
    return log.entries.map((entry) => Object.fromEntries(Object.entries(entry).filter(([key]) => !without.has(key))));
  };
  const whole = await harOf("whole", 1000, "--service", "rest");
  t.equal(whole.length, 2);
  t.strictSame(whole[0]?.["_debugHits"], [1]);
  t.match(whole[1], { response: { comment: /cut off/, content: { text: "abc", size: 3 } } });
  t.strictSame(await harOf("bytes", 1), whole);
  t.strictSame(await harOf("sevens", 7), whole);
  t.equal((await harOf("request", 1000, "--request", "req-1234")).length, 1);
  t.strictSame(await harOf("other", 1000, "--service", "api"), []);
});

t.test(
  "har: valid by its schema; keep-alive, chunks, a HEAD, a cut-off answer, hits by request id and by time",
  async (t) => {
    const dir = join(t.testdir(), "trace");
    const writer = await TraceWriter.open({ dir, facts: { version: "1.2.3" } });
    writer.session(factsOf(1, "raw"));
    writer.session(factsOf(2, "dap"));
    writer.session(factsOf(3, "raw"));
    const say = (side: "client" | "debuggee", text: string | Buffer, id = 1): void =>
      writer.chunk(id, side, Buffer.from(text));
    say(
      "client",
      "POST /v3/volumes?name=a%20b&x= HTTP/1.1\r\nHost: vm:8776\r\nContent-Type: application/json\r\nContent-",
    );
    say("client", 'Length: 9\r\n\r\n{"size":1');
    writer.hit(
      2,
      hit(1, Date.now() + 5000, { session: "api#2", correlated: { "context.request_id": "req-12345678" } }),
    );
    say(
      "debuggee",
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 202 Accepted\r\nX-OpenStack-Request-Id: req-12345678\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
    );
    say("debuggee", "2\r\nde\r\n0\r\n\r\n");
    say("client", "HEAD /x HTTP/1.1\r\nHost: vm\r\n\r\nGET /bytes HTTP/1.1\r\nHost: vm\r\n\r\n");
    say(
      "debuggee",
      "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nHTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 4\r\n\r\n",
    );
    say("debuggee", Buffer.from([0xff, 0xfe, 0, 1]));
    say("client", "GET /cut HTTP/1.1\r\nHost: vm\r\n\r\n");
    say("debuggee", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
    say("client", "GET /none HTTP/1.1\r\nHost: vm\r\n\r\n");
    say("client", "(Pdb) where\n", 3);
    await writer.close();
    const env = { ...process.env, NODE_OPTIONS: "" };
    const text = execFileSync(process.execPath, [program, "export", dir, "--to", "har"], { env }).toString();
    const har = JSON.parse(text) as Har & {
      log: { entries: (Har["log"]["entries"][number] & { _debugHits: number[] })[] };
    };
    const require = createRequire(import.meta.url);
    const Ajv = require("ajv") as new (options: object) => {
      addMetaSchema(schema: unknown): void;
      addSchema(schemas: unknown[]): void;
      validate(name: string, value: unknown): boolean;
      errorsText(): string;
    };
    const ajv = new Ajv({ schemaId: "auto", unknownFormats: "ignore" });
    ajv.addMetaSchema(require("ajv/lib/refs/json-schema-draft-06.json"));
    ajv.addSchema(Object.values(require("har-schema") as Record<string, unknown>));
    t.ok(ajv.validate("har.json", har), ajv.errorsText());
    t.strictSame(
      har.log.entries.map(({ request, response }) => [
        request.method,
        request.url,
        request.bodySize,
        response.status,
        response.content.text,
      ]),
      [
        ["POST", "http://vm:8776/v3/volumes?name=a%20b&x=", 9, 202, "abcde"],
        ["HEAD", "http://vm/x", 0, 200, undefined],
        ["GET", "http://vm/bytes", 0, 200, "//4AAQ=="],
        ["GET", "http://vm/cut", 0, 200, "abc"],
        ["GET", "http://vm/none", 0, 0, undefined],
      ],
    );
    const [post, , bytes, cut] = har.log.entries;
    t.strictSame(post?.request.queryString, [
      { name: "name", value: "a b" },
      { name: "x", value: "" },
    ]);
    t.match(post?.request.postData, { mimeType: "application/json", text: '{"size":1' });
    t.strictSame(post?.["_debugHits"], [1], "by the id in its answer, though the hit came later");
    t.strictSame(bytes?.["_debugHits"], []);
    t.equal(bytes?.response.content.encoding, "base64");
    t.match(cut?.response.comment, "cut off");
  },
);
