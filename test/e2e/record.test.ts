// `debugtap record` by the real program, over a real sshd, with real debuggees on both wires: what a user gets without an IDE.
import { chmodSync, copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import t from "tap";
import { ThrowawaySshd } from "../../src/demo/throwaway-sshd.ts";
import { openTrace } from "../../src/trace/index.ts";
import { breakpointOf, debuggeeFile, pythonOnVm } from "../helpers/processes.ts";
import { record, start } from "../helpers/recorder.ts";
import { freePort } from "../helpers/sockets.ts";

t.jobs = 2;

t.test(
  "two services on a VM, one command: its hits, its output and exit code, one request id",
  { buffered: true },
  async (t) => {
    const sshd = await ThrowawaySshd.start();
    t.teardown(() => sshd.stop());
    const dir = t.testdir({ traces: {} });
    const there = mkdtempSync(join(tmpdir(), "debugtap-test-"));
    t.teardown(() => rmSync(there, { recursive: true, force: true }));
    chmodSync(there, 0o755);
    copyFileSync(debuggeeFile("api.py"), join(there, "api.py"));
    const [dials, listens] = [await freePort(), await freePort()];
    const services = {
      old: { host: "vm", wire: "pydevd", dials, ide: await freePort() },
      new: { host: "vm", wire: "dap", listens, ide: await freePort() },
      none: { host: "vm", wire: "raw", listens: await freePort(), ide: await freePort() },
    };
    const config = join(dir, "debugtap.yml");
    const hosts = { vm: { ssh: sshd.alias, ssh_config: sshd.sshConfig } };
    const correlate = ["volume.path"];
    writeFileSync(config, JSON.stringify({ hosts, services, correlate, record: { dir: join(dir, "traces") } }));
    const breakpoints = join(dir, "own.yml");
    writeFileSync(breakpoints, "breakpoints:\n  - api:Api.do_GET max 1\n  - { at: api.py:1, disabled: true }\n");
    const urls = join(dir, "urls");
    const script = `until [ -s ${urls} ]; do :; done; for url in $(cat ${urls}); do curl -sS $url/req-7; done; exit 3`;
    const recorder = record(
      t,
      [
        "-c",
        config,
        "--require",
        `${there}/api.py:/# breakpoint/`,
        "--breakpoints",
        breakpoints,
        "--at",
        "api.py:/def log_/ in old",
        "--settle",
        "500ms",
      ],
      ["sh", "-c", script],
    );
    for (const name of ["old", "new"])
      await recorder.until(
        (said) =>
          said.type === "relay" &&
          said.event.type === "service" &&
          said.event.service.name === name &&
          said.event.service.state === "listening",
      );
    const old = pythonOnVm(join(there, "api.py"), "pydevd", `${dials}`);
    const young = pythonOnVm(join(there, "api.py"), "debugpy", `${listens}`);
    t.teardown(() => [old, young].forEach(({ child }) => child.kill("SIGKILL")));
    await Promise.all([old, young].map((running) => running.prints("serves on")));
    await recorder.until((said) => said.type === "ready");
    const ports = [old, young].map((running) => /serves on (\d+)/.exec(running.text())?.[1]);
    writeFileSync(urls, ports.map((port) => `http://127.0.0.1:${port}`).join("\n"));
    t.equal(await recorder.exit, 0, recorder.stderr());
    const { hits, result } = recorder;
    t.strictSame(
      hits.map(({ service, breakpoint, correlated }) => [service, breakpoint, correlated?.["volume.path"]]),
      [
        ["old", "api:Api.do_GET max 1", undefined],
        ["old", `${there}/api.py:/# breakpoint/`, "/req-7"],
        ["new", "api:Api.do_GET max 1", undefined],
        ["new", `${there}/api.py:/# breakpoint/`, "/req-7"],
      ].filter(([service, breakpoint]) => !(service === "new" && breakpoint === "api:Api.do_GET max 1")),
      "in the order of the request; the one with `max 1` was taken away everywhere",
    );
    t.ok(hits.every(({ trigger }) => trigger === 1));
    t.match(result.trigger, { exit: 3, stdout: "/req-7\n/req-7\n" });
    t.match(recorder.stderr(), "/req-7\n/req-7\n", "the command's output is passed on");
    t.strictSame(
      result.breakpoints.map(({ hits: count }) => count),
      [1, 0, 2],
    );
    const trace = await openTrace(result.trace);
    t.match(await trace.triggers(), [{ id: 1, exit: 3, stdout: "/req-7\n/req-7\n" }]);
    trace.close();
  },
);

t.test(
  "eventlet: with GEVENT_SUPPORT every hit comes; without it the error names the setting",
  { buffered: true },
  async (t) => {
    const at = breakpointOf(debuggeeFile("green.py"));
    for (const support of ["True", ""]) {
      const port = await freePort();
      const dir = join(t.testdir(), `trace${support}`);
      const recorder = record(t, ["--attach", `${port}`, "--wire", "pydevd", "--at", at, "--for", "12s", "-o", dir]);
      await recorder.listening();
      process.env["GEVENT_SUPPORT"] = support;
      const green = start(t, "green.py", `${port}`);
      delete process.env["GEVENT_SUPPORT"];
      if (support === "True") {
        await green.prints("green is done");
        recorder.stop();
        t.equal(await recorder.exit, 0);
        t.equal(recorder.hits.length, 6);
      } else {
        t.equal(await recorder.exit, 4);
        t.match(recorder.error, { code: "DT_PATCHED_PYDEVD", fix: /GEVENT_SUPPORT=True/ });
        if (green.text().includes("No module named 'eventlet'")) t.fail("apt-get install python3-eventlet");
      }
    }
  },
);

t.test("what a recording ends with when something is missing", { buffered: true }, async (t) => {
  const port = await freePort();
  const to = ["--attach", `${port}`, "--wire", "dap", "-o", join(t.testdir(), "trace")];
  const nobody = record(t, [...to, "--at", "app.py:1", "--ready", "500ms"], ["touch", join(t.testdirName, "ran")]);
  t.equal(await nobody.exit, 4);
  t.match(nobody.error, { code: "DT_NOT_DRIVEN" });
  t.match(nobody.result.hits, 0);
  t.notOk(
    nobody.said.some(({ type }) => type === "trigger"),
    "the command is not run for nothing",
  );

  const loop = debuggeeFile("lines.py");
  const running = start(t, "api.py", "debugpy", `${port}`);
  await running.prints("serves on");
  const unhit = record(t, [
    "--attach",
    `${port}`,
    "--wire",
    "dap",
    "-o",
    join(t.testdirName, "second"),
    "--require",
    `${loop}:2`,
    "--at",
    "no/such.py:3",
    "--at",
    "api:Api.nothing",
    "--for",
    "300ms",
  ]);
  t.equal(await unhit.exit, 1);
  t.match(unhit.error, { code: "DT_NOT_HIT" });
  const [missing, nothing] = unhit.result.breakpoints;
  t.match(missing?.unbound, { service: /no file of service ends in no\/such\.py/ });
  t.match(nothing?.unbound, { service: /no file of service ends in api\.py|has no function Api\.nothing/ });

  const usage = record(t, ["--attach", `${port}`, "--wire", "dap"]);
  t.equal(await usage.exit, 2);
  const spec = record(t, ["--attach", `${port}`, "--wire", "dap", "--at", "app.py"]);
  t.equal(await spec.exit, 2);
  t.match(spec.error, { code: "DT_SPEC" });
});

t.test("--deep: what the usual limits leave out is taken", { buffered: true }, async (t) => {
  const port = await freePort();
  const to = ["--attach", `${port}`, "--wire", "dap", "--hits", "1", "-o", join(t.testdir(), "trace")];
  await start(t, "values.py", "dap", `${port}`).prints("listening");
  const recorder = record(t, [...to, "--deep", `${debuggeeFile("values.py")}:/# values/`]);
  t.equal(await recorder.exit, 0, recorder.stderr());
  const trace = await openTrace(recorder.result.trace);
  t.teardown(() => trace.close());
  const found = await trace.hits().next();
  if (found.done === true) throw new Error("no hit");
  const { hit } = found.value;
  t.match(hit.breakpoint, /# values\/ deep$/, "the trace says that it was deep");
  const locals = hit.snapshot.frames[0]?.scopes?.[0]?.variables ?? [];
  const numbers = locals.find(({ name }) => name === "numbers");
  t.equal(numbers?.children?.length, 100);
  t.equal(numbers?.cut, undefined);
  t.equal(locals.find(({ name }) => name === "big")?.value.length, 16 * 1024);
  t.match(JSON.stringify(locals.find(({ name }) => name === "context")), /'deeper'/);
});

t.test(
  "kill -9 in the middle of a loop: all hits that were told but the last one are in the trace",
  { buffered: true },
  async (t) => {
    for (const after of [3, 9]) {
      const port = await freePort();
      const dir = join(t.testdir(), `trace-${after}`);
      const loop = start(t, "loop.py", `${port}`);
      await loop.prints("listening");
      const at = breakpointOf(debuggeeFile("loop.py"));
      const recorder = record(t, ["--attach", `${port}`, "--wire", "dap", "--at", at, "--no-capture", "-o", dir]);
      await recorder.until(() => recorder.hits.length >= after);
      recorder.stop("SIGKILL");
      await recorder.exit;
      const trace = await openTrace(dir);
      let found = 0;
      for await (const _ of trace.hits()) found++;
      t.ok(found >= recorder.hits.length - 1, `${found} of ${recorder.hits.length}`);
      trace.close();
      loop.child.kill("SIGKILL");
    }
  },
);
