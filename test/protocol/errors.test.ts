import t from "tap";
import { asDebugtapError, DebugtapError, errorTable } from "../../protocol/errors.ts";

t.test("an error says what, why and how to mend it, in text and in JSON", async (t) => {
  const error = new DebugtapError("DT_PORT_IN_USE", "port 5711 is taken", {
    why: "pid 7 listens there",
    fix: "kill 7",
  });
  t.equal(error.format(), "DT_PORT_IN_USE: port 5711 is taken\n  why: pid 7 listens there\n  fix: kill 7");
  t.same(JSON.parse(JSON.stringify(error)), {
    code: "DT_PORT_IN_USE",
    what: "port 5711 is taken",
    why: "pid 7 listens there",
    fix: "kill 7",
  });
  t.equal(error.exit, 3);
});

t.test("anything else that is thrown is our defect, and says so", async (t) => {
  t.equal(asDebugtapError(new TypeError("x is not a function")).code, "DT_INTERNAL");
  t.equal(asDebugtapError("text").code, "DT_INTERNAL");
  const known = new DebugtapError("DT_USAGE", "no");
  t.equal(asDebugtapError(known), known);
});

t.test("every code has an exit code of the documented set and a meaning", async (t) => {
  for (const [code, { exit, meaning }] of Object.entries(errorTable)) {
    t.match(code, /^DT_[A-Z_]+$/);
    t.ok([1, 2, 3, 4].includes(exit), code);
    t.ok(meaning.length > 10, code);
  }
});
