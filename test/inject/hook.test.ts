// The hook in real Python processes, each looked at through a real client of its wire: who is debugged, when, and what if it cannot be.
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { once } from "node:events";
import { join } from "node:path";
import t from "tap";
import { breakpointOf, type Running } from "../helpers/processes.ts";
import { IdeSession } from "../helpers/dap-ide.ts";
import { fixture, hooked, type Hooked } from "../helpers/hooked.ts";
import { listen, read } from "../helpers/sockets.ts";

const python = "/usr/bin/python3";
const wires = ["dap", "pydevd"] as const;
const apt = "apt-get install python3-debugpy python3-pydevd python3-eventlet";

/** Asks service.py. */
async function get(service: Running, path = "/"): Promise<string> {
  await service.prints("serves on ");
  const port = /.*serves on (\d+)\./s.exec(service.text())?.[1];
  return await (await fetch(`http://127.0.0.1:${port}${path}`)).text();
}

/** The service and its client, the listener of the two first. */
async function both(it: Hooked, ...files: string[]) {
  if (it.config.wire === "pydevd") {
    const client = await it.client(...files);
    return { client, service: it.start(python, [fixture("service.py")]) };
  }
  const service = it.start(python, [fixture("service.py")]);
  await service.prints("serves on ");
  return { service, client: await it.client(...files) };
}

