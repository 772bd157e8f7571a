// What two runs are compared by: words that differ by nature, values, lines, files, and which hit is which.
import { fc } from "../helpers/property.ts";
import t from "tap";
import { align, alignKeys } from "../../protocol/compare-align.ts";
import { pairGroups } from "../../protocol/compare-groups.ts";
import { compareHits, placeKey, type HitComparison, type HitDifference } from "../../protocol/compare-hits.ts";
import { lineMap } from "../../protocol/compare-lines.ts";
import { pathMap } from "../../protocol/compare-paths.ts";
import { Renaming } from "../../protocol/compare-renaming.ts";
import { isOneWord, wordsOf } from "../../protocol/compare-words.ts";
import type { Hit, SnapshotFrame, SnapshotVariable } from "../../protocol/hit.ts";

const at = Date.parse("2026-11-29T10:00:00Z");

function comparison(volatile: ReadonlySet<string> = new Set()): HitComparison {
  return { renaming: new Renaming(), fileOf: (path) => path, lineOf: ({ line }) => line, volatile };
}

function hitOf(variables: readonly SnapshotVariable[], more: Partial<Hit> = {}, frames?: SnapshotFrame[]): Hit {
  const top = { name: "create", path: "/opt/api.py", line: 3, scopes: [{ name: "Locals", variables }] };
  return {
    number: 1,
    session: "api#1",
    service: "api",
    at,
    thread: { id: 1 },
    reason: "breakpoint",
    snapshot: { frames: frames ?? [top, { name: "main", path: "/opt/api.py", line: 9 }], took: 1 },
    ...more,
  };
}

function diffOf(
  a: readonly SnapshotVariable[],
  b: readonly SnapshotVariable[],
  more: Partial<Hit> = {},
): HitDifference {
  return compareHits(hitOf(a, more), hitOf(b, more), comparison());
}

const value = (name: string, text: string, more: Partial<SnapshotVariable> = {}): SnapshotVariable => ({
  name,
  type: "object",
  value: text,
  ...more,
});

/** Paths and texts of what differs. */
function told({ values }: HitDifference): unknown[] {
  return values.map(({ path, a, b }) => [path, a, b]);
}

t.test("words that differ by nature, and those that only look so", async (t) => {
  const context = { at, pid: "4711", request: "req-77" };
  const kinds = (text: string, name?: string): string[] =>
    wordsOf(text, context, name).words.map(({ kind, text }) => `${kind} ${text}`);
  t.strictSame(kinds("<Volume object at 0x7feca1e89650>"), ["address 0x7feca1e89650"]);
  t.strictSame(kinds("<built-in method x at 0x9732a0>"), ["address 0x9732a0"]);
  t.strictSame(kinds("[<app.Thi...a1f0c3d20>, <b...1>]"), ["address a1f0c3d20", "address 1"]);
  t.strictSame(kinds("UUID('d3a6d7cb-60ed-499d-a8d9-042e1c028d6f')"), ["id d3a6d7cb-60ed-499d-a8d9-042e1c028d6f"]);
  t.strictSame(kinds("'d3a6d7cb60ed499da8d9042e1c028d6f'"), ["id d3a6d7cb60ed499da8d9042e1c028d6f"]);
  t.strictSame(kinds("token «redacted:1f9c22ab» of req-77"), ["secret «redacted:1f9c22ab»", "id req-77"]);
  t.strictSame(kinds("req-778 and xreq-77"), [], "another id has it in it");
  t.strictSame(kinds("<Thread(Thread-12, started daemon 140654324179008)>"), [
    "number Thread-12",
    "number 140654324179008",
  ]);
  t.strictSame(kinds("140654324179008"), ["address 140654324179008"]);
  t.strictSame(kinds("28606", "native_id"), ["number 28606"]);
  t.strictSame([kinds("pid 4711"), kinds("4711")], [["number 4711"], ["number 4711"]]);
  t.strictSame(kinds("('10.0.0.1', 54321) 10.0.0.1:54322 localhost:40000"), ["port 54321", "port 54322", "port 40000"]);
  t.strictSame(kinds("54321", "peer_port"), ["port 54321"]);
  for (const time of ["2026-11-29 10:00:01.5", "2026-11-29T12:00:01+02:00", "datetime.datetime(2026, 11, 29, 9, 41"])
    t.match(kinds(time), [/^time /], time);
  for (const time of ["1795946400", "1795946400.25", "1795946400123", "1795946400123456789"])
    t.strictSame(kinds(time), [`time ${time}`]);
  t.strictSame(kinds("Sun, 29 Nov 2026 09:41:47 GMT"), ["time Sun, 29 Nov 2026 09:41:47 GMT"]);
  for (const text of [
    "40000",
    "10.0.0.1:8776",
    "1234567890",
    "1595946400",
    "2030-01-01T00:00:00Z",
    "0xdeadbeef",
    "47110",
    "3.14159265358979",
    "2026-11-29",
    "100000000000000",
    "['a', 1, 22, 333]",
  ])
    t.strictSame(kinds(text), [], text);
  t.ok(isOneWord(wordsOf("datetime.datetime(2026, 11, 29, 9, 41, tzinfo=datetime.timezone.utc)", context)));
  t.notOk(isOneWord(wordsOf("<Request req-77>", context)));
});

