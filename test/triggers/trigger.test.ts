// Triggers over real sockets: what goes through them, what is recorded of it, and what is left when somebody leaves.
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer as httpServer, request as httpRequest } from "node:http";
import type { IncomingMessage, RequestListener, RequestOptions, Server } from "node:http";
import { connect, createServer, type Socket } from "node:net";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { fc } from "../helpers/property.ts";
import t, { type Test } from "tap";
import { WebSocket, WebSocketServer } from "ws";
import type { HttpView } from "../../protocol/control.ts";
import { DebugtapError } from "../../protocol/errors.ts";
import { defaultRequestIdHeaders, type HttpCall } from "../../protocol/http.ts";
import type { Clock } from "../../src/clock.ts";
import type { Dial } from "../../src/duplex.ts";
import type { TriggerPlan } from "../../src/plan.ts";
import { systemClock } from "../../src/transport/clock.ts";
import { dialTcp, listenTcp } from "../../src/transport/tcp.ts";
import { Triggers } from "../../src/triggers/triggers.ts";
import { freePort } from "../helpers/sockets.ts";

interface Way {
  readonly port: number;
  readonly url: string;
  /** As they were recorded. */
  readonly calls: readonly HttpCall[];
  readonly views: readonly HttpView[];
  readonly triggers: Triggers;
  readonly upstreams: () => number;
  readonly close: () => Promise<void>;
  /** The record of a call that has ended. */
  readonly ended: (id?: number) => Promise<HttpCall>;
}

interface Through extends Partial<TriggerPlan> {
  readonly stopped?: () => boolean;
}

async function way(t: Test, to: number, { stopped = () => false, ...plan }: Through = {}): Promise<Way> {
  const port = await freePort();
  const calls: HttpCall[] = [];
  const views: HttpView[] = [];
  let look = (): void => undefined;
  const triggers = new Triggers({
    record: (call) => {
      calls.push(call);
      look();
    },
    tell: (view) => views.push(view),
    stopped,
    requests: () => undefined,
  });
  const trigger = triggers.add({
    name: "api",
    host: "vm",
    to: `127.0.0.1:${to}`,
    listen: listenTcp({ host: "127.0.0.1", port }),
    dial: dialTcp({ host: "127.0.0.1", port: to }),
    timeout: Infinity,
    clock: systemClock,
    requestIds: defaultRequestIdHeaders,
    body: 64_000,
    ...plan,
  });
  await trigger.open();
  t.teardown(() => trigger.close());
  const ended: Way["ended"] = (id = 1) =>
    new Promise((resolve) => {
      look = () => {
        const found = calls.find((call) => call.id === id && call.ended !== undefined);
        if (found !== undefined) resolve(found);
      };
      look();
    });
  const upstreams = (): number => trigger.upstreams;
  const url = `http://127.0.0.1:${port}`;
  return { port, url, calls, views, triggers, upstreams, close: () => trigger.close(), ended };
}

async function service(
  t: Test,
  listener: (...args: Parameters<RequestListener>) => unknown,
): Promise<{ readonly server: Server; readonly port: number }> {
  const server = httpServer((request, answer) => void listener(request, answer)).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return { server, port: portOf(server) };
}

function portOf(server: { address(): unknown }): number {
  return (server.address() as { port: number }).port;
}

/** Not `fetch`, which takes paths apart. */
async function send(
  port: number,
  options: RequestOptions,
  body: string | Buffer = "",
): Promise<[IncomingMessage, string]> {
  const request = httpRequest({ port, host: "127.0.0.1", agent: false, ...options });
  request.end(body);
  const [answer] = (await once(request, "response")) as [IncomingMessage];
  return [answer, await textOf(answer)];
}

async function textOf(answer: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of answer) text += String(chunk);
  return text;
}