for (const wire of wires) {
  t.test(`${wire}: a service, what it forks and what it starts`, async (t) => {
    const it = await hooked(t, wire);
    const { service, client } = await both(it, "service.py", "child.py");
    t.equal(await get(service, "/12"), "6");
    t.equal(await get(service, "/fork"), "42");
    t.equal(await get(service, "/fork-in-c"), "42", "whose breakpoint nobody hears of: it does not stand there");
    t.equal(await get(service, "/program"), "SEVEN\n", "the debugger prints nothing into it");
    t.match(
      client.hits(),
      [
        { function: "double", locals: { size: "3", result: "6" } },
        { function: "double", locals: { size: "21" } },
        { file: fixture("child.py"), locals: { word: /seven/ } },
      ],
      client.text(),
    );
    t.equal(client.sessions(), 3, "each is debugged once");
    t.same(
      it
        .states()
        .map(({ state, forked }) => `${state} ${forked}`)
        .sort(),
      ["started false", "started false", "started true"],
      apt,
    );
    const one = it.states().find(({ pid }) => pid === service.child.pid);
    t.match(one, { service: "api", argv: [python, fixture("service.py")], python: /^3\./, seen: [] });
    t.match(one?.debugger, wire === "dap" ? /^debugpy 1\.\S+$/ : /^pydevd \d\S+$/);
    t.match(service.text(), /^serves on \d+\.\n$/, "nor here");
    t.same(new Set(JSON.parse(await get(service, "/sockets")) as number[]), new Set([1]), "TCP_NODELAY");
  });

  t.test(`${wire}: a process that replaces itself is debugged again`, async (t) => {
    const it = await hooked(t, wire);
    const { service, client } = await both(it, "service.py");
    t.equal(await get(service, "/again"), "bye");
    await service.prints(`${service.text().split("\n")[0]}\nserves on `);
    const after = wire === "dap" ? await it.client("service.py") : client;
    t.equal(await get(service, "/123"), "8");
    t.match(after.hits(), [{ locals: { size: "4" } }]);
    t.same(
      it.states().map(({ pid, state }) => [pid, state]),
      [[service.child.pid, "started"]],
    );
  });

  t.test(
    `${wire}: from the first import of a module on, in the program that a wrapper starts by a shell`,
    async (t) => {
      const it = await hooked(t, wire, { argv: "-m main", module: "orders", wait: 30 });
      const dial = wire === "pydevd" ? await it.client("orders.py") : undefined;
      const service = it.start(python, [fixture("wrapper.py")]);
      const client = dial ?? (await attachWhenItListens(it));
      t.equal(await service.exit, 0);
      t.match(service.text(), /^total 42 \d+\ndone 42\nwrapper 5\n$/);
      t.match(client.hits(), [{ function: "<module>", locals: { price: "3", total: "42" } }], client.text());
      t.same(
        it
          .states()
          .map(({ state, argv }) => `${state} ${argv.includes("main")}`)
          .sort(),
        ["loaded false", "started true"],
      );
    },
  );

  for (const order of ["first", "last"]) {
    t.test(`${wire}: eventlet patches ${order}`, async (t) => {
      // Each the harder way: the debugger starts in what is patched already, or what has the debugger is patched.
      const module = order === "first" ? "orders_green" : null;
      const it = await hooked(t, wire, { green: true, wait: 30, module });
      const dial = wire === "pydevd" ? await it.client("orders_green.py") : undefined;
      const service = it.start(python, [fixture("green.py"), order]);
      const client = dial ?? (await attachWhenItListens(it));
      t.equal(await service.exit, 0, apt);
      t.equal(service.text(), "0\n2\n4\n");
      t.same(
        client.hits().map(({ locals }) => locals["result"]),
        ["0", "2", "4"],
        client.text(),
      );
    });
  }

  t.test(`${wire}: where the debugger cannot be started the service runs, and its state says why`, async (t) => {
    const it = await hooked(t, wire);
    const holder = createServer().listen(wire === "dap" ? it.config.port : 0, "127.0.0.1");
    t.teardown(() => holder.close());
    await once(holder, "listening");
    const service = it.start(python, [fixture("service.py")]);
    t.equal(await get(service, "/12"), "6");
    t.equal(await get(service, "/fork"), "42");
    t.equal(await get(service, "/program"), "SEVEN\n");
    const states = it.states();
    t.match(
      states.find(({ pid }) => pid === service.child.pid),
      { state: "failed", error: wire === "dap" ? /Address already in use/ : /Connection refused/ },
    );
    t.same(
      states.filter(({ state }) => state === "started"),
      [],
    );
    t.match(service.text(), /^serves on \d+\.\n$/);
  });

  t.test(`${wire}: the debugger that was lent, where Python has none`, async (t) => {
    const it = await hooked(t, wire);
    const there = "/usr/lib/python3/dist-packages";
    for (const name of readdirSync(there).filter((name) => /^(?:debugpy|_?pydev|bytecode$)/.test(name)))
      symlinkSync(join(there, name), join(it.dir, "lent", name));
    const venv = join(it.dir, "venv");
    t.equal(spawnSync(python, ["-m", "venv", "--without-pip", venv]).status, 0);
    const dial = wire === "pydevd" ? await it.client("service.py") : undefined;
    const service = it.start(join(venv, "bin/python3"), [fixture("service.py")]);
    await service.prints("serves on ");
    const client = dial ?? (await it.client("service.py"));
    t.equal(await get(service, "/12"), "6");
    t.match(client.hits(), [{ locals: { size: "3" } }]);
    t.match(it.states(), [{ state: "started", debugger: / \(lent\)$/ }]);
  });
}

/** Until its adapter accepts: a service that waits for a client says nothing itself. */
async function attachWhenItListens(it: Hooked) {
  while (!it.states().some(({ state }) => state === "started")) await new Promise((resolve) => setImmediate(resolve));
  return await it.client("orders.py", "orders_green.py");
}

t.test("pydevd: a connection that is lost before the answer lets the service run", async (t) => {
  const it = await hooked(t, "pydevd");
  const port = await listen(it.config.port);
  t.teardown(() => port.close());
  const service = it.start(python, [fixture("service.py")]);
  (await port.next()).destroy();
  t.equal(await get(service, "/12"), "6");
  t.match(it.states(), [{ state: "failed", error: /was lost before/ }]);
  t.equal(await get(service, "/fork"), "42", "and what it forks does not try");
});