// A model of a run: texts with words by their numbers, which each run writes in its own way.

type Piece = string | { readonly kind: "address" | "id" | "secret" | "time" | "port"; readonly number: number };
interface Node {
  readonly name: string;
  readonly text: readonly Piece[];
  readonly inside: readonly Node[];
}

const kinds = ["address", "id", "secret", "time", "port"] as const;
const piece: fc.Arbitrary<Piece> = fc.oneof(
  fc.constantFrom("x ", "a=", "<", "b, ", "7 ", "name ", "(", "10 "),
  fc.record({ kind: fc.constantFrom(...kinds), number: fc.integer({ min: 0, max: 5 }) }),
);
const { tree } = fc.letrec<{ tree: Node }>((tie) => ({
  tree: fc.record({
    name: fc.constantFrom("a", "b", "'key'", "0", "1", "c"),
    text: fc.array(piece, { maxLength: 4 }),
    inside: fc.oneof({ depthSize: "small" }, fc.constant([]), fc.array(tie("tree"), { maxLength: 3 })),
  }),
}));
const run = fc.array(fc.array(tree, { maxLength: 4 }), { minLength: 1, maxLength: 4 });

function written(pieces: readonly Piece[], salt: number, hit: number): string {
  const hex = (number: number, length: number): string =>
    ((number + 1) * 0x9e37 + salt * 0x10_0001).toString(16).padStart(length, "1").slice(-length);
  return pieces
    .map((piece) => {
      if (typeof piece === "string") return piece;
      const { kind, number } = piece;
      switch (kind) {
        case "address":
          // An address serves another thing at the next hit.
          return ` at 0x7f${hex(number + hit * 7 * salt, 10)} `;
        case "id":
          return ` ${hex(number, 8)}-1111-4222-8333-444455556666 `;
        case "secret":
          return `«redacted:${hex(number, 8)}»`;
        case "port":
          return ` 10.0.0.1:${33_000 + number + salt * 100} `;
        case "time":
          return ` ${new Date(at + number * 1000 + salt * 7001).toISOString()} `;
      }
    })
    .join("");
}

function variablesOf(nodes: readonly Node[], salt: number, hit: number): SnapshotVariable[] {
  return nodes.map(({ name, text, inside }) => ({
    name,
    type: "object",
    value: written(text, salt, hit),
    ...(inside.length === 0 ? {} : { children: variablesOf(inside, salt, hit) }),
  }));
}

function compareRuns(a: readonly SnapshotVariable[][], b: readonly SnapshotVariable[][]): HitDifference[] {
  const to = comparison();
  return a.map((variables, i) => compareHits(hitOf(variables), hitOf(b[i] ?? []), to));
}

t.test("a run is equal to itself, and to one whose things have other names", async (t) => {
  fc.assert(
    fc.property(run, (hits) => {
      const [one, same, other] = [1, 1, 2].map((salt) => hits.map((nodes, hit) => variablesOf(nodes, salt, hit)));
      for (const to of [same, other]) {
        const found = compareRuns(one ?? [], to ?? []).flatMap(told);
        if (found.length > 0) throw new Error(JSON.stringify(found));
      }
    }),
    { numRuns: 300 },
  );
  t.pass();
});

