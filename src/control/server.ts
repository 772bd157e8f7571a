// Lets `debugtap ps` and `debugtap down` ask a running relay, by HTTP on a Unix socket of its user.
//
//   GET /view   200 RelayView
//   POST /stop  202 {"stopping":true}, then the relay is asked to stop
//   POST /retry  202 {"retrying":true}: links that are down are tried now
//   POST /release?session=NAME  200 {"released":[NAME,…]}: a service's debuggees that wait for an IDE, or one, run on
//   POST /drive?session=NAME&client=WHO  200 {"driving":[{"session","client"},…]}, or {"driving":[],"refused":Reason}
//   POST /sources?service=NAME[&pid=N][&dir=DIR…]  200 {"sources":WalkedSources}, 404 for another's service, 409 {"error":REASON}
//
// Rules
// - No client can crash or hold the relay: bodies are thrown away, one request a connection, few connections, short timeouts.
// - The socket does not keep the process alive.
import { chmod, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { ClientView, RelayView } from "../../protocol/control.ts";
import { asDebugtapError, DebugtapError } from "../../protocol/errors.ts";
import { defaultSocketDir, ensureSocketDir, relaySockets, socketPath } from "./socket-dir.ts";

export interface ControlOptions {
  readonly view: () => RelayView;
  /** Called once at most, after the client has its answer. */
  readonly stop: () => void;
  /** Tries links that are down now. */
  readonly retry: () => void;
  /** Releases what waits under this name, of a service or a session; the sessions that it released. */
  readonly release: (name: string) => readonly string[];
  /** Lets the IDE of this number or name drive a session, or those of a service. Throws a DebugtapError that says why not. */
  readonly drive: (
    name: string,
    client: string,
  ) => readonly { readonly session: string; readonly client: ClientView }[];
  /** The source files of a service on its host; undefined when it is none of this relay's. */
  readonly sources: (
    service: string,
    asked: { readonly pids?: readonly number[]; readonly dirs?: readonly string[] },
  ) => Promise<unknown>;
  /** Directory of the sockets, in place of the user's own. */
  readonly dir?: string;
}

export interface Control {
  readonly path: string;
  close(): Promise<void>;
}

/** Opens the socket of this process. Rejects with DT_CONTROL_SOCKET; a relay can go on without it. */
export async function startControl(options: ControlOptions): Promise<Control> {
  const { stop, dir = defaultSocketDir() } = options;
  const path = socketPath(dir, process.pid);
  await ensureSocketDir(dir);
  await relaySockets(dir);
  // Ours if it exists: of an earlier process that had our id.
  await rm(path, { force: true });

  let stopping = false;
  const server = createServer(
    { keepAlive: false, headersTimeout: 2000, requestTimeout: 5000, maxHeaderSize: 8192 },
    (request, response) => {
      answer(request, response, {
        ...options,
        stop: () => {
          if (!stopping) stop();
          stopping = true;
        },
      });
    },
  );
  server.maxConnections = 32;
  server.on("clientError", (_error, socket) => socket.destroy());
  await listen(server, path);
  server.on("error", () => undefined);
  server.unref();
  await chmod(path, 0o600);

  return {
    path,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function answer(request: IncomingMessage, response: ServerResponse, options: ControlOptions): void {
  request.on("error", () => undefined);
  response.on("error", () => undefined);
  request.resume();
  const send = (status: number, body: unknown) => {
    response.writeHead(status, { "content-type": "application/json", connection: "close" });
    response.end(JSON.stringify(body));
  };
  const url = new URL(request.url ?? "/", "http://relay");
  try {
    switch (`${request.method} ${url.pathname}`) {
      case "GET /view":
        send(200, options.view());
        return;
      case "POST /stop":
        response.once("close", options.stop);
        send(202, { stopping: true });
        return;
      case "POST /retry":
        options.retry();
        send(202, { retrying: true });
        return;
      case "POST /release":
        send(200, { released: options.release(url.searchParams.get("session") ?? "") });
        return;
      case "POST /drive":
        send(200, driven(url.searchParams, options));
        return;
      case "POST /sources":
        options.sources(url.searchParams.get("service") ?? "", askedOf(url.searchParams)).then(
          (sources) => (sources === undefined ? send(404, { error: "no such service" }) : send(200, { sources })),
          (thrown: unknown) => send(409, { error: asDebugtapError(thrown) }),
        );
        return;
      default:
        send(404, {
          error: "there is GET /view, POST /stop, POST /retry, POST /release, POST /drive and POST /sources",
        });
    }
  } catch (error) {
    send(500, { error: error instanceof Error ? error.message : String(error) });
  }
}

function driven(asked: URLSearchParams, { drive }: ControlOptions): unknown {
  try {
    return { driving: drive(asked.get("session") ?? "", asked.get("client") ?? "") };
  } catch (thrown) {
    if (!(thrown instanceof DebugtapError)) throw thrown;
    return { driving: [], refused: thrown.toJSON() };
  }
}

function askedOf(query: URLSearchParams): { readonly pids?: readonly number[]; readonly dirs?: readonly string[] } {
  const pid = Number(query.get("pid"));
  const dirs = query.getAll("dir");
  return { ...(Number.isSafeInteger(pid) && pid > 0 ? { pids: [pid] } : {}), ...(dirs.length > 0 ? { dirs } : {}) };
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause) => {
      reject(
        new DebugtapError("DT_CONTROL_SOCKET", `cannot listen on ${path}`, {
          why: cause.message,
          fix: "export XDG_RUNTIME_DIR=$HOME/.cache",
          cause,
        }),
      );
    });
    server.listen(path, resolve);
  });
}
