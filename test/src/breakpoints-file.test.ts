// Files of breakpoints: debugtap's own, and those of the IDEs in the shapes that they and their extensions write.
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { fc } from "../helpers/property.ts";
import t from "tap";
import { formatSpec, parseSpec } from "../../protocol/breakpoint-spec.ts";
import { DebugtapError } from "../../protocol/errors.ts";
import { readBreakpoints } from "../../src/breakpoints/file.ts";
import { parseYaml, toYaml } from "../../src/breakpoints/yaml.ts";

const dir = t.testdir();

function put(name: string, content: string): string {
  const file = join(dir, name);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
  return file;
}

/** The SPECs of a file, as text. */
const texts = async (name: string, content: string) =>
  (await readBreakpoints(put(name, content))).map(({ text }) => text);

async function refusal(name: string, content: string): Promise<DebugtapError> {
  const read = await readBreakpoints(put(name, content)).catch((error: unknown) => error);
  if (read instanceof DebugtapError) return read;
  throw read instanceof Error ? read : new Error(`accepted: ${content}`);
}

t.test("debugtap's own file: SPECs as they are written, and maps with clauses as keys", async (t) => {
  const file = put(
    "own.yml",
    `# what we look for
breakpoints:
  - cinder/volume/manager.py:712   if size > 100
  - "a.py:/x: int/ log \\"x={x}\\""
  - { at: a.py:3 max 4, in: cinder-api, deep: true, require: true }
  - at: cinder.volume.api:API.create
    if: name in nova-api
    hits: ">= 10"
    log: say "{x}" twice
    rate: 30/m
    max: 5
    disabled: true
    require: false
  - { at: b.py:1 }
`,
  );
  const read = await readBreakpoints(file);
  t.strictSame(
    read.map(({ text }) => text),
    [
      "cinder/volume/manager.py:712   if size > 100",
      'a.py:/x: int/ log "x={x}"',
      "a.py:3 in cinder-api max 4 deep required",
      'cinder.volume.api:API.create hits >= 10 log "say \\"{x}\\" twice" max 5 rate 30/m disabled if (name in nova-api)',
      "b.py:1",
    ],
  );
  t.match(read[3], { condition: "(name in nova-api)", rate: 0.5, hits: { op: ">=", count: 10 }, disabled: true });
  for (const spec of read) t.strictSame(parseSpec(spec.text), spec, "its name is a SPEC that says the same");
  t.strictSame(parseYaml(toYaml(read), "again.yml"), read, "written and read again");
  t.strictSame(await texts("flow.yaml", "{ breakpoints: [a.py:1] }"), ["a.py:1"]);
  t.strictSame(await texts("unnamed", "breakpoints: []"), []);
  const required = { ...parseSpec("a.py:3  max 1"), required: true };
  t.equal(
    toYaml([required, parseSpec("a.py:3  max 1")]),
    "breakpoints:\n  - a.py:3 max 1 required\n  - a.py:3  max 1\n",
  );
});

t.test("all that is wrong in debugtap's own file is told at once, with its place", async (t) => {
  const { code, message, fix } = await refusal(
    "wrong.yml",
    `breakpoints:
  - a.py:3 maks 4
  - { at: a.py, max: 3 }
  - { at: a.py:3 max 1, max: 3 }
  - { at: a.py:3, if: x max 3 }
  - { at: a.py:3, hits: 3 }
  - { at: a.py:3, hits: "3" }
  - { at: a.py:3, hitz: x }
  - { at: a.py:3, require: 1 }
  - 7
`,
  );
  t.equal(code, "DT_SPEC");
  t.match(message, "wrong.yml has 4 problems", "those of the shape first");
  for (const place of [
    '6:25: hits is text: `">= 10"`',
    "8:19: unknown key `hitz`, did you mean `hits`?",
    "9:28: require is true or false",
    "10:5: a breakpoint is a SPEC",
  ]) {
    t.match(message, `wrong.yml:${place}`);
  }
  const { message: specs } = await refusal(
    "specs.yml",
    `breakpoints:
  - a.py:3 maks 4
  - { at: a.py, max: 3 }
  - { at: a.py:3 max 1, max: 3 }
  - { at: a.py:3, if: x max 3 }
  - { at: a.py:3, hits: "3", rate: "1" }
`,
  );
  t.match(specs, "specs.yml has 6 problems");
  for (const place of [
    "2:5: breakpoint, column 8: `maks` is no clause; expected if, hits",
    "3:11: breakpoint, column 1: no place",
    "4:11: `max` stands in `at` and as a key",
    "5:23: `if` goes on with another clause",
    "6:25: breakpoint, column 13: `3` cannot stand here; expected `>= N`",
  ]) {
    t.match(specs, `specs.yml:${place}`);
  }
  t.match(fix, /rename|remove|hits/);
  t.match((await refusal("syntax.yml", "breakpoints: [")).message, /syntax\.yml:1:\d+: /);
  t.match((await refusal("key.yml", "breakpoint: []")).message, "did you mean `breakpoints`?");
  t.match((await refusal("list.yml", "- a.py:3")).message, "a file of breakpoints has the key `breakpoints`");
  t.match((await refusal("large.yml", `# ${"x".repeat(1024 * 1024)}`)).message, "larger than 1 MiB");
  t.equal((await readBreakpoints(join(dir, "none.yml")).catch((error) => error)).code, "DT_FILE_UNREADABLE");
});

