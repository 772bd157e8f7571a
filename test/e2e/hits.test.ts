// What goes on at a stop of a session that the relay owns, by the real program over a real sshd with real debuggees: who drives,
// and what is captured, with an IDE and without.
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { DebugClient } from "@vscode/debugadapter-testsupport";
import t, { type Test } from "tap";
import type { RelayView } from "../../protocol/control.ts";
import type { Hit } from "../../protocol/hit.ts";
import { findTrace, openTrace } from "../../src/trace/index.ts";
import { breakpointOf, debuggeeFile, ide, python, type Running } from "../helpers/processes.ts";
import { up } from "../helpers/relay-on-vm.ts";
import { program } from "../helpers/relay-process.ts";
import { freePort } from "../helpers/sockets.ts";

t.jobs = 2;

const api = debuggeeFile("api.py");
const line = Number(/\d+$/.exec(breakpointOf(api))?.[0]);

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

/** DAP as VS Code's own test client speaks it, under a name. */
async function attach(port: number, clientName: string): Promise<DebugClient> {
  const client = new DebugClient("node", "", "python");
  await client.start(port);
  await client.initializeRequest({
    adapterID: "python",
    clientName,
    pathFormat: "path",
    linesStartAt1: true,
    columnsStartAt1: true,
  });
  const initialized = client.waitForEvent("initialized", 10_000);
  const attached = client.attachRequest({ justMyCode: true } as never);
  await initialized;
  await client.setBreakpointsRequest({ source: { path: api }, breakpoints: [{ line }] });
  await client.configurationDoneRequest();
  await attached;
  return client;
}

