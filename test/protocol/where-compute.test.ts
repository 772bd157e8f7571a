// What an expression gives, judged by the real Python: arithmetic, indexing, precedence, and how values are printed.
import { execFileSync } from "node:child_process";
import { fc } from "../helpers/property.ts";
import t from "tap";
import type { SnapshotVariable } from "../../protocol/hit.ts";
import { parseWhere } from "../../protocol/where-parse.ts";
import { compute } from "../../protocol/where.ts";

/** As repr and type; null where it raises. */
function byPython(variables: readonly SnapshotVariable[], expressions: readonly string[]): ([string, string] | null)[] {
  const script = `
import json, sys
asked = json.load(sys.stdin)
names = {name: eval(value) for name, value in asked["values"]}
def say(text):
    try:
        value = eval(text, {"__builtins__": {"len": len}}, names)
        return [repr(value), type(value).__name__]
    except Exception:
        return None
print(json.dumps([say(text) for text in asked["expressions"]]))`;
  const input = JSON.stringify({ values: variables.map(({ name, value }) => [name, value]), expressions });
  return JSON.parse(execFileSync("/usr/bin/python3", ["-W", "ignore", "-c", script], { input, encoding: "utf8" }));
}

function told(expression: string, variables: readonly SnapshotVariable[]): [string, string] | null {
  const found = compute(parseWhere(expression), { name: "f", scopes: [{ name: "Locals", variables }] });
  return found === undefined ? null : [found.value, found.type ?? ""];
}

const int = (name: string, value: string | number): SnapshotVariable => ({ name, type: "int", value: String(value) });
const str = (name: string, value: string): SnapshotVariable => ({ name, type: "str", value });
const list = (name: string, value: string, ...children: SnapshotVariable[]): SnapshotVariable => ({
  name,
  type: "list",
  value,
  children,
});

// As debugpy prints them.
const values: readonly SnapshotVariable[] = [
  int("n", 3),
  int("m", -7),
  { name: "r", type: "float", value: "2.5" },
  { name: "z", type: "NoneType", value: "None" },
  { name: "yes", type: "bool", value: "True" },
  { name: "no", type: "bool", value: "False" },
  int("huge", "9007199254740993"),
  int("vast", "-123456789012345678901234567890"),
  str("s", "'abc'"),
  str("e", "''"),
  str("t", "'a\\'b\\n\\x1bß😀'"),
  { name: "by", type: "bytes", value: "b'ab'" },
  list("l", "[1, 'abc', None]", int("0", 1), str("1", "'abc'"), { name: "2", type: "NoneType", value: "None" }),
  list(
    "ll",
    "[[1, 2], [3, 'x'], {'k': [7, 8]}]",
    list("0", "[1, 2]", int("0", 1), int("1", 2)),
    list("1", "[3, 'x']", int("0", 3), str("1", "'x'")),
    {
      name: "2",
      type: "dict",
      value: "{'k': [7, 8]}",
      children: [list("'k'", "[7, 8]", int("0", 7), int("1", 8))],
    },
  ),
  {
    name: "d",
    type: "dict",
    value: "{3: 'three', 'a b': -1, 'a': 5}",
    children: [str("3", "'three'"), int("'a b'", -1), int("'a'", 5)],
  },
];

const written = `
2 + 3 * 4 - 1 · (2 + 3) * 4 · 2 - 3 - 4 · 100 // 7 // 2 · 7 / 2 · 6 / 3 · 7 * 2 % 4 · 2 + 7 % 4 · 1 - -1 · 0x10 + 1_000
-7 // 2 · 7 // -2 · -7 % 3 · 7 % -3 · 7.5 // -2 · -7.5 % 2 · 7.5 % -2 · 1 // 0.1 · 1 % 0.1 · -1 // 1e-9 · 0.0 // -3 · 6.0 % -3 · 5e-324 // 2
0.0 * -1 · -0.0 · -(n - n) · -(r - r) · - - n · -n * 2 · -yes · no + 1 · no or n · no == 0 · True + True · yes * 3 · yes / 2 · n - yes
0.1 + 0.2 · 1e16 · 1e15 + 0.5 · 1e-4 · 1e-5 · 1.5e300 * 10 · 1e22 + 1 · 5e-324 / 1 · 123456789.0 * 1000 · 1e21 + 0 · 9999999999999998.0
huge + 1 · huge - 1 · huge * huge · huge / 3 · huge / 1 · huge % 10 · -vast · vast // 7 · vast % 7 · vast % -7 · vast / huge · huge / vast
vast / 123456789 · vast // huge · vast * vast * vast · 9007199254740993 / 9007199254740991 · 1 / vast · huge * 1.0 · vast + 0.5
s + 'x' + s · s * 3 · 3 * s · s * -1 · s * True · t + '' · t * 2 · t[0] + t[1] + t[-1] + t[-2] · t[-3] · 'it' + "'s" · 'a"' + "'"
'\\x7f\\xa0\\xad' + '' · '\\u2028\\u200b' * 1 · '\\\\ \\t\\r' + '' · '日本' + 'ö'
[1] + [2, n] · (1,) + (2, 'x') · (1,) · () · [] · [n, s, None, True, 2.5, [1, (2,)]] · [1, 2][1] · (1, 2)[-1] · 'abc'[1] · ([1] + [2])[-1]
s[0] · s[n - 1] · s[-1] · s[-n] · l[-1] · l[n - 2] · l[-3] + n · ll[0][1] · ll[-2][-1] · ll[1][0] * ll[0][1] · ll[-1]['k'][-1]
ll[2]['k'][0] - 1 · ll[n - 1]['k'][1 - 1] · d['a'] + 1 · d['a' + ''] · d[s[0]] · d[3] · d[1 + 2][0] · d['a b'] * 2 · d['a b'][0:1]
len(l) + len(s) * 2 · len(ll[-1]['k']) · len(s * 3) · len([1] + [2]) - len(e)
n + 1 > 3 and m % 2 == 1 · n + 1 == 4 == len(l) + 1 · not n - 3 · n and s · e or 'none' · z or n * 2 · 0 and nobody · n and e and nobody
n in [1, 2 + 1] · s[1] in s · n < 2 + 2 < m + 12 · -n < n - 1 · n == 3.0 · (n or 1) + (z or 2) · not e`
  .trim()
  .split(/\n| · /)
  .filter((expression) => !expression.includes(":"));

