// The life of sessions, over real sockets, with debuggees and IDEs of a few lines each.
import t, { type Test } from "tap";
import type { RelayEvent, SessionState } from "../../protocol/control.ts";
import type { Side, Wire } from "../../protocol/frame.ts";
import { Framer } from "../../protocol/framer.ts";
import { PydevdExchange } from "../../protocol/pydevd-exchange.ts";
import type { Observer, SessionEnd } from "../../src/observer.ts";
import { Hub } from "../../src/hub.ts";
import { Labeller } from "../../src/labeller.ts";
import { Observers } from "../../src/observers.ts";
import { streamPair } from "../../src/pair.ts";
import { Registry } from "../../src/registry.ts";
import { Service } from "../../src/service.ts";
import { dialTcp, listenTcp } from "../../src/transport/tcp.ts";
import { connect, freePort, gone, listen, read } from "../helpers/sockets.ts";

/** What the relay says to a debuggee that is to run without an IDE. */
const letRun = /^501\t\d+\t1\.1\tUNIX\tID\n101\t\d+\t\n?$/;

/** A service on free ports, with its events, its recorded bytes and its ends. */
async function serve(t: Test, wire: Wire, comes: Side, to: number, releaseAfter = Infinity) {
  const events: RelayEvent[] = [];
  const wakers = new Set<() => void>();
  const bytes: Record<Side, string> = { client: "", debuggee: "" };
  const ends: SessionEnd[] = [];
  const notes: string[] = [];
  const watcher: Observer = {
    name: "watcher",
    chunk: (_, side, chunk) => (bytes[side] += Buffer.from(chunk).toString("latin1")),
    note: (_, note) => notes.push(note.kind),
    sessionClosed: (_, end) => ends.push(end),
  };
  const registry = new Registry((event) => {
    events.push(event);
    for (const wake of wakers) wake();
  });
  const observers = new Observers([watcher], (_, thrown) => t.fail(String(thrown)));
  const port = await freePort();
  const service = new Service(
    {
      name: "svc",
      wire,
      host: "local",
      comes,
      ide: "ide",
      vm: "vm",
      dial: dialTcp({ host: "127.0.0.1", port: to }),
      releaseAfter,
      rewrite: undefined,
      capture: undefined,
      source: {
        mappings: [],
        realPath: () => undefined,
        remoteRealPath: () => Promise.resolve(undefined),
        compare: () => Promise.resolve(undefined),
      },
      clients: { drive: "first", onLeave: "resume", reattach: false },
      labeller: new Labeller(),
      lookupPid: () => Promise.resolve(undefined),
    },
    registry,
    observers,
  );
  const listener = await listenTcp({ host: "127.0.0.1", port })((stream, peer) => service.accept(stream, peer));
  t.teardown(async () => {
    await listener.close();
    await Promise.all(registry.sessions().map((session) => session.stop()));
  });
  const seen = (accepts: (event: RelayEvent) => boolean): Promise<void> =>
    new Promise((resolve) => {
      const look = (): void => {
        if (!events.some(accepts)) return;
        wakers.delete(look);
        resolve();
      };
      wakers.add(look);
      look();
    });
  /** Resolves when session `id` has been in `state`. */
  const reached = (state: SessionState, id = 1): Promise<void> =>
    seen((event) => event.type === "session" && event.session.id === id && event.session.state === state);
  const held = (id: number, reason: string): Promise<void> =>
    seen(
      (event) => event.type === "session" && event.session.id === id && event.session.reason?.includes(reason) === true,
    );
  return { port, registry, bytes, ends, notes, reached, held };
}

