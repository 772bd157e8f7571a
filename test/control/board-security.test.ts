// Who may ask the board, and that nobody can crash or hold it: one test for each way to try.
import { statSync } from "node:fs";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { request } from "node:http";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import t from "tap";
import { WebSocket } from "ws";
import { findBoards } from "../../src/control/board-file.ts";
import { openBoard, raw, type TestBoard } from "../helpers/board.ts";

interface Given {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** By Node's own client, which lets every header be set. */
function ask({ at }: TestBoard, { method = "GET", path = "/api/view", headers = {} }: Given) {
  return new Promise<{ status: number; headers: Record<string, string | string[] | undefined>; text: string }>(
    (resolve, reject) => {
      const asked = request({ host: "127.0.0.1", port: at.port, method, path, headers, agent: false }, (response) => {
        let text = "";
        response.on("data", (chunk: Buffer) => (text += chunk.toString()));
        response.on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }));
      });
      asked.on("error", reject);
      asked.end();
    },
  );
}

function bearer(token: string): Record<string, string> {
  return { authorization: `Bearer ${token}` };
}

/** Resolves with the status of a WebSocket that was refused, 101 for one that was not. */
function webSocket({ at }: TestBoard, headers: Record<string, string>, path = "/api/live"): Promise<number> {
  return new Promise((resolve) => {
    const socket = new WebSocket(`ws://127.0.0.1:${at.port}${path}`, { headers });
    socket.on("open", () => {
      socket.terminate();
      resolve(101);
    });
    socket.on("unexpected-response", (_, response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    socket.on("error", () => undefined);
  });
}

t.test("no token, a wrong one, one in another case", async (t) => {
  const board = await openBoard(t);
  const { token } = board;
  t.equal(Buffer.from(token, "base64url").length, 32, "256 bits");
  for (const path of ["/", "/api/view", "/index.html", "/api/nothing"])
    t.match(await ask(board, { path }), { status: 401, text: /DT_BOARD_DENIED/ }, path);
  const swapped = token.replace(/[a-zA-Z]/, (c) => (c === c.toLowerCase() ? c.toUpperCase() : c.toLowerCase()));
  for (const wrong of ["", "x", swapped, `${token}x`, token.slice(1), ` ${token}`]) {
    t.equal((await ask(board, { headers: bearer(wrong) })).status, 401, wrong);
    t.equal(
      (await ask(board, { headers: { cookie: `debugtap-${board.at.port}=${wrong}` } })).status,
      wrong === ` ${token}` ? 401 : 401,
    );
    t.equal((await ask(board, { path: `/?token=${encodeURIComponent(wrong)}` })).status, 401);
  }
  t.equal((await ask(board, { headers: bearer(token) })).status, 200);
  t.equal((await ask(board, { path: `/?token=${token}`, headers: { host: "evil.example" } })).status, 403);
});

t.test("the token becomes a cookie and goes from the address", async (t) => {
  const board = await openBoard(t);
  const { at, token } = board;
  const first = await ask(board, { path: `/?token=${token}` });
  t.match(first, {
    status: 303,
    headers: { location: "/", "referrer-policy": "no-referrer", "cache-control": "no-store" },
  });
  t.strictSame(first.headers["set-cookie"], [`debugtap-${at.port}=${token}; Path=/; HttpOnly; SameSite=Strict`]);
  const cookie = `other=1; debugtap-${at.port}=${token}`;
  const page = await ask(board, { path: "/", headers: { cookie } });
  t.match(page, {
    status: 200,
    text: /debugtap/,
    headers: { "content-security-policy": /default-src 'self'/, "x-content-type-options": "nosniff" },
  });
  t.equal((await ask(board, { headers: { cookie: `debugtap-1=${token}` } })).status, 401, "that of another port");
  t.equal(statSync(at.file).mode & 0o777, 0o600);
  t.strictSame(await findBoards(join(t.testdirName, "run")), [{ pid: process.pid, address: at.address, files: false }]);
  await board.board.close();
  t.strictSame(await findBoards(join(t.testdirName, "run")), []);
});

t.test("a foreign Host", async (t) => {
  const board = await openBoard(t);
  const { port } = board.at;
  for (const host of [
    "evil.example",
    `evil.example:${port}`,
    "127.0.0.1",
    `127.0.0.1:${port + 1}`,
    `127.0.0.1:${port}.evil.example`,
  ])
    t.equal((await ask(board, { headers: { ...bearer(board.token), host } })).status, 403, host);
  for (const host of [`127.0.0.1:${port}`, `localhost:${port}`, `[::1]:${port}`])
    t.equal((await ask(board, { headers: { ...bearer(board.token), host } })).status, 200, host);
  t.match(
    await raw(port, `GET http://evil.example/api/view HTTP/1.1\r\nHost: evil.example\r\n\r\n`, /\r\n\r\n/),
    /^HTTP\/1.1 403/,
  );
  t.match(await raw(port, `GET /api/view HTTP/1.1\r\nHost:\r\n\r\n`, /\r\n\r\n/), /^HTTP\/1.1 403/);
  t.match(await raw(port, `GET /api/view HTTP/1.0\r\n\r\n`), /^HTTP\/1.1 403/);
});

t.test("a foreign Origin, Origin null, and none where something changes", async (t) => {
  const board = await openBoard(t, { knows: () => true, release: () => ["api#1"] });
  const { port } = board.at;
  const cookie = `debugtap-${port}=${board.token}`;
  const post = { method: "POST", path: "/api/sessions/api/release" };
  for (const origin of [
    "http://evil.example",
    "null",
    `https://127.0.0.1:${port}`,
    `http://127.0.0.1:${port + 1}`,
    `http://localhost:${port}`,
    "",
  ]) {
    for (const proof of [{ cookie }, bearer(board.token)]) {
      t.equal((await ask(board, { headers: { ...proof, origin } })).status, 403, `GET of ${origin}`);
      t.equal((await ask(board, { ...post, headers: { ...proof, origin } })).status, 403, `POST of ${origin}`);
    }
  }
  const own = `http://127.0.0.1:${port}`;
  t.equal((await ask(board, { ...post, headers: { cookie } })).status, 403, "the cookie alone changes nothing");
  t.equal((await ask(board, { headers: { cookie } })).status, 200, "it reads");
  t.equal((await ask(board, { ...post, headers: { cookie, origin: own } })).status, 200);
  t.equal((await ask(board, { ...post, headers: bearer(board.token) })).status, 200);
});

t.test("a WebSocket from a foreign Origin", async (t) => {
  const board = await openBoard(t, { mayAttach: () => undefined, attach: (_, stream) => void stream.destroy() });
  const { port } = board.at;
  const cookie = `debugtap-${port}=${board.token}`;
  for (const path of ["/api/live", "/dap/api"]) {
    t.equal(await webSocket(board, {}, path), 401);
    t.equal(await webSocket(board, { cookie }, path), 403, "no Origin");
    for (const origin of ["http://evil.example", "null", `http://localhost:${port}`])
      for (const proof of [{ cookie }, bearer(board.token)])
        t.equal(await webSocket(board, { ...proof, origin }, path), 403, origin);
    t.equal(await webSocket(board, { cookie, origin: `http://127.0.0.1:${port}` }, path), 101);
    t.equal(await webSocket(board, bearer(board.token), path), 101);
    t.equal(await webSocket(board, { ...bearer(board.token), host: `evil.example:${port}` }, path), 403);
  }
  t.equal(await webSocket(board, bearer(board.token), "/other"), 404);
  t.equal(await webSocket(board, bearer(board.token), "/dap/%ff"), 400);
});

t.test("a body of 50 MB", async (t) => {
  const board = await openBoard(t);
  const head = `POST /api/traces HTTP/1.1\r\nHost: 127.0.0.1:${board.at.port}\r\nAuthorization: Bearer ${board.token}\r\n`;
  const large = Buffer.alloc(50 * 1024 * 1024, 97);
  t.match(
    await raw(board.at.port, `${head}Content-Length: ${large.length}\r\n\r\n`, /\r\n\r\n.*\}$/s),
    /^HTTP\/1.1 413[^]*64 KB/,
  );
  const chunked = Buffer.concat([
    Buffer.from(`${head}Transfer-Encoding: chunked\r\n\r\n${large.length.toString(16)}\r\n`),
    large,
  ]);
  const before = process.memoryUsage().rss;
  t.match(await raw(board.at.port, chunked, /\r\n\r\n.*\}$/s), /^HTTP\/1.1 413/);
  t.ok(process.memoryUsage().rss - before < 200 * 1024 * 1024);
  t.match(
    await raw(board.at.port, `${head}Content-Length: 3\r\n\r\n{x}`, /\r\n\r\n.*\}$/s),
    /^HTTP\/1.1 400[^]*no JSON/,
  );
  t.equal((await board.ask("GET", "/api/view")).status, 200);
});

