// Breakpoints in one line: what each form means, where a condition ends, what is refused and where the caret stands.
import assert from "node:assert/strict";
import { fc } from "../helpers/property.ts";
import t from "tap";
import { formatSpec, parseSpec } from "../../protocol/breakpoint-spec.ts";
import type { BreakpointSpec } from "../../protocol/breakpoint-spec.ts";
import type { Place } from "../../protocol/breakpoint-where.ts";
import { encodeDap } from "../../protocol/dap.ts";
import { DebugtapError } from "../../protocol/errors.ts";
import { frameOf } from "../../protocol/frame.ts";
import { loggedIn, marked } from "../../protocol/log-marks.ts";
import { encodePydevd } from "../../protocol/pydevd.ts";

/** What a SPEC says, without its text. */
function said(text: string): Omit<BreakpointSpec, "text"> {
  const { text: name, ...rest } = parseSpec(text);
  if (name !== text.trim()) throw new Error(`${text} is called ${name}`);
  return rest;
}

function refusal(text: string): DebugtapError {
  try {
    parseSpec(text);
  } catch (error) {
    if (error instanceof DebugtapError && error.code === "DT_SPEC") return error;
    throw error;
  }
  throw new Error(`accepted: ${text}`);
}

/** The SPEC of an error's fix, which a shell would hand on. */
const pasted = (fix: string | undefined) => (fix ?? "").replace(/^'([^]*)'$/, "$1").replaceAll(`'\\''`, "'");

const a3 = { kind: "line", path: "a.py", line: 3 } as const;

t.test("places: a line, a text, a function; the path as it stands, Windows drives and spaces included", async (t) => {
  const places: [string, Place][] = [
    ["a.py:3", a3],
    ["  cinder/volume/manager.py:712\n", { kind: "line", path: "cinder/volume/manager.py", line: 712 }],
    ["/usr/bin/cinder-api:8", { kind: "line", path: "/usr/bin/cinder-api", line: 8 }],
    ["C:\\src\\x.py:3", { kind: "line", path: "C:\\src\\x.py", line: 3 }],
    ["c:/src/x.py:3", { kind: "line", path: "c:/src/x.py", line: 3 }],
    ["C:\\Program Files\\x.py:/raise/", { kind: "text", path: "C:\\Program Files\\x.py", pattern: "raise" }],
    ["/my dir/a b.py:7", { kind: "line", path: "/my dir/a b.py", line: 7 }],
    ["file:///a/b.py:4", { kind: "line", path: "file:///a/b.py", line: 4 }],
    ["a.py:/def create_volume\\(/", { kind: "text", path: "a.py", pattern: "def create_volume\\(" }],
    ["a.py:/a\\/b c:3 if/", { kind: "text", path: "a.py", pattern: "a/b c:3 if" }],
    [
      "cinder.volume.manager:VolumeManager.create_volume",
      {
        kind: "function",
        module: "cinder.volume.manager",
        name: "VolumeManager.create_volume",
      },
    ],
    ["módulo:größe", { kind: "function", module: "módulo", name: "größe" }],
    ["cinder.api:12", { kind: "line", path: "cinder.api", line: 12 }],
  ];
  for (const [text, where] of places) t.strictSame(said(text), { where }, text);
});

t.test("clauses stand in any order, each once", async (t) => {
  const all = {
    where: a3,
    condition: "x > 3",
    hits: { op: ">=", count: 10 },
    log: 'x={x} "now"',
    max: 5,
    rate: 10,
    deep: true,
    service: "cinder-api",
    required: true,
    disabled: true,
  };
  const clauses = [
    'log "x={x} \\"now\\""',
    "max 5",
    "rate 10/s",
    "hits >= 10",
    "deep",
    "in cinder-api",
    "required",
    "disabled",
  ];
  t.strictSame(said(`a.py:3 ${clauses.join(" ")} if x > 3`), all);
  t.strictSame(said(`a.py:3 ${clauses.reverse().join("  ")}\tif x > 3`), all);
  t.strictSame(said(`a.py:3 if x > 3 max 5 ${clauses.filter((clause) => clause !== "max 5").join(" ")}`), all);
  t.strictSame(said("a.py:3 hits % 100").hits, { op: "%", count: 100 });
  t.strictSame(said("a.py:3 hits ==2").hits, { op: "==", count: 2 });
  t.strictSame(said("a.py:3 hits > 2").hits, { op: ">=", count: 3 });
  t.equal(said("a.py:3 rate 30/m").rate, 0.5);
  t.equal(said("a.py:3 rate 0.25 / s").rate, 0.25);
  t.equal(said(`a.py:3 log 'a\\n{d["k"]}\\\\ \\d'`).log, 'a\n{d["k"]}\\ \\d');
});