/** Paths to all nodes without an inside. */
function leavesOf(nodes: readonly Node[], before: readonly number[] = []): number[][] {
  return nodes.flatMap(({ inside }, i) => (inside.length === 0 ? [[...before, i]] : leavesOf(inside, [...before, i])));
}

function changedAt(
  variables: readonly SnapshotVariable[],
  [first = 0, ...rest]: readonly number[],
): SnapshotVariable[] {
  return variables.map((variable, i) => {
    if (i !== first) return variable;
    if (rest.length === 0) return { ...variable, value: "something else" };
    return { ...variable, children: changedAt(variable.children ?? [], rest) };
  });
}

t.test("one changed value is found among all renamed ones, and only it", async (t) => {
  fc.assert(
    fc.property(run, fc.nat(), (hits, seed) => {
      const leaves = hits.flatMap((nodes, hit) => leavesOf(nodes).map((path) => ({ hit, path })));
      const chosen = leaves[seed % Math.max(1, leaves.length)];
      fc.pre(chosen !== undefined);
      const one = hits.map((nodes, hit) => variablesOf(nodes, 1, hit));
      const other = hits.map((nodes, hit) => variablesOf(nodes, 2, hit));
      other[chosen.hit] = changedAt(other[chosen.hit] ?? [], chosen.path);
      const found = compareRuns(one, other).map(told);
      const wrong = found.filter((each, hit) => each.length !== (hit === chosen.hit ? 1 : 0));
      if (wrong.length > 0) throw new Error(JSON.stringify(found));
      const [difference] = found[chosen.hit] as unknown[][];
      if (difference?.[2] !== "something else") throw new Error(JSON.stringify(found));
    }),
    { numRuns: 300 },
  );
  t.pass();
});

t.test("renaming is one to one: what was one thing and is two, or two and is one, differs", async (t) => {
  const id = (n: number): string => `'${n}aaaaaaa-1111-4222-8333-444455556666'`;
  const texts = (...numbers: number[]): SnapshotVariable[] => numbers.map((n, i) => value(`v${i}`, id(n)));
  t.strictSame(told(diffOf(texts(1, 2, 1), texts(5, 6, 5))), []);
  t.strictSame(told(diffOf(texts(1, 2, 1), texts(5, 6, 6))), [["v2", id(1), id(6)]]);
  t.strictSame(told(diffOf(texts(1, 2), texts(5, 5))), [["v1", id(2), id(5)]]);
  t.strictSame(told(diffOf(texts(1, 2), texts(2, 2))), [["v1", id(2), id(2)]], "also where the texts are equal");
  t.equal(diffOf(texts(1, 1), texts(2, 3)).values[0]?.renamed, true);
  const to = comparison();
  const one = (n: number): Hit => hitOf(texts(n));
  t.strictSame(told(compareHits(one(1), one(5), to)), []);
  t.strictSame(
    told(compareHits(one(1), one(6), to)),
    [["v0", id(1), id(6)]],
    "an id stays what it was at an earlier hit",
  );
  const addresses = (...numbers: number[]): SnapshotVariable[] =>
    numbers.map((n, i) => value(`v${i}`, `<X at 0x7f00000000${n}0>`));
  t.strictSame(told(compareHits(hitOf(addresses(1)), hitOf(addresses(5)), to)), []);
  t.strictSame(told(compareHits(hitOf(addresses(1)), hitOf(addresses(6)), to)), [], "an address serves again");
  t.equal(told(compareHits(hitOf(addresses(1, 1)), hitOf(addresses(6, 7)), to)).length, 1, "but not at one hit");
  const secret = (digits: string): SnapshotVariable[] => [value("token", `«redacted:${digits}»`)];
  t.strictSame(told(diffOf(secret("11111111"), secret("22222222"))), []);
  t.equal(told(diffOf(secret("11111111"), [value("token", "None")])).length, 1);
  const request = (id: string): Hit => hitOf([value("id", `'${id}'`)], { correlated: { "c.request_id": id } });
  t.strictSame(
    told(compareHits(request("job/7"), request("job/9"), comparison())),
    [],
    "whatever a request's id looks like",
  );
});