t.test("a guarded thread goes on while the others stand still", async (t) => {
  const goesOn = async (service: Running): Promise<void> => {
    const count = Number(/.*beat (\d+)\./s.exec(service.text())?.[1]);
    await service.prints(`beat ${count + 5}.`);
  };
  const [file = "", line = ""] = breakpointOf(fixture("heart.py")).split(":");

  const dap = await hooked(t, "dap", { guard: ["heartbeat*"] });
  const listens = dap.start(python, [fixture("heart.py")]);
  await listens.prints("beat 1.");
  const ide = await IdeSession.open(dap.config.port, { starts: true }, { name: "x", justMyCode: false });
  await ide.ask("setBreakpoints", { source: { path: file }, breakpoints: [{ line: Number(line) }] });
  listens.child.stdin.write("word\n");
  const { threadId } = await ide.event<{ threadId: number }>("stopped");
  await goesOn(listens);
  t.notMatch(listens.text(), "read word", "the main one stands");
  await ide.ask("continue", { threadId });
  await listens.prints("read word");
  await ide.close();

  const pydevd = await hooked(t, "pydevd", { guard: ["heartbeat*"] });
  const port = await listen(pydevd.config.port);
  t.teardown(() => port.close());
  const dials = pydevd.start(python, [fixture("heart.py")]);
  const socket = await port.next();
  socket.write(
    `501\t1\t1.1\tUNIX\tID\n111\t3\t1\tpython-line\t${file}\t${line}\tNone\tNone\tNone\tNone\tFalse\tALL\n101\t5\t\n`,
  );
  await dials.prints("beat 1.");
  dials.child.stdin.write("word\n");
  await read(socket, "\n105\t");
  await goesOn(dials);
  t.notMatch(dials.text(), "read word");
  socket.write("106\t7\t*\n");
  await dials.prints("read word");
});

t.test(
  "the sitecustomize that it hides is run, and is what is imported; nothing is printed whatever is unreadable",
  async (t) => {
    const it = await hooked(t, "pydevd");
    const own = join(it.dir, "own");
    mkdirSync(own);
    for (const each of ["", "own", "hook"]) chmodSync(join(it.dir, each), 0o755);
    const ask = "import sys; print(vars(sys.modules.get('sitecustomize', sys)).get('word'), hasattr(sys, 'mine'))";
    const user =
      process.getuid?.() === 0 ? ["setpriv", "--reuid=debugtap-vm", "--regid=debugtap-vm", "--clear-groups"] : [];
    const run = (hook: boolean, env: Record<string, string> = {}) => {
      const path = [...(hook ? [join(it.dir, "hook")] : []), own].join(":");
      const { status, stdout, stderr } = spawnSync("env", [...user, python, "-c", ask], {
        encoding: "utf8",
        env: { ...env, PYTHONPATH: path },
      });
      return { status, stdout, stderr };
    };
    const file = join(own, "sitecustomize.py");
    for (const text of [
      "word = 'mine'\n",
      "import sys\nsys.mine = 1\nraise ValueError('mine')\n",
      "raise ImportError('mine')\n",
    ]) {
      writeFileSync(file, text);
      t.match(Object.values(run(false)).join(), "mine");
      t.same(run(true), run(false), "without DEBUGTAP_HOOK");
    }
    writeFileSync(file, "word = 'mine'\n");
    const plain = run(false);
    const { DEBUGTAP_HOOK = "" } = it.env;
    for (const mode of [0o000, 0o500]) {
      chmodSync(join(it.dir, "services"), mode);
      t.same(run(true, { DEBUGTAP_HOOK }), plain, "a configuration that cannot be read");
    }
    chmodSync(join(it.dir, "services"), 0o755);
    chmodSync(join(it.dir, "state/api"), 0o555);
    t.same(run(true, { DEBUGTAP_HOOK }), plain, "a state directory that cannot be written, and a port that refuses");
    t.same(it.states(), []);
  },
);
