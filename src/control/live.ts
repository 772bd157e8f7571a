// Tells those who watch over a WebSocket what happens, as it happens.
//
// Rules
// - A view goes out at once when nothing was sent for 100 ms, else as soon as that: ten a second at most, the last state always.
// - It is made and written as JSON once for all, and not at all while nobody watches: an idle board does nothing.
// - A client that does not read is left behind, never waited for: above 1 MB unread its messages are dropped and counted, and told when it
//   reads again, with the view. One that takes nothing for 30 s is cut off, and so is one that does not answer pings.
import type { WebSocket } from "ws";
import type { ApiView, HitRowView, LiveMessage } from "../../protocol/api.ts";
import type { RelayEvent } from "../../protocol/control.ts";

const viewEvery = 100;
const mostUnread = 1024 * 1024;
/** It reads again. */
const littleUnread = 64 * 1024;

export interface LiveOptions {
  readonly view: () => ApiView;
  readonly mostClients?: number;
  /** Milliseconds without a drain, and between pings. */
  readonly patience?: number;
  readonly pingEvery?: number;
}

interface Client {
  readonly socket: WebSocket;
  /** Dropped since it was last told. */
  missed: number;
  /** What it had not read when that was last less, and when that was. */
  unread: number;
  since: number;
  /** Has answered the last ping. */
  alive: boolean;
}

export class Live {
  readonly #options: Required<LiveOptions>;
  readonly #clients = new Set<Client>();
  #waiting: NodeJS.Timeout | undefined;
  #lastView = -Infinity;
  #pinging: NodeJS.Timeout | undefined;
  #behind: NodeJS.Timeout | undefined;

  constructor(options: LiveOptions) {
    this.#options = { mostClients: 32, patience: 30_000, pingEvery: 20_000, ...options };
  }

  /** No more clients are taken. */
  get full(): boolean {
    return this.#clients.size >= this.#options.mostClients;
  }

  add(socket: WebSocket): void {
    const client: Client = { socket, missed: 0, unread: 0, since: 0, alive: true };
    this.#clients.add(client);
    socket.on("error", () => socket.terminate());
    socket.on("pong", () => (client.alive = true));
    socket.on("close", () => this.#gone(client));
    this.#pinging ??= setInterval(() => this.#ping(), this.#options.pingEvery).unref();
    this.#send(client, textOf({ type: "view", view: this.#options.view() }));
  }

  /** Something happened, by which the view may be another. */
  event(event: RelayEvent): void {
    if (this.#clients.size === 0) return;
    if (event.type === "http") this.#tell({ type: "http", http: event.http });
    else {
      this.#tell({ type: "event", event });
      this.#changed();
    }
  }

  hit(row: HitRowView): void {
    if (this.#clients.size > 0) this.#tell({ type: "hit", row });
  }

  /** The view is another. */
  #changed(): void {
    if (this.#clients.size === 0 || this.#waiting !== undefined) return;
    const wait = Math.max(0, this.#lastView + viewEvery - performance.now());
    this.#waiting = setTimeout(() => this.#tellView(), wait).unref();
  }

  close(): void {
    clearTimeout(this.#waiting);
    for (const { socket } of this.#clients) socket.close(1001);
    for (const { socket } of this.#clients) socket.terminate();
  }

  #tellView(): void {
    this.#waiting = undefined;
    this.#lastView = performance.now();
    this.#tell({ type: "view", view: this.#options.view() });
  }

  #tell(message: LiveMessage): void {
    const text = textOf(message);
    for (const client of this.#clients) this.#send(client, text);
  }

  #send(client: Client, text: string): void {
    const { socket } = client;
    if (socket.readyState !== socket.OPEN) return;
    if (client.missed === 0 && socket.bufferedAmount <= mostUnread) {
      socket.send(text);
      return;
    }
    if (client.missed++ === 0) {
      client.unread = socket.bufferedAmount;
      client.since = performance.now();
    }
    this.#behind ??= setInterval(() => this.#lookBehind(), Math.min(1000, this.#options.patience / 4)).unref();
  }

  /** Whether those that were left behind read again. */
  #lookBehind(): void {
    let some = false;
    for (const client of this.#clients) {
      if (client.missed === 0) continue;
      const { bufferedAmount } = client.socket;
      if (bufferedAmount <= littleUnread) {
        const { missed } = client;
        client.missed = 0;
        this.#send(client, textOf({ type: "missed", messages: missed }));
        this.#send(client, textOf({ type: "view", view: this.#options.view() }));
        continue;
      }
      some = true;
      if (bufferedAmount < client.unread) [client.unread, client.since] = [bufferedAmount, performance.now()];
      else if (performance.now() - client.since >= this.#options.patience) client.socket.terminate();
    }
    if (some) return;
    clearInterval(this.#behind);
    this.#behind = undefined;
  }

  #ping(): void {
    for (const client of this.#clients) {
      if (!client.alive) client.socket.terminate();
      client.alive = false;
      if (client.socket.readyState === client.socket.OPEN) client.socket.ping();
    }
  }

  #gone(client: Client): void {
    this.#clients.delete(client);
    if (this.#clients.size > 0) return;
    clearInterval(this.#pinging);
    clearInterval(this.#behind);
    clearTimeout(this.#waiting);
    this.#pinging = this.#behind = this.#waiting = undefined;
  }
}

function textOf(message: LiveMessage): string {
  return JSON.stringify(message);
}
