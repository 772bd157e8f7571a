// `debugtap hits` and `debugtap show TRACE HIT` as they are run.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import t from "tap";
import type { Hit } from "../../protocol/hit.ts";
import { pageOf } from "../../src/cli/hit-options.ts";
import { TraceWriter } from "../../src/trace/index.ts";
import { startCli } from "../helpers/cli.ts";
import { hitOf } from "../trace/recording.ts";

const bin = fileURLToPath(new URL("../../../bin/debugtap.js", import.meta.url));
const env = { ...process.env, NO_COLOR: "1", NODE_OPTIONS: "" };
const services = ["cinder-api", "cinder-volume"];

const debugtap = startCli(t);

/** What it prints, where nothing goes wrong. */
async function out(...words: string[]): Promise<string> {
  const { stdout, stderr, status } = await debugtap(...words);
  if (status !== 0) throw new Error(stderr);
  return stdout;
}

/** Names of hits, in the order of the list. */
async function names(...words: string[]): Promise<string[]> {
  const lines = (await out("hits", ...words, "--json")).split("\n").slice(0, -1);
  return lines.map((line) => (JSON.parse(line) as { name: string }).name);
}

/** A hit of a service; times count from the trace's start, ms. */
function hit(service: number, number: number, at: number, about: Partial<Hit>, size?: number): [number, Hit] {
  const { correlated: _, ...base } = hitOf(1, number);
  const [top] = base.snapshot.frames;
  const variables = [
    ...(size === undefined
      ? []
      : [
          {
            name: "volume",
            type: "dict",
            value: `{'size': ${size}}`,
            children: [{ name: "'size'", type: "int", value: `${size}` }],
          },
        ]),
    { name: "tags", type: "list", value: "['a', …]", cut: { by: "depth" as const, of: 7 } },
  ];
  const frames = [
    { name: "create", path: "/opt/cinder/volumes.py", line: 2, scopes: [{ name: "Locals", variables }] },
    { ...top, name: "handle", path: "/opt/cinder/wsgi.py", line: 40 },
    { name: "main", path: "/opt/cinder/main.py", line: 1 },
  ];
  const name = services[service] ?? "";
  const hit = {
    ...base,
    service: name,
    session: `${name}#1`,
    at,
    ...about,
    snapshot: { frames, took: 9, cut: { by: "frames" as const, of: 12 } },
  };
  return [service + 1, hit];
}

async function trace(dir: string): Promise<{ writer: TraceWriter; started: number }> {
  const started = Date.now();
  const writer = await TraceWriter.open({ dir, facts: { version: "0.0.0" } });
  for (const [i, service] of services.entries())
    writer.session({
      id: i + 1,
      service,
      ordinal: 1,
      name: `${service}#1`,
      wire: "dap",
      debuggee: "vm",
      client: "ide",
    });
  const req = (id: string): Partial<Hit> => ({ correlated: { "context.request_id": id } });
  const hits = [
    hit(0, 1, started + 100, req("req-1"), 10),
    hit(0, 2, started + 150, req("req-2"), 20),
    // Captured later than the next, stopped before it.
    hit(1, 1, started + 300, { ...req("req-1"), reason: "exception", text: "ValueError:\tno" }, 30),
    hit(0, 3, started + 200, req("req-1")),
    hit(1, 2, started + 400, { trigger: 1 }, 40),
    hit(1, 3, started + 500, {}, 50),
  ];
  writer.trigger({
    id: 1,
    argv: ["curl", "-X", "POST", "http://c/v3"],
    at: started + 350,
    ended: started + 450,
    exit: 0,
  });
  for (const [session, each] of hits) writer.hit(session, each);
  const text = "def create():\n    size = 1 / 0\n    return size\n";
  writer.source(1, { path: "/opt/cinder/volumes.py", since: started }, Buffer.from(text));
  await writer.flush();
  return { writer, started };
}

/** Times of hits are counted from a start that the writer took a moment later. */
function timeless(text: string): string {
  return text.replace(/ *[+-]-?\d+\.\d{3}s/g, " +T");
}