t.test("any list of SPECs is written as YAML and read back", async (t) => {
  const spec = fc
    .tuple(
      fc.constantFrom("a.py:3", "C:\\x y.py:/a: #b/", "m.n:C.f", "'q'.py:1", "- a.py:2"),
      fc.constantFrom("", ' log "a: {b} #c\\n"', " max 2 in api", "  hits % 3"),
      fc.constantFrom("", " if {'a': 1}['a'] == '#'", ' if x != "it\'s: - "', " if x\n  > 3"),
    )
    .map((parts) => parseSpec(parts.join("")));
  fc.assert(
    fc.property(fc.array(spec, { maxLength: 5 }), (specs) => {
      const read = parseYaml(toYaml(specs), "x.yml");
      if (JSON.stringify(read) !== JSON.stringify(specs)) throw new Error(toYaml(specs));
    }),
  );
  t.pass("100 lists");
});

const range = (line: number) => [
  { line, character: 0 },
  { line, character: 8 },
];

t.test("the exports of VS Code's extensions, each in its own form", async (t) => {
  const json = (name: string, value: unknown) => texts(name, JSON.stringify(value, undefined, "\t"));
  t.strictSame(
    await json("project/.vscode/breakpoints.json", [
      { location: "/app/api.py", line: range(41), enabled: true },
      { location: "/app/api.py", line: range(85), enabled: false, condition: "x > 3", hitCondition: ">5" },
      { location: "/app/my api.py", line: range(1), enabled: true, logMessage: 'x={x} "quoted"' },
    ]),
    [
      `${dir}/project/app/api.py:42`,
      `${dir}/project/app/api.py:86 hits >= 6 disabled if x > 3`,
      `${dir}/project/app/my api.py:2 log "x={x} \\"quoted\\""`,
    ],
    "BreakpointIO, below the workspace",
  );
  t.strictSame(await json("moved.json", [{ location: "/app/api.py", line: range(41) }]), ["app/api.py:42"]);
  t.strictSame(
    await json("collections.json", [
      { id: "1", name: "one", breakpoints: [{ location: "/a.py", line: range(0), enabled: true }] },
      { id: "2", name: "two", breakpoints: [{ location: "/b.py", line: range(1), enabled: true }] },
    ]),
    ["a.py:1", "b.py:2"],
    "Breakpoints Manager",
  );
  t.strictSame(
    await json("project/.vscode/breakpoints/flow.json", [{ location: "/work/a.py", range: range(3), enabled: true }]),
    ["/work/a.py:4"],
    "Breakpoint Bookmarks",
  );
  t.strictSame(
    await json("exported.json", {
      breakpoints: [
        { path: "c:\\work\\a.py", position: { line: 3, character: 0 }, hitCondition: "7" },
        { path: "/work/a.py", position: { line: 4, character: 0 }, hitCondition: "<= 2" },
        { functionName: "create", enabled: false },
      ],
    }),
    ["c:\\work\\a.py:4 hits == 7", "/work/a.py:5 max 2"],
    "Breakpoints Exporter",
  );
  t.strictSame(
    await json("api.json", [
      {
        id: "x",
        enabled: true,
        location: { uri: { $mid: 1, path: "/c:/work/a.py", scheme: "file" }, range: range(9) },
      },
      {
        id: "y",
        enabled: true,
        location: { uri: "file:///work/a%20b.py", range: { start: { line: 2, character: 0 } } },
      },
    ]),
    ["c:/work/a.py:10", "/work/a b.py:3"],
    "vscode.debug.breakpoints",
  );
  t.strictSame(
    await json("project/.vscode/list.json", [
      { file: "app/api.py", line: 12, hitCondition: "% 3" },
      { filepath: "/home/u/main.py", line_number: 42 },
      { filePath: "/home/u/main.py", line: 43, condition: "user in admins" },
    ]),
    [`${dir}/project/app/api.py:12 hits % 3`, "/home/u/main.py:42", "/home/u/main.py:43 if user in admins"],
  );
  const comments = `// exported\n[\n\t/* one */ { "file": "a//b.py", "line": 3, }, // the last\n]\n`;
  t.strictSame(await texts("comments.json", comments), ["a//b.py:3"]);
});

