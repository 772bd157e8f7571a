// `debugtap diff` and `debugtap check` as they are run, over traces of the real writer.
import { cpSync, existsSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SaxesParser } from "saxes";
import t, { type Test } from "tap";
import type { Hit, SnapshotVariable } from "../../protocol/hit.ts";
import { compareTraces, openTrace, TraceWriter } from "../../src/trace/index.ts";
import { startCli } from "../helpers/cli.ts";
import { factsOf } from "../trace/recording.ts";

const debugtap = startCli(t);
const nasty = `a & b <script>alert("1")</script> 'x' \u001b[31m ]]> \ud800`;

interface Made {
  readonly line?: number;
  readonly fn?: string;
  readonly value?: string;
  readonly request?: string;
  readonly more?: readonly SnapshotVariable[];
  readonly service?: 1 | 2;
}

/** A trace with these hits; `salt` gives its ids and addresses, `root` is where its sources are. */
async function trace(
  t: Test,
  name: string,
  hits: readonly Made[],
  { salt = 1, root = "/opt/v1", text }: { salt?: number; root?: string; text?: string } = {},
): Promise<string> {
  const dir = join(t.testdirName, name);
  const writer = await TraceWriter.open({ dir, facts: { version: "0.0.0" } });
  writer.session(factsOf(1, "dap"));
  writer.session({ ...factsOf(2, "dap"), service: "volume", name: "volume#1" });
  const now = Date.now();
  const path = `${root}/app/api.py`;
  for (const [i, { line = 2, fn = "create", value = "10", request, more = [], service = 1 }] of hits.entries()) {
    const id = `${(i + 16 * salt).toString(16).padStart(8, "0")}-1111-4222-8333-444455556666`;
    const hit: Hit = {
      number: i + 1,
      session: service === 1 ? "api#1" : "volume#1",
      service: service === 1 ? "api" : "volume",
      at: now + i,
      thread: { id: salt, name: "MainThread" },
      reason: "breakpoint",
      process: `pid ${4000 + salt} api.py`,
      ...(request === undefined ? {} : { correlated: { "context.request_id": `${request}-${salt}` } }),
      snapshot: {
        took: 1,
        frames: [
          {
            name: fn,
            path,
            line,
            scopes: [
              {
                name: "Locals",
                variables: [
                  { name: "self", type: "Api", value: `<app.Api object at 0x7f00${salt}0${i % 10}e0>` },
                  { name: "id", type: "str", value: `'${id}'` },
                  { name: "pid", type: "int", value: String(4000 + salt) },
                  { name: "now", type: "float", value: `${(now + i) / 1000 + salt}` },
                  {
                    name: "volume",
                    type: "dict",
                    value: `{'size': ${value}}`,
                    children: [{ name: "'size'", type: "int", value }],
                  },
                  ...more,
                ],
              },
            ],
          },
          { name: "main", path: `${root}/app/main.py`, line: 9 },
        ],
      },
    };
    writer.hit(service, hit);
    if (i % 500 === 0) await writer.flush();
  }
  if (text !== undefined) writer.source(1, { path, since: now }, Buffer.from(text));
  await writer.close();
  return dir;
}

const some: readonly Made[] = [
  { request: "first" },
  { request: "first", line: 5, fn: "check" },
  { request: "second" },
  { service: 2, fn: "poll", line: 7 },
];

t.before(() => t.testdir());

/** Lines of JSON. */
async function json(...words: string[]): Promise<Record<string, any>[]> {
  const { stdout } = await debugtap(...words, "--json");
  return stdout
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Record<string, any>);
}

