// The board: the page, its API and its WebSockets, by HTTP on loopback unless a sidecar is told otherwise. See protocol/api.ts for what can be asked, gate.ts for who may ask.
//
// Rules
// - Nothing that a client sends can crash or hold the relay: bodies are bounded, and an error of a connection ends that alone.
// - Who has not shown the token holds little: 64 connections, of which the oldest goes for the next. So strangers cannot keep the user out.
// - The server does not keep a relay alive. Traces are read in a thread of their own, made when it is asked for.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { rm } from "node:fs/promises";
import type { Duplex } from "node:stream";
import { WebSocketServer } from "ws";
import type { RelayEvent } from "../../protocol/control.ts";
import { asDebugtapError, DebugtapError } from "../../protocol/errors.ts";
import { portOwner } from "../transport/port-owner.ts";
import { errnoOf } from "../transport/tcp.ts";
import { refused, type ApiAnswer } from "./answers.ts";
import { newToken, writeBoardFile } from "./board-file.ts";
import { isBoard } from "./board-probe.ts";
import { dapStream } from "./dap-stream.ts";
import { Gate, type Asked, type Refusal } from "./gate.ts";
import { answerRaw, bodyOf, tooLarge, urlOf } from "./http-parts.ts";
import { LiveHits } from "./live-hits.ts";
import { Live, type LiveOptions } from "./live.ts";
import { relayRoutes } from "./relay-routes.ts";
import { answerBy, decoded } from "./router.ts";
import type { Shown } from "./shown.ts";
import { staticFile } from "./static-files.ts";
import { isOfTraces, TraceThread } from "./trace-thread.ts";

/** The next ports that are tried where another board is. */
const portsTried = 20;
const loopback = "127.0.0.1";
const mostBody = 64 * 1024;
const mostStrangers = 64;
const mostConnections = 1024;
/** Of one message of an IDE. */
const mostMessage = 64 * 1024 * 1024;
/** How long who sends too much may take to read that it is, ms. */
const farewell = 1000;

const headers = {
  "content-security-policy":
    "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "cache-control": "no-store",
  server: "debugtap",
} as const;

export interface BoardOptions {
  /** 0: any. Where another board is, the next one up that is free. */
  readonly port: number;
  /** Address that it listens on, in place of 127.0.0.1; what is asked for must be loopback's all the same (gate.ts). */
  readonly bind?: string;
  /** In place of a new one. */
  readonly token?: string;
  readonly shown: Shown;
  /** It shows files, and nothing that runs. */
  readonly files?: boolean;
  /** The process lives as long as it is open. */
  readonly keepsAlive?: boolean;
  /** Directory of the control sockets, in place of the user's own. */
  readonly dir?: string;
  /** Of the built page. */
  readonly web?: string;
  readonly live?: Omit<LiveOptions, "view">;
  /** A thread was made: V8 has forgotten its flags. */
  readonly threadMade?: () => void;
}

/** Where a board is. */
export interface OpenBoard {
  readonly port: number;
  /** `http://127.0.0.1:5700/` */
  readonly url: string;
  /** The same with the token in it. */
  readonly address: string;
  /** Has the address, for this user alone. */
  readonly file: string;
}

/** What is there while it is open. */
interface Open {
  readonly server: Server;
  readonly at: OpenBoard;
  readonly gate: Gate;
  readonly live: Live;
  readonly traces: TraceThread;
  readonly shown: Shown;
  readonly web: string | undefined;
}

export class Board {
  /** To be among the relay's observers. */
  readonly hits = new LiveHits(
    (row) => this.#open?.live.hit(row),
    (number, at) => this.#open?.traces.ended(number, at),
  );
  #open: Open | undefined;
  /** A trace that is opened before anything else is asked of them. */
  #showing: Promise<unknown> = Promise.resolve();
  readonly #strangers = new Set<Duplex>();
  readonly #watching = new WebSocketServer({ noServer: true, maxPayload: 1024, clientTracking: false });
  readonly #debugging = new WebSocketServer({ noServer: true, maxPayload: mostMessage, clientTracking: false });

  /** Where it is; undefined while it is not open. */
  get at(): OpenBoard | undefined {
    return this.#open?.at;
  }

