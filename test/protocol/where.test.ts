import { execFileSync } from "node:child_process";
import { fc } from "../helpers/property.ts";
import t from "tap";
import { DebugtapError } from "../../protocol/errors.ts";
import type { SnapshotFrame, SnapshotVariable } from "../../protocol/hit.ts";
import { parseWhere } from "../../protocol/where-parse.ts";
import { compute, meets } from "../../protocol/where.ts";

function frameOf(...variables: SnapshotVariable[]): SnapshotFrame {
  return { name: "f", scopes: [{ name: "Locals", variables }] };
}

const text = (name: string, value: string): SnapshotVariable => ({ name, type: "str", value });
const frame = frameOf(
  { name: "count", type: "int", value: "3" },
  { name: "ratio", type: "float", value: "0.5" },
  { name: "big", type: "int", value: "9007199254740993" },
  { name: "none", type: "NoneType", value: "None" },
  { name: "on", type: "bool", value: "True" },
  text("quoted", "'it\\'s'"),
  text("bare", "req-12"),
  text("digits", "10"),
  { name: "long", type: "str", value: "'abcdef", cut: { by: "string", of: 400 } },
  { name: "broken", value: "<error>", failed: true },
  {
    name: "volume",
    type: "dict",
    value: "{'size': 10, 'tags': […]}",
    children: [
      { name: "'size'", type: "int", value: "10" },
      { name: "'tags'", type: "list", value: "['a', 'b', …]", cut: { by: "depth", of: 7 } },
      { name: "'none'", type: "list", value: "[]" },
    ],
  },
  {
    name: "items",
    type: "list",
    value: "[1, 'x']",
    children: [
      { name: "0", type: "int", value: "1" },
      { name: "1", type: "str", value: "'x'" },
    ],
  },
  {
    name: "some",
    type: "list",
    value: "[1, 2, …]",
    children: [{ name: "[0]", type: "int", value: "1" }],
    cut: { by: "items", of: 300 },
  },
  {
    name: "context",
    type: "Context",
    value: "<Context object at 0x1>",
    children: [text("project_id", "'demo'")],
  },
  { name: "state", type: "State", value: "ERROR" },
);

const judged: readonly [condition: string, met: boolean | undefined][] = [
  ["count == 3", true],
  ["count != 3", false],
  ["count > 2.5 and count <= 3", true],
  ["1 < count < 3", false],
  ["count == -3 or ratio >= 0.5", true],
  ["big == 9007199254740993", true],
  ["big == 9007199254740992", false],
  ["big > 9_007_199_254_740_992", true],
  ["count == 0x3 and count < 1e2", true],
  ["none is None and not none", true],
  ["count is not None", true],
  ["on == True and on and on == 1", true],
  ['quoted == "it\'s"', true],
  ["quoted == 'it\\'s'", true],
  ["bare == 'req-12' and 'q-1' in bare", true],
  ["bare > 'req-11'", true],
  ["digits == 10", false],
  ["digits > 5", undefined],
  ["digits == '10'", true],
  ["len(digits) == 2", true],
  ["long == 'abcdefg'", undefined],
  ["long == 'abcdef'", undefined],
  ["long == 'abc'", false],
  ["long == 'xbcdefg'", false],
  ["'cde' in long", true],
  ["'xyz' in long", undefined],
  ["len(long) > 3", undefined],
  ["long > 'abb'", true],
  ["long > 'abcdefa'", undefined],
  ["long", true],
  ["broken == 1", undefined],
  ["nobody == 1", undefined],
  ["not nobody", undefined],
  ["nobody or count == 3", true],
  ["nobody and count == 4", false],
  ["nobody == 1 and count == 3", undefined],
  ["volume['size'] == 10 and volume.size == 10", true],
  ["volume['nothing'] == 1", undefined],
  ["'size' in volume", true],
  ["'colour' in volume", false],
  ["'colour' not in volume", true],
  ["len(volume) == 3", true],
  ["len(volume['tags']) == 7", true],
  ["'a' in volume['tags']", undefined],
  ["volume['none']", false],
  ["len(volume.none) == 0", true],
  ["items[1] == 'x' and items[0] == 1", true],
  ["items == [1, 'x']", true],
  ["items == (1, 'y')", false],
  ["1 in items and 'x' in items and 2 not in items", true],
  ["len(items) == 2 and items", true],
  ["1 in some", true],
  ["2 in some", undefined],
  ["len(some) == 300", true],
  ["some == [1]", undefined],
  ["context.project_id == 'demo'", true],
  ["context.project_id in ('x', 'demo')", true],
  ["context.project_id in []", false],
  ["context is None", false],
  ["context", undefined],
  ["len(context)", undefined],
  ["state == 'ERROR' and state != 'OK'", true],
  ["state > 1", undefined],
  ["!(count == 3) || count == 3 && true", true],
  ["not count == 4", true],
  ["(count == 3) == True", true],
  ["  len ( items )>1", true],
];

