// The board of the real program: a stop is on the page, its values are read, it is let go, and the service goes on.
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import t, { type Test } from "tap";
import { WebSocket } from "ws";
import type { LiveMessage } from "../../protocol/api.ts";
import * as check from "../../protocol/api-check.ts";
import { decodeDap, encodeDap, isRequest, type DebugProtocol } from "../../protocol/dap.ts";
import { FrameReader } from "../../protocol/frame-reader.ts";
import { openTrace } from "../../src/trace/index.ts";
import { asker, Listener } from "../helpers/board.ts";
import { startCli } from "../helpers/cli.ts";
import { ModelPydevd, thread } from "../helpers/model-pydevd.ts";
import { breakpointOf, debuggeeFile, python } from "../helpers/processes.ts";
import { startRelay, type RelayProcess } from "../helpers/relay-process.ts";
import { connect, freePort, listen, read } from "../helpers/sockets.ts";

interface Up {
  readonly relay: RelayProcess;
  readonly url: string;
  readonly token: string;
  readonly ask: ReturnType<typeof asker>;
  readonly live: Listener;
  readonly env: Record<string, string>;
}

async function up(
  t: Test,
  services: Record<string, object>,
  args: readonly string[] = ["--board", "0"],
  more: object = {},
): Promise<Up> {
  const dir = t.testdir();
  const file = join(dir, "debugtap.yml");
  writeFileSync(file, JSON.stringify({ services, record: { time: "20s" }, ...more }));
  // Short: the path of a socket is.
  const run = mkdtempSync(join(tmpdir(), "debugtap-"));
  t.teardown(() => rmSync(run, { recursive: true, force: true }));
  const env = { XDG_RUNTIME_DIR: run, XDG_STATE_HOME: join(dir, "state"), NODE_OPTIONS: "" };
  const relay = startRelay(["up", "--config", file, ...args], env);
  t.teardown(async () => {
    relay.kill("SIGKILL");
    await relay.exit;
  });
  const { url } = await relay.event("board", () => true);
  const board = join(run, "debugtap", `${relay.pid}.board`);
  t.equal(statSync(board).mode & 0o777, 0o600);
  const { address } = JSON.parse(readFileSync(board, "utf8")) as { address: string };
  t.ok(address.startsWith(url));
  const token = new URL(address).searchParams.get("token") ?? "";
  t.notOk(JSON.stringify(relay.events).includes(token), "the token is in its file alone");
  await relay.listening(Object.keys(services));
  const live = new Listener({ url }, token);
  await live.hears(({ type }) => type === "view");
  return { relay, url, token, ask: asker(url, token), live, env };
}

/** An adapter with one thread, and what it was asked. */
class Adapter {
  readonly asked: string[] = [];
  readonly #socket: net.Socket;
  #seq = 0;

  constructor(socket: net.Socket) {
    this.#socket = socket;
    const reader = new FrameReader("dap");
    socket.on("data", (chunk: Buffer) => {
      for (const frame of reader.push(chunk)) {
        const request = decodeDap(frame);
        if (request !== undefined && isRequest(request)) this.#answer(request);
      }
    });
    socket.on("end", () => socket.end());
  }

  event(event: string, body: object = {}): void {
    this.#socket.write(encodeDap({ seq: ++this.#seq, type: "event", event, body }));
  }

  stop(): void {
    this.event("stopped", { reason: "breakpoint", threadId: 1, allThreadsStopped: true });
  }

  #answer({ seq, command }: DebugProtocol.Request): void {
    this.asked.push(command);
    const bodies: Record<string, object> = {
      stackTrace: {
        stackFrames: [{ id: 1, name: "create", line: 12, column: 1, source: { path: "/opt/app/app.py" } }],
      },
      scopes: { scopes: [{ name: "Locals", variablesReference: 1, expensive: false }] },
      variables: { variables: [{ name: "size", value: "42", type: "int", variablesReference: 0 }] },
    };
    const response = { type: "response", request_seq: seq, command, success: true } as const;
    this.#socket.write(encodeDap({ seq: ++this.#seq, ...response, body: bodies[command] ?? {} }));
    if (command === "attach") this.event("initialized");
  }
}

