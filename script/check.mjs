// The checks beside the tests: types, lint, layers, format, dead code. Each must have looked at something.
import { spawnSync } from "node:child_process";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const failed = [];

check("types of protocol/ alone", "tsc", [
  "-p",
  "protocol",
  "--noEmit",
  "--composite",
  "false",
  "--incremental",
  "false",
]);
check("types", "tsc", ["-b"]);
check("lint", "oxlint", ["--type-aware", "--deny-warnings"], (output) => atLeast(output, /on (\d+) files/, 30));
check("layers", "depcruise", ["--config", ".dependency-cruiser.cjs", "src", "protocol", "test"], (output) =>
  atLeast(output, /(\d+) modules/, 30),
);
check("format", "oxfmt", ["--check", "."]);
check("dead code", "knip", []);

process.stdout.write(failed.length === 0 ? "check: all passed\n" : `check: failed: ${failed.join(", ")}\n`);
process.exit(failed.length === 0 ? 0 : 1);

function check(name, program, args, proof = () => undefined) {
  const { status, stdout, stderr } = spawnSync("npx", ["--no-install", program, ...args], {
    cwd: root,
    encoding: "utf8",
  });
  const output = `${stdout}${stderr}`;
  const complaint = status === 0 ? proof(output) : `exit ${status}`;
  process.stdout.write(`check: ${name}: ${complaint ?? "ok"}\n`);
  if (complaint === undefined) return;
  process.stdout.write(output);
  failed.push(name);
}

function atLeast(output, pattern, count) {
  const seen = Number(pattern.exec(output)?.[1] ?? 0);
  return seen >= count ? undefined : `looked at ${seen} files, expected at least ${count}`;
}