t.test("a path with `..`", async (t) => {
  const web = t.testdir({ "index.html": "the page", "app.js": "1", "secret.txt": t.fixture("symlink", "/etc/passwd") });
  const board = await openBoard(t, {}, { web, dir: join(web, "run") });
  const get = async (path: string) =>
    await raw(
      board.at.port,
      `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${board.at.port}\r\nConnection: close\r\nAuthorization: Bearer ${board.token}\r\n\r\n`,
    );
  for (const path of [
    "/../etc/passwd",
    "/a/../../etc/passwd",
    "/%2e%2e/etc/passwd",
    "/..%2f..%2fetc/passwd",
    "/..\\etc",
    "/%2E./x",
    "/.%2e%5cx",
  ])
    t.match(await get(path), /^HTTP\/1.1 400/, path);
  for (const path of ["/secret.txt", "/app.css", "/%00.js", "/%ff.js"])
    t.match(await get(path), /^HTTP\/1.1 404/, path);
  t.match(await get("/app.js"), /^HTTP\/1.1 200[^]*text\/javascript[^]*\r\n\r\n1$/);
  t.match(await get("/"), /text\/html[^]*the page$/);
  t.match(await get("/hits/42"), /text\/html[^]*the page$/, "a place in the page");
  t.match(await get("*"), /^HTTP\/1.1 400/);
});