t.test(
  "the drive is handed over, from a command line and from the other's debug console",
  { buffered: true },
  async (t) => {
    const [listens, idePort] = [await freePort(), await freePort()];
    const env = { XDG_RUNTIME_DIR: mkdtempSync(join(tmpdir(), "dt-")), NO_COLOR: "1" };
    t.teardown(() => rmSync(env.XDG_RUNTIME_DIR, { recursive: true, force: true }));
    const relay = await up(t, { svc: { wire: "dap", listens, ide: idePort } }, env, {}, { clients: { drive: "ask" } });
    const debugtap = async (...args: string[]): Promise<string> => {
      const { stdout } = await promisify(execFile)(process.execPath, [program, ...args], {
        env: { ...process.env, ...env },
      });
      return stdout;
    };
    const { get } = await serve(t, "debugpy", listens);
    const first = await attach(idePort, "Code");
    const second = await attach(idePort, "nvim-dap");
    const clients = async (): Promise<unknown> => {
      const [view] = JSON.parse(await debugtap("ps", "--json")) as RelayView[];
      return view?.sessions[0]?.clients;
    };
    t.same(await clients(), [
      { id: 1, name: "Code", drives: true },
      { id: 2, name: "nvim-dap", drives: false },
    ]);
    const stops = [first, second].map((client) => client.waitForEvent("stopped", 10_000));
    const answered = get("/drive");
    const [stop] = await Promise.all(stops);
    const threadId = Number(stop?.body.threadId);
    const refused = await second.continueRequest({ threadId }).then(String, (error: Error) => error.message);
    const pasted = /debugtap (drive svc#1 --client 2)$/.exec(refused)?.[1];
    t.type(pasted, "string", refused);

    const told = [first, second].map((client) => client.waitForEvent("output", 10_000));
    t.equal(await debugtap(...(pasted ?? "").split(" ")), "nvim-dap drives svc#1\n");
    const outputs = await Promise.all(told);
    t.same(
      outputs.map(({ body }) => body.output),
      ["debugtap: nvim-dap drives this session now\n", "debugtap: this IDE drives this session now\n"],
    );
    t.match(await debugtap("ps"), /IDEs: 1 Code observes, 2 nvim-dap drives/);
    await relay.event("note", ({ kind, detail }) => kind === "drive" && detail.startsWith("nvim-dap"));
    await t.rejects(first.continueRequest({ threadId }), /nvim-dap drives this session/);

    const { body } = await first.evaluateRequest({ expression: "debugtap drive", context: "repl" });
    t.equal(body.result, "this IDE drives now");
    await first.continueRequest({ threadId });
    t.equal(await answered, 200);
    await first.disconnectRequest({});
    await relay.event("session", ({ session }) => session.clients?.length === 1);
    t.same(await clients(), [{ id: 2, name: "nvim-dap", drives: true }], "who is left drives");
    await t.rejects(debugtap("drive", "svc"), /DT_DRIVE: svc#1 has no other IDE/);
    await second.disconnectRequest({});
    relay.kill("SIGINT");
    t.equal(await relay.exit, 0, relay.stderr());
  },
);

/** Without what differs between two hits of one place: their ids, times, addresses, and the port of a request. */
function alike(hit: Hit): unknown {
  const snapshot = { ...hit.snapshot, took: 0 };
  const text = JSON.stringify({ ...hit, number: 0, at: 0, thread: 0, snapshot });
  return JSON.parse(text.replaceAll(/0x[0-9a-f]+/g, "ADDRESS").replaceAll(/\b\d{4,}\b/g, "N"));
}

for (const wire of ["pydevd", "debugpy"] as const) {
  t.test(`${wire}: the same hit captured with and without an IDE is equal`, { buffered: true }, async (t) => {
    const [port, idePort] = [await freePort(), await freePort()];
    const service = wire === "pydevd" ? { wire, dials: port } : { wire: "dap" as const, listens: port };
    // Time enough for all of it: what a limit cuts off is another matter.
    const correlate = ["volume['count']", "volume['path'].upper()", "self.command * 2", "nobody()"];
    const top = { correlate, evaluate: true };
    const relay = await up(t, { svc: { ...service, ide: idePort } }, {}, { time: "20s" }, top);
    const hit = (number: number) => relay.event("hit", (event) => event.hit.number === number);
    const { get } = await serve(t, wire, port);
    if (wire === "pydevd") {
      const client = ide("ide-pydevd.mjs", "--listen", `${idePort}`, "--break", breakpointOf(api), "--json");
      t.teardown(() => client.child.kill("SIGKILL"));
      await relay.event("session", ({ session }) => session.state === "open");
      // It has set its breakpoint when a request stops.
      for (let hits = 0; hits === 0; hits = relay.events.filter(({ type }) => type === "hit").length)
        t.equal(await get("/same"), 200);
      client.child.kill("SIGKILL");
      await client.exit;
    } else {
      const client = await attach(idePort, "Code");
      const stopped = client.waitForEvent("stopped", 10_000);
      const answered = get("/same");
      const { body } = await stopped;
      await client.continueRequest({ threadId: Number(body.threadId) });
      t.equal(await answered, 200);
      await client.disconnectRequest({});
    }
    const left = Date.now();
    await relay.event("session", ({ session }) => session.state === "released" && session.bytes.client > 0);
    const before = relay.events.filter(({ type }) => type === "hit").length;
    t.equal(await get("/same"), 200, "it runs on by itself");
    const second = await hit(before + 1);
    t.ok(second.at >= left);

    relay.kill("SIGINT");
    t.equal(await relay.exit, 0, relay.stderr());
    const trace = await openTrace(findTrace(await relay.trace()));
    const hits: Hit[] = [];
    for await (const each of trace.hits()) hits.push(each.hit);
    trace.close();
    const [withIde, without] = [hits.at(-2), hits.at(-1)];
    t.equal(hits.length, before + 1);
    t.match(withIde?.snapshot.frames[0], { name: /answer/, path: api, line });
    t.equal(withIde?.snapshot.cut, undefined);
    t.same(without?.correlated, {
      "volume['count']": "3",
      "volume['path'].upper()": "/SAME",
      "self.command * 2": "GETGET",
    });
    t.match(without?.uncorrelated, { "nobody()": /NameError/ });
    t.same(withIde && alike(withIde), without && alike(without));
  });
}