t.test("two runs are equal but for what is said, by text, JSON and exit code", async (t) => {
  t.testdir();
  const a = await trace(t, "a", some);
  const same = await trace(t, "same", some, { salt: 3, root: "/home/me/v2" });
  const equal = await debugtap("diff", a, same);
  t.match(equal, { status: 0, stdout: /\n4 hits equal\n$/, stderr: "" });
  const other = some.map((hit, i) => (i === 1 ? { ...hit, value: "11" } : hit));
  const b = await trace(t, "b", other.toSpliced(2, 1).concat({ line: 40, fn: "extra", request: "first" }), { salt: 2 });
  const { status, stdout } = await debugtap("diff", a, b);
  t.equal(status, 1);
  t.equal(
    stdout.replaceAll(t.testdirName, "DIR"),
    [
      "A  DIR/a  4 hits",
      "B  DIR/b  4 hits",
      "",
      "the first difference",
      "hit 2 ↔ hit 2  api  check (api.py:5)",
      "  - volume['size'] = 10",
      "  + volume['size'] = 11",
      "",
      "only in A: hit 3  api  create (api.py:2)",
      "",
      "only in B: hit 4  api  extra (api.py:40)",
      "",
      "2 hits equal, 1 changed, 1 only in A, 1 only in B",
      "",
    ].join("\n"),
  );
  const lines = await json("diff", a, b);
  t.match(
    lines.map(({ type }) => type),
    ["changed", "only-a", "only-b", "summary"],
  );
  t.match(lines[0], {
    a: { number: 2 },
    b: { number: 2 },
    values: [{ path: "volume['size']", a: "10", b: "11", frame: 0 }],
  });
  t.match(lines.at(-1), { different: true, equal: 2, first: { a: { number: 2 } }, hits: { a: 4, b: 4 } });
  t.match(await debugtap("diff", a, b, "--service", "volume"), { status: 0, stdout: /1 hit equal/ });
  t.match(await debugtap("diff", a, b, "--session", "api#1"), { status: 1, stdout: /1 hit equal, 1 changed/ });
  t.match(await debugtap("diff", a, b, "--noise", a, b), {
    status: 1,
    stdout: /3 hits equal, 1 only in A, 1 only in B\nhidden by --noise: 1 difference of 1 variable\n/,
  });
  const damaged = join(t.testdirName, "damaged");
  cpSync(a, damaged, { recursive: true });
  for (const name of readdirSync(damaged).filter((name) => name.endsWith(".mcap")))
    truncateSync(join(damaged, name), statSync(join(damaged, name)).size - 60);
  t.match(await debugtap("diff", a, damaged), { stderr: /DT_TRACE_DAMAGED/ });
  const file = readdirSync(damaged).find((name) => name.endsWith(".mcap")) ?? "";
  writeFileSync(join(damaged, file), readFileSync(join(damaged, file)).fill(7, 900, 1100));
  t.match(
    await debugtap("diff", a, damaged),
    { status: 1, stdout: /only in A|cannot be read any more/ },
    "never equal",
  );
  for (const [words, code] of [
    [["diff", a], 2],
    [["diff", a, join(t.testdirName, "none")], 2],
    [["diff", a, b, "--service", "nova"], 2],
    [["diff", a, b, "--session", "api#9"], 2],
    [["diff", a, b, "--noise", a], 2],
  ] as const)
    t.equal((await debugtap(...words)).status, code, words.join(" "));
});

t.test("a moved line is the same line by the recorded texts, a changed one by its place", async (t) => {
  t.testdir();
  const before = "def create():\n    x = 1\n    return x\ndef check():\n    return 5\n";
  const after = `import os\n\n\n${before.replace("return 5", "return 6")}`;
  const hits: readonly Made[] = [{ line: 2 }, { line: 5, fn: "check" }, { line: 3 }];
  const a = await trace(t, "a", hits, { text: before });
  const b = await trace(
    t,
    "b",
    hits.map((hit) => ({ ...hit, line: (hit.line ?? 0) + 3 })),
    { salt: 2, root: "/srv", text: after },
  );
  t.match(await debugtap("diff", a, b), { status: 0, stdout: /3 hits equal/ });
  const bare = await trace(
    t,
    "bare",
    hits.map((hit) => ({ ...hit, line: (hit.line ?? 0) + 3 })),
    { salt: 2, root: "/srv" },
  );
  t.match(
    await debugtap("diff", a, bare),
    { status: 1, stdout: /3 only in A, 3 only in B|2 only in A/ },
    "not without them",
  );
});

/** Elements, attributes and text of what claims to be XML. Throws where it is none. */
function parsed(text: string): { elements: string[]; attributes: Record<string, string>[]; text: string } {
  const found = { elements: [] as string[], attributes: [] as Record<string, string>[], text: "" };
  const parser = new SaxesParser();
  parser.on("error", (error) => {
    throw error;
  });
  parser.on("opentag", ({ name, attributes }) => {
    found.elements.push(name);
    found.attributes.push({ ...attributes });
  });
  parser.on("text", (part) => (found.text += part));
  parser.write(text).close();
  return found;
}