t.test("pydevd: bytes cross both ways as they came, and half-closes pass on", async (t) => {
  const ide = await listen();
  t.teardown(() => ide.close());
  const { port, reached, bytes, ends, registry } = await serve(t, "pydevd", "debuggee", ide.port);
  const debuggee = await connect(port);
  const client = await ide.next();
  client.write("501\t1\t1.1\tUNIX\tID\n101\t3\t\n");
  t.match(await read(debuggee, "101\t"), letRun);
  debuggee.write("501\t1\tversion\n103\t2\t<xml/>\n");
  t.equal(await read(client, "<xml/>\n"), "501\t1\tversion\n103\t2\t<xml/>\n");
  t.equal(registry.sessions()[0]?.view().frames.client, 2);
  t.equal(registry.sessions()[0]?.view().frames.debuggee, 2);
  debuggee.end("104\t4\tbye\n");
  t.equal(await read(client, "bye\n"), "104\t4\tbye\n");
  t.equal(await gone(client), "end");
  client.end("106\t5\t*\n");
  t.equal(await read(debuggee, "*\n"), "106\t5\t*\n", "the other direction goes on after a half-close");
  await reached("closed");
  t.same(ends, [{ by: "debuggee", how: "end" }]);
  t.equal(bytes.client, "501\t1\t1.1\tUNIX\tID\n101\t3\t\n106\t5\t*\n");
  t.equal(bytes.debuggee, "501\t1\tversion\n103\t2\t<xml/>\n104\t4\tbye\n");
});

t.test("pydevd: a debuggee is held until an IDE listens, then joined", async (t) => {
  const port0 = await freePort();
  const { port, reached, notes } = await serve(t, "pydevd", "debuggee", port0);
  const debuggee = await connect(port);
  await reached("held");
  const ide = await listen(port0);
  t.teardown(() => ide.close());
  const client = await ide.next();
  client.write("101\t1\t\n");
  t.equal(await read(debuggee, "\n"), "101\t1\t\n");
  await reached("open");
  t.same(notes, ["held", "attached"]);
  debuggee.resetAndDestroy();
  t.equal(await gone(client), "reset", "a reset is passed on as a reset");
  await reached("closed");
});

t.test("pydevd: an IDE that leaves before 101 leaves the debuggee held, with no half command in its ear", async (t) => {
  const ide = await listen();
  t.teardown(() => ide.close());
  const { port, reached } = await serve(t, "pydevd", "debuggee", ide.port);
  const debuggee = await connect(port);
  const first = await ide.next();
  first.write("501\t1\t1.1\tUNIX\tID\n111\t3\t1\tpython-line\t/half/of/a/comm");
  t.equal(await read(debuggee, "ID\n"), "501\t1\t1.1\tUNIX\tID\n");
  first.resetAndDestroy();
  await reached("held");
  debuggee.write("501\t1\tan answer for the one who left\n");
  const second = await ide.next();
  second.write("501\t1\t1.1\tUNIX\tID\n101\t3\t\n");
  const heard = await read(debuggee, "101\t");
  t.match(heard, /^501\t\d+\t1\.1\tUNIX\tID\n101\t\d+\t/, "the half command was not sent");
  debuggee.write(`501\t${/\d+/.exec(heard.slice(4))?.[0]}\tversion\n103\t2\t<xml/>\n`);
  t.equal(await read(second, "<xml/>\n"), "501\t1\tversion\n103\t2\t<xml/>\n", "its own answer, not the other's");
  second.end();
  t.equal(await gone(second), "end");
  await reached("released");
  const third = await ide.next();
  third.write("501\t1\t1.1\tUNIX\tID\n");
  t.match(await read(third, "\n"), /^501\t1\t/, "after 101 the next IDE is handed the live session");
  debuggee.end();
  t.equal(await gone(third), "end");
  third.end();
  t.equal(await gone(debuggee), "end");
  await reached("closed");
});

t.test("pydevd: hold: 50ms releases a debuggee that no IDE wants, and resumes it at each stop", async (t) => {
  const { port, reached, bytes, ends } = await serve(t, "pydevd", "debuggee", await freePort(), 50);
  const debuggee = await connect(port);
  t.match(await read(debuggee, "101\t"), letRun);
  await reached("released");
  debuggee.write('105\t6\t<xml><thread id="pid_1_id_2" stop_reason="111"></thread></xml>\n');
  t.match(await read(debuggee, "pid_1_id_2\n"), /106\t\d+\tpid_1_id_2\n$/);
  debuggee.end();
  await reached("closed");
  t.match(bytes.debuggee, /^105\t6/);
  t.same(ends, [{ by: "debuggee", how: "end" }]);
});