t.test("a request under a name that others can make is refused before the service hears of it", async (t) => {
  let heard = 0;
  const { port } = await service(t, (_, answer) => {
    heard++;
    answer.end("in");
  });
  const { port: own, upstreams } = await way(t, port);
  for (const host of [
    "evil.example",
    `rebound.evil.example:${own}`,
    "127.0.0.1.evil.example",
    "localhost.evil.example:80",
  ]) {
    const [answer, text] = await send(own, { headers: { host } });
    t.equal(answer.statusCode, 403, host);
    t.match(JSON.parse(text), { error: { code: "DT_HTTP_HOST", fix: /127\.0\.0\.1/ } });
    const upgrade = httpRequest({
      port: own,
      host: "127.0.0.1",
      headers: { host, connection: "upgrade", upgrade: "websocket" },
    });
    upgrade.end();
    const [refused] = (await once(upgrade, "response")) as [IncomingMessage];
    t.equal(refused.statusCode, 403, `a websocket for ${host}`);
    refused.resume();
  }
  t.strictSame([heard, upstreams()], [0, 0]);
  for (const host of [`127.0.0.1:${own}`, "localhost", "[::1]:80", "cinder", "api.localhost:5780"])
    t.equal((await send(own, { headers: { host } }))[1], "in", host);
});

t.test("a request goes through as it is, and so does its answer; both are recorded", async (t) => {
  const seen: { url?: string; headers: string[]; body: string }[] = [];
  const { port } = await service(t, async (request, answer) => {
    seen.push({ url: request.url ?? "", headers: request.rawHeaders, body: await textOf(request) });
    answer.writeHead(202, "Taken", { "X-OpenStack-Request-Id": "req-5f1c0000", "Content-Type": "application/json" });
    answer.end('{"ok":true}');
  });
  const { port: own, views, ended, upstreams } = await way(t, port);
  const path = "/v3//vol%2Fumes/../x;y?limit=2&limit=3&q=%C3%A9";
  const [answer, text] = await send(
    own,
    {
      method: "POST",
      path,
      headers: { "X-Request-Id": "client-0001", "Content-Type": "text/plain", Expect: "100-continue" },
    },
    "size é",
  );
  t.equal(text, '{"ok":true}');
  t.match(answer, { statusCode: 202, statusMessage: "Taken", headers: { connection: "close" } });
  t.ok(answer.rawHeaders.includes("X-OpenStack-Request-Id"), "names as the service writes them");
  t.match(seen, [{ url: path, body: "size é" }]);
  t.ok(seen[0]?.headers.includes(`127.0.0.1:${own}`), "the Host that the client gave: links in answers lead here");
  const call = await ended();
  t.match(call, {
    id: 1,
    through: "api",
    method: "POST",
    url: path,
    version: "HTTP/1.1",
    body: { length: 7, text: "size é" },
    answer: { status: 202, reason: "Taken", version: "HTTP/1.1", body: { length: 11, text: '{"ok":true}' } },
    ids: ["req-5f1c0000", "client-0001"],
  });
  t.ok(call.headers.some(({ name, value }) => name === "X-Request-Id" && value === "client-0001"));
  const times = [call.at, call.sent, call.answered, call.ended].map(Number);
  t.strictSame(
    times,
    times.toSorted((a, b) => a - b),
    "in their order",
  );
  t.equal(call.aborted, undefined);
  t.match(views.at(0), { id: 1, method: "POST", status: 0, hits: [], again: false });
  t.match(views.at(-1), { id: 1, path, status: 202, request: "req-5f1c0000", again: true });
  t.equal(upstreams(), 0);
});

t.test("bodies stream both ways, and only their beginnings are kept", async (t) => {
  const { port } = await service(t, (request, answer) => {
    answer.writeHead(200, { "Content-Type": "application/octet-stream" });
    request.pipe(answer);
  });
  const { port: own, ended } = await way(t, port, { body: 1000 });
  const request = httpRequest({ port: own, host: "127.0.0.1", method: "PUT" });
  request.write("first");
  const [answer] = (await once(request, "response")) as [IncomingMessage];
  const [chunk] = (await once(answer, "data")) as [Buffer];
  t.equal(chunk.toString(), "first", "it comes back while the request is not whole");
  const rest = randomBytes(20_000_000);
  const hash = createHash("sha256");
  answer.on("data", (piece: Buffer) => hash.update(piece));
  const over = once(answer, "end");
  request.end(rest);
  await over;
  t.equal(hash.digest("hex"), createHash("sha256").update(rest).digest("hex"));
  const call = await ended();
  t.match(call, { body: { length: 20_000_005, cut: true, encoding: "latin1" }, answer: { body: { cut: true } } });
  t.equal(call.body?.text?.length, 1000);
  t.ok(
    Buffer.from(call.body?.text ?? "", "latin1").equals(Buffer.concat([Buffer.from("first"), rest]).subarray(0, 1000)),
  );
});