t.test("the deepest place, sets, types, lengths, what is an id as a whole", async (t) => {
  const volume = (size: string): SnapshotVariable =>
    value("volume", `{'size': ${size}}`, { type: "dict", children: [value("'size'", size, { type: "int" })] });
  t.strictSame(told(diffOf([volume("10")], [volume("11")])), [["volume['size']", "10", "11"]]);
  const tags = (...texts: string[]): SnapshotVariable =>
    value("tags", `{${texts.join(", ")}}`, {
      type: "set",
      children: texts.map((text, i) => value(`99${i}3208${text.length}`, text)),
    });
  t.strictSame(told(diffOf([tags("'a'", "'b'")], [tags("'b'", "'a'")])), [], "a set has no order");
  t.strictSame(told(diffOf([tags("'a'", "'b'")], [tags("'b'", "'c'")])), [["tags", "{'a', 'b'}", "{'b', 'c'}"]]);
  const deep = (text: string): SnapshotVariable => value("s", text, { type: "set", cut: { by: "depth" } });
  t.strictSame(told(diffOf([deep("{1, 'b'}")], [deep("{'b', 1}")])), []);
  t.strictSame(told(diffOf([deep("{1, 'b'}")], [deep("{'b', 2}")])), [["s", "{1, 'b'}", "{'b', 2}"]]);
  const some = diffOf([deep("{1, 'b', ...}")], [deep("{'c', 1, ...}")]);
  t.strictSame([told(some), some.cut], [[], 1], "which items both have cannot be said");
  const typed = diffOf([value("x", "1", { type: "int" })], [value("x", "1", { type: "str" })]);
  t.strictSame(typed.values[0]?.types, ["int", "str"]);
  const uuid = (hex: string, node: string): SnapshotVariable =>
    value("id", `UUID('${hex}aaaaaaa-1111-4222-8333-444455556666')`, { children: [value("node", node)] });
  t.strictSame(told(diffOf([uuid("1", "17")], [uuid("2", "99")])), [], "its parts differ with it");
  t.strictSame(told(diffOf([value("x", "1")], [value("y", "1")])), [
    ["x", "1", undefined],
    ["y", undefined, "1"],
  ]);
  t.strictSame(told(diffOf([value("x", "1"), value("x", "2")], [value("x", "1"), value("x", "3")])), [["x", "2", "3"]]);
  const failed = diffOf([value("x", "boom", { failed: true })], [value("x", "boom")]);
  t.equal(failed.values.length, 1);
});

t.test("what was cut in one is compared as far as both go, and counted", async (t) => {
  const list = (shown: number, of: number, value0 = "0"): SnapshotVariable => ({
    name: "items",
    type: "list",
    value: "[…]",
    children: Array.from({ length: shown }, (_, i) => value(String(i), i === 0 ? value0 : String(i))),
    ...(shown < of ? { cut: { by: "items" as const, of } } : {}),
  });
  const some = diffOf([list(3, 10)], [list(5, 10)]);
  t.strictSame([told(some), some.cut], [[], 2]);
  t.strictSame(told(diffOf([list(3, 10)], [list(10, 10, "x")])), [["items[0]", "0", "x"]]);
  t.strictSame(told(diffOf([list(3, 10)], [list(3, 11)])), [["len(items)", "10", "11"]]);
  const text = (length: number, end = ""): SnapshotVariable => ({
    name: "text",
    type: "str",
    value: `'${"word ".repeat(40)}`.slice(0, length) + end,
    ...(length < 200 ? { cut: { by: "string" as const, of: 200 } } : {}),
  });
  const half = diffOf([text(50)], [text(200, "'")]);
  t.strictSame([told(half), half.cut], [[], 1]);
  t.equal(told(diffOf([text(50)], [value("text", "'word ward", { type: "str" })])).length, 1);
  const shorter = diffOf([text(50)], [{ ...text(200), value: "'word'" }]);
  t.equal(told(shorter).length, 1, "a whole one that is shorter is another");
  const deep = diffOf(
    [value("x", "{…}", { cut: { by: "depth" } })],
    [value("x", "{…}", { children: [value("a", "1")] })],
  );
  t.strictSame([told(deep), deep.cut], [[], 1]);
  const [top, caller] = hitOf([]).snapshot.frames as [SnapshotFrame, SnapshotFrame];
  const { scopes: _, ...bare } = top;
  const unasked = compareHits(hitOf([], {}, [bare, caller]), hitOf([value("x", "1")]), comparison());
  t.strictSame([told(unasked), unasked.cut], [[], 1]);
});