t.test("a client that never reads its WebSocket", async (t) => {
  const board = await openBoard(t, {}, { live: { patience: 400 } });
  const handshake = [
    "GET /api/live HTTP/1.1",
    `Host: 127.0.0.1:${board.at.port}`,
    `Authorization: Bearer ${board.token}`,
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
  ];
  const socket = connect({ port: board.at.port, host: "127.0.0.1" });
  const closed = new Promise((resolve) => socket.on("close", resolve));
  socket.on("error", () => undefined);
  socket.write(`${handshake.join("\r\n")}\r\n\r\n`);
  await once(socket, "readable");
  const before = process.memoryUsage().rss;
  const detail = "x".repeat(100_000);
  for (let n = 0; n < 2000; n++) board.board.event({ at: n, type: "note", session: "api#1", kind: "held", detail });
  t.ok(process.memoryUsage().rss - before < 100 * 1024 * 1024, "200 MB were for it");
  socket.pause();
  const timer = setInterval(
    () => board.board.event({ at: 0, type: "note", session: "api#1", kind: "held", detail }),
    20,
  );
  // It is seen only by who reads or writes.
  const writing = setInterval(() => socket.write(Buffer.from([0x8a, 0x80, 0, 0, 0, 0])), 50);
  await closed;
  clearInterval(timer);
  clearInterval(writing);
  t.equal((await board.ask("GET", "/api/view")).status, 200);
});

