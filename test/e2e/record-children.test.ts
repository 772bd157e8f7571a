// Children of a service that `debugtap record` drives, with real debuggees on both wires: each has its breakpoints before its first line.
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import t, { type Test } from "tap";
import { openTrace } from "../../src/trace/index.ts";
import { breakpointOf, debuggeeFile } from "../helpers/processes.ts";
import { record, start } from "../helpers/recorder.ts";
import { freePort } from "../helpers/sockets.ts";

t.jobs = 2;

const wires = { dap: "debugpy", pydevd: "pydevd" } as const;

for (const [wire, flavour] of Object.entries(wires)) {
  for (const how of ["fork", "multiprocessing", "subprocess"]) {
    t.test(
      `${wire}: children by ${how} have the breakpoint before their first line, and run to their end`,
      { buffered: true },
      async (t) => {
        const port = await freePort();
        const dir = join(t.testdir(), "trace");
        const file = debuggeeFile("family.py");
        const at = `${file}:/# breakpoint/`;
        const recorder = record(t, ["--attach", `${port}`, "--wire", wire, "--require", at, "--hits", "6", "-o", dir]);
        await recorder.listening();
        const family = start(t, "family.py", flavour, `${port}`, how);
        t.equal(await recorder.exit, 0, recorder.stderr());
        await family.prints("family is done");
        t.equal(await family.exit, 0);
        const { hits, result } = recorder;
        t.equal(hits.length, 6, "two of the parent, two of each child");
        t.equal(new Set(hits.map(({ session }) => session)).size, 3, "three processes");
        t.equal(
          new Set(hits.map(({ process }) => /pid (\d+)/.exec(process ?? "")?.[1])).size,
          3,
          "each known by its pid",
        );
        t.strictSame(new Set(hits.map(({ breakpoint }) => breakpoint)), new Set([at]));
        const who = hits.map(({ snapshot }) =>
          snapshot.frames[0]?.scopes?.[0]?.variables.find(({ name }) => name === "who"),
        );
        t.equal(who.filter((variable) => variable?.value.includes("child")).length, 4);
        t.match(result.breakpoints[0], { hits: 6, captured: 6, bound: ["service"], unbound: {} });
        const trace = await openTrace(dir);
        let recorded = 0;
        for await (const hit of trace.hits()) if (hit.hit.breakpoint === at) recorded++;
        t.equal(recorded, 6);
        trace.close();
      },
    );
  }

  t.test(
    `${wire}: a recording that is stopped while children are made frees them all`,
    { buffered: true },
    async (t) => {
      const port = await freePort();
      const at = breakpointOf(debuggeeFile("family.py"));
      const recorder = record(t, ["--attach", `${port}`, "--wire", wire, "--at", at, "-o", join(t.testdir(), "trace")]);
      await recorder.listening();
      const family = start(t, "family.py", flavour, `${port}`, "fork");
      await recorder.until((said) => said.type === "hit");
      recorder.stop();
      t.equal(await recorder.exit, 0, recorder.stderr());
      await family.prints("family is done");
      t.equal(await family.exit, 0);
    },
  );
}

/** A service whose workers have run for a while: their pids and ports. */
async function workers(t: Test, port: number) {
  const service = start(t, "prefork.py", `${port}`);
  const said = () => [...service.text().matchAll(/worker (\d+) serves on (\d+)\./g)];
  for (let count = 0; count < 4; count = said().length) await pause(20);
  const all = said().map(([, pid, serves]) => ({ pid: Number(pid), url: `http://127.0.0.1:${serves}/` }));
  t.teardown(() => all.forEach(({ pid }) => process.kill(pid, "SIGKILL")));
  return all;
}

const atWorkers = breakpointOf(debuggeeFile("prefork.py"));
const curl = ["curl", "-sS", "--parallel", "--parallel-immediate", "--max-time", "20"];

t.test(
  "dap: what was forked before the recording has its breakpoints when that is ready",
  { buffered: true },
  async (t) => {
    const port = await freePort();
    const all = await workers(t, port);
    const to = ["--attach", `${port}`, "--wire", "dap", "--require", atWorkers, "-o", join(t.testdir(), "trace")];
    const recorder = record(t, [...to, "--settle", "500ms"], [...curl, ...all.map(({ url }) => url)]);
    t.equal(await recorder.exit, 0, recorder.stderr());
    t.equal(recorder.hits.length, 4, "each was asked at once, and each has stopped");
    t.equal(new Set(recorder.hits.map(({ session }) => session)).size, 4);
    t.match(
      recorder.said.find(({ type }) => type === "ready"),
      { services: ["service"], missing: [], unsettled: [] },
    );
  },
);

t.test(
  "dap: a child that does not answer is waited for as long as --ready says, and told",
  { buffered: true },
  async (t) => {
    const port = await freePort();
    const all = await workers(t, port);
    const [stopped, ...rest] = all;
    process.kill(stopped?.pid ?? 0, "SIGSTOP");
    const to = ["--attach", `${port}`, "--wire", "dap", "--require", atWorkers, "-o", join(t.testdir(), "trace")];
    const recorder = record(t, [...to, "--ready", "3s", "--settle", "500ms"], [...curl, ...rest.map(({ url }) => url)]);
    t.equal(await recorder.exit, 0, recorder.stderr());
    t.match(
      recorder.said.find(({ type }) => type === "ready"),
      { services: ["service"], missing: [], unsettled: ["service"] },
    );
  },
);
