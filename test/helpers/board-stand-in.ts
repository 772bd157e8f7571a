// Stands in for a running debugtap: serves the page and speaks protocol/api.ts, from a story that a test tells.
//
// Rules
// - Every answer passes the check of protocol/api-check.ts, or the test fails: what stands in must not speak another language.
// - It waits for nothing: what a page asked for and what it did is in `asked`, as `POST sessions/x/resume {}`.
import { readFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { WebSocketServer, type WebSocket } from "ws";
import type { ApiView, DiffView, LiveMessage } from "../../protocol/api.ts";
import * as check from "../../protocol/api-check.ts";
import { findValue } from "../../protocol/value-path.ts";
import type { StoryTrace } from "./board-story.ts";

const built = fileURLToPath(new URL("../../web/", import.meta.url));
const types: Readonly<Record<string, string>> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
};

export class StandIn {
  view: ApiView;
  readonly traces: Map<string, StoryTrace>;
  diff: DiffView = { equal: true, lines: [] };
  /** Answers that no check let pass. */
  readonly wrong: string[] = [];
  readonly asked: string[] = [];
  /** What is done when something is asked: by the beginning of the line in `asked`. */
  readonly on = new Map<string, () => void>();
  /** Refuses to know who asks. */
  locked = false;
  readonly #sockets = new Set<WebSocket>();
  readonly #server = createServer((request, response) => void this.#answer(request, response));
  #port = 0;