t.test("what is recorded of bodies: gzip and brotli are undone, other codings are left out and said", async (t) => {
  const text = JSON.stringify({ password: "sesame", list: Array.from({ length: 500 }, (_, i) => i) });
  const bodies: Record<string, Buffer> = {
    gzip: gzipSync(text),
    br: brotliCompressSync(text),
    zstd: Buffer.from("(\u00b5/\u00fd"),
    deflate: Buffer.from("not that"),
  };
  const { port } = await service(t, (request, answer) => {
    const coding = request.url?.slice(1) ?? "";
    answer.writeHead(200, coding === "" ? {} : { "Content-Encoding": coding });
    answer.end(bodies[coding] ?? "é".repeat(100));
  });
  const { port: own, ended } = await way(t, port, { body: 3000 });
  for (const [at, coding] of ["gzip", "br", "zstd", "deflate"].entries()) {
    await send(own, { path: `/${coding}` });
    const { answer } = await ended(at + 1);
    const body = answer?.body;
    if (at < 2) t.strictSame(body, { length: bodies[coding]?.length, text, decoded: coding });
    else t.match(body, { length: bodies[coding]?.length, text: undefined, why: new RegExp(coding) });
  }
  const odd = await way(t, port, { body: 99 });
  await send(odd.port, { path: "/" });
  t.strictSame(
    (await odd.ended()).answer?.body,
    { length: 200, cut: true, text: "é".repeat(49) },
    "no half characters",
  );
  const none = await way(t, port, { body: 0 });
  await send(none.port, { path: "/" });
  t.strictSame((await none.ended()).answer?.body, { length: 200, cut: true, text: "" });
});

t.test(
  "a client that leaves takes its upstream with it: waiting, in the middle of an answer, and while it is dialled",
  async (t) => {
    const left: Promise<unknown>[] = [];
    let come: (path: string) => void = () => undefined;
    const { port } = await service(t, (request, answer) => {
      left.push(once(request.socket, "close"));
      if (request.url === "/events") answer.write("data: 1\n\n");
      come(request.url ?? "");
    });
    const { port: own, upstreams, ended } = await way(t, port);
    for (const [at, path] of ["/waits", "/events"].entries()) {
      const came = new Promise((resolve) => (come = resolve));
      const request = httpRequest({ port: own, host: "127.0.0.1", path, agent: false });
      request.on("error", () => undefined).end();
      if (path === "/events") await once(request, "response");
      else await came;
      t.equal(upstreams(), 1);
      request.destroy();
      await left[at];
      t.match(await ended(at + 1), { aborted: "client" });
      t.equal(upstreams(), 0);
    }

    let dialledWith: (signal: AbortSignal) => void = () => undefined;
    const dialled = new Promise<AbortSignal>((resolve) => (dialledWith = resolve));
    const dial: Dial = (signal) => {
      dialledWith(signal);
      return new Promise((_, reject) => {
        signal.addEventListener("abort", () => reject(new Error("no longer wanted")), { once: true });
      });
    };
    const slow = await way(t, port, { dial });
    const request = httpRequest({ port: slow.port, host: "127.0.0.1", agent: false });
    request.on("error", () => undefined).end();
    const signal = await dialled;
    request.destroy();
    t.match(await slow.ended(), { aborted: "client", ids: [] });
    t.equal(slow.upstreams(), 0);
    t.ok(signal.aborted, "the attempt is given up");
  },
);

t.test("a service that leaves in the middle of its answer, and a trigger that is closed", async (t) => {
  const { port } = await service(t, (request, answer) => {
    answer.writeHead(200, { "Content-Length": "100" });
    answer.write("the beginning");
    if (request.url === "/dies") setImmediate(() => request.socket.destroy());
  });
  const { port: own, ended, upstreams, close } = await way(t, port);
  await t.rejects(send(own, { path: "/dies" }), { code: "ECONNRESET" }, "not an answer that looks whole");
  t.match(await ended(), { aborted: "service", answer: { status: 200, body: { text: "the beginning" } } });
  const request = httpRequest({ port: own, host: "127.0.0.1", path: "/", agent: false });
  request.on("error", () => undefined).end();
  const [answer] = (await once(request, "response")) as [IncomingMessage];
  const over = new Promise((resolve) => answer.once("close", resolve));
  answer.on("error", () => undefined).resume();
  await Promise.all([close(), over]);
  t.match(await ended(2), { aborted: "relay" });
  t.equal(upstreams(), 0);
});

