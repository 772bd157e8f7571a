// delve, the real one, through the real program. Its habits: every message has seq 0, attach is answered before `initialized`, no `continued`
// event, and a program whose client is lost stays where it stands until the next one is configured.
import { DebugClient } from "@vscode/debugadapter-testsupport";
import t, { type Test } from "tap";
import { writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { findTrace, openTrace } from "../../src/trace/index.ts";
import { breakpointOf, compileGo, debuggeeFile, delve, type Running } from "../helpers/processes.ts";
import { startRelay, type RelayProcess } from "../helpers/relay-process.ts";
import { Shim } from "../helpers/shim.ts";
import { freePort } from "../helpers/sockets.ts";

const source = debuggeeFile("lines.go");
const breakpoint = breakpointOf(source);
const line = Number(breakpoint.slice(breakpoint.lastIndexOf(":") + 1));

/**
 * Where a client attaches as soon as the port is open, delve's own `--continue` may come behind the client's: the program then runs on
 * from its first stop, and every client believes that it stands (1.20.2).
 */
async function serve(t: Test, binary: string, port = 0, continues = true): Promise<{ dlv: Running; port: number }> {
  const dlv = delve(binary, port, continues);
  t.teardown(() => dlv.child.kill("SIGKILL"));
  await dlv.prints("ready");
  return { dlv, port: Number(/listening at: 127\.0\.0\.1:(\d+)/.exec(dlv.text())?.[1]) };
}

interface World {
  readonly relay: RelayProcess;
  readonly ide: number;
  readonly trace: () => Promise<string>;
}

async function up(t: Test, listens: number, reattach: boolean): Promise<World> {
  const ide = await freePort();
  const dir = t.testdir({ traces: {}, state: {} });
  const config = { services: { svc: { wire: "dap", listens, ide, reattach } }, record: { dir: `${dir}/traces` } };
  writeFileSync(`${dir}/debugtap.yml`, JSON.stringify(config));
  const relay = startRelay(["up", "--config", `${dir}/debugtap.yml`], { XDG_STATE_HOME: `${dir}/state` });
  t.teardown(async () => {
    relay.kill("SIGKILL");
    await relay.exit;
  });
  await relay.listening(["svc"]);
  return { relay, ide, trace: async () => (await relay.event("trace", ({ state }) => state === "open")).dir };
}

async function attach(t: Test, port: number): Promise<DebugClient> {
  const ide = new DebugClient("node", "", "go");
  await ide.start(port);
  await ide.initializeRequest({ adapterID: "go", pathFormat: "path", linesStartAt1: true, columnsStartAt1: true });
  const initialized = ide.waitForEvent("initialized", 20_000);
  const attached = ide.attachRequest({ mode: "remote" } as never);
  await initialized;
  const { body } = await ide.setBreakpointsRequest({ source: { path: source }, breakpoints: [{ line }] });
  t.match(body.breakpoints, [{ verified: true, line }]);
  await ide.configurationDoneRequest();
  await attached;
  return ide;
}

/**
 * To set breakpoints delve halts the program, and takes a line that comes just then for a pause. It answers in order: what was asked
 * before has been done then.
 */
async function settled(ide: DebugClient | undefined): Promise<void> {
  await ide?.threadsRequest();
}

/** delve tells of a stop some ms before it stands: "debuggee is running". */
async function stackTrace(ide: DebugClient, threadId: number) {
  for (const end = Date.now() + 10_000; ; await sleep(10)) {
    try {
      return await ide.stackTraceRequest({ threadId });
    } catch (refused) {
      if (Date.now() > end || !/Unable to process `stackTrace`/.test(String(refused))) throw refused;
    }
  }
}

/** A line stops at the breakpoint, is seen by all, and is answered when the first lets it go on. */
async function stops(t: Test, dlv: Running, text: string, ides: readonly DebugClient[]): Promise<void> {
  await settled(ides[0]);
  const stopped = ides.map((ide) => ide.waitForEvent("stopped", 20_000));
  dlv.child.stdin.write(`${text}\n`);
  const threads = (await Promise.all(stopped)).map(({ body }) => Number(body.threadId));
  for (const [i, ide] of ides.entries()) {
    const { body } = await stackTrace(ide, threads[i] ?? 0);
    t.match(body.stackFrames[0], { name: "main.answer", line });
  }
  const continued = ides.slice(1).map((ide) => ide.waitForEvent("continued", 20_000));
  await ides[0]?.continueRequest({ threadId: threads[0] ?? 0 });
  await Promise.all(continued);
  await dlv.prints(`answers ${text}`);
}

function becomes({ relay }: World, wanted: string, since: number) {
  return relay.event("session", ({ at, session }) => at >= since && session.state === wanted);
}

t.test("delve", async (t) => {
  const binary = await compileGo(t.testdir({}));
  await t.test("two IDEs; both leave, one at a stop; another comes, and its breakpoint stops", async (t) => {
    const { dlv, port } = await serve(t, binary);
    const all = await up(t, port, false);
    const first = await attach(t, all.ide);
    const second = await attach(t, all.ide);
    await stops(t, dlv, "one", [first, second]);
    await second.disconnectRequest({});
    await settled(first);
    const since = Date.now();
    const stopped = first.waitForEvent("stopped", 20_000);
    dlv.child.stdin.write("two\n");
    await stopped;
    await first.disconnectRequest({});
    await dlv.prints("answers two");
    await becomes(all, "released", since);
    dlv.child.stdin.write("three\n");
    await dlv.prints("answers three");
    const third = await attach(t, all.ide);
    await stops(t, dlv, "four", [third]);
    await third.disconnectRequest({});
    all.relay.kill("SIGINT");
    t.equal(await all.relay.exit, 0, all.relay.stderr());
    const trace = await openTrace(findTrace(await all.trace()));
    const values: unknown[] = [];
    for await (const { hit } of trace.hits()) {
      t.match(hit.snapshot.frames[0], { name: "main.answer", path: source, line });
      values.push(hit.snapshot.frames[0]?.scopes?.flatMap(({ variables }) => variables));
    }
    trace.close();
    t.equal(values.length, 4, "a hit each, with an IDE or without");
    t.match(JSON.stringify(values), /one.*two.*three.*four/, "with the values");
  });
  await t.test("the connection is lost at a stop and comes again; then delve is restarted", async (t) => {
    let { dlv, port } = await serve(t, binary);
    const shim = await Shim.start(port);
    t.teardown(() => shim.close());
    const all = await up(t, shim.port, true);
    const ide = await attach(t, all.ide);
    const heard: string[] = [];
    for (const name of ["terminated", "exited", "initialized"]) ide.on(name, () => heard.push(name));
    await stops(t, dlv, "one", [ide]);
    const stopped = ide.waitForEvent("stopped", 20_000);
    dlv.child.stdin.write("two\n");
    await stopped;
    let since = Date.now();
    const continued = ide.waitForEvent("continued", 20_000);
    shim.reset();
    await continued;
    await becomes(all, "open", since);
    await dlv.prints("answers two");
    await stops(t, dlv, "three", [ide]);
    since = Date.now();
    dlv.child.kill("SIGKILL");
    await dlv.exit;
    await becomes(all, "reattaching", since);
    ({ dlv } = await serve(t, binary, port, false));
    await becomes(all, "open", since);
    await stops(t, dlv, "four", [ide]);
    t.same(heard, [], "one continuous session");
    all.relay.kill("SIGINT");
    t.equal(await all.relay.exit, 0, all.relay.stderr());
  });
});