  constructor(view: ApiView, traces: readonly StoryTrace[]) {
    this.view = view;
    this.traces = new Map(traces.map((trace) => [trace.info.id, trace]));
    const live = new WebSocketServer({ noServer: true });
    this.#server.on("upgrade", (request, socket, head) => {
      if (this.locked) {
        socket.end("HTTP/1.1 401 Unauthorized\r\n\r\n");
        return;
      }
      live.handleUpgrade(request, socket, head, (webSocket) => {
        this.#sockets.add(webSocket);
        webSocket.on("close", () => this.#sockets.delete(webSocket));
        webSocket.send(JSON.stringify({ type: "view", view: this.view }));
      });
    });
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}/`;
  }

  get watching(): number {
    return this.#sockets.size;
  }

  /** On the port that it had, where it had one. */
  async open(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(this.#port, "127.0.0.1", resolve));
    // oxlint-disable-next-line no-unsafe-type-assertion -- it listens on TCP
    this.#port = (this.#server.address() as AddressInfo).port;
    return this;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.terminate();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  tell(message: LiveMessage): void {
    if (!check.isLiveMessage(JSON.parse(JSON.stringify(message)))) this.wrong.push(`live ${message.type}`);
    this.tellRaw(JSON.stringify(message));
  }

  tellRaw(data: string): void {
    for (const socket of this.#sockets) socket.send(data);
  }

  tellView(view: ApiView): void {
    this.view = view;
    this.tell({ type: "view", view });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", this.url);
    const body = await text(request);
    if (!url.pathname.startsWith("/api/")) return await this.#file(url.pathname, response);
    const path = url.pathname.slice("/api/".length);
    const line = `${request.method} ${path}${url.search}${body === "" ? "" : ` ${body}`}`;
    this.asked.push(line);
    for (const [start, act] of this.on) if (line.startsWith(start)) act();
    const found = this.locked
      ? { status: 401, error: "the board wants its token" }
      : this.#found(request.method ?? "GET", path, url.searchParams);
    if (found === undefined)
      return send(response, 404, { error: { code: "DT_BOARD_MISSING", what: `there is no ${path}` } });
    if ("error" in found)
      return send(response, found.status, { error: { code: "DT_BOARD_DENIED", what: found.error } });
    if ("text" in found) return void response.setHeader("content-type", "text/plain; charset=utf-8").end(found.text);
    const json = JSON.stringify(found.value);
    if (!found.is(JSON.parse(json))) this.wrong.push(line);
    response.setHeader("content-type", "application/json").end(json);
  }

  #found(method: string, path: string, asked: URLSearchParams): Found {
    if (method !== "GET") {
      if (/^traces\/[^/]+\/replay$/.test(path))
        return { value: { address: "127.0.0.1:45711" }, is: check.isReplayAnswer };
      if (path === "traces") {
        const opened = [...this.traces.values()].at(-1);
        return opened === undefined ? undefined : { value: opened.info, is: check.isTraceInfo };
      }
      return { value: {}, is: () => true };
    }
    if (path === "view") return { value: this.view, is: check.isApiView };
    if (path === "traces") return { value: [...this.traces.values()].map(({ info }) => info), is: check.isTraceInfos };
    if (path === "breakpoints")
      return { value: [{ spec: "manager.py:14", state: "bound", hits: 3 }], is: check.isBreakpointViews };
    if (path === "diff") return { value: this.diff, is: check.isDiffView };
    const [, id = "", what = "", name = ""] = path.split("/").map(decodeURIComponent);
    const trace = this.traces.get(id);
    if (trace === undefined) return undefined;
    const number = (key: string, or: number): number => Number(asked.get(key) ?? or);
    switch (what) {
      case "hits": {
        if (name !== "") return detail(trace, Number(name));
        const from = number("from", 0);
        const rows = trace.rows.slice(from, from + number("count", 200));
        return { value: { rows, total: trace.rows.length, requests: [], triggers: [] }, is: check.isHitPage };
      }
      case "http":
        return { value: trace.https, is: check.isHttpViews };
      case "sessions":
        return { value: trace.sessions, is: check.isTraceSessions };
      case "sources": {
        const source = trace.sources.get(name);
        return source === undefined ? undefined : { text: source };
      }
      case "history": {
        const here = trace.rows.find((row) => row.number === number("hit", 0));
        const words = (asked.get("path") ?? "").split(/\[|\]|\./).filter((word) => word !== "");
        const steps = words.map((word) => ({ kind: "name" as const, text: word.replaceAll("'", "") }));
        const value = trace.rows
          .filter((row) => row.file === here?.file && row.line === here?.line)
          .map((row) => {
            const [frame] = trace.hitOf(row).snapshot.frames;
            const found = frame === undefined ? undefined : findValue(steps, frame);
            return { number: row.number, at: row.at, ...(found === undefined ? {} : { value: found.value }) };
          });
        return { value, is: check.isHistory };
      }
      case "messages": {
        const { count, of } = trace.messages;
        const word = asked.get("text")?.toLowerCase() ?? "";
        const messages = [];
        let ordinal = number("from", 1);
        for (; ordinal <= count && messages.length < number("count", 200); ordinal++) {
          const message = of(ordinal);
          if (message.summary.toLowerCase().includes(word)) messages.push(message);
        }
        return {
          value: { messages, total: count, ...(ordinal <= count ? { next: ordinal } : {}) },
          is: check.isMessagePage,
        };
      }
      default:
        return undefined;
    }
  }

  async #file(path: string, response: ServerResponse): Promise<void> {
    const name = path === "/" ? "index.html" : path.slice(1);
    const bytes = await readFile(join(built, name)).catch(() => undefined);
    if (bytes === undefined || name.includes("..")) return void response.writeHead(404).end();
    response.setHeader("content-type", types[extname(name)] ?? "application/octet-stream").end(bytes);
  }
}

type Found =
  | { readonly value: unknown; readonly is: (value: unknown) => boolean }
  | { readonly text: string }
  | { readonly status: number; readonly error: string }
  | undefined;

function detail({ rows, hitOf }: StoryTrace, number: number): Found {
  const at = rows.findIndex((row) => row.number === number);
  const row = rows[at];
  if (row === undefined) return undefined;
  const same = (other: (typeof rows)[number]): boolean => other.file === row.file && other.line === row.line;
  const previous = rows.findLast((other, place) => place < at && same(other))?.number;
  const next = rows.find((other, place) => place > at && same(other))?.number;
  const ways = { ...(previous === undefined ? {} : { previous }), ...(next === undefined ? {} : { next }) };
  return { value: { row, hit: hitOf(row), ...ways }, is: check.isHitDetail };
}

function send(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));
}