function request(seq: number, command: string, given: object = {}): Uint8Array {
  return encodeDap({ seq, type: "request", command, arguments: given });
}

const handshake = Buffer.concat([
  request(1, "initialize", { adapterID: "x" }),
  request(2, "attach"),
  request(3, "configurationDone"),
]);

/** Resolves when a text has come, past or to come; JSON is looked at without its spaces. */
function reader(socket: net.Socket): (text: string) => Promise<void> {
  let got = "";
  socket.on("data", (chunk: Buffer) => (got += chunk.toString().replaceAll('": "', '":"')));
  return async (text) => {
    while (!got.includes(text)) await once(socket, "data");
  };
}

function isStopped(name: string, stopped: boolean) {
  return (message: LiveMessage): boolean =>
    message.type === "view" &&
    message.view.sessions.some((session) => session.name === name && (session.stopped !== undefined) === stopped);
}

/** Only what comes from now on. */
function forget({ live }: Up): void {
  live.heard.length = 0;
}

t.test("dap: a stop is seen, read and let go; the IDE sees that it ran on; recording off and on", async (t) => {
  const port = await listen();
  t.teardown(() => port.close());
  const ide = await freePort();
  const board = await up(t, { api: { wire: "dap", listens: port.port, ide } });
  const { ask, live } = board;
  const client = await connect(ide);
  t.teardown(() => client.destroy());
  client.write(handshake);
  const adapter = new Adapter(await port.next());
  await read(client, '"command":"attach"');
  const since = performance.now();
  adapter.stop();
  await live.hears(isStopped("api#1", true));
  t.comment(`a stop is on the page after ${Math.round(performance.now() - since)} ms`);
  t.match(await live.hears(({ type }) => type === "hit"), {
    row: { number: 1, name: "api#1:1", function: "create", file: "/opt/app/app.py", line: 12 },
  });
  const detail = (await ask("GET", "/api/traces/live/hits/1")).json;
  t.ok(check.isHitDetail(detail));
  t.match(detail.hit.snapshot.frames[0].scopes[0].variables, [{ name: "size", value: "42" }]);
  t.match((await ask("POST", "/api/sessions/api%231/resume", { thread: 1 })).json, { resumed: ["api#1"] });
  await read(client, '"event":"continued"');
  t.equal(adapter.asked.at(-1), "continue");
  await live.hears((message) => message.type === "hit" && message.row.end !== undefined);
  await live.hears(isStopped("api#1", false));
  t.match(await ask("POST", "/api/sessions/api/resume"), { status: 409, json: { error: { code: "DT_NOT_STOPPED" } } });
  t.match(await ask("POST", "/api/sessions/api%231/release"), {
    status: 409,
    json: { error: { code: "DT_NOT_HELD" } },
  });
  t.ok(live.heard.every((message) => check.isLiveMessage(message)));

  const { trace = "" } = (await ask("GET", "/api/view")).json;
  const off = (await ask("POST", "/api/recording", { on: false })).json;
  t.ok(check.isApiView(off));
  t.match(off, { recording: false, trace: undefined });
  t.equal((await ask("GET", "/api/traces/live/hits")).status, 404);
  adapter.stop();
  await live.hears(isStopped("api#1", true));
  await ask("POST", "/api/sessions/api/resume");
  const [old] = (await ask("GET", "/api/traces")).json;
  t.match(old, { dir: trace, live: false, hits: 1 });
  forget(board);
  const on = (await ask("POST", "/api/recording", { on: true })).json;
  t.match(on, { recording: true });
  t.not(on.trace, trace);
  adapter.stop();
  t.match(await live.hears(({ type }) => type === "hit"), { row: { number: 1, name: "api#1:3" } });
  t.match((await ask("GET", "/api/traces/live/hits/1")).json, { hit: { session: "api#1", number: 3 } });
  t.match((await ask("GET", "/api/traces")).json, [{ id: "live", hits: 1 }, { dir: trace }]);
  await ask("POST", "/api/sessions/api/resume");
  live.socket.terminate();
  board.relay.kill("SIGTERM");
  t.equal(await board.relay.exit, 0, board.relay.stderr());
  const second = await openTrace(on.trace);
  t.teardown(() => second.close());
  t.strictSame(second.problems, []);
  const events = [];
  for await (const { frame } of second.messages()) {
    const message = frame === undefined ? undefined : decodeDap(frame);
    if (message !== undefined && "event" in message) events.push(message.event);
  }
  t.strictSame(
    events.filter((event) => event === "stopped"),
    ["stopped"],
    "in step from the first message on",
  );
});

