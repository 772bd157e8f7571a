// Sessions that the relay owns, by the real program over a real sshd with real debuggees: a service needs no IDE, IDEs come and go
// and may be several, and every stop is captured.
import { DebugClient } from "@vscode/debugadapter-testsupport";
import t, { type Test } from "tap";
import { setTimeout as pause } from "node:timers/promises";
import { FrameReader } from "../../protocol/frame-reader.ts";
import { frameBody } from "../../protocol/frame.ts";
import { findTrace, openTrace } from "../../src/trace/index.ts";
import { breakpointOf, debuggeeFile, ide, python, type Running } from "../helpers/processes.ts";
import { recordingPipe } from "../helpers/recording-pipe.ts";
import { up, type RelayOnVm } from "../helpers/relay-on-vm.ts";
import { freePort } from "../helpers/sockets.ts";

t.jobs = 2;

const api = debuggeeFile("api.py");
const breakpoint = breakpointOf(api);
const line = Number(breakpoint.slice(breakpoint.lastIndexOf(":") + 1));

interface Api {
  readonly running: Running;
  /** The status of an answer. */
  readonly get: (path: string) => Promise<number>;
}

async function serve(t: Test, wire: "pydevd" | "debugpy", port: number): Promise<Api> {
  const running = python("api.py", wire, `${port}`);
  t.teardown(() => running.child.kill("SIGKILL"));
  await running.prints("serves on");
  const own = /serves on (\d+)/.exec(running.text())?.[1] ?? "";
  return { running, get: async (path) => (await fetch(`http://127.0.0.1:${own}${path}`)).status };
}

function state(relay: RelayOnVm, wanted: string, since = 0) {
  return relay.event("session", ({ at, session }) => at >= since && session.state === wanted);
}

for (const wire of ["pydevd", "debugpy"] as const) {
  t.test(
    `${wire}: no IDE: the service serves at once; ten seconds later one comes, goes, and another comes`,
    { buffered: true },
    async (t) => {
      const [port, idePort] = [await freePort(), await freePort()];
      const service = wire === "pydevd" ? { wire, dials: port } : { wire: "dap" as const, listens: port };
      // The values of the innermost frame are looked at: a loaded machine does not give them in the default 500 ms.
      const relay = await up(t, { svc: { ...service, ide: idePort } }, {}, { time: "20s" });
      const { running, get } = await serve(t, wire, port);
      t.equal(await get("/early"), 200);
      if (wire === "pydevd") {
        // pydevd itself sleeps 100 ms in it; held it would be for ever.
        const took = Number(/settrace took (\d+) ms/.exec(running.text())?.[1]);
        t.ok(took < 2000, `settrace returned in ${took} ms`);
        await state(relay, "released");
      }
      await pause(10_000);
      t.equal(await get("/still-without"), 200);
      for (const round of [1, 2]) {
        const since = Date.now();
        const client =
          wire === "pydevd"
            ? ide("ide-pydevd.mjs", "--listen", `${idePort}`, "--break", breakpoint, "--json")
            : ide("ide-dap.mjs", "--attach", `${idePort}`, "--break", breakpoint, "--json");
        t.teardown(() => client.child.kill("SIGKILL"));
        await state(relay, "open", since);
        // Until its breakpoint is set, requests pass.
        while (!client.text().includes('"function":"answer"')) t.equal(await get(`/round-${round}`), 200);
        t.match(client.text(), new RegExp(`round-${round}`), `IDE ${round} stopped there`);
        client.child.kill("SIGKILL");
        await client.exit;
        await state(relay, "released", since);
        t.equal(await get("/between"), 200, "it runs on without that IDE's breakpoints");
      }
      relay.kill("SIGINT");
      t.equal(await relay.exit, 0, relay.stderr());
      t.equal(await get("/after"), 200, "and without the relay");
      const trace = await openTrace(findTrace(await relay.trace()));
      const hits = [];
      for await (const { hit } of trace.hits()) hits.push(hit);
      trace.close();
      t.ok(hits.length >= 2, `${hits.length} hits recorded`);
      const [first] = hits;
      t.match(first, { reason: "breakpoint", service: "svc", session: "svc#1" });
      t.match(first?.snapshot.frames[0], { name: /answer/, path: api, line });
      const locals = first?.snapshot.frames[0]?.scopes?.[0]?.variables ?? [];
      const volume = locals.find(({ name }) => name === "volume");
      t.match(volume?.children?.find(({ name }) => name.includes("path"))?.value, /round-1/);
    },
  );
}