t.test("arithmetic and indexing give what Python gives, to the letter", async (t) => {
  const atom = fc.oneof(
    fc.constantFrom("n", "m", "r", "yes", "huge", "vast", "len(l)", "ll[1][0]", "0", "1", "-3", "10", "0.5", "1e3"),
    fc.integer().map(String),
    fc.bigInt({ min: -(2n ** 80n), max: 2n ** 80n }).map(String),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((each) => {
      const text = String(each);
      return /[.e]/.test(text) ? text : `${text}.0`;
    }),
  );
  const { sum } = fc.letrec<{ sum: string }>((tie) => ({
    sum: fc.oneof(
      { maxDepth: 4 },
      atom,
      fc.tuple(tie("sum"), fc.constantFrom("+", "-", "*", "/", "//", "%"), tie("sum")).map((parts) => parts.join(" ")),
      tie("sum").map((one) => `(${one})`),
      tie("sum").map((one) => `-(${one})`),
    ),
  }));
  const expressions = [...written, ...fc.sample(sum, { numRuns: 2000, seed: 20_261_129 })];
  const said = byPython(values, expressions);
  let [same, unknown] = [0, 0];
  for (const [i, expression] of expressions.entries()) {
    const [found, python] = [told(expression, values), said[i] ?? null];
    // Python goes on with what is not finite; here that is unknown.
    if (found === null && (python === null || i >= written.length)) unknown++;
    else if (JSON.stringify(found) === JSON.stringify(python)) same++;
    else t.fail(expression, { python, found });
  }
  t.ok(same > 1500, `${same} are the same, ${unknown} are unknown`);
});

t.test("what cannot be told exactly is unknown, and nothing is made of it", async (t) => {
  const cut: readonly SnapshotVariable[] = [
    { name: "long", type: "str", value: "'abcdef", cut: { by: "string", of: 400 } },
    { name: "some", type: "list", value: "[1, 2, …]", children: [int("0", 1)], cut: { by: "items", of: 300 } },
    // As pydevd shows them.
    str("bare", "req-1"),
    { name: "bareBytes", type: "bytes", value: "ab" },
    { name: "broken", value: "<error>", failed: true },
    { name: "context", type: "Context", value: "<Context>", children: [str("project_id", "'demo'")] },
  ];
  const all = [...values, ...cut];
  const nines = "9".repeat(400);
  const unknown = `
1 / 0 · 1 // 0 · 1 % 0.0 · 1e308 * 10 · 1e999 · -1e999 · 1.0 / ${nines} · '' * ${nines} · 'ab' * ${"9".repeat(30)} · vast * vast / 1.0 * 1e300
s - 1 · -'a' · -None · s + 1 · s % 2 · s * 2.0 · -s · -e · l + 1 · [1] + (2,) · [1] * 2 · s[3] · s[-4] · s[1.0] · s['a'] · l[7] · l[-4] · n[0] · d[4] · d['b' + 'c']
by[0] · bareBytes[0] · bareBytes + bareBytes · by + by · by * 2 · [n, nobody] · nobody + 1 · nobody or 3 · nobody and 3 · long[0] · long + 'x' · 'x' + long · long * 2
some[1] · some[-1] · some[n] · broken + 1 · context + 1 · context[0] · context.nothing · (context).nothing`;
  for (const expression of unknown.trim().split(/\n| · /)) t.equal(told(expression, all), null, expression);
  t.strictSame(told("some[0] + 1", all), ["2", "int"], "what was captured of a list that was cut");
  t.strictSame(told("bare + bare[0]", all), ["'req-1r'", "str"]);
  t.strictSame(told("len(some) - 1", all), ["299", "int"]);
  t.strictSame(told("(ll[0])", all), ["[1, 2]", "list"]);
  t.strictSame(told("(context).project_id + '!'", all), ["'demo!'", "str"], "an attribute behind what was computed");
  t.strictSame(told("ll[-1].k[-1]", all), ["8", "int"], "`.x` and `['x']` alike");
  const opened = compute(parseWhere("ll[-1]['k']"), { name: "f", scopes: [{ name: "Locals", variables: all }] });
  t.equal(opened?.variable?.children?.length, 2, "what is an item is that item, to be opened");
});
