// The scripted IDEs of examples/ against the real debuggers, with no relay between: what they report must be what Python has,
// else nothing that is tested or shown with them means anything.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import t, { type Test } from "tap";
import { parseHit, type Hit } from "../../src/demo/hits.ts";
import { freePorts } from "../../src/demo/ports.ts";
import { Stage } from "../../src/demo/stage.ts";

const python = "/usr/bin/python3";
const examples = fileURLToPath(new URL("../../../examples/", import.meta.url));
const idePydevd = join(examples, "ide-pydevd.mjs");
const ideDap = join(examples, "ide-dap.mjs");
/** Characters that one of pydevd's quoting layers treats specially. */
const awkward = `<a href="x">&amp; 100%41 + \u00e9\u{1f600}\ttab`;

async function setUp(t: Test, files: Record<string, string>): Promise<{ stage: Stage; dir: string; port: number }> {
  const stage = new Stage(AbortSignal.timeout(60_000));
  const dir = await mkdtemp(join(tmpdir(), "debugtap-test-"));
  t.teardown(async () => {
    await stage.close();
    await rm(dir, { recursive: true, force: true });
  });
  await Promise.all(Object.entries(files).map(([name, text]) => writeFile(join(dir, name), text)));
  const [port = 0] = await freePorts(1);
  return { stage, dir, port };
}

t.test("pydevd: a forked child is a second session, and both are stopped with their own values", async (t) => {
  const program = `
import os, sys, pydevd
pydevd.settrace("127.0.0.1", port=int(sys.argv[1]), suspend=False, patch_multiprocessing=True)
def greet(who, text, numbers):
    return who  # line 5
child = os.fork()
greet("child" if child == 0 else "parent", ${JSON.stringify(awkward)}, [1, 2])
if child:
    assert os.waitpid(child, 0)[1] == 0
`;
  const { stage, dir, port } = await setUp(t, { "forks.py": program });
  const file = join(dir, "forks.py");
  const hits: Hit[] = [];
  const ide = stage.start({
    name: "ide-pydevd",
    command: process.execPath,
    args: [idePydevd, "--listen", String(port), "--break", `${file}:5`, "--hits", "2", "--service", "forks", "--json"],
    onLine: (line) => hits.push(parseHit(line)),
    end: "SIGTERM",
  });
  await stage.until("the IDE listened", () => ide.said(`listening on 127.0.0.1:${port}`) || undefined);
  await stage.run("the debuggee", python, ["-Xfrozen_modules=off", file, String(port)]);
  t.equal(await stage.until("the IDE ended", () => ide.fell), "ended with exit code 0");
  t.same(new Set(hits.map(({ locals }) => locals["who"])), new Set(["child", "parent"]));
  for (const hit of hits) {
    t.match(hit, { service: "forks", file, line: 5, function: "greet" });
    t.same(hit.stack, [
      { function: "greet", file, line: 5 },
      { function: "<module>", file, line: 7 },
    ]);
    t.same(hit.locals, { who: hit.locals["who"], text: awkward, numbers: "[1, 2]" });
  }
  t.ok(ide.said("session 2: connected"), "the child came on a connection of its own");
  t.ok(ide.said("thread MainThread is pid_"));
});

t.test("debugpy: a child process is attached to at the address that the debuggee names", async (t) => {
  const parent = `
import subprocess, sys, debugpy
debugpy.listen(("127.0.0.1", int(sys.argv[1])))
print("listening", file=sys.stderr, flush=True)
debugpy.wait_for_client()
text = ${JSON.stringify(awkward)}
subprocess.run([sys.executable, sys.argv[2]], check=True)  # line 7
`;
  const child = `
def work(count):
    return count * 2  # line 3
work(21)
`;
  const { stage, dir, port } = await setUp(t, { "parent.py": parent, "child.py": child });
  const [parentFile, childFile] = [join(dir, "parent.py"), join(dir, "child.py")];
  const debuggee = stage.start({
    name: "the debuggee",
    command: python,
    args: ["-Xfrozen_modules=off", parentFile, String(port), childFile],
    end: "SIGTERM",
  });
  await stage.until("debugpy listened", () => debuggee.said("listening") || undefined);
  const output = await stage.run(
    "ide-dap",
    process.execPath,
    `${ideDap} --attach ${port} --break ${parentFile}:7 --break ${childFile}:3 --hits 2 --service family --json`.split(
      " ",
    ),
  );
  const hits = output.toString().trimEnd().split("\n").map(parseHit);
  t.equal(hits.length, 2);
  t.match(hits[0], { service: "family", file: parentFile, line: 7, function: "<module>" });
  t.match(hits[0]?.locals, { text: /100%41/ });
  t.match(hits[1], { service: "family", file: childFile, line: 3, function: "work", locals: { count: "21" } });
  t.equal(hits[1]?.stack.length, 2);
  t.equal(await stage.until("the debuggee ended", () => debuggee.fell), "ended with exit code 0");
});

t.test("mistakes are told and end with an exit code", async (t) => {
  const { stage, port } = await setUp(t, {});
  const runs: [string, string[], RegExp, number][] = [
    ["no arguments", [idePydevd], /usage: .*--listen PORT/, 2],
    ["no arguments", [ideDap], /usage: .*--attach PORT/, 2],
    [
      "nothing listens",
      [ideDap, "--attach", String(port), "--break", "/a.py:1", "--json"],
      /failed: .*ECONNREFUSED/,
      1,
    ],
  ];
  for (const [what, args, why, code] of runs) {
    await t.rejects(stage.run("it", process.execPath, args), { message: `it ended with exit code ${code}`, why }, what);
  }
});
