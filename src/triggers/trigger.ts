// A trigger: an HTTP port of a host at a port here. What comes to it goes through the host's tunnel; each request is a Call.
//
// Rules
// - Bodies stream, both ways, with backpressure; what is recorded is a copy of their beginnings.
// - A client that leaves takes its connection to the service with it, at once; so does a service that leaves in the middle of its answer.
// - No timeout, unless the configuration has one: a request waits at a breakpoint as long as a person does.
// - A Host that is not this machine is refused: see host.ts.
// - The service gets the request as it came but for headers of the connection; its `Host` too, so that links in answers lead here.
import { createServer, ServerResponse, type IncomingMessage, type Server } from "node:http";
import type { Duplex } from "node:stream";
import { createProxyServer } from "http-proxy";
import type { Clock } from "../clock.ts";
import { reset, type Dial, type Listen, type Listener } from "../duplex.ts";
import type { Call } from "./call.ts";
import { failureOf, noAnswer, type Failure } from "./failure.ts";
import { foreignHost } from "./host.ts";
import { patience } from "./patience.ts";
import { Upstream } from "./upstream.ts";

/** Of a request, bytes: tokens may be long. */
const mostHead = 64 * 1024;

type Proxy = ReturnType<typeof createProxyServer>;

export interface TriggerOptions {
  readonly name: string;
  readonly host: string;
  /** As in TriggerView. */
  readonly to: string;
  readonly listen: Listen;
  readonly dial: Dial;
  /** Milliseconds for an answer to begin, in which nothing is stopped. */
  readonly timeout: number;
  readonly stopped: () => boolean;
  readonly clock: Clock;
  readonly begin: (request: IncomingMessage) => Call;
  /** So many requests are on their way. */
  readonly requests: (open: number) => void;
}

export class HttpTrigger {
  readonly #options: TriggerOptions;
  readonly #server: Server;
  readonly #proxy: Proxy;
  readonly #calls = new WeakMap<IncomingMessage, Call>();
  readonly #clients = new Set<Duplex>();
  readonly #upstreams = new Set<Upstream>();
  readonly #ending = new Set<Promise<void>>();
  #listener: Listener | undefined;
  #closed = false;
  #requests = 0;