t.test("errors of the service's side become 502, with a code and what to do", async (t) => {
  const refused = await way(t, await freePort());
  const [answer, text] = await send(refused.port, { method: "POST" }, "x".repeat(100_000));
  t.equal(answer.statusCode, 502);
  t.match(JSON.parse(text), { error: { code: "DT_DIAL_REFUSED", what: /refused/, fix: /./ } });
  t.match(await refused.ended(), { failed: "DT_DIAL_REFUSED", answer: { status: 502 } });

  const down = await way(t, 1, {
    dial: () => Promise.reject(new DebugtapError("DT_SSH_TIMEOUT", "vm does not answer", { fix: "ping vm" })),
  });
  const [late, why] = await send(down.port, {});
  t.equal(late.statusCode, 504);
  t.match(JSON.parse(why), { error: { code: "DT_SSH_TIMEOUT", fix: "ping vm" } });

  for (const [said, cause] of [
    ["SSH-2.0-OpenSSH_9.7\r\n", /something else \(HPE_/],
    ["", /closed the connection/],
  ] as const) {
    const odd = createServer((socket) => socket.once("data", () => socket.end(said))).listen(0, "127.0.0.1");
    await once(odd, "listening");
    t.teardown(() => odd.close());
    const { port, ended, upstreams } = await way(t, portOf(odd));
    const [bad, body] = await send(port, {});
    t.equal(bad.statusCode, 502);
    t.match(JSON.parse(body), { error: { code: "DT_HTTP_ANSWER", why: cause, fix: /./ } });
    await ended();
    t.equal(upstreams(), 0);
  }
});

/** Time that goes on only when it is told to. */
function handClock(): Clock & { pass(ms: number): void } {
  let now = 0;
  const due = new Set<{ at: number; run: () => void }>();
  return {
    now: () => now,
    wall: () => now,
    after: (ms, run) => {
      const entry = { at: now + ms, run };
      due.add(entry);
      return () => due.delete(entry);
    },
    pass: (ms) => {
      for (const end = now + ms; now < end; now++)
        for (const entry of due)
          if (entry.at <= now + 1) {
            due.delete(entry);
            entry.run();
          }
    },
  };
}

t.test("a timeout does not count while something is stopped", async (t) => {
  const clock = handClock();
  let stopped = false;
  let come: () => void = () => undefined;
  let answer: () => void = () => undefined;
  const { port } = await service(t, (_, response) => {
    answer = () => response.end("at last");
    come();
  });
  const { port: own, ended, upstreams } = await way(t, port, { clock, timeout: 30_000, stopped: () => stopped });
  const came = (): Promise<void> => new Promise((resolve) => (come = resolve));

  let there = came();
  const first = send(own, {});
  await there;
  clock.pass(20_000);
  stopped = true;
  clock.pass(24 * 3_600_000);
  stopped = false;
  clock.pass(8000);
  answer();
  t.equal((await first)[1], "at last", "a day at a breakpoint");

  there = came();
  const second = send(own, {});
  await there;
  clock.pass(31_500);
  const [late, body] = await second;
  t.equal(late.statusCode, 504);
  t.match(JSON.parse(body), {
    error: { code: "DT_HTTP_TIMEOUT", why: /^for 30 s in which nothing was stopped/, fix: /timeout/ },
  });
  t.match(await ended(2), { failed: "DT_HTTP_TIMEOUT", answer: { status: 504 } });
  t.equal(upstreams(), 0);
});

t.test("server-sent events come as they are sent, the head before the first of them", async (t) => {
  let event: (text: string) => void = () => undefined;
  const { port } = await service(t, (_, answer) => {
    answer.writeHead(200, { "Content-Type": "text/event-stream" }).flushHeaders();
    event = (text) => (text === "" ? answer.end() : answer.write(text));
  });
  const { port: own, ended } = await way(t, port);
  const request = httpRequest({ port: own, host: "127.0.0.1", agent: false }).end();
  const [answer] = (await once(request, "response")) as [IncomingMessage];
  t.equal(answer.headers["content-type"], "text/event-stream");
  for (const text of ["data: 1\n\n", "data: 2\n\n"]) {
    const next = once(answer, "data");
    event(text);
    t.equal(String(await next), text);
  }
  event("");
  await once(answer.resume(), "end");
  t.match(await ended(), { answer: { body: { text: "data: 1\n\ndata: 2\n\n" } } });
});

t.test("a websocket goes through, is refused with a reason where nobody is, and HTTP/2 is not taken up", async (t) => {
  const { server, port } = await service(t, (request, answer) => answer.end(`plain ${request.headers.upgrade ?? ""}`));
  const sockets = new WebSocketServer({ server });
  sockets.on("connection", (socket) => socket.on("message", (data) => socket.send(data)));
  const { port: own, upstreams, ended } = await way(t, port);
  const client = new WebSocket(`ws://127.0.0.1:${own}/console?token=x`);
  await once(client, "open");
  for (const text of ["one", "two".repeat(100_000)]) {
    const back = once(client, "message");
    client.send(text);
    t.equal(String((await back)[0]), text);
  }
  t.equal(upstreams(), 1);
  const closed = once(client, "close");
  client.close();
  await closed;
  const call = await ended();
  t.match(call, { url: "/console?token=x", answer: { status: 101 } });
  t.equal(call.aborted, undefined);
  t.equal(upstreams(), 0);

  const [plain, text] = await send(own, { headers: { Connection: "Upgrade, HTTP2-Settings", Upgrade: "h2c" } });
  t.equal(plain.statusCode, 200);
  t.equal(text, "plain ");
  t.match(await ended(2), { answer: { status: 200 } });

  const nobody = await way(t, await freePort());
  const refused = new WebSocket(`ws://127.0.0.1:${nobody.port}`);
  refused.on("error", () => undefined);
  const [, response] = (await once(refused, "unexpected-response")) as [unknown, IncomingMessage];
  t.equal(response.statusCode, 502);
  t.match(JSON.parse(await textOf(response)), { error: { code: "DT_DIAL_REFUSED" } });
  t.match(await nobody.ended(), { failed: "DT_DIAL_REFUSED" });
  t.equal(nobody.upstreams(), 0);
});

t.test(
  "clients keep their connection, each request has its own to the service; what is no HTTP harms nobody",
  async (t) => {
    const upstream = new Set<Socket>();
    const { port } = await service(t, (request, answer) => {
      upstream.add(request.socket);
      answer.end(request.url);
    });
    const { port: own, upstreams, ended } = await way(t, port);
    const socket = connect(own, "127.0.0.1");
    let text = "";
    socket.on("data", (chunk) => (text += chunk.toString()));
    for (const [i, path] of ["/1", "/2", "/3"].entries()) {
      socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
      while (!text.endsWith(path)) await once(socket, "data");
      await ended(i + 1);
    }
    t.equal(text.match(/HTTP\/1\.1 200/g)?.length, 3);
    t.equal(upstream.size, 3);
    t.equal(upstreams(), 0);
    const over = once(socket, "close");
    socket.write("\u0000\u0001garbage\r\n\r\n");
    await over;
    t.match(text, /HTTP\/1\.1 400/);
    const [answer] = await send(own, { path: "/after" });
    t.equal(answer.statusCode, 200);
  },
);

t.test("whatever a service answers, its client gets an answer or an end, and nothing stays", async (t) => {
  const crashes: unknown[] = [];
  const crashed = (thrown: unknown): unknown => crashes.push(thrown);
  process.on("uncaughtException", crashed);
  t.teardown(() => process.off("uncaughtException", crashed));
  let said = Buffer.alloc(0);
  const odd = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", () => socket.end(said));
  }).listen(0, "127.0.0.1");
  await once(odd, "listening");
  t.teardown(() => odd.close());
  const { port, upstreams } = await way(t, portOf(odd));
  const pieces = fc.constantFrom(
    "HTTP/1.1 200 OK\r\n",
    "HTTP/1.1 200 O\u0001K\r\n",
    "HTTP/1.1 204 \r\n",
    "HTTP/1.1 101 Switching Protocols\r\n",
    "HTTP/1.1 100 Continue\r\n\r\n",
    "HTTP/1.0 999 \u00e9\r\n",
    "Content-Length: 5\r\n",
    "Content-Length: -1\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Transfer-Encoding: gzip\r\n",
    "Content-Encoding: gzip\r\n",
    "Upgrade: websocket\r\nConnection: Upgrade\r\n",
    "Set-Cookie: a=\u00ff\r\n",
    "Bad Header: x\r\n",
    "X:\u0000\r\n",
    "Content-Type: text/event-stream\r\n",
    "\r\n",
    "5\r\nhello\r\n0\r\n\r\n",
    "hello",
  );
  await fc.assert(
    fc.asyncProperty(fc.array(pieces, { maxLength: 8 }), fc.boolean(), async (parts, upgrades) => {
      said = Buffer.from(parts.join(""), "latin1");
      const headers = upgrades ? { Connection: "Upgrade", Upgrade: "websocket", "Sec-WebSocket-Key": "x" } : {};
      const socket = connect(port, "127.0.0.1");
      socket.on("error", () => undefined);
      socket.write(
        `GET /${parts.length} HTTP/1.1\r\nHost: x\r\n${Object.entries(headers)
          .map(([name, value]) => `${name}: ${value}\r\n`)
          .join("")}Connection: close\r\n\r\n`,
      );
      socket.resume();
      await new Promise((resolve) => socket.once("close", resolve));
      return upstreams() === 0;
    }),
    { numRuns: 300 },
  );
  t.strictSame(crashes, []);
});