t.test("an IDE over WebSocket that never reads holds up its service, and no memory", async (t) => {
  const given: Duplex[] = [];
  const board = await openBoard(t, { mayAttach: () => undefined, attach: (_, stream) => void given.push(stream) });
  const ide = new WebSocket(`ws://127.0.0.1:${board.at.port}/dap/api`, { headers: bearer(board.token) });
  await once(ide, "open");
  ide.pause();
  const [stream] = given;
  if (stream === undefined) throw new Error("it was not taken to its service");
  const piece = Buffer.alloc(1_000_000, "x");
  const most = 200;
  /** True unless so many questions are answered first. */
  const drains = async (): Promise<boolean> => {
    const drained = once(stream, "drain").then(() => true);
    for (let n = 0; n < 50; n++) {
      const answered = board.ask("GET", "/api/view").then(() => false);
      if (await Promise.race([drained, answered])) return true;
    }
    return false;
  };
  let sent = 0;
  do {
    stream.write(piece);
    sent++;
  } while (sent < most && (await drains()));
  t.ok(sent < most, `after ${sent} MB it waits`);
  let heard = 0;
  const all = new Promise<void>((resolve) =>
    ide.on("message", (data: Buffer) => {
      heard += data.length;
      if (heard === sent * piece.length) resolve();
    }),
  );
  ide.resume();
  await all;
  t.equal(stream.writableLength, 0, "read at last, nothing is lost");
  ide.terminate();
});

t.test("1,000 connections", async (t) => {
  const board = await openBoard(t);
  const sockets: Socket[] = [];
  t.teardown(() => sockets.forEach((socket) => socket.destroy()));
  for (let n = 0; n < 1000; n++) {
    const socket = connect({ port: board.at.port, host: "127.0.0.1" });
    socket.on("error", () => undefined);
    sockets.push(socket);
    if (n % 2 === 0) socket.write("GET /api/view HTTP/1.1\r\nX:");
    await once(socket, "connect");
  }
  t.equal((await board.ask("GET", "/api/view")).status, 200, "who has the token comes in");
  const [first] = sockets;
  if (first !== undefined && !first.destroyed) await once(first.resume(), "close");
  t.ok(sockets[0]?.destroyed, "the oldest stranger went");
});

t.test("32 watch, no more", async (t) => {
  const board = await openBoard(t);
  const sockets = Array.from(
    { length: 32 },
    () => new WebSocket(`ws://127.0.0.1:${board.at.port}/api/live`, { headers: bearer(board.token) }),
  );
  await Promise.all(sockets.map((socket) => once(socket, "open")));
  t.equal(await webSocket(board, bearer(board.token)), 409);
  const gone = new Promise((resolve) => sockets[0]?.once("close", resolve));
  sockets[0]?.close();
  await gone;
  t.equal(await webSocket(board, bearer(board.token)), 101);
  for (const socket of sockets) socket.terminate();
});

t.test("garbage in place of HTTP", async (t) => {
  const board = await openBoard(t);
  const { port } = board.at;
  t.equal(await raw(port, "\u0000\u0001garbage\r\n\r\n"), "");
  t.equal(await raw(port, Buffer.from([22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3])), "", "TLS");
  t.equal(await raw(port, `GET / HTTP/1.1\r\nX: ${"y".repeat(100_000)}\r\n\r\n`), "");
  t.equal(
    await raw(port, "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"),
    "",
  );
  const socket = `GET /api/live HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAuthorization: Bearer ${board.token}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n`;
  t.match(await raw(port, `${socket}\r\n`), /^HTTP\/1.1 400/);
  const upgraded = await raw(
    port,
    `${socket}Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n${"\u00ff".repeat(300)}`,
  );
  t.match(upgraded, /^HTTP\/1.1 101/, "and what is no frame of a WebSocket ends it");
  t.equal((await board.ask("GET", "/api/view")).status, 200);
});