  constructor(options: TriggerOptions) {
    this.#options = options;
    this.#proxy = createProxyServer({
      // Where to is the dial's affair.
      target: { host: "127.0.0.1", port: 80 },
      // The path as it came: not taken apart and put together again.
      toProxy: true,
      prependPath: false,
      preserveHeaderKeyCase: true,
    });
    this.#watch();
    this.#server = createServer(
      { requestTimeout: 0, headersTimeout: 0, requireHostHeader: false, maxHeaderSize: mostHead },
      (request, answer) => this.#serve(request, answer),
    );
    this.#server.on("upgrade", (request, socket, head) => this.#upgrade(request, socket, head));
  }

  get name(): string {
    return this.#options.name;
  }

  get names(): readonly string[] {
    return [this.#options.name];
  }

  /** Connections to the service, and attempts to have one. */
  get upstreams(): number {
    return this.#upstreams.size;
  }

  get isOpen(): boolean {
    return this.#listener !== undefined;
  }

  /** Rejects with the DebugtapError of `listen`. */
  async open(): Promise<void> {
    const listener = await this.#options.listen((stream) => this.accept(stream));
    if (this.#closed) await listener.close();
    else this.#listener = listener;
  }

  /** Takes a client. */
  accept(stream: Duplex): void {
    this.#clients.add(stream);
    stream.on("error", () => undefined);
    stream.once("close", () => this.#clients.delete(stream));
    this.#server.emit("connection", stream);
  }

  /** Closes the port and all that is on its way. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#listener?.close();
    this.#listener = undefined;
    for (const client of this.#clients) reset(client);
    for (const upstream of this.#upstreams) upstream.close();
    while (this.#ending.size > 0) await Promise.all(this.#ending);
  }

  #serve(request: IncomingMessage, answer: ServerResponse): void {
    const foreign = foreignHost(request.headers.host);
    if (foreign !== undefined) return refuse(answer, failureOf(foreign, this.#options.to));
    const call = this.#begin(request);
    const { options, upstream } = this.#connect(call, (failure) => refuse(answer, failure));
    // The server has told the client to go on.
    delete request.headers.expect;
    request.on("data", (chunk: Uint8Array) => call.requestChunk(chunk));
    answer.once("close", () => {
      this.#ended(call, upstream, answer.writableFinished);
    });
    const failed = (error: unknown): void => {
      if (answer.destroyed || answer.writableEnded) return;
      if (call.isAnswered) answer.destroy();
      else refuse(answer, this.#fail(call, error));
    };
    try {
      this.#proxy.web(request, answer, { ...options, headers: { connection: "close" } }, failed);
    } catch (thrown) {
      // What Node's server takes and its client does not.
      failed(thrown);
    }
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    if (request.headers.upgrade?.toLowerCase() !== "websocket") return this.#plain(request, socket);
    const foreign = foreignHost(request.headers.host);
    if (foreign !== undefined) return refuseUpgrade(socket, failureOf(foreign, this.#options.to));
    const call = this.#begin(request);
    let settled = false;
    const { options, upstream } = this.#connect(call, (failure) => refuseUpgrade(socket, failure));
    socket.on("error", () => undefined);
    socket.once("close", () => {
      this.#ended(call, upstream, call.isAnswered && call.left !== "service");
    });
    this.#proxy.ws(request, socket, head, options, (error) => {
      if (settled || call.isAnswered || socket.destroyed) return;
      settled = true;
      refuseUpgrade(socket, this.#fail(call, error));
    });
  }

  /** A client that offers to go on in another protocol (HTTP/2) need not be taken up on it. */
  #plain(request: IncomingMessage, socket: Duplex): void {
    if (!isSocket(socket)) return void socket.destroy();
    delete request.headers.upgrade;
    const answer = new ServerResponse(request);
    answer.shouldKeepAlive = false;
    answer.assignSocket(socket);
    answer.once("finish", () => socket.end());
    socket.once("close", () => answer.destroyed || answer.destroy());
    this.#serve(request, answer);
  }

  #begin(request: IncomingMessage): Call {
    this.#options.requests(++this.#requests);
    const call = this.#options.begin(request);
    this.#calls.set(request, call);
    return call;
  }

  #ended(call: Call, upstream: Upstream, whole: boolean): void {
    upstream.close();
    this.#options.requests(--this.#requests);
    const aborted = whole ? undefined : this.#closed ? "relay" : call.left;
    const ending = upstream.closed.then(() => call.end(aborted));
    this.#ending.add(ending);
    void ending.finally(() => this.#ending.delete(ending));
  }

  #connect(call: Call, late: (failure: Failure) => void) {
    const { dial, clock, timeout, stopped, to } = this.#options;
    const upstream = new Upstream(dial);
    this.#upstreams.add(upstream);
    const cancel = patience(clock, timeout, stopped, () => {
      if (call.isAnswered) return;
      late(this.#fail(call, noAnswer(to, timeout)));
      upstream.close();
    });
    void upstream.closed.finally(() => {
      cancel();
      this.#upstreams.delete(upstream);
    });
    return { upstream, options: { agent: upstream.agent } };
  }

  #fail(call: Call, error: unknown): Failure {
    const failure = failureOf(error, `${this.#options.to} on ${this.#options.host}`);
    call.failed(failure);
    return failure;
  }

  /** What http-proxy tells of requests on their way. */
  #watch(): void {
    // It throws where nobody listens; each request has its own that acts.
    this.#proxy.on("error", () => undefined);
    this.#proxy.on("proxyReq", (sent, request) => {
      sent.once("finish", () => this.#calls.get(request)?.sent());
    });
    this.#proxy.on("proxyRes", (answered, request, answer) => {
      const call = this.#calls.get(request);
      call?.answered(answered);
      answered.statusMessage = answered.statusMessage?.replaceAll(/[^\t\u0020-\u007e\u0080-\u00ff]/g, "?") ?? "";
      // Of its connection to us.
      delete answered.headers.connection;
      delete answered.headers["keep-alive"];
      answered.on("data", (chunk: Uint8Array) => call?.answerChunk(chunk));
      answered.once("close", () => {
        if (answered.complete) return;
        call?.lost();
        answer.destroy();
      });
      // Events may be long in coming: their client must not wait for the first to know that it is answered.
      process.nextTick(() => {
        if (!answer.headersSent && !answer.destroyed) answer.flushHeaders();
      });
    });
    this.#proxy.on("proxyReqWs", (sent, request, socket) => {
      const call = this.#calls.get(request);
      sent.once("finish", () => call?.sent());
      sent.once("upgrade", (answered: IncomingMessage) => call?.answered(answered));
      sent.once("response", (answered: IncomingMessage) => {
        call?.answered(answered);
        answered.on("data", (chunk: Uint8Array) => call?.answerChunk(chunk));
        answered.once("close", () => {
          if (answered.complete) return;
          call?.lost();
          socket.destroy();
        });
      });
    });
  }
}

function refuse(answer: ServerResponse, { status, reason, body }: Failure): void {
  answer.writeHead(status, reason, {
    "Content-Type": "application/json",
    "Content-Length": Buffer.byteLength(body),
    Connection: "close",
  });
  answer.end(body);
}

function refuseUpgrade(socket: Duplex, { status, reason, body }: Failure): void {
  const head = `HTTP/1.1 ${status} ${reason}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}`;
  socket.end(`${head}\r\nConnection: close\r\n\r\n${body}`);
}

function isSocket(stream: Duplex): stream is IncomingMessage["socket"] {
  return "setNoDelay" in stream;
}