t.test("hits are joined with the calls, and a request is sent again as it was", async (t) => {
  const bodies: [string | undefined, string][] = [];
  let wait: Promise<void> | undefined;
  const { port } = await service(t, async (request, answer) => {
    bodies.push([request.headers["x-auth-token"]?.toString(), await textOf(request)]);
    await wait;
    answer.writeHead(202, { "X-OpenStack-Request-Id": `req-0000000${bodies.length}` }).end();
  });
  const { port: own, views, triggers, ended } = await way(t, port);
  const hit = (number: number, id?: string) =>
    triggers.observer.hit?.(7, {
      number,
      session: "svc#1",
      service: "svc",
      at: Date.now(),
      thread: { id: 1 },
      reason: "breakpoint",
      snapshot: { frames: [], took: 0 },
      ...(id === undefined ? {} : { correlated: { request_id: id } }),
    });
  let go: () => void = () => undefined;
  wait = new Promise((resolve) => (go = resolve));
  const post = send(
    own,
    { method: "POST", path: "/v3/volumes", headers: { "X-Auth-Token": "gAAAA-secret" } },
    '{"size":1}',
  );
  while (bodies.length === 0) await new Promise((resolve) => setImmediate(resolve));
  hit(1);
  t.match(views.at(-1), { id: 1, status: 0, hits: [1] }, "by time, at once");
  go();
  await post;
  await ended();
  hit(2, "req-00000001");
  t.match(views.at(-1), { id: 1, status: 202, hits: [1, 2], again: true }, "by the answer's id, after its end");
  hit(3);
  t.match(triggers.views(), [{ id: 1, hits: [1, 2] }], "nothing was open: nobody's");

  await t.rejects(triggers.again(1), { code: "DT_UNSAFE" });
  await t.rejects(triggers.again(99, true), { code: "DT_NOTHING_TO_SEND" });
  t.equal(await triggers.again(1, true), 2);
  const second = await ended(2);
  t.strictSame(bodies, [
    ["gAAAA-secret", '{"size":1}'],
    ["gAAAA-secret", '{"size":1}'],
  ]);
  t.match(second, { method: "POST", url: "/v3/volumes", answer: { status: 202 } });
  t.ok(second.headers.some(({ name, value }) => name === "baggage" && value === "debugtap-replay-of=req-00000001"));
  t.throws(() => triggers.connect("nova"), { code: "DT_SERVICE_UNKNOWN", why: "there are api" });
});