t.test("pydevd: an IDE that serves one at a time gets the oldest first; the rest queue in view", async (t) => {
  const ide = await listen();
  t.teardown(() => ide.close());
  const { port, reached, held } = await serve(t, "pydevd", "debuggee", ide.port);
  const [first, second, third] = [await connect(port), await connect(port), await connect(port)];
  const one = await ide.next();
  one.write("101\t1\t\n");
  t.equal(await read(first, "\n"), "101\t1\t\n");
  // Like PyCharm: the second is accepted by the backlog and not spoken to; the third is not dialled.
  const two = await ide.next();
  await held(3, "has not answered svc#2 yet");
  await held(2, "busy with another");
  one.end();
  two.write("101\t1\t\n");
  t.equal(await read(second, "\n"), "101\t1\t\n");
  const three = await ide.next();
  three.write("101\t1\t\n");
  t.equal(await read(third, "\n"), "101\t1\t\n");
  await reached("open", 3);
  for (const debuggee of [first, second, third]) debuggee.resetAndDestroy();
  await Promise.all([1, 2, 3].map((id) => reached("closed", id)));
});

t.test(
  "pydevd: release lets one that waits run on, in every way of waiting; one that runs is left alone",
  async (t) => {
    const ide = await listen();
    t.teardown(() => ide.close());
    const { port, reached, registry } = await serve(t, "pydevd", "debuggee", ide.port);
    const [silent, behind] = [await connect(port), await connect(port)];
    const atIde = await ide.next();
    await reached("held", 2);
    const [first, second] = registry.sessions();
    t.equal(second?.release("by hand"), true, "one that queues");
    t.match(await read(behind, "101\t"), letRun);
    t.equal(first?.release("by hand"), true, "one that the IDE has accepted and not spoken to");
    t.match(await read(silent, "101\t"), letRun);
    await reached("released", 1);
    t.equal(first?.release("again"), false);
    // The IDE may come to it all the same, and then to the next.
    atIde.write("101\t1\t\n");
    await reached("open", 1);
    const running = await connect(port);
    (await ide.next()).write("101\t1\t\n");
    await reached("open", 2);
    (await ide.next()).write("101\t1\t\n");
    t.equal(await read(running, "\n"), "101\t1\t\n");
    t.equal(registry.sessions()[2]?.release("by hand"), false);
    for (const debuggee of [silent, behind, running]) debuggee.resetAndDestroy();
    await Promise.all([1, 2, 3].map((id) => reached("closed", id)));
  },
);

t.test("pydevd: a relay that stops releases those that wait, and ends the others cleanly", async (t) => {
  const { port, reached, registry } = await serve(t, "pydevd", "debuggee", await freePort());
  const debuggee = await connect(port);
  await reached("held");
  const stopped = registry.sessions()[0]?.stop();
  t.match(await read(debuggee, "101\t"), letRun);
  t.equal(await gone(debuggee), "end");
  debuggee.end();
  await stopped;
  t.same(registry.sessions(), []);
});

t.test(
  "pydevd: an IDE that has spoken and not said 101 keeps no debuggee: not from a release, not from a relay that stops",
  async (t) => {
    const ide = await listen();
    t.teardown(() => ide.close());
    const { port, registry, reached } = await serve(t, "pydevd", "debuggee", ide.port);
    for (const way of ["release", "stop"] as const) {
      const debuggee = await connect(port);
      const client = await ide.next();
      client.write("501\t1\t1.1\tUNIX\tID\n");
      t.equal(await read(debuggee, "ID\n"), "501\t1\t1.1\tUNIX\tID\n");
      const session = registry.sessions().at(-1);
      const stopped = way === "release" ? session?.release("by hand") : session?.stop();
      t.match(await read(debuggee, "101\t"), /101\t/, way);
      await gone(client);
      debuggee.end();
      await stopped;
      await reached("closed", session?.facts.id);
    }
  },
);

