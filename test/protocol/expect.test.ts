// Which hit is which expected one, and what does not hold there.
import { fc } from "../helpers/property.ts";
import t from "tap";
import type { Expectation, ExpectedHit } from "../../protocol/expect.ts";
import { isMeant, valueFailures } from "../../protocol/expect.ts";
import { matchHits, type Matched, type SeenHit } from "../../protocol/expect-match.ts";
import type { Hit } from "../../protocol/hit.ts";
import { parseExpectation } from "../../src/expect/file.ts";

/** A hit is a letter for its place and a digit for its value: `a1`. */
function seenOf(text: string, expected: readonly string[], requests = ""): SeenHit[] {
  return text.split(" ").map((hit, i) => {
    const meant = expected.flatMap((one, place) => (one[0] === hit[0] || one[0] === "*" ? [place] : []));
    const held = meant.filter((place) => (expected[place]?.[1] ?? hit[1]) === hit[1]);
    const request = requests[i];
    return { meant, held, ...(request === undefined || request === "-" ? {} : { request }) };
  });
}

/** `a1`, `*` for any; then `times` and the request's name: `a1 >=2`, `b @x`. */
function match(wanted: readonly string[], hits: string, more: Partial<Expectation> = {}, requests = ""): Matched {
  const names = wanted.map((text) => text.split(" ")[0] ?? "");
  const expected = wanted.map((text, place): ExpectedHit => {
    const times = /(>=|<=|x)(\d+)/.exec(text);
    const number = Number(times?.[2] ?? 1);
    const request = /@(\w)/.exec(text)?.[1];
    return {
      function: names[place] ?? "",
      values: (names[place]?.length ?? 0) > 1 ? [{ name: "v", expression: { kind: "list", items: [] }, value: 1 }] : [],
      times: {
        least: times?.[1] === "<=" ? 0 : number,
        most: times?.[1] === ">=" ? Infinity : number,
        ...(times === null ? {} : { text: String(number) }),
      },
      ...(request === undefined ? {} : { request }),
    };
  });
  return matchHits({ order: "strict", extra: "allow", hits: expected, ...more }, seenOf(hits, names, requests));
}

t.test("in order: what holds, what has another value, what is missing, what is one too many", async (t) => {
  t.match(match(["a", "b"], "a1 b1"), { held: [[0], [1]], failed: [[], []], extra: [] });
  t.match(match(["a", "b"], "x1 a1 y1 b1"), { held: [[1], [3]], extra: [0, 2] });
  t.match(match(["b", "a"], "a1 b1"), { held: [[1], []], extra: [0] });
  t.match(match(["a", "b", "c", "a"], "b1 c1 a1"), { held: [[], [0], [1], [2]] }, "the fewest that are missing");
  t.match(match(["a1", "b1"], "a1 b2"), { held: [[0], []], failed: [[], [1]], extra: [] });
  t.match(match(["a1", "a2"], "a2"), { held: [[], [0]], failed: [[], []] }, "the one that holds is taken");
  t.match(match(["a x2"], "a1 a1 a1"), { held: [[0, 1]], tooMany: [[2]], extra: [] });
  t.match(match(["a"], "a1 a1"), { held: [[0]], tooMany: [[]], extra: [1] }, "once, where nothing is said of times");
  t.match(match(["a >=2", "b"], "a1 a1 a1 b1"), { held: [[0, 1, 2], [3]], extra: [] });
  t.match(match(["a >=2", "b"], "a1 b1 a1"), { held: [[0, 2], []], extra: [1] });
  t.match(match(["b x0"], "a1 b1"), { tooMany: [[1]], extra: [0] });
  t.match(match(["a <=1", "b"], "b1"), { held: [[], [0]] });
  t.match(match(["*", "b"], "a1 b1"), { held: [[0], [1]] });
});

t.test("in any order: what says most takes first, and gives up what it can do without", async (t) => {
  const any = { order: "any" } as const;
  t.match(match(["b", "a"], "a1 b1", any), { held: [[1], [0]], extra: [] });
  t.match(match(["a", "a1"], "a1 a2", any), { held: [[1], [0]] });
  t.match(match(["*1", "a"], "a1 b1", any), { held: [[1], [0]] }, "`*1` had a1, which `a` needs");
  t.match(match(["a1", "b"], "b1 a2", any), { held: [[], [0]], failed: [[1], []] });
  t.match(match(["a >=1"], "a1 b1 a2", any), { held: [[0, 2]], extra: [1] });
});

t.test("requests: hits of one name are of one request, those of another of another", async (t) => {
  t.match(match(["a @x", "b @x"], "a1 a1 b1 b1", {}, "pqqp"), { held: [[0], [3]], extra: [1, 2] });
  t.match(match(["a @x", "a @y"], "a1 a1", {}, "pp"), { held: [[0], []] });
  t.match(
    match(["a @x", "b @x", "a @y"], "a1 a1 b1", {}, "pqq"),
    { held: [[1], [2], []] },
    "the first that has all of x",
  );
  t.match(match(["a @x"], "a1", {}, "-"), { held: [[]] });
});

