// The hook in servers that fork: a hit in each worker, whoever forks it and whether before or after the application was loaded.
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { createServer } from "node:net";
import t, { type Test } from "tap";
import type { Running } from "../helpers/processes.ts";
import { fixture, hooked, type Client, type Hooked } from "../helpers/hooked.ts";
import { freePort } from "../helpers/sockets.ts";

const wires = ["dap", "pydevd"] as const;
type Wire = (typeof wires)[number];
const wanted = 2;

interface Server {
  readonly program: string;
  readonly args: (http: number) => string[];
  /** What it prints when its workers are there. */
  readonly ready: readonly string[];
  /** Connections, and states that say "started". */
  readonly sessions: (wire: Wire) => number;
  readonly started: (wire: Wire) => number;
  /** A process that is no worker, and has no thread of a debugger. */
  readonly bare: boolean;
  /** Threads that serve, of all of them. */
  readonly answerers: number;
  readonly apt: string;
}

function uwsgi(...options: string[]): Server {
  const master = options.includes("--master");
  return {
    program: "uwsgi",
    args: (http) =>
      `--plugins python3 --http-socket 127.0.0.1:${http} --processes ${wanted} --module web --need-app`
        .split(" ")
        .concat(options),
    ready: [1, 2].map((n) => `spawned uWSGI worker ${n} (`),
    // With dap another process listens, in the master's name.
    sessions: (wire) => wanted + Number(wire === "dap"),
    started: (wire) => wanted + Number(wire === "dap" && master),
    bare: master,
    answerers: wanted * (options.includes("--threads") ? 2 : 1),
    apt: "apt-get install uwsgi-core uwsgi-plugin-python3",
  };
}

const gunicorn: Server = {
  program: "/usr/bin/gunicorn",
  args: (http) => ["--bind", `127.0.0.1:${http}`, "--workers", `${wanted}`, "web:application"],
  ready: ["Booting worker", "Booting worker"],
  sessions: () => wanted + 1,
  started: () => wanted + 1,
  bare: false,
  answerers: wanted,
  apt: "apt-get install gunicorn",
};

/** Asks until so many others than `old` have answered, each a process and a thread; all the answers of these. */
async function askAll(http: number, count: number, old: readonly string[] = []): Promise<string[]> {
  const answers: string[] = [];
  const ask = async (): Promise<void> => {
    const answer = await fetch(`http://127.0.0.1:${http}/`, { headers: { connection: "close" } }).catch(
      () => undefined,
    );
    const who = await answer?.text().catch(() => undefined);
    if (who !== undefined && !old.includes(who)) answers.push(who);
  };
  while (new Set(answers).size < count) await Promise.all([ask(), ask(), ask()]);
  return answers.sort();
}

/** Who came to the breakpoint, once a request. */
function whoHit(client: Client): string[] {
  return client
    .hits()
    .map(({ locals }) => locals["who"]?.replaceAll("'", "") ?? "")
    .sort();
}

const threadsOf = ({ child }: Running): number => readdirSync(`/proc/${child.pid}/task`).length;

async function connected(client: Client, count: number): Promise<void> {
  await client.prints(`session ${count}: `);
  while (client.sessions() < count) await new Promise((resolve) => setImmediate(resolve));
}

async function begin(t: Test, it: Hooked, { program, args, ready, sessions, apt }: Server) {
  const http = await freePort();
  const dials = it.config.wire === "pydevd" ? await it.client("web.py") : undefined;
  const server = it.start(program, args(http));
  server.child.once("error", () => t.fail(apt));
  for (const text of ready) await server.prints(text);
  const client = dials ?? (await attach(it, server));
  await connected(client, sessions(it.config.wire));
  return { http, server, client };
}

async function attach(it: Hooked, server: Running): Promise<Client> {
  while (it.states().filter(({ state }) => state === "started").length < wanted) {
    if (server.child.exitCode !== null) throw new Error(server.text());
    await new Promise((resolve) => setImmediate(resolve));
  }
  return await it.client("web.py");
}

const loaded = uwsgi("--master");
const file = {
  ...loaded,
  args: (http: number) =>
    loaded.args(http).map((word) => ({ "--module": "--wsgi-file", web: fixture("web.py") })[word] ?? word),
};
const lazy = uwsgi("--master", "--lazy-apps");

/** With the module whose import starts the debugger. */
const cases: readonly (readonly [string, Server, string | null, Wire[]])[] = [
  ["uWSGI, the application loaded before it forks", loaded, null, [...wires]],
  ["uWSGI, an application that is a file and imports nothing", file, null, [...wires]],
  ["uWSGI, lazy-apps", lazy, null, [...wires]],
  ["uWSGI, from the import in the master on", loaded, "web", ["pydevd"]],
  ["uWSGI, from the import in each worker on", lazy, "web", [...wires]],
  ["uWSGI without a master", uwsgi(), null, [...wires]],
  ["uWSGI with threads of its own", uwsgi("--master", "--threads", "2"), null, [...wires]],
  ["gunicorn", gunicorn, null, [...wires]],
];