t.test("what VS Code cannot tell, or this cannot say, is refused with its place", async (t) => {
  const launch = await refusal(
    "project/.vscode/launch.json",
    '{ // how to launch\n "version": "0.2.0", "configurations": [] }',
  );
  t.match(launch.message, "launch.json has no breakpoints: it says how to launch");
  t.match(launch.why, "state.vscdb");
  t.match(launch.fix, "workspaceStorage");
  const { message } = await refusal(
    "wrong.json",
    `[ { "file": "a.py", "line": 1 },
  { "functionName": "create", "enabled": true },
  { "file": "a.py", "line": 2, "hitCondition": "often" },
  { "file": "a.py", "line": 3, "condition": "x = 3" },
  { "filter": "raised" } ]`,
  );
  t.match(message, "wrong.json has 4 problems");
  t.match(message, "wrong.json:2:3: a function breakpoint (`create`) says no module");
  t.match(message, "wrong.json:3:3: hitCondition `often` is none of");
  t.match(message, "wrong.json:4:3: breakpoint, column 13: `=` assigns");
  t.match(message, "wrong.json:5:3: here is no breakpoint with a file and a line");
  t.match((await refusal("cut.json", '[{ "file": ')).message, /cut\.json:1:\d+: /);
  t.match((await refusal("map.json", '{ "a": 1 }')).message, "map.json:1:1: here is no list of breakpoints");
});

t.test("VS Code's storage, a SQLite file as VS Code makes it", async (t) => {
  const file = join(dir, "state.vscdb");
  const value = JSON.stringify([
    {
      id: "7d1e",
      enabled: true,
      condition: "name == 'it''s'\n  or x".replaceAll("''", '"'),
      uri: {
        $mid: 1,
        fsPath: "/work/app/api.py",
        external: "file:///work/app/api.py",
        path: "/work/app/api.py",
        scheme: "file",
      },
      lineNumber: 42,
    },
    {
      id: "8d1e",
      enabled: false,
      uri: { $mid: 1, path: "/opt/stack/a.py", scheme: "vscode-remote", authority: "ssh-remote+vm" },
      lineNumber: 7,
      logMessage: "größe {x}",
    },
  ]);
  const script = `CREATE TABLE ItemTable (key TEXT UNIQUE ON CONFLICT REPLACE, value BLOB);
INSERT INTO ItemTable VALUES ('debug.breakpoint', '${value.replaceAll("'", "''")}'), ('debug.uxstate', 'simple');`;
  const made = spawnSync("sqlite3", [file], { input: script, encoding: "utf8" });
  t.equal(made.status, 0, `needs sqlite3: apt-get install sqlite3 ${made.stderr}`);
  t.strictSame(
    (await readBreakpoints(file)).map(({ text }) => text),
    [`/work/app/api.py:42 if name == 'it"s'\n  or x`, '/opt/stack/a.py:7 log "größe {x}" disabled'],
  );
  const other = join(dir, "other.db");
  spawnSync("sqlite3", [other], { input: "CREATE TABLE a (b);" });
  t.match(await readBreakpoints(other).catch((error) => error), {
    code: "DT_SPEC",
    message: /other\.db is no storage of VS Code/,
  });
});

const workspace = (breakpoints: string) => `<?xml version="1.0" encoding="UTF-8"?>
<project version="4">
  <component name="ChangeListManager"><list default="true" id="1" name="Default" comment="a &amp; b" /></component>
  <component name="XDebuggerManager">
    <breakpoint-manager>
      <breakpoints>${breakpoints}
      </breakpoints>
      <default-breakpoints><breakpoint type="python-exception"><properties exception="BaseException" /></breakpoint></default-breakpoints>
    </breakpoint-manager>
    <watches-manager><configuration name="tests"><watch expression="x &lt; 3" language="Python" /></configuration></watches-manager>
  </component>
</project>
`;