t.test("a condition is judged by what was captured, and unknown where that does not decide it", async (t) => {
  for (const [condition, met] of judged) t.equal(meets(parseWhere(condition), frame), met, condition);
  t.equal(meets(parseWhere("count == 3"), undefined), undefined, "no frame at all");
  t.equal(meets(parseWhere("1 == 1"), undefined), true);
  const shadowed: SnapshotFrame = {
    name: "f",
    scopes: [
      { name: "Locals", variables: [{ name: "x", value: "1" }] },
      { name: "Globals", variables: [{ name: "x", value: "2", children: [{ name: "y", value: "5" }] }] },
    ],
  };
  t.equal(meets(parseWhere("x == 1 and x.y == 5"), shadowed), true, "the first scope that has the whole path");
});

t.test("collections of other debuggees", async (t) => {
  const other = frameOf(
    { name: "map", type: "map[string]int", value: 'map[string]int ["a": 1]', children: [{ name: '"a"', value: "1" }] },
    { name: "slice", type: "[]int", value: "[]int len: 1, cap: 4, [7]", children: [{ name: "[0]", value: "7" }] },
    { name: "object", type: "Object", value: "{a: 1}", children: [{ name: "a", type: "number", value: "1" }] },
    { name: "set", type: "set", value: "{'p'}", children: [{ name: "0", type: "str", value: "'p'" }] },
  );
  for (const condition of [
    "'a' in map and map['a'] == 1 and 'b' not in map",
    "7 in slice and len(slice) == 1 and slice[0] == 7",
    "'a' in object and 'b' not in object and object.a == 1",
    "'p' in set and '0' not in set",
  ])
    t.equal(meets(parseWhere(condition), other), true, condition);
});

t.test("what cannot be understood says where", async (t) => {
  const wrong: readonly [condition: string, why: RegExp][] = [
    ["", /character 1: a value is missing/],
    ["count ==", /character 9: a value is missing/],
    ["count = 3", /character 7: nothing begins like this/],
    ["(count == 3", /character 12: \) is missing/],
    ["count == 3)", /character 11: \) does not belong here/],
    ["count.upper()", /character 12: nothing is called here/],
    ["items[]", /character 7: \] is no value/],
    ["items[1", /character 8: \] is missing/],
    ["items[0+0].", /a name is missing behind the dot/],
    ["1".repeat(10_001), /longer than 10000 characters/],
    [`1${"+1".repeat(2000)}`, /nested too deep/],
    [`x${"[-1]".repeat(2000)}`, /nested too deep/],
    ["items.", /character 7: a name is missing/],
    ["count and or", /character 11: or is no value/],
    ["count not 3", /character 11: in is missing/],
    ["'open", /character 1: nothing begins like this/],
    ["count @ 3", /character 7: nothing/],
    ["1 2", /character 3: 2 does not belong here/],
    ["(".repeat(2000), /nested too deep/],
    ["not ".repeat(2000), /nested too deep/],
  ];
  for (const [condition, why] of wrong)
    t.throws(() => parseWhere(condition), { code: "DT_USAGE", why, fix: /^--where "/ }, condition.slice(0, 20));
});