t.test("pydevd: a stop is let go, and the IDE hears it", async (t) => {
  const port = await freePort();
  const ide = await listen();
  t.teardown(() => ide.close());
  const board = await up(t, { svc: { wire: "pydevd", dials: port, ide: ide.port } });
  const { ask, live } = board;
  const debuggee = await connect(port);
  const model = new ModelPydevd((bytes) => debuggee.write(bytes));
  const reader = new FrameReader("pydevd");
  debuggee.on("data", (chunk: Buffer) => {
    for (const frame of reader.push(chunk)) model.receive(frame);
  });
  const client = await ide.next();
  client.write("501\t1\t1.1\tUNIX\tID\n101\t3\t\n");
  await read(client, "103\t");
  model.hit();
  await read(client, "105\t");
  await live.hears(isStopped("svc#1", true));
  await live.hears(({ type }) => type === "hit");
  t.match((await ask("POST", "/api/sessions/svc/resume", { thread })).json, { resumed: ["svc#1"] });
  await read(client, "106\t");
  t.notOk(model.stopped);
  await live.hears((message) => message.type === "hit" && message.row.end !== undefined);
  const socket = new WebSocket(new URL("/dap/svc", board.url.replace("http", "ws")), {
    headers: { authorization: `Bearer ${board.token}` },
  });
  const [, response] = (await once(socket, "unexpected-response")) as [unknown, { statusCode: number }];
  t.equal(response.statusCode, 409, "its IDE is dialled");
  socket.on("error", () => undefined);
  socket.terminate();
  debuggee.destroy();
  live.socket.terminate();
});

for (const wire of ["debugpy", "pydevd"] as const) {
  t.test(
    `${wire}: a real service stands at a breakpoint of its IDE, is let go by the board, and answers`,
    async (t) => {
      const api = debuggeeFile("api.py");
      const line = breakpointOf(api).slice(api.length + 1);
      const port = await freePort();
      const ide = wire === "debugpy" ? undefined : await listen();
      t.teardown(() => ide?.close());
      const idePort = ide?.port ?? (await freePort());
      const service = wire === "debugpy" ? { wire: "dap", listens: port } : { wire, dials: port };
      const { ask, live, relay } = await up(t, { svc: { ...service, ide: idePort } });
      const running = python("api.py", wire, `${port}`);
      t.teardown(() => running.child.kill("SIGKILL"));
      if (wire === "debugpy") await running.prints("serves on");
      const client = ide === undefined ? await connect(idePort) : await ide.next();
      t.teardown(() => client.destroy());
      const said = reader(client);
      if (wire === "debugpy") {
        client.write(request(1, "initialize", { adapterID: "x" }));
        client.write(request(2, "attach", { justMyCode: false }));
        await said('"event":"initialized"');
        client.write(request(3, "setBreakpoints", { source: { path: api }, breakpoints: [{ line: Number(line) }] }));
        client.write(request(4, "configurationDone"));
        await said('"command":"attach"');
      } else {
        const breakpoint = ["111", "3", "1", "python-line", api, line, "None", "None", "None", "None", "False", "NONE"];
        client.write(`501\t1\t1.1\tUNIX\tID\n${breakpoint.join("\t")}\n101\t5\t\n`);
        await said("103\t");
        await running.prints("serves on");
      }
      const own = /serves on (\d+)/.exec(running.text())?.[1] ?? "";
      for (const round of [1, 2]) {
        const answer = fetch(`http://127.0.0.1:${own}/volumes`);
        const hit = await live.hears((message) => message.type === "hit" && message.row.number === round);
        t.match(hit, { row: { file: api, line: Number(line), reason: "breakpoint" } });
        t.match((await ask("POST", "/api/sessions/svc/resume")).json, { resumed: ["svc#1"] });
        t.equal((await answer).status, 200, relay.stderr());
        await live.hears((message) => message.type === "hit" && message.row.number === round && "end" in message.row);
      }
      await said(wire === "debugpy" ? '"continued"' : "106\t");
      live.socket.terminate();
    },
  );
}