t.test("`if` takes Python to its end, whatever words and quotes are in it", async (t) => {
  const python = [
    "x if y else z",
    "'a' in b",
    "user in admins",
    "user not in admins",
    "x and y in z",
    "not x is None or y in z",
    "max(x) > 3",
    "log",
    "not hits",
    "rate > max and log in hits",
    "f(max, 'hits >= 3', \"max 4\")",
    "d['max 3'] == \"if x in y\"",
    "[y for y in z if y in log]",
    "{k: v for k, v in z} != {}",
    "(x in a-b)",
    "(x > 3 in y)",
    "'it\\'s' 'two' b'' == r'\\d' f'{x[\"max 3\"]}'",
    'f"{d["max 3"]!r:>{width}} in nova-api"',
    "'''a\nb''' == x",
    "x == 1e-3 or 0x1F or 1_0.5j or .5",
    "lambda q=3: q",
    "a[1:2] is ...",
    "(n := len(x)) > 3",
    "x\n  > 3",
    "größe > 3",
    "x === 3 && y !== 'a' || !z",
    "(typeof x == 's')",
    "x if a > 3 else y in z",
  ];
  for (const condition of python) {
    t.strictSame(said(`a.py:3 if ${condition}`), { where: a3, condition }, condition);
    t.strictSame(said(`a.py:3 in api if ${condition}`), { where: a3, service: "api", condition }, condition);
    t.strictSame(
      said(`a.py:3 if ${condition} max 5 in nova-api`),
      { where: a3, condition, max: 5, service: "nova-api" },
      condition,
    );
    t.strictSame(said(`a.py:3 if ${condition} log 'if' hits >= 3`), {
      where: a3,
      condition,
      log: "if",
      hits: { op: ">=", count: 3 },
    });
  }
  t.strictSame(said("a.py:3 in api if x in nova-api"), { where: a3, service: "api", condition: "x in nova-api" });
});

t.test("`in SERVICE` right behind `if EXPR` is never taken for a comparison in silence", async (t) => {
  for (const [condition, service] of [
    ["x > 3", "nova"],
    ["x > 3", "nova-api"],
    ["x", "nova-api"],
    ["x is None", "nova"],
    ["a and x == 'in'", "nova"],
  ] as const) {
    const text = `a.py:3 max 2 if ${condition} in ${service}`;
    const { message, why, fix } = refusal(text);
    t.match(message, `column ${text.lastIndexOf(" in ") + 2}: \`in ${service}\` is Python's`, text);
    t.match(why, `if (${condition} in ${service})`);
    t.strictSame(said(pasted(fix)), { where: a3, service, max: 2, condition }, "the fix says what was meant");
    t.strictSame(said(`a.py:3 if (${condition} in ${service})`).condition, `(${condition} in ${service})`);
  }
});