t.test("a sequence that has all that is expected holds, whatever stands between", async (t) => {
  const names = fc.constantFrom("a", "b", "a1", "b2", "*");
  fc.assert(
    fc.property(
      fc.array(names, { maxLength: 8 }),
      fc.array(fc.tuple(fc.nat(8), fc.constantFrom("c1", "a3")), { maxLength: 6 }),
      (wanted, more) => {
        const hits = wanted.map((name) => (name === "*" ? "c1" : name.length > 1 ? name : `${name}3`));
        for (const [place, hit] of more) hits.splice(place, 0, hit);
        if (hits.length === 0) return true;
        for (const order of ["strict", "any"] as const) {
          const { held, failed, extra } = match(wanted, hits.join(" "), { order });
          if (held.some((found) => found.length !== 1) || failed.flat().length > 0) return false;
          if (extra.length !== more.length) return false;
        }
        return true;
      },
    ),
    { numRuns: 500 },
  );
  const many = Array.from({ length: 20_000 }, (_, i) => `${"abc"[i % 3]}${i % 7}`);
  t.equal(match(["a", "b", "c", "d"], many.join(" ")).extra.length, many.length - 3);
  const missing = match(
    Array.from({ length: 3000 }, () => "d"),
    many.join(" "),
  );
  t.equal(missing.held.flat().length, 0);
  const crowd = match(Array.from({ length: 300 }, () => "a1").concat("a"), many.join(" "), { order: "any" });
  t.equal(crowd.held.flat().length, 301);
});

const hit: Hit = {
  number: 1,
  session: "api#1",
  service: "api",
  at: 1,
  thread: { id: 1 },
  reason: "exception",
  snapshot: {
    took: 1,
    frames: [
      {
        name: "Api.create",
        path: "/opt/app/api/volumes.py",
        line: 12,
        scopes: [
          {
            name: "Locals",
            variables: [
              { name: "size", type: "int", value: "3" },
              { name: "name", type: "str", value: "'vol'" },
              { name: "off", type: "bool", value: "False" },
              { name: "none", type: "NoneType", value: "None" },
              {
                name: "tags",
                type: "list",
                value: "['a', 'b']",
                children: [
                  { name: "0", type: "str", value: "'a'" },
                  { name: "1", type: "str", value: "'b'" },
                ],
              },
              { name: "far", type: "dict", value: "{…}", cut: { by: "depth" } },
            ],
          },
        ],
      },
    ],
  },
};

t.test("what an expectation means, and which of its values do not hold, by a file's words", async (t) => {
  const read = (text: string): ExpectedHit => {
    const [one] = parseExpectation(`hits:\n  - ${text.replaceAll("\n", "\n    ")}`, "x.yml").hits;
    if (one === undefined) throw new Error("no hit");
    return one;
  };
  const means = (text: string): boolean => isMeant(read(text), hit, () => "volume = self.create(size)");
  for (const text of [
    "service: api",
    "file: volumes.py",
    "file: ./api/volumes.py",
    "line: 12",
    "line: self.create(",
    "function: create",
    "function: Api.create",
    "reason: exception",
    "{}",
  ])
    t.ok(means(text), text);
  for (const text of [
    "service: ap",
    "file: olumes.py",
    "line: 13",
    "line: self.delete(",
    "function: reate",
    "reason: step",
  ])
    t.notOk(means(text), text);
  const wrong = (text: string): unknown[] =>
    valueFailures(read(text), hit).map(({ name, expected, found }) => [name, expected, found]);
  t.strictSame(
    wrong(
      "values: { size: 3, name: vol, 'off': false, none: null, tags: [a, b], len(tags): 2, 'tags[1]': b }\nwhere: size < 4",
    ),
    [],
  );
  t.strictSame(wrong("values:\n  size: 4\n  name: '3'\n  far['x']: 1\n  none: no\n  len(tags): 3\nwhere: size > 4"), [
    ["size", "4", "3"],
    ["name", "'3'", "'vol'"],
    ["far['x']", "1", "nothing that was captured"],
    ["none", "'no'", "None"],
    ["len(tags)", "3", "2"],
    ["size > 4", "true", "false"],
  ]);
  t.strictSame(wrong("where: len(far) > 1"), [["len(far) > 1", "true", "what cannot be judged by what was captured"]]);
  t.strictSame(read("times: '>= 2'").times, { least: 2, most: Infinity, text: ">= 2" });
  t.strictSame(read("times: 0").times, { least: 0, most: 0, text: "0" });
});

t.test("a file that cannot be understood: every problem with its place", async (t) => {
  const problems = (text: string): string => {
    try {
      parseExpectation(text, "x.yml");
      return "";
    } catch (error) {
      t.match(error, { code: "DT_EXPECT", exit: 2 });
      return String(error);
    }
  };
  const text = problems(
    "order: strictly\nhits:\n  - sevice: api\n  - values: { 'size >': 1, 'size > 2': 1, big: 12345678901234567890 }\n  - times: some\n  - where: f(x)\n",
  );
  t.match(text, /x\.yml:1:8: order is strict or any; did you mean `strict`/);
  t.match(text, /x\.yml:3:5: unknown key `sevice`, did you mean `service`/);
  const later = problems(
    "hits:\n  - values: { 'size >': 1, 'size > 2': 1, big: 12345678901234567890 }\n  - times: some\n  - where: f(x)\n",
  );
  for (const part of [
    /x\.yml:2:15: `size >` cannot be understood: at character 7/,
    /x\.yml:2:28: `size > 2` is no value but a condition/,
    /x\.yml:2:48: this number is not exact here/,
    /x\.yml:3:12: times is 3/,
    /x\.yml:4:12: `f\(x\)` cannot be understood/,
  ])
    t.match(later, part);
  t.match(problems("hits: [a\n"), /x\.yml:\d+:\d+/);
  t.match(problems(""), /`hits` is missing|hits/);
  t.match(problems("[]"), /a file of expected hits has the key `hits`/);
  t.match(problems(`hits:\n${"  - times: 100000\n".repeat(11)}`), /more than 1000000 hits/);
  fc.assert(
    fc.property(fc.string({ maxLength: 60, unit: "binary" }), (text) => {
      for (const each of [text, `hits:\n  - ${text}`, `hits: [{ values: { ${text}: 1 } }]`]) problems(each);
    }),
  );
});