t.test(
  "the page: nothing that a program said is markup; of its owner alone, and never over another file",
  async (t) => {
    t.testdir();
    const text = (value: string): SnapshotVariable[] => [{ name: nasty, type: nasty, value }];
    const a = await trace(t, "a", [
      { fn: nasty, more: text(`${nasty}1`) },
      { fn: `${nasty}a` },
      { request: nasty, more: text("x") },
    ]);
    const b = await trace(t, "b", [{ fn: nasty, more: text(`${nasty}2`) }, { fn: `${nasty}b` }, { request: nasty }], {
      salt: 2,
    });
    const file = join(t.testdirName, "page.html");
    const run = await debugtap("diff", a, b, "--html", file);
    t.equal(run.status, 1, run.stderr);
    // oxlint-disable-next-line no-control-regex -- they are what must not be there
    t.notMatch(run.stdout, /[\u0000-\u0009\u000b-\u001f]/);
    const page = readFileSync(file, "utf8");
    t.equal(statSync(file).mode & 0o777, 0o600);
    const { elements, attributes, text: shown } = parsed(page.replace("<!doctype html>\n", ""));
    const known =
      "html head meta title style body h1 h2 h3 dl dt dd small p ul li article table tr th td div span".split(" ");
    t.strictSame(
      elements.filter((name) => !known.includes(name)),
      [],
    );
    t.notOk(attributes.some((each) => Object.keys(each).some((name) => /^on|src|href/i.test(name))));
    t.match(shown, `a & b <script>alert("1")</script> 'x'  [31m ]]>`);
    t.match(page, /default-src 'none'/);
    t.match(await debugtap("diff", a, b, "--html", file), { status: 2, stderr: /is there already/ });
    t.equal(readFileSync(file, "utf8"), page);
  },
);

t.test("10,000 hits that all differ: shown in few lines, counted whole, by variable", async (t) => {
  t.testdir();
  const hits = Array.from({ length: 10_000 }, (_, i): Made => ({ request: `r${i >> 2}`, line: 2 + (i % 4) }));
  const a = await trace(t, "a", hits);
  const b = await trace(
    t,
    "b",
    hits.map((hit) => ({ ...hit, value: "11" })),
    { salt: 2 },
  );
  const c = await trace(
    t,
    "c",
    hits.map((hit, i) => ({ ...hit, line: 100 + i })),
    { salt: 2 },
  );
  const run = await debugtap("diff", a, b);
  t.equal(run.status, 1);
  t.ok(run.stdout.split("\n").length < 120);
  t.match(
    run.stdout,
    /… 9980 more hits differ[^]* 10000 {2}volume\['size'\] {2}create \(api\.py\)\n\n0 hits equal, 10000 changed\n/,
  );
  const [one, other, none] = [await openTrace(a), await openTrace(b), await openTrace(c)];
  const { changed, changedCount } = await compareTraces(one, other);
  t.strictSame([changed.length, changedCount], [1000, 10_000]);
  const apart = await compareTraces(one, none);
  t.strictSame([apart.onlyA.length, apart.onlyB.length, apart.changedCount], [10_000, 10_000, 0]);
  const same = await compareTraces(one, one);
  t.equal(same.equal, 10_000);
  for (const each of [one, other, none]) each.close();
});