for (const [name, server, module, of] of cases) {
  for (const wire of of) {
    t.test(`${wire}: ${name}`, async (t) => {
      const it = await hooked(t, wire, { module });
      const { http, client, server: running } = await begin(t, it, server);
      const answers = await askAll(http, server.answerers);
      t.same(whoHit(client), answers, `each request is a hit\n${running.text()}`);
      t.equal(client.sessions(), server.sessions(wire));
      const started = it.states().filter(({ state }) => state === "started");
      t.equal(started.length, server.started(wire));
      for (const { pid, forked, seen } of started) {
        t.equal(forked, pid !== running.child.pid);
        t.same(seen, [server === gunicorn ? "gunicorn" : "uwsgi"]);
      }
      if (!server.bare) return;
      // uWSGI forks without Python's lock: a thread that had it in the master would leave a worker waiting for ever.
      t.equal(threadsOf(running), 1, "the master has no thread but its own");
      if (module !== null || server.answerers > wanted) return;
      for (const who of answers) process.kill(Number(who.split(" ")[0]), "SIGKILL");
      const again = await askAll(http, wanted, answers);
      t.same(
        whoHit(client).filter((who) => !answers.includes(who)),
        again,
        "killed workers come back, and are debugged",
      );
      t.equal(threadsOf(running), 1);
    });
  }
}

t.test("uWSGI that reloads itself, under a module's name, with a hook of the application's own", async (t) => {
  const it = await hooked(t, "dap", { module: "web_hooks", wait: 0 });
  const { http, client, server } = await begin(t, it, {
    ...uwsgi("--master"),
    args: (http) =>
      uwsgi("--master")
        .args(http)
        .map((word) => (word === "web" ? "web_hooks" : word)),
  });
  const before = await askAll(http, wanted);
  for (const who of before) t.match(server.text(), `own hook in ${who.split(" ")[0]}.`, "it gets its turn");
  t.same(whoHit(client), before);
  if (server.child.pid !== undefined) process.kill(server.child.pid, "SIGHUP");
  await server.prints("...gracefully killing workers...");
  await client.exit;
  await server.prints("chdir() to");
  const begun = (): number => server.text().split("spawned uWSGI worker 2").length - 1;
  while (begun() < 2) await new Promise((resolve) => setImmediate(resolve));
  const again = await attach(it, server);
  await connected(again, wanted + 1);
  const after = await askAll(http, wanted);
  t.same(whoHit(again), after);
  t.notOk(after.some((who) => before.includes(who)));
});

for (const wire of wires) {
  t.test(`${wire}: uWSGI with two applications, each in an interpreter of its own`, async (t) => {
    const it = await hooked(t, wire);
    const http = await freePort();
    const web = fixture("web.py");
    const options = ["--mount", `/=${web}`, "--mount", `/two=${web}`, "--manage-script-name"];
    const args = uwsgi("--master").args(http).join(" ").replace("--module web", options.join(" "));
    const server = it.start("uwsgi", args.split(" "));
    for (const text of uwsgi().ready) await server.prints(text);
    t.ok(await askAll(http, wanted), "the workers serve");
    const of = it.states().filter(({ forked }) => forked);
    t.match(of, [{ state: "failed", error: /single-interpreter/ }, { state: "failed" }]);
    t.equal(threadsOf(server), 1);
  });
}

t.test(
  "uWSGI waits for a client before its application; killed, what listens for it ends, and the port is free",
  async (t) => {
    const it = await hooked(t, "dap", { wait: 60 });
    const server = it.start("uwsgi", loaded.args(await freePort()));
    while (!it.states().some(({ state }) => state === "started")) await new Promise((resolve) => setImmediate(resolve));
    t.notMatch(server.text(), "WSGI app 0");
    const client = await it.client("web.py");
    await connected(client, wanted + 1);
    if (server.child.pid !== undefined) process.kill(-server.child.pid, "SIGKILL");
    await server.exit;
    await client.exit;
    const port = createServer();
    for (let free = false; !free; await new Promise((resolve) => setImmediate(resolve)))
      free = await once(port.listen(it.config.port, "127.0.0.1"), "listening").then(
        () => true,
        () => false,
      );
    port.close();
    t.pass("it could be listened at");
  },
);

t.test("uWSGI: where nobody answers, the workers serve", async (t) => {
  const it = await hooked(t, "pydevd");
  const http = await freePort();
  const server = it.start("uwsgi", uwsgi("--master").args(http));
  for (const text of uwsgi().ready) await server.prints(text);
  t.ok(await askAll(http, wanted));
  const failed = it.states().filter(({ state }) => state === "failed");
  t.equal(failed.length, wanted);
  t.match(failed, [{ error: /Connection refused/, seen: ["uwsgi"], forked: true }]);
});
