import t from "tap";
import { parseSpec } from "../../protocol/breakpoint-spec.ts";
import { DebugtapError } from "../../protocol/errors.ts";
import { loggedIn, marked } from "../../protocol/log-marks.ts";
import { frameOf } from "../../protocol/frame.ts";
import { encodeDap } from "../../protocol/dap.ts";
import { encodePydevd } from "../../protocol/pydevd.ts";

t.test("places", (t) => {
  t.strictSame(parseSpec("app/api.py:240").where, { kind: "line", path: "app/api.py", line: 240 });
  t.strictSame(parseSpec("C:\\src\\api.py:3").where, { kind: "line", path: "C:\\src\\api.py", line: 3 });
  t.strictSame(parseSpec("my dir/api.py:3 max 2").where, { kind: "line", path: "my dir/api.py", line: 3 });
  t.strictSame(parseSpec("app.py:/def create\\(/").where, { kind: "text", path: "app.py", pattern: "def create\\(" });
  t.strictSame(parseSpec("app.py:/a\\/b/ max 1").where, { kind: "text", path: "app.py", pattern: "a/b" });
  t.strictSame(parseSpec("cinder.volume.api:API.create").where, {
    kind: "function",
    module: "cinder.volume.api",
    name: "API.create",
  });
  t.end();
});

t.test("clauses come in any order, `if` last, and may have any words in its expression", (t) => {
  const spec = parseSpec(
    `  app.py:3 rate 5/s hits >= 3 in cinder-api max 10 log "x={x} \\"y\\"" if x in d if d else 'max 3' `,
  );
  t.strictSame(spec, {
    text: `app.py:3 rate 5/s hits >= 3 in cinder-api max 10 log "x={x} \\"y\\"" if x in d if d else 'max 3'`,
    where: { kind: "line", path: "app.py", line: 3 },
    rate: 5,
    hits: { op: ">=", count: 3 },
    service: "cinder-api",
    max: 10,
    log: 'x={x} "y"',
    condition: "x in d if d else 'max 3'",
  });
  t.match(parseSpec("a.py:1 hits % 4"), { hits: { op: "%", count: 4 } });
  t.match(parseSpec("a.py:1 hits==2"), { hits: { op: "==", count: 2 } });
  t.match(parseSpec("a.py:1 rate 30/m"), { rate: 0.5 });
  t.end();
});

t.test("what cannot be understood says where, and what is expected", (t) => {
  const cases: readonly [spec: string, why: RegExp][] = [
    ["", /begins with a place/],
    ["app.py", /begins with a place/],
    ["app.py:0", /begins with a place/],
    ["app.py:3 when x", /character 10: `when` is no clause/],
    ["app.py:3 max", /`max` is written like this: max 10/],
    ["app.py:3 max 3 max 4", /character 16: `max` stands here twice/],
    ["app.py:3 log x", /log "x=\{x\}"/],
    ["app.py:3 rate 5", /rate 5\/s/],
    ["app.py:3 hits 5", /hits >= 3/],
    ["app.py:/(/", /[Uu]nterminated|[Ii]nvalid/],
    ["app.py:3 if", /if size > 1/],
    ["app.py:3 max 0", /max is at least 1/],
  ];
  for (const [spec, why] of cases) {
    try {
      parseSpec(spec);
      t.fail(`${spec} was understood`);
    } catch (thrown) {
      t.ok(thrown instanceof DebugtapError && thrown.code === "DT_SPEC" && thrown.exit === 2, spec);
      t.match((thrown as DebugtapError).why, why);
    }
  }
  t.end();
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