t.test("what is wrong, where, what was expected, and a SPEC to paste", async (t) => {
  const wrong: [text: string, column: number, what: string, expected: string][] = [
    ["", 1, "it is empty", "PATH:LINE"],
    ["a.py", 1, "no place", "PATH:LINE"],
    ["a.py:", 6, "no place", "MODULE:FUNCTION"],
    ["a.py:3x", 6, "no place", "PATH:LINE"],
    ["foo if x[1:3 ]", 12, "no place", "PATH:LINE"],
    ["a.py:0", 6, "no line 0", "from 1"],
    ["a.py:3:7 max 2", 7, "no column", "PATH:LINE"],
    ["a.py:/(/", 7, "no regular expression", "backslash"],
    ["a/b.py:create", 1, "`a/b.py` is no module", "package.module:function"],
    ["a.py:3 maks 5", 8, "`maks` is no clause", "hits, log, max"],
    ["a.py:3 max", 11, "the SPEC ends here", "a number of hits"],
    ["a.py:3 max five", 12, "`five` cannot stand here", "a number of hits"],
    ["a.py:3 max 0", 13, "0 is out of range", "above 0"],
    ["a.py:3 max 3 max 4", 14, "`max` stands twice", "once"],
    ["a.py:3 hits 3", 13, "`3` cannot stand here", "`>= N`, `== N` or `% N`"],
    ["a.py:3 hits < 3", 13, "`<` cannot stand here", "`>= N`"],
    ["a.py:3 rate 10", 13, "`10` cannot stand here", "`N/s` or `N/m`"],
    ["a.py:3 log x={x}", 12, "`x={x}` cannot stand here", "quotes"],
    ['a.py:3 log "x={d["k"]}"', 12, "cannot stand here", "of the other kind"],
    ['a.py:3 log "x={x"', 12, "a `{` is not closed", "braces"],
    ['a.py:3 log "x=}{"', 12, "closes no brace", "braces"],
    ['a.py:3 log "x={ }"', 12, "braces are empty", "braces"],
    ["a.py:3 in -x", 11, "`-x` cannot stand here", "the name of a service"],
    ["a.py:3 if", 10, "`if` has no expression", "Python"],
    ["a.py:3 if x = 3", 13, "`=` assigns", "`==`"],
    ["a.py:3 if x >", 14, "ends with `>`", "a value"],
    ["a.py:3 if x and max 3", 21, "`3` stands behind `max`", "an operator"],
    ["a.py:3 if x maks 3", 13, "`maks` stands behind `x`", "hits, log, max"],
    ["a.py:3 if f(x", 12, "`(` is not closed", "`)`"],
    ["a.py:3 if f(x]", 14, "`]` closes no bracket", ""],
    ["a.py:3 if x)", 12, "`)` closes no bracket", ""],
    ["a.py:3 if x == 'a", 16, "this quote is not closed", "'"],
    ["a.py:3 if x # why", 13, "no comment", ""],
    ["a.py:3 if x max", 16, "the SPEC ends here", "a number of hits"],
  ];
  for (const [text, column, what, expected] of wrong) {
    const { message, why = "", fix } = refusal(text);
    t.match(message, `breakpoint, column ${column}: `, text);
    t.match(message, what, text);
    t.match(why, expected, text);
    t.equal((message.split("\n").at(-1)?.length ?? 0) - 4, column, `the caret of ${text}`);
    if (fix !== undefined) t.ok(said(pasted(fix)), `the fix of ${text} is a SPEC`);
  }
  t.equal(pasted(refusal("a/b.py:create max 2").fix), "a.b:create max 2");
  t.equal(pasted(refusal("a.py:3:7 if x == 'y'").fix), "a.py:3 if x == 'y'");
  const long = refusal(`${"a/".repeat(200)}b.py:3 \u001b[31m`);
  const [, quoted = "", caret = ""] = long.message.split("\n");
  t.ok(quoted.length <= 100 && !quoted.includes("\u001b"));
  t.equal(quoted.slice(caret.length), "[31m", "the caret stands under the escape character");
});

t.test("a condition that would be asked about is written in parentheses", async (t) => {
  const spec = { where: a3, condition: "x in nova-api" };
  t.equal(formatSpec(spec), "a.py:3 if (x in nova-api)");
  t.equal(formatSpec({ ...spec, service: "api" }), "a.py:3 in api if x in nova-api");
  t.equal(formatSpec({ ...spec, condition: "x > 3 in y" }), "a.py:3 if (x > 3 in y)");
});

const plain = { noNullPrototype: true } as const;
const segment = fc.stringMatching(/^[A-Za-z0-9_.+ -]{1,12}$/);
const path = fc
  .tuple(
    fc.constantFrom("", "/", "C:\\", "d:/", "file:///"),
    fc.array(segment, { maxLength: 3 }),
    fc.constantFrom(".py", ".pyx"),
  )
  .map(([root, segments, end]) => `${root}${segments.join("/").trim()}x${end}`.trim());
const name = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,8}(\.[A-Za-z_][A-Za-z0-9_]{0,8}){0,2}$/);
const where: fc.Arbitrary<Place> = fc.oneof(
  fc.record({ kind: fc.constant("line" as const), path, line: fc.integer({ min: 1, max: 1e9 }) }, plain),
  fc.record(
    {
      kind: fc.constant("text" as const),
      path,
      pattern: fc
        .array(fc.constantFrom("a", "/", "\\\\", "\\(", "[/]", " ", ":3 ", '"', "é", "\\d+", "if x"), { minLength: 1 })
        .map((parts) => parts.join("")),
    },
    plain,
  ),
  fc
    .record({ kind: fc.constant("function" as const), module: name, name }, plain)
    .filter(({ module }) => !/\.py[wxi]?$/.test(module)),
);
const operand = fc.constantFrom(
  "x",
  "max",
  "log",
  "'in'",
  '"it\'s /"',
  "f(a, b)[1:3]",
  "f'{x[\"y\"]}'",
  "1.5e-3",
  "hits",
  "(x in a-b)",
);
const operator = fc.constantFrom(
  " > ",
  " and ",
  " in ",
  " not in ",
  " if q else ",
  " == ",
  "-",
  " is not ",
  " or not ",
);
const condition = fc
  .tuple(operand, fc.array(fc.tuple(operator, operand), { maxLength: 4 }))
  .map(([first, rest]) => `(${first}${rest.flat().join("")})`)
  .chain((python) => fc.constantFrom(python, `${python} in y`, `x and ${python}`));