t.test("stacks: callers' lines and frames; what the limit cut off is none; watched values come first", async (t) => {
  const frame = (name: string, line: number, variables: SnapshotVariable[] = []): SnapshotFrame => ({
    name,
    path: "/opt/api.py",
    line,
    scopes: [{ name: "Locals", variables }],
  });
  const stack = (...frames: SnapshotFrame[]): Hit => hitOf([], {}, frames);
  const diff = (a: Hit, b: Hit): HitDifference => compareHits(a, b, comparison());
  t.strictSame(diff(stack(frame("f", 1), frame("g", 2)), stack(frame("f", 8), frame("g", 3))).stack, [
    { a: "g (api.py:2)", b: "g (api.py:3)" },
  ]);
  t.strictSame(diff(stack(frame("f", 1), frame("h", 2)), stack(frame("f", 1), frame("g", 5), frame("h", 2))).stack, [
    { b: "g (api.py:5)" },
  ]);
  const cut = stack(frame("f", 1));
  const shallow: Hit = { ...cut, snapshot: { ...cut.snapshot, cut: { by: "frames", of: 2 } } };
  t.strictSame(diff(shallow, stack(frame("f", 1), frame("g", 5))).stack, []);
  const of = (n: string): Hit => ({
    ...stack(
      frame("f", 1, [value("deep", "x", { children: [value("z", n)] }), value("other", n), value("seen", n)]),
      frame("g", 2, [value("below", n)]),
    ),
    breakpoint: "api.py:1 if seen > 3",
    text: `boom ${n}`,
  });
  t.strictSame(
    diff(of("1"), of("2")).values.map(({ path }) => path),
    ["seen", "text", "other", "deep.z", "below"],
  );
  const noise = new Set([placeKey("api", "/opt/api.py", "f", "deep"), placeKey("api", "/opt/api.py", "g", "below")]);
  const quiet = compareHits(of("1"), of("2"), comparison(noise));
  t.strictSame([quiet.values.map(({ path }) => path), quiet.hidden.length], [["seen", "text", "other"], 2]);
});

t.test("lines: moved ones by the texts, changed ones by their place, then by their function", async (t) => {
  const before = ["import a", "def f():", "    x = 1", "    y = 2", "    return x", "", "def g():", "    return 3"];
  const after = [
    "import a",
    "import b",
    "",
    "def f():",
    "    x = 10",
    "    y = 2",
    "    return x",
    "def g():",
    "    z = 0",
    "    w = 0",
    "    return 4",
  ];
  const map = lineMap(before.join("\n"), after.join("\n"));
  t.strictSame(
    [1, 2, 3, 4, 5, 7].map((line) => map(line, line < 6 ? "f" : "g")),
    [1, 4, 5, 6, 7, 8],
  );
  t.equal(map(8, "g"), 9, "a line for three: as far behind its function");
  t.equal(map(8, "nobody"), 8);
  t.equal(map(99, "f"), 101, "no line of the text");
  fc.assert(
    fc.property(
      fc.array(fc.nat({ max: 30 }), { minLength: 1, maxLength: 40 }),
      fc.nat(),
      fc.nat({ max: 5 }),
      (texts, seed, count) => {
        const lines = texts.map((text, i) => `${i} ${text}`);
        const place = seed % lines.length;
        const added = lines.toSpliced(place, 0, ...Array.from({ length: count }, (_, i) => `new ${i}`));
        const map = lineMap(lines.join("\n"), added.join("\n"));
        return lines.every((_, i) => map(i + 1, "f") === i + 1 + (i >= place ? count : 0));
      },
    ),
  );
});