t.test(
  "check: what --update wrote holds, also for another run; what differs is told in a line, and as JUnit",
  async (t) => {
    t.testdir();
    const source = "def create():\n    x = create_volume()\n    return x\n\ndef check():\n    return 5\n";
    const looped: readonly Made[] = [
      ...some,
      { fn: "loop", line: 3 },
      { fn: "loop", line: 3 },
      { fn: "say", more: [{ name: "said", type: "str", value: "'yes: no #\\n'" }] },
    ];
    const a = await trace(t, "a", looped, { text: source });
    const file = join(t.testdirName, "expect.yml");
    t.match(await debugtap("check", a, file), {
      status: 2,
      stderr: /DT_EXPECT: .*expect\.yml cannot be read[^]*--update/,
    });
    t.match(await debugtap("check", a, file, "--update"), { status: 0, stdout: /expect\.yml: 6 expected hits\n/ });
    const text = readFileSync(file, "utf8");
    t.match(text, /^order: strict\nextra: refuse\nhits:\n/);
    t.match(text, /line: x = create_volume\(\)\n/);
    t.match(text, /volume\['size'\]: 10\n/);
    t.match(text, /times: 2\n/);
    t.notMatch(text, /-1111-4222|0x7f|4001|now:|pid/, "nothing that is another in each run");
    t.match(await debugtap("check", a, file), { status: 0, stdout: "6 of 6 expectations hold, 7 hits\n" });
    await debugtap("check", a, file, "--update");
    t.equal(readFileSync(file, "utf8"), text, "in the same order");
    const lower = looped.map((hit) => (hit.service === 2 ? hit : { ...hit, line: (hit.line ?? 2) + 1 }));
    const again = await trace(t, "again", lower, { salt: 2, root: "/home/me", text: `import os\n${source}` });
    t.match(
      await debugtap("check", again, file),
      { status: 0, stdout: "6 of 6 expectations hold, 7 hits\n" },
      "its lines have moved",
    );

    const b = await trace(
      t,
      "b",
      looped
        .toSpliced(5, 1)
        .map((hit, i) => (i === 2 ? { ...hit, value: "12" } : hit))
        .concat({ fn: nasty, line: 80 }),
      { salt: 2, text: source },
    );
    const junit = join(t.testdirName, "junit.xml");
    writeFileSync(junit, "the one before");
    const run = await debugtap("check", b, file, "--junit", junit);
    t.equal(run.status, 1);
    const lines = run.stdout.split("\n");
    t.match(lines, [
      /^FAIL {2}3 {2}api {2}create \(app?.*\) {2}of request 2 {2}hit 3: volume\['size'\] expected 10, found 12$/,
      /^FAIL {2}5 {2}.* {2}expected 2 hits, found 1$/,
      /^FAIL {2}hit 7 {2}api {2}a & b .* is not expected$/,
      "4 of 6 expectations hold, 7 hits, 1 not expected",
      "",
    ]);
    const { elements, attributes, text: failures } = parsed(readFileSync(junit, "utf8"));
    t.strictSame(elements.slice(0, 2), ["testsuites", "testsuite"]);
    t.match(attributes[1], { tests: "7", failures: "3", errors: "0", name: file });
    t.equal(elements.filter((name) => name === "testcase").length, 7);
    t.equal(elements.filter((name) => name === "failure").length, 3);
    for (const [i, name] of elements.entries()) {
      if (name === "testcase") t.match(attributes[i], { name: /./, classname: file, time: "0" });
      if (name === "failure") t.match(attributes[i], { message: /./, type: /^(?:value|missing|extra)$/ });
    }
    t.match(failures, "volume['size'] expected 10, found 12");
    t.equal(statSync(junit).mode & 0o777, 0o600);
    t.match(await json("check", b, file), [
      { type: "value", number: 3, hit: 3, values: [{ name: "volume['size']", expected: "10", found: "12" }] },
      { type: "missing", number: 5, found: 1 },
      { type: "extra", hit: 7 },
      { type: "summary", passed: false, expectations: 6, failures: 3 },
    ]);
    writeFileSync(
      file,
      'order: any\nextra: allow\nhits:\n  - { function: poll, service: volume }\n  - { function: create, values: { "volume[\'size\']": 12 }, times: ">= 1" }\n',
    );
    t.match(await debugtap("check", b, file), {
      status: 0,
      stdout: "2 of 2 expectations hold, 7 hits, 5 others, which are allowed\n",
    });
    await debugtap("check", b, file, "--update");
    t.match(readFileSync(file, "utf8"), /^order: any\nextra: allow\n/, "what was said of the whole stays");
    t.equal((await debugtap("check", b, file)).status, 0);
    writeFileSync(file, "hits:\n  - functoin: poll\n");
    t.match(await debugtap("check", b, file), {
      status: 2,
      stderr: /expect\.yml:2:5: unknown key `functoin`, did you mean `function`/,
    });
    t.match(await debugtap("check", b, file, "--update"), { status: 2 }, "a file with a mistake is not written over");
    t.equal(existsSync(`${file}.part`), false);
    t.equal((await debugtap("check", b, file, "--update", "--junit", junit)).status, 2);
  },
);
