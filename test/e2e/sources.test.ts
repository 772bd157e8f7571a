// The text of the files that a hit stands in, kept with the trace over a real sshd: as it was then, also when it is gone.
import { execFileSync } from "node:child_process";
import { chmodSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import t from "tap";
import type { Hit } from "../../protocol/hit.ts";
import { findTrace, openTrace } from "../../src/trace/index.ts";
import { breakpointOf, fileOnVm, ide, pythonOnVm } from "../helpers/processes.ts";
import { up } from "../helpers/relay-on-vm.ts";
import { program } from "../helpers/relay-process.ts";
import { freePort } from "../helpers/sockets.ts";

t.test("a hit's text is in the trace: of its time, after the file is gone, and why it is not", async (t) => {
  const file = fileOnVm(t, "lines.py");
  const between = join(dirname(file), "lines_between.py");
  writeFileSync(between, "def call(function, *more):\n    return function(*more)\n");
  chmodSync(between, 0o644);
  chmodSync(file, 0o644);
  const [listens, idePort] = [await freePort(), await freePort()];
  const relay = await up(t, { svc: { wire: "dap", listens, ide: idePort } });
  const debuggee = pythonOnVm(file, `${listens}`);
  t.teardown(() => debuggee.child.kill("SIGKILL"));
  await debuggee.prints("listening");
  chmodSync(between, 0);

  const dir = findTrace(await relay.trace());
  const hits = async (): Promise<Hit[]> => {
    const trace = await openTrace(dir);
    const found = [];
    for await (const { hit } of trace.hits()) found.push(hit);
    trace.close();
    return found;
  };
  /** Sends lines until a hit has what is wanted. */
  const hitWith = async (wanted: (hit: Hit) => boolean): Promise<Hit> => {
    for (let n = 0; ; n++) {
      debuggee.child.stdin.write(`${"word".repeat(n % 9)}\n`);
      const found = (await hits()).find((hit) => wanted(hit));
      if (found !== undefined) return found;
      await pause(100);
    }
  };
  const client = ide("ide-dap.mjs", "--attach", `${idePort}`, "--break", breakpointOf(file), "--json");
  t.teardown(() => client.child.kill("SIGKILL"));
  const first = await hitWith(({ snapshot }) => snapshot.frames[0]?.source !== undefined);
  const [top, , , outer] = first.snapshot.frames;
  t.match(
    first.snapshot.frames.map(({ name, path }) => ({ name, path })),
    [
      { name: "answer", path: file },
      { name: "call", path: "/nowhere/made.py" },
      { name: "call", path: between },
      { name: "<module>", path: file },
    ],
  );
  t.equal(outer?.source, top?.source, "one file, one text");
  const noSource = await hitWith(({ snapshot }) => snapshot.frames[2]?.noSource !== undefined);
  t.match(noSource.snapshot.frames[2], { path: between, noSource: /permission denied/i });

  const made = await hitWith(({ snapshot }) => snapshot.frames[1]?.source !== undefined);
  const before = readFileSync(file, "utf8");
  const after = before.replace("return size  # breakpoint", "return size + 0  # breakpoint, changed");
  writeFileSync(file, after);
  const second = await hitWith(({ snapshot }) => snapshot.frames[0]?.source !== top?.source);
  rmSync(file);
  await hitWith(({ number }) => number > second.number);
  relay.kill("SIGINT");
  t.equal(await relay.exit, 0, relay.stderr());

  const trace = await openTrace(dir);
  t.equal(trace.source(top?.source ?? ""), before);
  t.equal(trace.source(second.snapshot.frames[0]?.source ?? ""), after);
  t.match(
    trace.source(made.snapshot.frames[1]?.source ?? ""),
    /return function/,
    "debugpy's own words for code without a file",
  );
  trace.close();
  const shown = execFileSync(process.execPath, [program, "show", dir, "svc#1", "--hits"], {
    encoding: "utf8",
    env: { ...process.env, NO_COLOR: "1" },
  });
  t.match(shown, /→ 11 {6}return size {2}# breakpoint\n/);
  t.match(shown, /→ 11 {6}return size \+ 0 {2}# breakpoint, changed\n/);
  const last = (await hits()).at(-1);
  t.equal(
    last?.snapshot.frames[0]?.source,
    second.snapshot.frames[0]?.source,
    "a file that is gone keeps its last text",
  );
});