/** DAP as VS Code's own test client speaks it. */
async function attach(port: number): Promise<DebugClient> {
  const client = new DebugClient("node", "", "python");
  await client.start(port);
  return client;
}

t.test(
  "two IDEs on one debugpy session: both see the stop, one drives; a late one is shown where it stands",
  { buffered: true },
  async (t) => {
    const [listens, idePort] = [await freePort(), await freePort()];
    const relay = await up(t, { svc: { wire: "dap", listens, ide: idePort } });
    const { get } = await serve(t, "debugpy", listens);
    const configure = async (client: DebugClient, lines: readonly number[]): Promise<void> => {
      await client.initializeRequest({
        adapterID: "python",
        pathFormat: "path",
        linesStartAt1: true,
        columnsStartAt1: true,
      });
      const initialized = client.waitForEvent("initialized", 10_000);
      const attached = client.attachRequest({ justMyCode: true } as never);
      await initialized;
      const { body } = await client.setBreakpointsRequest({
        source: { path: api },
        breakpoints: lines.map((each) => ({ line: each })),
      });
      t.same(
        body.breakpoints.map(({ verified }) => verified),
        lines.map(() => true),
      );
      await client.configurationDoneRequest();
      await attached;
    };
    const driver = await attach(idePort);
    await configure(driver, [line]);
    const observer = await attach(idePort);
    await configure(observer, [line, line + 1]);
    const stops = [driver, observer].map((client) => client.waitForEvent("stopped", 10_000));
    const answered = get("/two");
    const [stop] = await Promise.all(stops);
    const threadId = Number(stop?.body.threadId);
    const stacks = await Promise.all([driver, observer].map((client) => client.stackTraceRequest({ threadId })));
    for (const { body } of stacks) t.match(body.stackFrames[0], { name: /answer/, line });
    await t.rejects(observer.continueRequest({ threadId }), /drives/, "the other is told who drives");

    const late = await attach(idePort);
    const seen = late.waitForEvent("stopped", 10_000);
    await configure(late, []);
    t.equal((await seen).body.threadId, threadId, "a late client is shown the stop");

    const next = [driver, observer].map((client) => client.waitForEvent("stopped", 10_000));
    await driver.continueRequest({ threadId });
    await Promise.all(next);
    const { body } = await observer.stackTraceRequest({ threadId });
    t.equal(body.stackFrames[0]?.line, line + 1, "the observer's own breakpoint");
    await observer.disconnectRequest({});
    await driver.continueRequest({ threadId });
    t.equal(await answered, 200);
    const again = driver.waitForEvent("stopped", 10_000);
    const second = get("/again");
    await again;
    await driver.continueRequest({ threadId });
    t.equal(await second, 200, "the breakpoints of who has left are gone");
    await Promise.all([driver.stop(), late.stop()]);
    relay.kill("SIGINT");
    t.equal(await relay.exit, 0, relay.stderr());
  },
);

t.test(
  "hold: forever: settrace waits; the breakpoint of an IDE that comes ten seconds later stops it",
  { buffered: true },
  async (t) => {
    const [dials, idePort] = [await freePort(), await freePort()];
    const relay = await up(t, { svc: { wire: "pydevd", dials, ide: idePort, hold: "forever" } });
    const running = python("api.py", "pydevd", `${dials}`);
    t.teardown(() => running.child.kill("SIGKILL"));
    await state(relay, "held");
    await pause(10_000);
    t.equal(running.text(), "", "settrace has not returned");
    const client = ide("ide-pydevd.mjs", "--listen", `${idePort}`, "--break", breakpoint, "--json");
    t.teardown(() => client.child.kill("SIGKILL"));
    await running.prints("serves on");
    const own = /serves on (\d+)/.exec(running.text())?.[1] ?? "";
    t.equal((await fetch(`http://127.0.0.1:${own}/held`)).status, 200);
    t.match(client.text(), /"function":"answer".*held/);
    relay.kill("SIGINT");
    t.equal(await relay.exit, 0, relay.stderr());
  },
);

