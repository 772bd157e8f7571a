// Children of a service that `debugtap record` drives, with real debuggees on both wires: each has its breakpoints before its first line.
import { join } from "node:path";
import t from "tap";
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