t.test("DAP over a WebSocket: byte for byte that of the port", async (t) => {
  const port = await listen();
  t.teardown(() => port.close());
  const ide = await freePort();
  const board = await up(t, { api: { wire: "dap", listens: port.port, ide } });
  const words = request(4, "evaluate", { expression: "ö".repeat(100_000) });
  const large = encodeDap({ seq: 99, type: "event", event: "output", body: { output: "ß".repeat(1_000_000) } });

  /** What the adapter and the client got, with this way of speaking. */
  const talk = async (
    open: () => Promise<{ say: (bytes: Uint8Array) => void; got: Buffer[]; end: () => void }>,
  ): Promise<readonly [string, string]> => {
    const client = await open();
    client.say(handshake);
    const socket = await port.next();
    const heard: Buffer[] = [];
    socket.on("data", (chunk: Buffer) => heard.push(chunk));
    const adapter = new Adapter(socket);
    client.say(words);
    const has = async (list: Buffer[], text: string): Promise<void> => {
      while (!Buffer.concat(list).includes(text)) await new Promise((resolve) => setImmediate(resolve));
    };
    await has(client.got, '"command":"evaluate"');
    socket.write(large);
    adapter.event("terminated");
    await has(client.got, '"event":"terminated"');
    const ended = once(socket, "end");
    client.end();
    await ended;
    return [Buffer.concat(heard).toString("latin1"), Buffer.concat(client.got).toString("latin1")];
  };

  const overTcp = await talk(async () => {
    const socket = await connect(ide);
    const got: Buffer[] = [];
    socket.on("data", (chunk: Buffer) => got.push(chunk));
    return { say: (bytes) => socket.write(bytes), got, end: () => socket.end() };
  });
  for (const binary of [true, false]) {
    const overWebSocket = await talk(async () => {
      const socket = new WebSocket(new URL("/dap/api", board.url.replace("http", "ws")), {
        headers: { authorization: `Bearer ${board.token}` },
      });
      await once(socket, "open");
      const got: Buffer[] = [];
      socket.on("message", (data: Buffer) => got.push(data));
      return { say: (bytes) => socket.send(bytes, { binary }), got, end: () => socket.close() };
    });
    t.ok(overWebSocket[0] === overTcp[0], "what the service got");
    t.ok(overWebSocket[1] === overTcp[1], "what the IDE got");
  }
  t.ok(overTcp[1].length > 2_000_000);
  board.live.socket.terminate();
});

t.test("a trigger: its requests are told and listed, and sent again", async (t) => {
  const asked: string[] = [];
  const service = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    response.setHeader("X-Request-Id", `req-${asked.length}-of-the-service`).end("{}");
  });
  service.listen(0, "127.0.0.1");
  await once(service, "listening");
  t.teardown(() => service.close());
  const { port } = service.address() as net.AddressInfo;
  const listens = await freePort();
  const triggers = { shop: { to: `127.0.0.1:${port}`, listen: listens } };
  const board = await up(t, { api: { wire: "dap", listens: 1, ide: await freePort() } }, ["--board", "0"], {
    triggers,
  });
  const { ask, live } = board;
  await board.relay.event("trigger", ({ trigger }) => trigger.state === "listening");
  t.match((await ask("GET", "/api/view")).json, { triggers: [{ name: "shop", state: "listening", open: 0 }] });
  t.equal((await fetch(`http://127.0.0.1:${listens}/volumes`)).status, 200);
  const told = await live.hears((message) => message.type === "http" && message.http.end !== undefined);
  t.ok(check.isLiveMessage(told));
  t.match(told, { http: { id: 1, through: "shop", method: "GET", path: "/volumes", status: 200, again: true } });
  t.match((await ask("POST", "/api/triggers/1/again")).json, { id: 2 });
  await live.hears((message) => message.type === "http" && message.http.id === 2 && message.http.end !== undefined);
  t.strictSame(asked, ["GET /volumes", "GET /volumes"]);
  t.match(await ask("POST", "/api/triggers/9/again"), { status: 409, json: { error: { code: "DT_NOTHING_TO_SEND" } } });
  const listed = (await ask("GET", "/api/traces/live/http")).json;
  t.ok(check.isHttpViews(listed));
  t.match(listed, [
    { id: 1, hits: [], again: true },
    { id: 2, status: 200 },
  ]);
  await fetch(`http://127.0.0.1:${listens}/volumes`, { method: "POST", body: "x" });
  await live.hears((message) => message.type === "http" && message.http.id === 3 && message.http.end !== undefined);
  t.match(await ask("POST", "/api/triggers/3/again"), { status: 409, json: { error: { code: "DT_UNSAFE" } } });
  t.match((await ask("POST", "/api/triggers/3/again", { yes: true })).json, { id: 4 });
  live.socket.terminate();
});

