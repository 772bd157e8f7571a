// What the API's checks let pass, and that nothing passes them by being odd.
import { fc } from "../helpers/property.ts";
import t from "tap";
import * as check from "../../protocol/api-check.ts";

const row = { number: 1, name: "api#1:1", session: "api#1", service: "api", at: 5, thread: "Main", reason: "step" };

const good: Readonly<Record<string, unknown>> = {
  isTraceInfos: [{ id: "a", dir: "/a", started: 1, live: false, hits: 0, sessions: 0, bytes: 0 }],
  isHitRowView: { ...row, end: 6, later: "a key of a newer debugtap" },
  isDiffView: { equal: false, lines: [{ kind: "added", text: "<script>" }] },
  isHttpViews: [
    {
      id: 1,
      through: "cinder",
      method: "GET",
      path: "/",
      status: 0,
      at: 1,
      hits: [],
      again: true,
      end: 4,
      request: "r",
    },
  ],
  isBreakpointViews: [{ spec: "app.py:1", state: "failed", hits: 0, why: "no such line" }],
  isHitDetail: {
    row,
    hit: {
      number: 1,
      session: "api#1",
      service: "api",
      at: 5,
      reason: "step",
      thread: { id: 7 },
      correlated: { a: "b" },
      snapshot: {
        took: 1,
        frames: [{ name: "f", scopes: [{ name: "l", variables: [{ name: "x", value: "1", children: [] }] }] }],
      },
    },
  },
};

type Check = (value: unknown) => boolean;

const checks = Object.entries(check).filter(([name]) => name !== "reasonIn") as [string, Check][];

t.test("what is as it should be passes; without a key, or with another kind of value, it does not", async (t) => {
  for (const [name, value] of Object.entries(good)) {
    const is = checks.find(([each]) => each === name)?.[1];
    t.ok(is?.(value), name);
    for (const broken of broke(value)) t.notOk(is?.(broken), `${name} ${JSON.stringify(broken)}`);
  }
  t.strictSame(check.reasonIn({ error: { code: "DT_USAGE", what: "x" } }), { code: "DT_USAGE", what: "x" });
  t.equal(check.reasonIn({ error: { code: "constructor", what: "x" } }), undefined);
  t.equal(check.reasonIn(null), undefined);
  t.ok(check.isLiveMessage({ type: "missed", messages: 4 }));
  t.notOk(check.isLiveMessage({ type: "missed", messages: Number.NaN }));
  t.notOk(check.isLiveMessage({ type: "toString" }), "no name of an object's own");
});

t.test("whatever comes, a check says yes or no", async () => {
  fc.assert(
    fc.property(fc.anything(), (value) => checks.every(([, is]) => typeof is(value) === "boolean")),
    { numRuns: 500 },
  );
});

/** Each needed key of the outermost objects taken away, or made an object. */
function broke(value: unknown): unknown[] {
  if (Array.isArray(value)) return [{}, ...value.flatMap((each) => broke(each).map((other) => [other]))];
  const optional = new Set(["end", "later", "why", "request", "correlated"]);
  const entries = Object.entries(value as object);
  return entries.flatMap(([key]) => {
    if (optional.has(key)) return [];
    const without = Object.fromEntries(entries.filter(([other]) => other !== key));
    return [without, { ...without, [key]: null }];
  });
}
