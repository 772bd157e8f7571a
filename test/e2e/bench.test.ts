// The bench in its shortest form: it runs, and every figure that it promises is there. What the figures are is not a test's
// business; a test that asserts times fails on a busy machine.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import t from "tap";

const main = fileURLToPath(new URL("../bench/main.js", import.meta.url));

t.test("npm run bench writes every figure", (t) => {
  const file = join(t.testdir(), "bench.json");
  const quickest = ["--paths", "direct,debugtap", "--reps", "1", "--measure", "20", "--idle", "5", "--json", file];
  const run = spawnSync(process.execPath, [main, ...quickest], { encoding: "utf8" });
  t.equal(run.status, 0, run.stderr);
  t.match(run.stdout, /^target +reached/m);

  const result = JSON.parse(readFileSync(file, "utf8"));
  t.strictSame(Object.keys(result.samples), [
    "200B",
    "20KB",
    "200B-raw",
    "20KB-raw",
    "64x200B",
    "64x20KB",
    "down",
    "up",
    "connect",
  ]);
  t.strictSame(Object.keys(result.samples["20KB"]), [
    "direct",
    "debugtap",
    "debugtap -L",
    "debugtap -R",
    "debugtap, recorded",
    "debugtap -L, recorded",
    "debugtap -R, recorded",
  ]);
  t.strictSame(Object.keys(result.samples["20KB"]["debugtap -R"]), ["p50", "p99", "rate", "stalls", "cpu"]);
  t.strictSame(Object.keys(result.idle), ["debugtap -L, recorded", "debugtap, recorded"]);
  t.equal(result.targets.length, 9);
  const figures = numbers(result);
  t.ok(figures.length > 200, `${figures.length} figures`);
  t.strictSame(
    figures.filter((figure) => !Number.isFinite(figure)),
    [],
  );
  t.end();
});

t.test("a bench that does not know a name says which it knows", (t) => {
  const run = spawnSync(process.execPath, [main, "--only", "20MB"], { encoding: "utf8" });
  t.equal(run.status, 1);
  t.match(run.stderr, /--only knows 200B 20KB .*not 20MB/);
  t.end();
});

/** All numbers of a JSON value; a null, which is what JSON makes of NaN, counts as one. */
function numbers(value: unknown): number[] {
  if (typeof value === "number") return [value];
  if (value === null) return [Number.NaN];
  return typeof value === "object" ? Object.values(value).flatMap(numbers) : [];
}