t.test("the address: up, ps, open; a second one takes the next port; --no-board; a trace alone", async (t) => {
  const ide = await freePort();
  const wanted = await freePort();
  const services = { api: { wire: "dap", listens: 1, ide } };
  const first = await up(t, services, ["--board", `${wanted}`]);
  t.equal(first.url, `http://127.0.0.1:${wanted}/`);
  const cli = startCli(t, first.env);
  const ps = await cli("ps");
  t.match(ps.stdout, first.url, ps.stderr);
  t.notOk(ps.stdout.includes(first.token));
  t.equal((await cli("open")).stdout, `${first.url}?token=${first.token}\n`);
  t.match(JSON.parse((await cli("open", "--json")).stdout), { pid: first.relay.pid, address: /token=/ });

  const file = join(t.testdirName, "second.yml");
  writeFileSync(
    file,
    JSON.stringify({ services: { api: { wire: "dap", listens: 1, ide: await freePort() } }, board: { port: wanted } }),
  );
  const second = startRelay(["up", "--config", file], first.env);
  t.teardown(() => second.kill("SIGKILL"));
  const told = await second.event("board", () => true);
  t.match(told, { taken: wanted, url: /^http:\/\/127\.0\.0\.1:\d+\/$/ });
  t.ok(Number(new URL(told.url).port) > wanted);
  second.kill("SIGTERM");
  await second.exit;

  const other = await listen();
  t.teardown(() => other.close());
  const third = startRelay(["up", "--config", file, "--board", `${other.port}`], first.env);
  t.teardown(() => third.kill("SIGKILL"));
  t.match(await third.event("error", () => true), { error: { code: "DT_PORT_IN_USE" } }, "another program's port");
  third.kill("SIGTERM");
  t.equal(await third.exit, 0, "it goes on without");

  const { trace = "" } = (await first.ask("GET", "/api/view")).json;
  first.live.socket.terminate();
  first.relay.kill("SIGTERM");
  t.equal(await first.relay.exit, 0);
  t.match(await cli("open", "--json"), { status: 3, stdout: /DT_RELAY_NOT_RUNNING/ });
  t.match(await cli("open", "none"), { status: 2, stderr: /DT_TRACE_MISSING/ });
  t.match(await cli("open", trace, "--board", "x"), { status: 2, stderr: /--board x is not a port/ });
  const shown = startRelay(["open", trace, "--board", "0"], first.env);
  t.teardown(() => shown.kill("SIGKILL"));
  const page = (await shown.event("board", () => true)) as { url: string; file?: string };
  const { address } = JSON.parse(readFileSync(page.file ?? "", "utf8")) as { address: string };
  const ask = asker(page.url, new URL(address).searchParams.get("token") ?? "");
  t.match((await ask("GET", "/api/traces")).json, [{ dir: trace, live: false }]);
  t.match((await ask("GET", "/api/view")).json, { recording: false, services: [], board: page.url });
  t.match(await ask("POST", "/api/recording", { on: true }), { status: 409 });
  t.match(await cli("open"), { status: 3, stderr: /no debugtap with a page/ }, "files alone are not what runs");
  shown.kill("SIGINT");
  t.equal(await shown.exit, 0, shown.stderr());
});