t.test("any text is a condition or DT_USAGE, and any condition is judged", async (t) => {
  const words = [
    "count",
    "len(",
    "volume",
    "['size']",
    "==",
    "<",
    "in",
    "not",
    "and",
    "or",
    "(",
    ")",
    ",",
    "[",
    "]",
    "3",
    "'x'",
    ".",
    "-",
    "*",
    "//",
    "%",
    "items",
    "[0]",
  ];
  const noise = fc.oneof(
    fc.string(),
    fc.array(fc.constantFrom(...words), { maxLength: 12 }).map((parts) => parts.join(" ")),
  );
  let understood = 0;
  fc.assert(
    fc.property(noise, (condition) => {
      try {
        const parsed = parseWhere(condition);
        const met = meets(parsed, frame);
        const { value, type = "" } = compute(parsed, frame) ?? { value: "" };
        understood++;
        return typeof value === "string" && typeof type === "string" && (met === undefined || typeof met === "boolean");
      } catch (error) {
        return error instanceof DebugtapError && error.code === "DT_USAGE";
      }
    }),
    { numRuns: 3000 },
  );
  t.ok(understood > 20, `${understood} were understood`);
});

// Python itself as the oracle: the same values, as debugpy prints them.
const values: readonly SnapshotVariable[] = [
  { name: "n", type: "int", value: "3" },
  { name: "m", type: "int", value: "-7" },
  { name: "r", type: "float", value: "2.5" },
  { name: "z", type: "NoneType", value: "None" },
  { name: "yes", type: "bool", value: "True" },
  { name: "s", type: "str", value: "'abc'" },
  { name: "u", type: "str", value: "'größe \\\\ 10'" },
  { name: "e", type: "str", value: "''" },
  {
    name: "l",
    type: "list",
    value: "[1, 'abc', None]",
    children: [
      { name: "0", type: "int", value: "1" },
      { name: "1", type: "str", value: "'abc'" },
      { name: "2", type: "NoneType", value: "None" },
    ],
  },
  {
    name: "d",
    type: "dict",
    value: "{'a': 3, 'b': 'x'}",
    children: [
      { name: "'a'", type: "int", value: "3" },
      { name: "'b'", type: "str", value: "'x'" },
    ],
  },
];

t.test("Python says the same, wherever it does not raise", async (t) => {
  const names = "n m r z yes s u e l d l[0] l[1] d['a'] d['b'] len(l) len(s) len(d) len(u)".split(" ");
  const literals = [
    "0",
    "3",
    "-7",
    "2.5",
    "'abc'",
    "'a'",
    "''",
    "None",
    "True",
    "False",
    "[1, 'abc', None]",
    "(3, 'x')",
  ];
  const atom = fc.constantFrom(...names, ...literals, "[]");
  const op = fc.constantFrom("==", "!=", "<", "<=", ">", ">=", "in", "not in");
  const compare = fc
    .tuple(atom, fc.array(fc.tuple(op, atom), { maxLength: 2 }))
    .map(([first, rest]) => [first, ...rest.map(([sign, right]) => `${sign} ${right}`)].join(" "));
  const { condition } = fc.letrec<{ condition: string }>((tie) => ({
    condition: fc.oneof(
      { maxDepth: 3, withCrossShrink: true },
      compare,
      tie("condition").map((one) => `not ${one}`),
      tie("condition").map((one) => `(${one})`),
      fc.tuple(tie("condition"), fc.constantFrom("and", "or"), tie("condition")).map((parts) => parts.join(" ")),
    ),
  }));
  const conditions = fc.sample(condition, { numRuns: 3000, seed: 20_261_127 });
  const script = `
import json, sys
names = {v["name"]: eval(v["value"]) for v in json.loads(sys.argv[1])}
def judge(text):
    try:
        return bool(eval(text, {"__builtins__": {"len": len}}, names))
    except Exception:
        return None
print(json.dumps([judge(text) for text in json.load(sys.stdin)]))`;
  const input = JSON.stringify(conditions);
  const output = execFileSync("python3", ["-W", "ignore", "-c", script, JSON.stringify(values)], {
    input,
    encoding: "utf8",
  });
  const said = JSON.parse(output) as (boolean | null)[];
  let [same, unknown] = [0, 0];
  for (const [i, text] of conditions.entries()) {
    const met = meets(parseWhere(text), frameOf(...values));
    if (said[i] === null) continue;
    if (met === undefined) unknown++;
    else if (met === said[i]) same++;
    else t.fail(text, { python: said[i], met });
  }
  t.ok(same > 1000, `${same} are the same`);
  t.ok(unknown < same / 20, `${unknown} cannot be said`);
});