t.test("dap: the service is dialled at the IDE's first byte, not at its connect", async (t) => {
  const vm = await listen();
  t.teardown(() => vm.close());
  const { port, reached, ends } = await serve(t, "dap", "client", vm.port);
  const probe = await connect(port);
  await reached("waiting", 1);
  probe.end();
  await reached("closed", 1);
  t.match(ends[0], { by: "client", how: "end" });
  const client = await connect(port);
  client.write("Content-Length: 2\r\n\r\n{}");
  const debuggee = await vm.next();
  t.equal(
    await read(debuggee, "{}"),
    "Content-Length: 2\r\n\r\n{}",
    "the first connection that the service saw is not the probe's",
  );
  debuggee.end();
  t.equal(await gone(client), "end");
  client.end();
  await reached("closed", 2);
});

t.test("dap: an IDE whose service is down reads why in its own words", async (t) => {
  const { port, reached, ends } = await serve(t, "dap", "client", await freePort());
  const client = await connect(port);
  const request = JSON.stringify({ seq: 7, type: "request", command: "initialize", arguments: {} });
  client.write(`Content-Length: ${request.length}\r\n\r\n${request}`);
  const answer = await read(client, "showUser");
  t.match(answer, /"request_seq":7,"success":false,"command":"initialize","message":"DT_DIAL_REFUSED/);
  t.equal(await gone(client), "end");
  client.end();
  await reached("closed");
  t.match(ends[0], { by: "relay", how: "failed", detail: /DT_DIAL_REFUSED/ });
});

t.test("garbage turns a session opaque and crosses untouched", async (t) => {
  const vm = await listen();
  t.teardown(() => vm.close());
  const { port, notes, registry, reached } = await serve(t, "dap", "client", vm.port);
  const client = await connect(port);
  client.write("\0\x01garbage");
  const debuggee = await vm.next();
  t.equal(await read(debuggee, "garbage"), "\0\x01garbage");
  debuggee.write("Content-Length: 2147483648\r\n\r\nxyz");
  t.equal(await read(client, "xyz"), "Content-Length: 2147483648\r\n\r\nxyz");
  t.equal(registry.sessions()[0]?.view().mode, "opaque");
  t.same(notes, ["attached", "opaque", "opaque"]);
  client.resetAndDestroy();
  await reached("closed");
  t.equal(await gone(debuggee), "reset", "nobody else can be handed it");
});

function say(message: object): string {
  const json = JSON.stringify(message);
  return `Content-Length: ${json.length}\r\n\r\n${json}`;
}

/** An adapter's part: the next connection, whose initialize and attach are answered; what it was told. */
async function attached(vm: Awaited<ReturnType<typeof listen>>) {
  const adapter = await vm.next();
  const answer = (command: string, request_seq: unknown): void => {
    adapter.write(say({ seq: 0, type: "response", request_seq, command, success: true, body: { x: 5 } }));
  };
  let told = "";
  for (const command of ["initialize", "attach"]) {
    if (!told.includes(command)) told += await read(adapter, command);
    const [, seq] = new RegExp(`"seq":(\\d+),"type":"request","command":"${command}"`).exec(told) ?? [];
    answer(command, Number(seq));
  }
  return { adapter, told };
}

t.test(
  "dap: who has not attached when a session ends is handed on, with its words, and dials when it does",
  async (t) => {
    const vm = await listen();
    t.teardown(() => vm.close());
    const { port, reached, registry } = await serve(t, "dap", "client", vm.port);
    const initialize = say({ seq: 1, type: "request", command: "initialize", arguments: {} });
    const attach = (child: number): string =>
      say({ seq: 2, type: "request", command: "attach", arguments: { subProcessId: child } });
    const first = await connect(port);
    first.write(initialize + attach(1));
    const { adapter } = await attached(vm);
    await read(first, '"request_seq":2');
    const [second, third] = [await connect(port), await connect(port)];
    second.write(initialize);
    t.match(await read(second, '"x":5'), /"request_seq":1/);
    t.equal(registry.sessions().length, 1, "both have joined what is there");
    adapter.end();
    t.equal(await gone(first), "end");
    await reached("waiting", 2);
    await reached("waiting", 3);
    // The beginning of the next message comes with it.
    const done = say({ seq: 3, type: "request", command: "configurationDone" });
    second.write(attach(2) + done.slice(0, 9));
    const other = await attached(vm);
    t.equal(other.told, initialize + attach(2));
    t.match(await read(second, '"request_seq":2'), /^(?!.*initialize)/s, "the answer to initialize is not given again");
    second.write(done.slice(9));
    t.equal(await read(other.adapter, "configurationDone"), done);
    third.write(initialize + attach(3));
    t.equal((await attached(vm)).told, initialize + attach(3));
    for (const socket of [first, second, third]) socket.destroy();
  },
);

t.test(
  "dap: what is no DAP is one client's: the others are handed on or let go, and who comes gets a session",
  async (t) => {
    const vm = await listen();
    t.teardown(() => vm.close());
    const { port, reached, registry } = await serve(t, "dap", "client", vm.port);
    const initialize = say({ seq: 1, type: "request", command: "initialize", arguments: {} });
    const attach = say({ seq: 2, type: "request", command: "attach", arguments: {} });
    const first = await connect(port);
    first.write(initialize + attach);
    const { adapter } = await attached(vm);
    await read(first, '"request_seq":2');
    const [second, third] = [await connect(port), await connect(port)];
    for (const client of [second, third]) {
      client.write(initialize);
      await read(client, '"x":5');
    }
    third.write(attach + say({ seq: 3, type: "request", command: "threads" }));
    await read(adapter, "threads");
    adapter.write("garbage\n");
    t.equal(await read(first, "garbage"), "garbage\n");
    t.equal(await gone(third), "reset", "it was this session's, which it cannot hear any more");
    await reached("waiting", 2);
    second.write(attach);
    t.equal((await attached(vm)).told, initialize + attach);
    t.equal(registry.sessions().length, 2, "it did not join what it came from");
    for (const socket of [first, second, third]) socket.destroy();
  },
);

t.test(
  "dap: a client of another child is taken off with all that it has said; when that cannot be dialled it reads why",
  async (t) => {
    const vm = await listen();
    const { port } = await serve(t, "dap", "client", vm.port);
    const initialize = say({ seq: 1, type: "request", command: "initialize", arguments: {} });
    const attach = (child: number): string =>
      say({ seq: 2, type: "request", command: "attach", arguments: { subProcessId: child } });
    const clients = [await connect(port)];
    clients[0]?.write(initialize + attach(1));
    await attached(vm);
    const second = await connect(port);
    clients.push(second);
    second.write(initialize);
    await read(second, '"x":5');
    const done = say({ seq: 3, type: "request", command: "configurationDone" });
    second.write(attach(2) + done.slice(0, 30));
    const { adapter, told } = await attached(vm);
    second.write(done.slice(30));
    t.equal(told + (await read(adapter, "configurationDone")), initialize + attach(2) + done);
    const third = await connect(port);
    third.write(initialize);
    await read(third, '"x":5');
    await vm.close();
    third.write(attach(3));
    t.match(await read(third, "showUser"), /"request_seq":2,.*"attach".*DT_DIAL_REFUSED/s);
    for (const socket of [...clients, third]) socket.destroy();
  },
);

t.test("dap: the adapter's connection outlives its IDE, and the next one is handed it", async (t) => {
  const vm = await listen();
  t.teardown(() => vm.close());
  const { port, reached, ends } = await serve(t, "dap", "client", vm.port);
  const first = await connect(port);
  first.write(say({ seq: 1, type: "request", command: "initialize", arguments: {} }));
  const debuggee = await vm.next();
  await read(debuggee, "initialize");
  const capabilities = {
    seq: 1,
    type: "response",
    request_seq: 1,
    command: "initialize",
    success: true,
    body: { x: 5 },
  };
  debuggee.write(say(capabilities));
  await read(first, '"x":5');
  first.resetAndDestroy();
  await reached("released");
  const second = await connect(port);
  second.write(say({ seq: 7, type: "request", command: "initialize", arguments: {} }));
  t.match(await read(second, '"x":5'), /"request_seq":7/, "answered from what the adapter said to the first");
  second.write(say({ seq: 8, type: "request", command: "attach", arguments: {} }));
  await read(debuggee, "attach");
  debuggee.end();
  t.equal(await gone(second), "end");
  second.end();
  t.equal(await gone(debuggee), "end");
  await reached("closed");
  t.match(ends[0], { by: "debuggee", how: "end" });
});

t.test("raw: a service that speaks first is heard at once", async (t) => {
  const vm = await listen();
  t.teardown(() => vm.close());
  const { port, reached, registry } = await serve(t, "raw", "client", vm.port);
  const client = await connect(port);
  const debuggee = await vm.next();
  debuggee.write("(Pdb) ");
  t.equal(await read(client, "(Pdb) "), "(Pdb) ");
  t.equal(registry.sessions()[0]?.view().mode, "opaque");
  client.resetAndDestroy();
  await reached("closed");
});

t.test(
  "pydevd: a debuggee that spoke long before an IDE came is read on, though that IDE's first words fill it",
  async (t) => {
    const [far, debuggee] = streamPair();
    const [ide, client] = streamPair();
    const hub = new Hub({
      wire: "pydevd",
      debuggee,
      framer: new Framer("pydevd"),
      exchange: (output) =>
        new PydevdExchange(
          { ...output, stopped: () => undefined },
          { drive: "first", onLeave: "resume", recorded: false },
        ),
      names: { client: new Set(), debuggee: new Set() },
      see: (frame) => frame,
      offer: () => undefined,
      clientGone: () => undefined,
      debuggeeGone: () => undefined,
    });
    hub.start();
    for (let seq = 1; seq <= 100; seq++) {
      far.write(`103\t${seq}\t<xml/>\n`);
      await new Promise((resolve) => setImmediate(resolve));
    }
    t.ok(debuggee.isPaused());
    let said = "";
    ide.on("data", (chunk: Buffer) => (said += chunk.toString()));
    hub.join(client, [Buffer.from(`501\t1\t1.1\tUNIX\tID\n119\t3\t${"x".repeat(1e5)}\n`)]);
    hub.begin();
    far.resume();
    for (let i = 0; i < 50 && !said.includes("103\t100\t"); i++) await new Promise((resolve) => setImmediate(resolve));
    t.match(said, /103\t100\t<xml\/>\n/);
  },
);

t.test("many sessions of one service at once, each with a number of its own", async (t) => {
  const ide = await listen();
  t.teardown(() => ide.close());
  const { port, registry, reached } = await serve(t, "pydevd", "debuggee", ide.port);
  const debuggees = await Promise.all(Array.from({ length: 20 }, () => connect(port)));
  // One after the other: the next is not dialled before the IDE has spoken to the one before.
  for (const i of debuggees.keys()) (await ide.next()).write(`101\t${i}\t\n`);
  await Promise.all(debuggees.map((_, i) => reached("open", i + 1)));
  const heard = await Promise.all(debuggees.map((debuggee) => read(debuggee, "\n")));
  t.same(new Set(heard).size, 20);
  t.same(
    registry.sessions("svc").map((session) => session.facts.name),
    Array.from({ length: 20 }, (_, i) => `svc#${i + 1}`),
  );
  for (const debuggee of debuggees) debuggee.resetAndDestroy();
  await Promise.all(debuggees.map((_, i) => reached("closed", i + 1)));
  t.same(registry.sessions(), []);
});

t.test("a slow reader stops the sender, not the relay; nothing is lost", async (t) => {
  const vm = await listen();
  t.teardown(() => vm.close());
  const { port, reached } = await serve(t, "raw", "client", vm.port);
  const client = await connect(port);
  client.pause();
  const debuggee = await vm.next();
  const chunk = Buffer.alloc(1 << 20, "x");
  let sent = 0;
  // Until the sender is held: what is in flight is bounded by sockets' and streams' buffers.
  while (debuggee.write(chunk) && sent < 200) sent++;
  t.ok(sent < 200);
  let more = 1;
  const pump = (): void => {
    while (more < 40) {
      more++;
      if (!debuggee.write(chunk)) return void debuggee.once("drain", pump);
    }
    debuggee.end();
  };
  debuggee.once("drain", pump);
  let got = 0;
  client.on("data", (data: Buffer) => (got += data.length));
  client.resume();
  t.equal(await gone(client), "end");
  t.equal(got, (sent + more) * chunk.length);
  client.end();
  await reached("closed");
});
