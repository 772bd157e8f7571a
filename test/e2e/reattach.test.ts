// `reattach: true`, by the real program over a real sshd with real debuggees: the connection is lost, or the service restarted, and the IDE
// has one session and its breakpoints.
import { DebugClient } from "@vscode/debugadapter-testsupport";
import t, { type Test } from "tap";
import { writeFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { frameBody } from "../../protocol/frame.ts";
import { findTrace, openTrace } from "../../src/trace/index.ts";
import { FaultyVm } from "../helpers/faulty-vm.ts";
import { breakpointOf, debuggeeFile, python, type Running } from "../helpers/processes.ts";
import { startRelay, type RelayProcess } from "../helpers/relay-process.ts";
import { freePort } from "../helpers/sockets.ts";

t.jobs = 2;

const api = debuggeeFile("api.py");
const breakpoint = breakpointOf(api);
const line = Number(breakpoint.slice(breakpoint.lastIndexOf(":") + 1));

interface World {
  readonly vm: FaultyVm;
  readonly relay: RelayProcess;
  readonly ports: { readonly listens: number; readonly ide: number };
}

async function world(t: Test): Promise<World> {
  const vm = await FaultyVm.start();
  t.teardown(() => vm.stop());
  const ports = { listens: await freePort(), ide: await freePort() };
  const dir = t.testdir({ traces: {}, state: {} });
  const config = {
    hosts: { vm: { ssh: "vm", ssh_config: vm.sshConfig } },
    services: { svc: { host: "vm", wire: "dap", ...ports, reattach: true } },
    record: { dir: `${dir}/traces` },
  };
  writeFileSync(`${dir}/debugtap.yml`, JSON.stringify(config));
  const relay = startRelay(["up", "--config", `${dir}/debugtap.yml`], { XDG_STATE_HOME: `${dir}/state` });
  t.teardown(async () => {
    relay.kill("SIGKILL");
    await relay.exit;
  });
  await relay.listening(["svc"]);
  return { vm, relay, ports };
}

async function serve(t: Test, port: number): Promise<{ running: Running; get: (path: string) => Promise<number> }> {
  const running = python("api.py", "debugpy", `${port}`);
  t.teardown(() => running.child.kill("SIGKILL"));
  await running.prints("serves on");
  const own = /serves on (\d+)/.exec(running.text())?.[1] ?? "";
  return { running, get: async (path) => (await fetch(`http://127.0.0.1:${own}${path}`)).status };
}

/** An IDE with its breakpoints, and the names of all events that it hears. */
async function attach(port: number, lines: readonly number[]): Promise<{ ide: DebugClient; heard: string[] }> {
  const ide = new DebugClient("node", "", "python");
  await ide.start(port);
  const heard: string[] = [];
  for (const name of ["terminated", "exited", "initialized", "stopped", "continued", "thread", "process"])
    ide.on(name, () => heard.push(name));
  await ide.initializeRequest({ adapterID: "python", pathFormat: "path", linesStartAt1: true, columnsStartAt1: true });
  const initialized = ide.waitForEvent("initialized", 10_000);
  const attached = ide.attachRequest({ justMyCode: true } as never);
  await initialized;
  await set(ide, lines);
  await ide.setExceptionBreakpointsRequest({ filters: ["raised"] });
  await ide.configurationDoneRequest();
  await attached;
  return { ide, heard };
}

async function set(ide: DebugClient, lines: readonly number[]) {
  const { body } = await ide.setBreakpointsRequest({
    source: { path: api },
    breakpoints: lines.map((each) => ({ line: each })),
  });
  return body.breakpoints;
}

function becomes({ relay }: World, wanted: string, since: number) {
  return relay.event("session", ({ at, session }) => at >= since && session.state === wanted);
}

/** A request stops at the IDE's breakpoint, and goes on. */
async function stops(t: Test, ide: DebugClient, get: (path: string) => Promise<number>): Promise<void> {
  const stopped = ide.waitForEvent("stopped", 20_000);
  const answered = get("/x");
  const threadId = Number((await stopped).body.threadId);
  const { body } = await ide.stackTraceRequest({ threadId });
  t.match(body.stackFrames[0], { name: /answer/, line });
  await ide.continueRequest({ threadId });
  t.equal(await answered, 200);
}

t.test(
  "the sshd child is killed at a stop: the program runs on, and stops again, with nothing done in the IDE",
  async (t) => {
    const all = await world(t);
    const { vm, relay, ports } = all;
    const { get } = await serve(t, ports.listens);
    const { ide, heard } = await attach(ports.ide, [line]);
    const observer = await attach(ports.ide, [line + 1]);
    const stopped = ide.waitForEvent("stopped", 10_000);
    const answered = get("/one");
    const threadId = Number((await stopped).body.threadId);
    await relay.event("hit", () => true);
    const since = Date.now();
    heard.length = 0;
    const continued = ide.waitForEvent("continued", 20_000);
    await vm.shim.refuse();
    vm.signalLogins("SIGKILL");
    await becomes(all, "reattaching", since);
    await continued;
    t.equal(await answered, 200, "debugpy frees its program");
    // While nobody is there.
    await t.rejects(ide.stackTraceRequest({ threadId }), /debugtap attaches again by itself/);
    t.same((await ide.threadsRequest()).body.threads, []);
    t.match(await set(ide, [line, line + 2]), [{ verified: false }, { verified: false }]);
    const bound = ide.waitForEvent("breakpoint", 20_000);
    await vm.shim.accept();
    await becomes(all, "open", since);
    t.match((await bound).body, { reason: "changed", breakpoint: { verified: true } });
    const { detail } = await relay.event("note", ({ at, kind }) => at >= since && kind === "attached" && true);
    t.type(detail, "string");
    await set(ide, [line]);
    await observer.ide.disconnectRequest({});
    // What the observer had set is taken back by a new list, and debugpy takes out the old one first: a moment without breakpoints.
    await ide.threadsRequest();
    await stops(t, ide, get);
    t.same(
      heard.filter((name) => ["terminated", "exited", "initialized"].includes(name)),
      [],
      "one continuous session",
    );
    t.ok(heard.includes("thread"), "threads are told");
    await stops(t, ide, get);
    await ide.disconnectRequest({});
    await becomes(all, "released", since);
    relay.kill("SIGINT");
    t.equal(await relay.exit, 0, relay.stderr());
    t.equal(await get("/after"), 200);
    const { dir } = await relay.event("trace", ({ state }) => state === "open");
    const trace = await openTrace(findTrace(dir));
    t.equal(trace.sessions().length, 1, "one session");
    const attaches: string[] = [];
    for await (const { frame, side } of trace.messages()) {
      const said = side === "client" && frame !== undefined ? Buffer.from(frameBody(frame)).toString() : "";
      if (said.includes('"command":"attach"')) attaches.push(said);
    }
    t.equal(attaches.length, 2, "read through the loss to its end");
    trace.close();
  },
);

t.test("the service is restarted, twice, once while the link is down: its next process is attached", async (t) => {
  const all = await world(t);
  const { vm, relay, ports } = all;
  let service = await serve(t, ports.listens);
  const { ide, heard } = await attach(ports.ide, [line]);
  await stops(t, ide, service.get);
  for (const lost of [false, true]) {
    const since = Date.now();
    if (lost) {
      await vm.shim.refuse();
      vm.signalLogins("SIGKILL");
    }
    service.running.child.kill("SIGKILL");
    await service.running.exit;
    await becomes(all, "reattaching", since);
    await pause(300);
    service = await serve(t, ports.listens);
    if (lost) await vm.shim.accept();
    const note = await relay.event("note", ({ at, detail }) => at >= since && /another process/.test(detail));
    t.match(note.detail, new RegExp(`pid ${service.running.child.pid},`));
    await stops(t, ide, service.get);
  }
  t.same(
    heard.filter((name) => ["terminated", "exited", "initialized"].includes(name)),
    ["initialized"],
  );
  service.running.child.kill("SIGKILL");
  await becomes(all, "reattaching", Date.now());
  // Its hits are recorded with no IDE too: its breakpoints stay, and are set in the next process.
  await ide.disconnectRequest({});
  const since = Date.now();
  service = await serve(t, ports.listens);
  await becomes(all, "released", since);
  t.equal(await service.get("/nobody"), 200);
  t.match((await relay.event("hit", ({ at }) => at >= since)).hit, {
    where: `answer (api.py:${line})`,
    reason: "breakpoint",
  });
  relay.kill("SIGINT");
  t.equal(await relay.exit, 0, relay.stderr());
});
