// HTTP triggers by the real program, over a real sshd, to a real service under debugpy: a request that stops at a breakpoint, events, a
// websocket, a client that leaves; and what the trace has of them.
import { execFile } from "node:child_process";
import { once } from "node:events";
import { createServer, request as httpRequest, type IncomingMessage } from "node:http";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { DebugClient } from "@vscode/debugadapter-testsupport";
import type { Har } from "har-format";
import t from "tap";
import { WebSocket } from "ws";
import type { RelayView } from "../../protocol/control.ts";
import { openTrace } from "../../src/trace/index.ts";
import { allText, plain } from "../helpers/all-text.ts";
import { breakpointOf, debuggeeFile, python } from "../helpers/processes.ts";
import { again } from "../helpers/recorder.ts";
import { up } from "../helpers/relay-on-vm.ts";
import { program } from "../helpers/relay-process.ts";
import { freePort } from "../helpers/sockets.ts";

const file = debuggeeFile("rest.py");
const line = Number(/\d+$/.exec(breakpointOf(file))?.[0]);
const token = "gAAAAAB-the-token-5d1c";
const password = "sesame-7181-open";
/** ms; far less than the request stands at its breakpoint, and more than an answer takes on a busy machine. */
const timeout = 500;

t.test(
  "a request stops, goes on, and stands in the trace with its hit; events, a websocket and an abort",
  async (t) => {
    const [listens, idePort, own, listen, otherListen] = [
      await freePort(),
      await freePort(),
      await freePort(),
      await freePort(),
      await freePort(),
    ];
    const env = { XDG_RUNTIME_DIR: mkdtempSync(join(tmpdir(), "dt-")), NO_COLOR: "1" };
    t.teardown(() => rmSync(env.XDG_RUNTIME_DIR, { recursive: true, force: true }));
    const other = createServer((_, answer) => answer.end("pong")).listen(0, "127.0.0.1");
    await once(other, "listening");
    t.teardown(() => other.close());
    const { port: otherPort } = other.address() as { port: number };
    const relay = await up(
      t,
      { rest: { wire: "dap", listens, ide: idePort } },
      env,
      {},
      {
        triggers: {
          api: { host: "vm", to: `127.0.0.1:${own}`, listen, timeout: `${timeout}ms` },
          other: { host: "vm", to: otherPort, listen: otherListen },
        },
      },
    );
    for (const name of ["api", "other"])
      await relay.event("trigger", ({ trigger }) => trigger.name === name && trigger.state === "listening");
    const debugtap = async (...args: string[]): Promise<string> => {
      const { stdout } = await promisify(execFile)(process.execPath, [program, ...args], {
        env: { ...process.env, ...env },
      });
      return stdout;
    };
    const open = async (): Promise<number | undefined> => {
      const [view] = JSON.parse(await debugtap("ps", "--json")) as RelayView[];
      return view?.triggers?.find(({ name }) => name === "api")?.open;
    };
    const url = `http://127.0.0.1:${listen}`;

    const nobody = await fetch(`${url}/v3`);
    t.equal(nobody.status, 502);
    t.match(await nobody.json(), { error: { code: "DT_SERVICE_DOWN", what: new RegExp(`${own}`), fix: /./ } });

    const running = python("rest.py", `${listens}`, `${own}`);
    t.teardown(() => running.child.kill("SIGKILL"));
    await running.prints("open");
    const client = new DebugClient("node", "", "python");
    await client.start(idePort);
    const initialized = client.waitForEvent("initialized", 10_000);
    await client.initializeRequest();
    const attached = client.attachRequest({ justMyCode: true } as never);
    await initialized;
    await client.setBreakpointsRequest({ source: { path: file }, breakpoints: [{ line }] });
    await client.configurationDoneRequest();
    await attached;

    const stopped = client.waitForEvent("stopped", 10_000);
    const post = fetch(`${url}/v3/volumes?limit=1`, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-Auth-Token": token, Cookie: `sessionid=${password}` },
      body: JSON.stringify({ size: 1, admin_password: password }),
    });
    const { body: stop } = await stopped;
    await relay.event("hit", ({ session }) => session === "rest#1");
    const since = Date.now();
    let asked = 0;
    for (; Date.now() - since < 4 * timeout; asked++) await (await fetch(`http://127.0.0.1:${otherListen}`)).text();
    t.ok(asked > 1, "others are answered meanwhile");
    t.equal(await open(), 1);
    t.match(await debugtap("ps"), new RegExp(`api +http://127.0.0.1:${listen} +vm:${own} +listening  1 open`));
    t.match(
      await relay.event("http", ({ http }) => http.through === "api" && http.hits.length === 1),
      { http: { method: "POST", status: 0, end: undefined } },
      "the hit is known to be its while it stands",
    );
    await client.continueRequest({ threadId: (stop as { threadId: number }).threadId });
    const answer = await post;
    t.equal(answer.status, 202, "no timeout while it stood");
    t.match(await answer.json(), { id: "vol-1", size: 1 });
    t.equal(answer.headers.get("x-openstack-request-id"), "req-00001111");

    t.equal(await (await fetch(`${url}/events`)).text(), "data: 0\n\ndata: 1\n\ndata: 2\n\n");
    const socket = new WebSocket(`ws://127.0.0.1:${listen}/console`);
    await once(socket, "open");
    for (const text of ["hello", "x".repeat(5000)]) {
      const back = once(socket, "message");
      socket.send(text);
      t.equal(String((await back)[0]), text);
    }
    const closed = once(socket, "close");
    socket.close();
    await closed;

    // With its timeout it would get an answer too soon: this one waits for what stands nowhere.
    const leaving = httpRequest(`${url}/forever`, { agent: false });
    leaving.on("error", () => undefined).end();
    await running.prints("waits /forever");
    leaving.destroy();
    await running.prints("left /forever");
    const late = httpRequest(`${url}/late`, { agent: false }).end();
    const [given] = (await once(late, "response")) as [IncomingMessage];
    t.equal(given.statusCode, 504, "nothing stands: now the timeout counts");
    given.resume();
    await running.prints("left /late");
    await relay.event("http", ({ http }) => http.path === "/late" && http.end !== undefined);
    t.equal(await open(), 0, "none is left");

    await client.disconnectRequest({});
    relay.kill("SIGINT");
    t.equal(await relay.exit, 0, relay.stderr());
    const dir = await relay.trace();
    const text = plain(await allText(dir));
    for (const secret of [token, password, "gAAAA-of-the-answer"]) t.notOk(text.includes(secret), secret);
    const trace = await openTrace(dir);
    const calls = (await trace.http({ bodies: true })).filter(({ through }) => through === "api");
    trace.close();
    t.match(
      calls.map(({ url: path, answer: said, aborted, failed }) => [path, said?.status, aborted ?? failed]),
      [
        ["/v3", 502, "DT_SERVICE_DOWN"],
        ["/v3/volumes?limit=1", 202, undefined],
        ["/events", 200, undefined],
        ["/console", 101, undefined],
        ["/forever", undefined, "client"],
        ["/late", 504, "DT_HTTP_TIMEOUT"],
      ],
    );
    const posted = calls[1];
    t.match(posted, { ids: ["req-00001111"], body: { text: /^\{"size":1,"admin_password":"«redacted:\w{8}»"\}$/ } });
    t.ok((posted?.ended ?? 0) - (posted?.at ?? 0) > 4 * timeout);

    const hits = (await debugtap("hits", dir, "--json"))
      .split("\n")
      .slice(0, -1)
      .map((row) => JSON.parse(row) as unknown);
    t.match(hits, [{ session: "rest#1", line, http: { id: posted?.id, through: "api", method: "POST", status: 202 } }]);
    t.equal(hits.length, 1);
    t.match(await debugtap("hits", dir), /^POST \/v3\/volumes \(api\) {2}202\n/);
    const har = JSON.parse(await debugtap("export", dir, "--to", "har")) as Har;
    t.match(
      har.log.entries.find(({ request }) => request.method === "POST"),
      { comment: "api", response: { status: 202 }, _debugHits: [1] },
    );

    const careful = again(t, [dir, "1"]);
    t.equal(await careful.exit, 2);
    t.match(careful.error, { code: "DT_UNSAFE" });
    const variables = careful.said[0] as unknown as { secrets: string[]; trigger: string };
    t.equal(variables.trigger, "api");
    const secrets = Object.fromEntries(variables.secrets.map((name) => [name, "a-new-one"]));
    const same = again(t, [dir, "1", "--yes", "--settle", "500ms", "-o", join(t.testdirName, "again")], secrets);
    t.equal(await same.exit, 0, same.stderr());
    t.match(same.result, { recorded: 1, recurring: [[1, 1]], missing: [], extra: [] });
    t.match(
      same.said.find(({ type }) => type === "answer"),
      { answer: { status: 202 } },
    );
  },
);