/** What the IDE hears from a debuggee, without what differs from run to run: ids, times, ports. */
function heard(chunks: readonly Buffer[], wire: "pydevd" | "debugpy"): string[] {
  const frames = new FrameReader(wire === "pydevd" ? "pydevd" : "dap").push(Buffer.concat(chunks));
  return frames.map((frame) => {
    const body = Buffer.from(frameBody(frame)).toString();
    if (wire === "pydevd")
      return body
        .replaceAll(/0x[0-9a-f]+|\d{4,}/g, "N")
        .replaceAll(/pid_\d+/g, "pid")
        .replaceAll(/^(\d+)\t\d+/g, "$1");
    const { seq: _, ...message } = JSON.parse(body) as { seq: number };
    // Frames and values are numbered as they are asked for, and a capture asks for more.
    return JSON.stringify(message)
      .replaceAll(/"(id|variablesReference|systemProcessId)":[1-9]\d*/g, '"$1":"N"')
      .replaceAll(/0x[0-9a-f]+|\d{4,}/g, "N");
  });
}

for (const wire of ["pydevd", "debugpy"] as const) {
  t.test(`${wire}: an IDE hears the same with captures and without`, { buffered: true }, async (t) => {
    const transcripts: string[][] = [];
    for (const capture of [false, true]) {
      const [port, idePort] = [await freePort(), await freePort()];
      const near = await recordingPipe(idePort);
      t.teardown(() => near.close());
      const service =
        wire === "pydevd"
          ? { wire, dials: port, ide: near.port, hold: "forever" }
          : { wire: "dap" as const, listens: port, ide: idePort };
      const relay = await up(t, { svc: service }, {}, { capture });
      const client =
        wire === "pydevd"
          ? ide("ide-pydevd.mjs", "--listen", `${idePort}`, "--break", breakpoint, "--hits", "3", "--json")
          : undefined;
      await client?.prints("listening");
      const { get } = await serve(t, wire, port);
      const dap =
        wire === "debugpy"
          ? ide("ide-dap.mjs", "--attach", `${near.port}`, "--break", breakpoint, "--hits", "3", "--json")
          : undefined;
      const running = client ?? dap;
      t.teardown(() => running?.child.kill("SIGKILL"));
      await (dap?.prints("attached") ?? Promise.resolve());
      for (const path of ["/a", "/b", "/c"]) t.equal(await get(path), 200);
      await running?.exit;
      relay.kill("SIGINT");
      t.equal(await relay.exit, 0, relay.stderr());
      const conversation = near.conversations[0];
      transcripts.push(heard((wire === "pydevd" ? conversation?.connector : conversation?.acceptor) ?? [], wire));
      const trace = await openTrace(findTrace(await relay.trace()));
      let hits = 0;
      for await (const { hit } of trace.hits()) if (hit.snapshot.frames.length > 0) hits++;
      trace.close();
      t.equal(hits, capture ? 3 : 0);
    }
    t.ok((transcripts[0]?.length ?? 0) > 8, "a whole session");
    // What comes after its last word may come too late for it.
    const untilItsLastWord = (lines: string[] = []): string[] =>
      wire === "pydevd"
        ? lines
        : lines.slice(0, 1 + lines.findLastIndex((text) => text.includes('"command":"continue"')));
    // debugpy tells of new modules while it walks the frames, before or after its answer: they are compared by themselves.
    const modules = (lines: string[], wanted: boolean): string[] =>
      lines.filter((text) => text.includes('"event":"module"') === wanted);
    const [without = [], captured = []] = transcripts.map(untilItsLastWord);
    t.same(modules(captured, false), modules(without, false));
    t.same(modules(captured, true).sort(), modules(without, true).sort());
  });
}
