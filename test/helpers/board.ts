// A board with what a test shows on it, and what asks it: with the token or without, by hand where a browser would not.
import { once } from "node:events";
import { connect } from "node:net";
import { join } from "node:path";
import { WebSocket } from "ws";
import type { ApiView, LiveMessage } from "../../protocol/api.ts";
import { Board, type BoardOptions, type OpenBoard } from "../../src/control/board-server.ts";
import { shownFiles, type Shown } from "../../src/control/shown.ts";

interface Testing {
  testdir(): string;
  teardown(action: () => unknown): void;
}

export interface TestBoard {
  readonly board: Board;
  readonly at: OpenBoard;
  readonly token: string;
  /** With the token. */
  readonly ask: (method: string, path: string, body?: unknown) => Promise<{ status: number; json: any; text: string }>;
}

export const emptyView: ApiView = {
  pid: 1,
  started: 2,
  version: "0.0.0",
  recording: false,
  hosts: [],
  services: [],
  sessions: [],
  triggers: [],
};

export async function openBoard(
  t: Testing,
  shown: Partial<Shown> = {},
  more: Partial<BoardOptions> = {},
): Promise<TestBoard> {
  const board = new Board();
  const dir = more.dir ?? join(t.testdir(), "run");
  const at = await board.open({ port: 0, shown: { ...shownFiles(emptyView), ...shown }, ...more, dir });
  t.teardown(() => board.close());
  const token = new URL(at.address).searchParams.get("token") ?? "";
  return {
    board,
    at,
    token,
    ask: asker(at.url, token),
  };
}

/** Asks with the token. */
export function asker(url: string, token: string): TestBoard["ask"] {
  return async (method, path, body) => {
    const response = await fetch(new URL(path, url), {
      method,
      headers: { authorization: `Bearer ${token}` },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    const isJson = response.headers.get("content-type") === "application/json";
    return { status: response.status, json: isJson ? JSON.parse(text) : undefined, text };
  };
}

/** Sends these bytes, and gives all that comes until the other side closes, or until `until` has come. */
export async function raw(port: number, bytes: string | Uint8Array, until?: RegExp): Promise<string> {
  const socket = connect({ port, host: "127.0.0.1" });
  await once(socket, "connect");
  let got = "";
  const over = new Promise<void>((resolve) => {
    socket.on("error", () => resolve());
    socket.on("close", () => resolve());
    socket.on("data", (chunk) => {
      got += chunk.toString("latin1");
      if (until?.test(got) === true) resolve();
    });
  });
  socket.write(bytes);
  await over;
  socket.destroy();
  return got;
}

/** What a client hears on /api/live, in order. */
export class Listener {
  readonly socket: WebSocket;
  readonly heard: LiveMessage[] = [];
  readonly #watchers = new Set<() => void>();

  constructor({ url }: Pick<OpenBoard, "url">, token: string) {
    this.socket = new WebSocket(new URL("/api/live", url.replace("http", "ws")), {
      headers: { authorization: `Bearer ${token}` },
    });
    this.socket.on("message", (data: Buffer) => {
      this.heard.push(JSON.parse(data.toString()) as LiveMessage);
      for (const watcher of this.#watchers) watcher();
    });
    this.socket.on("error", () => undefined);
  }

  /** The first message, past or to come, that is meant. */
  hears(meant: (message: LiveMessage) => boolean): Promise<LiveMessage> {
    return new Promise((resolve) => {
      const look = (): void => {
        const found = this.heard.find(meant);
        if (found === undefined) return;
        this.#watchers.delete(look);
        resolve(found);
      };
      this.#watchers.add(look);
      look();
    });
  }
}
