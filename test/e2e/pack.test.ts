// The packed tarball runs with what it contains and its production dependencies, and nothing else.
import t from "tap";
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../../", import.meta.url));

t.test("npm pack, unpacked elsewhere, runs", async (t) => {
  const dir = t.testdir();
  const run = (program: string, ...args: string[]): string =>
    execFileSync(program, args, { cwd: dir, encoding: "utf8" });
  execFileSync("npm", ["pack", "--ignore-scripts", "--pack-destination", dir], { cwd: root, stdio: "pipe" });
  const { version } = JSON.parse(readFileSync(`${root}package.json`, "utf8")) as { version: string };
  run("tar", "-xzf", `debugtap-${version}.tgz`);

  const lock = JSON.parse(readFileSync(`${root}node_modules/.package-lock.json`, "utf8")) as {
    packages: Record<string, { dev?: boolean }>;
  };
  for (const [path, { dev }] of Object.entries(lock.packages)) {
    if (dev === true || path.lastIndexOf("node_modules/") > 0) continue;
    mkdirSync(dirname(`${dir}/package/${path}`), { recursive: true });
    symlinkSync(`${root}${path}`, `${dir}/package/${path}`);
  }
  t.equal(run("node", "package/bin/debugtap.js", "--version"), `${version}\n`);
  t.match(run("node", "package/bin/debugtap.js", "--help"), "relay");
  const imports = 'import("debugtap/protocol").then((m) => console.log(typeof m.Framer, typeof m.describeFrame))';
  mkdirSync(`${dir}/node_modules`);
  symlinkSync(`${dir}/package`, `${dir}/node_modules/debugtap`);
  t.equal(run("node", "-e", imports), "function function\n");
  const files = run("tar", "-tzf", `debugtap-${version}.tgz`);
  for (const wanted of [
    "LICENSE",
    "README.md",
    "debugtap.schema.json",
    "examples/ide-dap.mjs",
    "dist/src/trace/worker.js",
    ...["sitecustomize", "debugtap_hook", "debugtap_debugger", "debugtap_forks"].map(
      (name) => `src/inject/hook/${name}.py`,
    ),
  ]) {
    t.match(files, `package/${wanted}`);
  }
  t.notMatch(files, /package\/(?:test|src\/(?!inject\/hook\/\w+\.py)|dist\/test|node_modules)\//);
});