t.test("PyCharm's workspace.xml", async (t) => {
  const text = workspace(`
        <breakpoint enabled="true" suspend="THREAD" type="python-exception"><properties exception="x" /></breakpoint>
        <line-breakpoint enabled="true" suspend="THREAD" type="python-line">
          <url>file://$PROJECT_DIR$/app/api.py</url>
          <line>239</line>
          <condition expression="size &gt; 100 and name in (&quot;a&quot;, 'b')" language="Python" />
          <option name="timeStamp" value="28" />
        </line-breakpoint>
        <line-breakpoint enabled="true" suspend="THREAD" type="python-line">
          <url>file://$PROJECT_DIR$/app/first.py</url>
          <option name="timeStamp" value="29" />
        </line-breakpoint>
        <line-breakpoint suspend="ALL" type="python-line">
          <url>file:///opt/a b/x.py</url>
          <line>6</line>
          <condition>old &lt; form</condition>
          <properties />
        </line-breakpoint>
        <line-breakpoint enabled="true" suspend="NONE" type="python-line">
          <url>file://$USER_HOME$/y.py</url>
          <line>1</line>
          <condition expression="not this" language="Python" disabled="true" />
          <log-expression expression="d[&quot;k&quot;]" language="Python" />
        </line-breakpoint>
        <line-breakpoint enabled="true" log-message="true" suspend="NONE" type="python-line">
          <url>file://C:/work/z.py</url>
          <line>2</line>
        </line-breakpoint>
        <line-breakpoint enabled="true" suspend="NONE" type="python-line"><url>file:///q.py</url><line>3</line></line-breakpoint>
        <line-breakpoint enabled="true" log-message="true" suspend="THREAD" type="python-line">
          <url>file:///r.py</url><line>4</line><log-expression expression="x" language="Python" />
        </line-breakpoint>
        <line-breakpoint enabled="true" type="java-line"><url>file://$PROJECT_DIR$/A.java</url><line>1</line></line-breakpoint>`);
  const wanted = [
    `${dir}/shop/app/api.py:240 if size > 100 and name in ("a", 'b')`,
    `${dir}/shop/app/first.py:1`,
    "/opt/a b/x.py:7 disabled if old < form",
    `${homedir()}/y.py:2 log "{d[\\"k\\"]}"`,
    'C:/work/z.py:3 log "breakpoint reached"',
    "/q.py:4 disabled",
    "/r.py:5",
  ];
  t.strictSame(await texts("shop/.idea/workspace.xml", text), wanted);
  t.strictSame(await texts("shop/.idea/crlf.xml", `\uFEFF${text.replaceAll("\n", "\r\n")}`), wanted);
  t.strictSame(await texts("shop/.idea/none.xml", "<project />"), []);
});

t.test("what is wrong in workspace.xml has its line", async (t) => {
  const broken = await refusal("shop/.idea/broken.xml", "<project>\n  <component>\n</project>");
  t.equal(broken.code, "DT_SPEC");
  t.match(broken.message, /broken\.xml:3:\d+: not readable as XML/);
  const bad = await refusal(
    "shop/.idea/bad.xml",
    workspace(`
        <line-breakpoint enabled="true" type="python-line"><url>file:///a.py</url><line>3</line>
          <condition expression="x = 3" language="Python" /></line-breakpoint>
        <line-breakpoint enabled="true" type="python-line"><url>file:///a.py</url><line>x</line></line-breakpoint>`),
  );
  t.match(bad.message, /bad\.xml:7: breakpoint, column 14: `=` assigns; expected/);
  t.match(bad.message, /bad\.xml:9: `x` is no line/);
  const entities = '<!DOCTYPE a [<!ENTITY b "c">]><project>&b;</project>';
  t.match(
    (await refusal("shop/.idea/entity.xml", entities)).message,
    "not readable as XML",
    "no entities are expanded",
  );
});

t.test("every SPEC that is read can be written on a command line", async (t) => {
  for (const text of ["a.py:3 if x in y", "m:f log '{x}'"]) {
    const spec = parseSpec(text);
    t.strictSame({ ...parseSpec(formatSpec(spec)), text }, spec);
  }
});