t.test("files: below another root, and those that both have", async (t) => {
  const ours = [
    "/opt/v1/app/api/volumes.py",
    "/opt/v1/app/api/__init__.py",
    "/opt/v1/app/db/__init__.py",
    "/usr/lib/x.py",
  ];
  const theirs = [
    "/home/me/app/api/volumes.py",
    "/home/me/app/db/__init__.py",
    "/home/me/app/api/__init__.py",
    "/usr/lib/x.py",
  ];
  const map = pathMap(ours, theirs);
  t.strictSame([...ours, "/opt/v1/app/new.py", "/else/where.py"].map(map), [
    theirs[0],
    theirs[2],
    theirs[1],
    theirs[3],
    "/home/me/app/new.py",
    "/else/where.py",
  ]);
  t.equal(pathMap([], [])("/a"), "/a");
  t.equal(
    pathMap([String.raw`C:\v1\app\a.py`], ["/opt/app/a.py"])(String.raw`C:\v1\app\b.py`),
    String.raw`/opt/app\b.py`,
  );
});

/** The length of the longest common subsequence, by the book. */
function longest(a: readonly string[], b: readonly string[]): number {
  let row = Array.from({ length: b.length + 1 }, () => 0);
  for (const one of a) {
    const next = [0];
    for (const [j, other] of b.entries())
      next.push(one === other ? (row[j] ?? 0) + 1 : Math.max(row[j + 1] ?? 0, next[j] ?? 0));
    row = next;
  }
  return row.at(-1) ?? 0;
}

function check(a: readonly string[], b: readonly string[]): number {
  const aligned = alignKeys(a, b);
  const [ours, theirs] = [aligned.flatMap(([i]) => i ?? []), aligned.flatMap(([, j]) => j ?? [])];
  if (ours.some((i, place) => i !== place) || ours.length !== a.length)
    throw new Error("of the first some are missing");
  if (theirs.some((j, place) => j !== place) || theirs.length !== b.length)
    throw new Error("of the second some are missing");
  const pairs = aligned.filter(([i, j]) => i !== undefined && j !== undefined);
  if (pairs.some(([i, j]) => a[i ?? 0] !== b[j ?? 0])) throw new Error("a pair is of two keys");
  return pairs.length;
}

t.test("alignment: as many pairs as there can be, in order; also of what has nothing in common", async (t) => {
  const keys = fc.array(fc.constantFrom("a", "b", "c", "d"), { maxLength: 30 });
  fc.assert(fc.property(keys, keys, (a, b) => check(a, b) === longest(a, b)));
  const many = Array.from({ length: 20_000 }, (_, i) => String(i));
  t.equal(
    check(
      many,
      many.map((key) => `x${key}`),
    ),
    0,
  );
  t.ok(check(many, many.toReversed()) >= 1);
  const [even, odd] = [many.map((_, i) => (i % 2 === 0 ? "a" : "b")), many.map((_, i) => (i < 10_000 ? "a" : "b"))];
  t.ok(check(even, odd) >= 10_000);
  t.equal(align(3, 3, (i, j) => i === j).length, 3);
});

t.test(
  "groups: by their order within a kind, by their shape where one has more, by any place in the end",
  async (t) => {
    const group = (...keys: string[]) => ({ by: "request", keys });
    const pairs = (a: ReturnType<typeof group>[], b: ReturnType<typeof group>[]): unknown => pairGroups(a, b);
    t.strictSame(
      pairs(
        [group("get", "x"), group("post"), group("get", "y")],
        [group("post"), group("get", "y"), group("get", "x")],
      ),
      [
        [0, 1],
        [1, 0],
        [2, 2],
      ],
    );
    t.strictSame(
      pairs([group("get", "x"), group("get", "y"), group("get", "z")], [group("get", "x"), group("get", "z")]),
      [
        [0, 0],
        [2, 1],
      ],
    );
    t.strictSame(pairs([group("get", "x")], [group("x")]), [[0, 0]], "its first hit is missing");
    const named = (...names: string[]) => names.map((name) => ({ ...group("get"), name }));
    t.strictSame(pairs(named("1", "2", "3"), named("3", "1")), [
      [0, 1],
      [2, 0],
    ]);
    t.strictSame(
      pairs(named("4", "5"), named("5", "6")),
      [
        [0, 0],
        [1, 1],
      ],
      "a counter that goes on",
    );
    const id = "req-1aaaaaaa-1111-4222-8333-444455556666";
    t.strictSame(pairs(named("4", id), named(id, "6")), [
      [0, 1],
      [1, 0],
    ]);
    t.strictSame(pairs([{ by: "trigger", keys: ["a"] }], [group("a")]), []);
  },
);
