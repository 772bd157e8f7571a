// The checks beside the tests: types, lint, layers, format, dead code. Each must have looked at something.
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const failed = [];
/** Bytes. */
const mostOfPage = 150_000;

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
check("layers", "depcruise", ["--config", ".dependency-cruiser.cjs", "src", "protocol", "web", "test"], (output) =>
  atLeast(output, /(\d+) modules/, 30),
);
check("format", "oxfmt", ["--check", "."]);
check("dead code", "knip", []);
check("page", "vite", ["build", "web", "--logLevel", "warn"], pageIsSmall);

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

/** What a browser loads, as gzip has it: it must come at once on any machine. */
function pageIsSmall() {
  const dir = join(root, "dist/web");
  const files = [join(dir, "index.html"), ...readdirSync(join(dir, "assets")).map((name) => join(dir, "assets", name))];
  const size = files.reduce((sum, file) => sum + gzipSync(readFileSync(file)).length, 0);
  return size < mostOfPage ? undefined : `the page has ${size} bytes as gzip, at most ${mostOfPage} are wanted`;
}

function atLeast(output, pattern, count) {
  const seen = Number(pattern.exec(output)?.[1] ?? 0);
  return seen >= count ? undefined : `looked at ${seen} files, expected at least ${count}`;
}