const log = fc
  .array(
    fc.oneof(
      fc.string({ unit: "binary" }).map((text) => text.replace(/[{}]/g, "")),
      fc.constantFrom("{x}", "{d['k']}", "{{1: 2}}", "\\", '"', "\n"),
    ),
  )
  .map((parts) => parts.join(""));
const spec = fc.record(
  {
    where,
    condition,
    hits: fc.record(
      {
        op: fc.constantFrom(">=" as const, "==" as const, "%" as const),
        count: fc.integer({ min: 1, max: 1e9 }),
      },
      plain,
    ),
    log,
    max: fc.integer({ min: 1, max: 1e9 }),
    rate: fc.oneof(
      fc.integer({ min: 1, max: 1e6 }),
      fc.integer({ min: 1, max: 1e4 }).map((count) => count / 60),
      fc.integer({ min: 1, max: 1e5 }).map((count) => count / 1000),
    ),
    service: fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,20}$/),
    deep: fc.constant(true),
    required: fc.constant(true),
    disabled: fc.constant(true),
  },
  { requiredKeys: ["where"], noNullPrototype: true },
);

t.test("a breakpoint written as a SPEC reads as the same breakpoint", async (t) => {
  let conditions = 0;
  fc.assert(
    fc.property(spec, (spec) => {
      const text = formatSpec(spec);
      const { text: name, ...read } = parseSpec(text);
      if (spec.condition !== undefined) conditions++;
      assert.equal(name, text.trim());
      assert.deepEqual(read, spec);
      assert.equal(formatSpec(read), text, "and is written the same again");
    }),
    { numRuns: 500 },
  );
  t.ok(conditions > 50);
});

t.test("noise is a breakpoint or DT_SPEC, never anything else", async (t) => {
  const words = fc.constantFrom(
    " ",
    " == ",
    " max 3",
    " in api",
    "if",
    "x",
    "in",
    "max",
    "3",
    "'",
    '"',
    "(",
    "]",
    "{",
    "log",
    "hits",
    ">=",
    "rate",
    "1/s",
    ":",
    "/",
    "\\",
    "\n",
    "#",
    "f'{",
  );
  let accepted = 0;
  fc.assert(
    fc.property(fc.array(words, { maxLength: 12 }), (parts) => {
      const text = `a.py:3 if x${parts.join("")}`;
      try {
        const { text: _, ...read } = parseSpec(text);
        assert.deepEqual(said(formatSpec(read)), read, text);
        accepted++;
      } catch (error) {
        if (error instanceof assert.AssertionError) throw error;
        assert.equal(error instanceof DebugtapError && error.code, "DT_SPEC", text);
      }
    }),
    { numRuns: 1000 },
  );
  t.ok(accepted > 20);
});

t.test("a marked message is found in the output of both wires, an unmarked one is not", (t) => {
  const output = (text: string) =>
    frameOf("header", encodeDap({ seq: 1, type: "event", event: "output", body: { output: text } }));
  const printed = (text: string) => {
    const xml = `<xml><io s="${encodeURIComponent(text)}" ctx="1"/></xml>`;
    return frameOf("line", encodePydevd(116, 2, xml, { side: "debuggee", framing: "line" }));
  };
  for (const frame of [output, printed]) {
    t.strictSame(loggedIn(frame(`${marked(7, "x=1")}\n`)), [{ mark: 7, text: "x=1" }]);
    t.strictSame(loggedIn(frame(`${marked(1, "a")}\nprogram\n${marked(2, "")}\n`)), [
      { mark: 1, text: "a" },
      { mark: 2, text: "" },
    ]);
    t.strictSame(loggedIn(frame(` ${marked(7, "x=1")}`)), [], "not at the beginning of a line");
    t.strictSame(loggedIn(frame("hello")), []);
  }
  t.strictSame(loggedIn(frameOf("line", new TextEncoder().encode("garbage\n"))), []);
  t.end();
});