  /** Where it is. Rejects with DT_PORT_IN_USE, DT_PORT_DENIED or DT_CONTROL_SOCKET. */
  async open(options: BoardOptions): Promise<OpenBoard> {
    const { port: wanted, bind = loopback, files = false, keepsAlive = false, dir, web, live: limits } = options;
    const { token = newToken(), threadMade } = options;
    const server = createServer(
      { headersTimeout: 10_000, requestTimeout: 30_000, keepAliveTimeout: 5000, maxHeaderSize: 16_384 },
      (request, response) => void this.#request(request, response),
    );
    server.maxConnections = mostConnections;
    server.on("connection", (socket: Duplex) => this.#came(socket));
    server.on("upgrade", (request, socket, head) => this.#upgrade(request, socket, head));
    server.on("clientError", (_, socket) => socket.destroy());
    const port = await listen(server, bind, wanted);
    server.on("error", () => undefined);
    if (!keepsAlive) server.unref();
    try {
      const url = `http://127.0.0.1:${port}/`;
      const shown = { ...options.shown, view: () => ({ ...options.shown.view(), board: url }) };
      const address = `${url}?token=${token}`;
      const at = { port, url, address, file: await writeBoardFile({ address, files }, dir) };
      const live = new Live({ view: () => shown.view(), ...limits });
      const traces = new TraceThread({
        sources: shown.sources,
        live: () => ({ dir: shown.view().trace, ends: this.hits.ends }),
        ...(threadMade === undefined ? {} : { made: threadMade }),
      });
      this.#open = { server, at, gate: new Gate(token, port), live, traces, shown, web };
      return at;
    } catch (error) {
      server.close();
      throw error;
    }
  }

  /** Something happened. */
  event(event: RelayEvent): void {
    this.hits.event(event);
    this.#open?.live.event(event);
    if (this.#open === undefined || event.type !== "trace" || !["open", "closed"].includes(event.state)) return;
    this.#open.traces.turned();
    // Who looks at it goes on with it.
    if (event.state === "closed") this.#showing = this.show(event.dir);
  }

  /** Opens a trace, for whoever looks. */
  async show(dir: string): Promise<ApiAnswer> {
    const request = { method: "POST", path: "/api/traces", query: "", body: { dir } };
    return (
      (await this.#open?.traces.ask(request, [])) ?? refused(new DebugtapError("DT_BOARD_REFUSED", "it is closed"))
    );
  }

  /** IDEs that came over a WebSocket stay: they are their sessions'. */
  async close(): Promise<void> {
    const open = this.#open;
    this.#open = undefined;
    if (open === undefined) return;
    open.server.close();
    open.live.close();
    open.server.closeAllConnections();
    await Promise.all([open.traces.close(), rm(open.at.file, { force: true })]);
  }

  #came(socket: Duplex): void {
    socket.on("error", () => undefined);
    socket.on("close", () => this.#strangers.delete(socket));
    this.#strangers.add(socket);
    for (const oldest of this.#strangers) {
      if (this.#strangers.size <= mostStrangers) break;
      this.#strangers.delete(oldest);
      oldest.destroy();
    }
  }

  async #request(request: IncomingMessage, response: ServerResponse): Promise<void> {
    request.on("error", () => undefined);
    response.on("error", () => undefined);
    try {
      await this.#answer(request, response);
    } catch (thrown) {
      if (thrown === tooLarge) {
        this.#send(response, refused(tooLarge, 413), { connection: "close" });
        setTimeout(() => request.destroy(), farewell).unref();
      } else this.#send(response, refused(asDebugtapError(thrown)));
    }
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const open = this.#open;
    if (open === undefined) {
      request.destroy();
      return;
    }
    const { gate } = open;
    const asked = askedOf(request, false);
    const misplaced = gate.place(asked);
    if (misplaced !== undefined) {
      this.#send(response, denial(misplaced));
      return;
    }
    const url = urlOf(request);
    const method = asked.method === "HEAD" ? "GET" : asked.method;
    const token = url.pathname === "/" && method === "GET" ? url.searchParams.get("token") : null;
    if (token !== null && gate.knows(token)) {
      response.writeHead(303, { ...headers, location: "/", "set-cookie": gate.cookie });
      response.end();
      return;
    }
    const denied = gate.judge(asked);
    if (denied !== undefined) {
      this.#send(response, denial(denied));
      return;
    }
    this.#strangers.delete(request.socket);
    if (url.pathname === "/api" || url.pathname.startsWith("/api/") || method !== "GET") {
      const body = method === "GET" ? undefined : await bodyOf(request, mostBody);
      const asks = { method, path: url.pathname, query: url.search.slice(1), body };
      const ofTraces = isOfTraces(url.pathname);
      if (ofTraces) await this.#showing;
      const answering = ofTraces ? open.traces.ask(asks, open.shown.http()) : answerBy(relayRoutes, open.shown, asks);
      this.#send(response, await answering);
      return;
    }
    const file = await staticFile(url.pathname, open.web);
    if (file === undefined) throw new DebugtapError("DT_BOARD_MISSING", "the page has no such file");
    response.writeHead(200, { ...headers, "content-type": file.type, "content-length": file.bytes.length });
    response.end(asked.method === "HEAD" ? undefined : file.bytes);
  }

  #send(
    response: ServerResponse,
    { status, type, body }: ApiAnswer,
    more: Readonly<Record<string, string>> = {},
  ): void {
    if (response.headersSent || response.destroyed) return;
    const bytes = Buffer.from(body);
    response.writeHead(status, { ...headers, "content-type": type, "content-length": bytes.length, ...more });
    response.end(response.req.method === "HEAD" ? undefined : bytes);
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on("error", () => socket.destroy());
    const refuse = ({ status, type, body }: ApiAnswer): void =>
      answerRaw(socket, status, { ...headers, "content-type": type }, body);
    const open = this.#open;
    const denied = open?.gate.judge(askedOf(request, true));
    if (open === undefined) socket.destroy();
    else if (denied !== undefined) refuse(denial(denied));
    else {
      this.#strangers.delete(socket);
      try {
        this.#join(open, request, socket, head);
      } catch (thrown) {
        refuse(refused(asDebugtapError(thrown)));
      }
    }
  }

  #join({ live, shown }: Open, request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const { pathname } = urlOf(request);
    const service = /^\/dap\/([^/]+)$/.exec(pathname)?.[1];
    if (pathname === "/api/live") {
      if (live.full) throw new DebugtapError("DT_BOARD_REFUSED", "too many watch already", { why: "32 may" });
      this.#watching.handleUpgrade(request, socket, head, (watcher) => live.add(watcher));
    } else if (service === undefined) throw new DebugtapError("DT_BOARD_MISSING", "there is no such WebSocket");
    else {
      const name = decoded(service);
      shown.mayAttach(name);
      const { remoteAddress: address = "127.0.0.1", remotePort: port = 0 } = request.socket;
      this.#debugging.handleUpgrade(request, socket, head, (client) =>
        shown.attach(name, dapStream(client), { address, port }),
      );
    }
  }
}

function askedOf({ method = "GET", headers: said }: IncomingMessage, upgrade: boolean): Asked {
  const { host, origin, authorization, cookie } = said;
  return { method, host, origin, authorization, cookie, upgrade };
}

function denial({ status, what, why }: NonNullable<Refusal>): ApiAnswer {
  return refused(new DebugtapError("DT_BOARD_DENIED", what, { why, fix: "debugtap open" }), status);
}

/** At this port, or at the next one up that is free where other boards are. */
async function listen(server: Server, bind: string, wanted: number): Promise<number> {
  for (let port = wanted; ; port++) {
    try {
      return await listenAt(server, bind, port);
    } catch (cause) {
      const another = errnoOf(cause) === "EADDRINUSE" && (await isBoard(port));
      if (another && port < Math.min(wanted + portsTried, 65_535)) continue;
      throw await listenError(bind, port, cause);
    }
  }
}

function listenAt(server: Server, bind: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host: bind, port }, () => {
      server.off("error", reject);
      const bound = server.address();
      resolve(bound !== null && typeof bound === "object" ? bound.port : port);
    });
  });
}

async function listenError(bind: string, port: number, cause: unknown): Promise<DebugtapError> {
  const inUse = errnoOf(cause) === "EADDRINUSE";
  const owner = inUse ? await portOwner(port) : undefined;
  const why = cause instanceof Error ? cause.message : String(cause);
  return new DebugtapError(inUse ? "DT_PORT_IN_USE" : "DT_PORT_DENIED", `the board cannot be at ${bind}:${port}`, {
    why: owner === undefined ? why : `${owner.name} (pid ${owner.pid}) listens there`,
    fix: "board: { port: 0 }",
    cause,
  });
}