t.test("hits and show", async (t) => {
  const dir = join(t.testdir(), "trace");
  const { writer } = await trace(dir);

  await t.test("the list, grouped by request over services, then by trigger", async (t) => {
    const { stdout, stderr, status } = await debugtap("hits", dir);
    t.equal(
      timeless(stdout),
      [
        "req-1  (context.request_id)",
        "     1 +T  cinder-api#1:1     breakpoint  create (volumes.py:2)  MainThread",
        "     4 +T  cinder-api#1:3     breakpoint  create (volumes.py:2)  MainThread",
        "     3 +T  cinder-volume#1:1  exception  create (volumes.py:2)  MainThread  ValueError: no",
        "req-2  (context.request_id)",
        "     2 +T  cinder-api#1:2     breakpoint  create (volumes.py:2)  MainThread",
        "trigger 1: curl -X POST http://c/v3",
        "     5 +T  cinder-volume#1:2  breakpoint  create (volumes.py:2)  MainThread",
        "no request",
        "     6 +T  cinder-volume#1:3  breakpoint  create (volumes.py:2)  MainThread",
        "",
      ].join("\n"),
    );
    t.match({ stderr, status }, { status: 0 });
    const [first = ""] = (await out("hits", dir, "--json")).split("\n");
    t.equal(
      Object.keys(JSON.parse(first) as object).join(" "),
      "number name session service time at thread reason function file line request correlated",
    );
    t.match(JSON.parse(first), {
      number: 1,
      name: "cinder-api#1:1",
      session: "cinder-api#1",
      service: "cinder-api",
      request: "req-1",
      correlated: { "context.request_id": "req-1" },
      file: "/opt/cinder/volumes.py",
      line: 2,
    });
  });

  await t.test("pages", async (t) => {
    const first = await debugtap("hits", dir, "--count", "2");
    t.equal(first.stdout.trim().split("\n").length, 3);
    t.equal(first.stderr, "hits 1 to 2 of 6; go on with --page 2\n");
    const second = await debugtap("hits", dir, "--count", "2", "--page", "2");
    t.match(second.stdout, /^req-1 {2}\(context.request_id\) {2}…\n {5}3 .*\nreq-2 .*\n {5}2 /);
    t.match(await debugtap("hits", dir, "--page", "2"), {
      stdout: "",
      stderr: "there is no page 2: 6 hits in all\n",
      status: 0,
    });
    t.match(await debugtap("hits", dir, "--page", "0"), {
      status: 2,
      stderr: /^DT_USAGE: --page 0 is no whole number/,
    });
    const { isTTY } = process.stdout;
    t.teardown(() => Object.assign(process.stdout, { isTTY }));
    for (const [tty, to] of [
      [true, 50],
      [false, Infinity],
    ] as const) {
      Object.assign(process.stdout, { isTTY: tty });
      t.match(pageOf({}, 50), { from: 0, to, page: 1 }, "on a terminal a page, elsewhere all");
      t.match(pageOf({ page: "3" }, 50), { from: 100, to: 150, page: 3 });
    }
  });

  await t.test("what is asked for", async (t) => {
    const all = [
      "cinder-api#1:1",
      "cinder-api#1:3",
      "cinder-volume#1:1",
      "cinder-api#1:2",
      "cinder-volume#1:2",
      "cinder-volume#1:3",
    ];
    const asked: readonly [words: string[], found: string[]][] = [
      [[], all],
      [["--service", "cinder-volume"], all.filter((name) => name.startsWith("cinder-volume"))],
      [
        ["--session", "cinder-api#1", "--request", "req-1"],
        ["cinder-api#1:1", "cinder-api#1:3"],
      ],
      [["--file", "cinder/volumes.py:2"], all],
      [["--file", "volumes.py:3"], []],
      [["--fn", "handle"], []],
      [["--text", "valueERROR no"], ["cinder-volume#1:1"]],
      [["--trigger", "1"], ["cinder-volume#1:2"]],
      [["--reason", "exception"], ["cinder-volume#1:1"]],
      [
        ["--where", "volume['size'] >= 30 and len(tags) == 7"],
        ["cinder-volume#1:1", "cinder-volume#1:2", "cinder-volume#1:3"],
      ],
      [["--where", "volume.size == 20", "--request", "req-"], ["cinder-api#1:2"]],
      [["--until", "1h"], all],
      [["--since", "1h"], []],
    ];
    for (const [words, found] of asked) t.strictSame(await names(dir, ...words), found, words.join(" "));
    t.match(await debugtap("hits", dir, "--where", "volume.size < 20"), {
      stdout: /cinder-api#1:1/,
      stderr: /^--where could not be judged at 1 hits: /m,
    });
    t.match(await debugtap("hits", dir, "--fn", "nobody"), {
      stdout: "",
      stderr: "none of 6 hits is meant\n",
      status: 0,
    });
    t.match(await debugtap("hits", dir, "--where", "volume.size ="), {
      status: 2,
      stderr: /DT_USAGE[^]*at character 13/,
    });
    t.match(await debugtap("hits", dir, "--text", "''"), { status: 2, stderr: /DT_USAGE: --text has no word/ });
    t.match(await debugtap("hits", dir, "--follow", "--page", "1"), {
      status: 2,
      stderr: /DT_USAGE: --follow does not go/,
    });
    t.match(await debugtap("hits", "/nowhere"), { status: 2, stderr: /^DT_TRACE_MISSING/ });
  });

  await t.test("one hit", async (t) => {
    const shown = await out("show", dir, "1");
    t.equal(
      timeless(shown),
      [
        "hit 1  cinder-api#1:1 +T  breakpoint  MainThread",
        "     context.request_id = req-1",
        "  0  create (/opt/cinder/volumes.py:2)",
        "       1  def create():",
        "     → 2      size = 1 / 0",
        "       3      return size",
        "       4",
        "     Locals",
        "       volume: dict = {'size': 10}",
        "         'size': int = 10",
        "       tags: list = ['a', …] … 0 of 7",
        "  1  handle (/opt/cinder/wsgi.py:40)",
        "     Locals",
        "       size: int = 1",
        "         real = ö ß",
        "       … 1 of 312",
        "  2  main (/opt/cinder/main.py:1)",
        "     … 3 of 12",
        "at this line: next 2",
        "of this request: next 3",
        "",
      ].join("\n"),
    );
    t.equal(await out("show", dir, "cinder-api#1:1"), shown);
    t.match(
      await out("show", dir, "3"),
      /\n {5}ValueError: no\n[^]*\nat this line: next 4, previous 2\nof this request: next 4, previous 1\n$/,
    );
    const found = (await out("show", dir, "1", "--find", "SIZE']")).split("\n");
    t.strictSame(
      found.filter((line) => line.includes(" = ")),
      ["     context.request_id = req-1", "       volume['size']: int = 10"],
    );
    t.match(await out("show", dir, "1", "--depth", "1"), /volume: dict = \{'size': 10\} \(1 inside\)\n {7}tags/);
    const frame = await out("show", dir, "1", "--frame", "1");
    t.match(frame, /\n {2}1 {2}handle /);
    t.notMatch(frame, /create \(/);
    const paged = await debugtap("show", dir, "1", "--count", "5", "--page", "2");
    t.equal(paged.stdout, `${shown.split("\n").slice(5, 10).join("\n")}\n`);
    t.equal(paged.stderr, "lines 6 to 10 of 18; go on with --page 3\n");
    t.match(JSON.parse(await out("show", dir, "3", "--json")), {
      number: 3,
      name: "cinder-volume#1:1",
      hit: { number: 1, snapshot: { frames: [{ name: "create" }, {}, {}] } },
      previous: { line: 2, request: 1 },
      next: { line: 4, request: 4 },
    });
    const wrong: readonly [words: string[], stderr: RegExp][] = [
      [["7"], /DT_USAGE: the trace has no hit 7\n {2}why: it has 1 to 6/],
      [["cinder-api#1:9"], /no hit cinder-api#1:9/],
      [["1", "--frame", "3"], /hit 1 has no frame 3\n {2}why: it has 0 to 2/],
      [["cinder-api#1:1", "--raw"], /--raw does not go with one hit/],
      [["cinder-api#1", "--depth", "1"], /--depth needs a hit/],
    ];
    for (const [words, stderr] of wrong)
      t.match(await debugtap("show", dir, ...words), { status: 2, stderr }, words.join(" "));
    t.match(await out("show", dir, "cinder-api#1", "--hits"), /^#1 .*\n[^]*\n#3 /, "a session is shown as before");
    t.match(await out("show", dir), /^SESSION /);
  });

  await t.test("follow: those that are there, then those that come, to the end of the trace", async (t) => {
    const words = ["hits", dir, "--follow", "--service", "cinder-volume", "--where", "volume.size > 35"];
    const child = spawn(process.execPath, [bin, ...words], { env, stdio: ["ignore", "pipe", "inherit"] });
    t.teardown(() => child.kill("SIGKILL"));
    const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
    const next = async (): Promise<string> => timeless(String((await lines.next()).value));
    t.equal(await next(), "trigger 1: curl -X POST http://c/v3");
    t.match(await next(), /^ {5}5 /);
    t.equal(await next(), "no request");
    t.match(await next(), /^ {5}6 /);
    const at = Date.now();
    for (const [session, each] of [
      hit(0, 4, at, { trigger: 2 }, 90),
      hit(1, 4, at, { trigger: 2 }, 31),
      hit(1, 5, at, { correlated: { id: "req-9" } }, 60),
      hit(1, 6, at, { trigger: 2 }, 70),
    ])
      writer.hit(session, each);
    writer.trigger({ id: 2, argv: ["sh", "-c", "x"], at });
    t.equal(await next(), "req-9  (id)");
    t.match(await next(), /^ {5}9 +\+\S+ {2}cinder-volume#1:5 /);
    t.match(await next(), /^trigger 2/);
    t.match(await next(), /^ {4}10 .*cinder-volume#1:6 /);
    const closed = once(child, "close");
    await writer.close();
    const [status]: unknown[] = await closed;
    t.equal(status, 0);
    t.strictSame((await names(dir, "--where", "volume.size > 59", "--service", "cinder-volume")).sort(), [
      "cinder-volume#1:5",
      "cinder-volume#1:6",
    ]);
  });
});
