// A link with faults, without root: TCP connections to `port` are carried to another port of loopback, as the tests want it.
//
// Rules
// - `forth` is from who connected to the destination, `back` the other way.
// - Everything keeps its order: bytes, a clean end, a reset. On a frozen way nothing arrives, not even an end or a reset.
// - The rate is the link's: connections take turns, a packet each, so that one cannot shut out another.
// - Memory is bounded: a way that holds enough reads no more, and the sender feels it as on a real link.
import net from "node:net";
import { once } from "node:events";
import { peerEnd } from "./peer-end.ts";

export type Way = "forth" | "back";
type Item = Uint8Array | "end" | "reset";

const ways: readonly Way[] = ["forth", "back"];
/** Under a rate, bytes go in packets of this size. */
const packet = 1460;
/** A timer that comes late is made good, up to this many ms. */
const lateness = 5;
/** What one way of one connection holds: with a rate (the queue of a slow router), and without (a long fat pipe). */
const holds = { slow: 64 * 1024, fast: 4 * 1024 * 1024 };
const sockets = { allowHalfOpen: true, noDelay: true };

export class Shim {
  /** One way, ms. */
  latency = 0;
  /** Bytes a second each way, all connections together; 0 = as fast as it goes. */
  rate = 0;
  readonly port: number;
  readonly #to: number;
  readonly #lines: Readonly<Record<Way, Line>> = { forth: new Line(this), back: new Line(this) };
  readonly #sockets = new Set<net.Socket>();
  #server: net.Server;
  #silent = false;

  private constructor(to: number, server: net.Server) {
    this.#to = to;
    this.#server = server;
    this.port = (server.address() as net.AddressInfo).port;
    server.on("connection", this.#connected);
  }

  static async start(to: number): Promise<Shim> {
    return new Shim(to, await listen(0));
  }

  /** Connections that are open on the side of who connected. */
  get connections(): number {
    return [...this.#sockets].filter((socket) => socket.localPort === this.port).length;
  }

  /** Bytes that arrived, all connections together. */
  delivered(way: Way): number {
    return this.#lines[way].delivered;
  }

  /** Bytes on the way. */
  held(way: Way): number {
    return this.#lines[way].held;
  }

  freeze(...which: readonly Way[]): void {
    for (const way of which.length === 0 ? ways : which) this.#lines[way].frozen = true;
  }

  thaw(...which: readonly Way[]): void {
    for (const way of which.length === 0 ? ways : which) this.#lines[way].thaw();
  }

  /** The present connections are frozen for ever, both ways; new ones are carried. As after a change of network. */
  strand(): void {
    for (const way of ways) this.#lines[way].strand();
  }

  /** Lets so many more bytes arrive, in the middle of a packet if it comes so; then the fault. Resolves when it has happened. */
  cutAfter(way: Way, bytes: number, then: "reset" | "freeze"): Promise<void> {
    return new Promise((resolve) => {
      this.#lines[way].cut(bytes, () => {
        if (then === "freeze") this.freeze();
        else {
          this.reset();
          this.thaw(way);
        }
        resolve();
      });
    });
  }

  /** Resets every connection, at both ends. */
  reset(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  /** Ends every connection cleanly, at both ends, as a proxy does that shuts down. */
  fin(): void {
    for (const socket of this.#sockets) socket.end();
  }

  /** New connections are refused; those that are open go on. */
  async refuse(): Promise<void> {
    this.#server.close();
    await new Promise((resolve) => setImmediate(resolve));
  }

  /** New connections are accepted and hear nothing, ever; those that are open go on. */
  blackhole(): void {
    this.#silent = true;
  }

  /** After `refuse` or `blackhole`: new connections are carried again, on the same port. */
  async accept(): Promise<void> {
    this.#silent = false;
    if (this.#server.listening) return;
    this.#server = await listen(this.port);
    this.#server.on("connection", this.#connected);
  }

  async close(): Promise<void> {
    await this.refuse();
    this.reset();
    for (const way of ways) this.#lines[way].close();
  }

  readonly #connected = (near: net.Socket): void => {
    this.#own(near);
    if (this.#silent) return;
    const far = net.connect({ host: "127.0.0.1", port: this.#to, ...sockets });
    this.#own(far);
    this.#lines.forth.carry(near, far);
    this.#lines.back.carry(far, near);
  };

  #own(socket: net.Socket): void {
    this.#sockets.add(socket);
    socket.on("error", () => undefined);
    socket.once("close", () => this.#sockets.delete(socket));
  }
}

async function listen(port: number): Promise<net.Server> {
  const server = net.createServer(sockets);
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  return server;
}

/** One way of the link, with the queues of all its connections. */
class Line {
  frozen = false;
  delivered = 0;
  readonly #link: { readonly latency: number; readonly rate: number };
  /** In the order of their turns. */
  #queues: Queue[] = [];
  #timer: NodeJS.Timeout | undefined;
  /** When the link has sent what it was given, by performance.now(). */
  #free = 0;
  #allowed = Infinity;
  #fault: () => void = () => undefined;

  constructor(link: { readonly latency: number; readonly rate: number }) {
    this.#link = link;
  }

  get held(): number {
    return this.#queues.reduce((sum, queue) => sum + queue.size, 0);
  }

  get #bound(): number {
    return this.#link.rate > 0 ? holds.slow : holds.fast;
  }

  carry(from: net.Socket, to: net.Socket): void {
    const queue = new Queue(from, to);
    this.#queues.push(queue);
    const put = (item: Item): void => {
      queue.put(item, performance.now() + this.#link.latency);
      queue.bound(this.#bound);
      this.#serve();
    };
    from.on("data", (chunk: Buffer) => put(chunk));
    from.once("end", () => {
      void peerEnd(from).then((how) => (how === "end" ? put("end") : undefined));
    });
    from.once("close", (hadError) => {
      if (hadError || !from.readableEnded) put("reset");
    });
    to.on("drain", () => this.#serve());
    to.once("close", () => {
      this.#queues = this.#queues.filter((each) => each !== queue);
      from.resume(); // what is still said is heard by nobody; its end must be seen
    });
  }

  cut(bytes: number, fault: () => void): void {
    this.#allowed = bytes;
    this.#fault = fault;
  }

  thaw(): void {
    this.frozen = false;
    this.#serve();
  }

  strand(): void {
    for (const queue of this.#queues) queue.stranded = true;
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#queues = [];
  }

  /** Sends what is due, a packet of each connection in turn, and sleeps until the next is. */
  #serve(): void {
    clearTimeout(this.#timer);
    while (!this.frozen) {
      const now = performance.now();
      const { rate } = this.#link;
      const ready = this.#queues.filter((queue) => queue.ready);
      const wait = Math.min(...ready.map((queue) => queue.due - now));
      const busy = rate > 0 ? this.#free - now : 0;
      if (wait === Infinity) return;
      if (wait > 0 || busy > 0) {
        this.#timer = setTimeout(() => this.#serve(), Math.max(wait, busy));
        return;
      }
      const queue = ready.find(({ due }) => due <= now);
      if (queue === undefined) return;
      this.#queues = [...this.#queues.filter((each) => each !== queue), queue];
      const sent = this.#send(queue, rate > 0 ? packet : Infinity);
      if (rate > 0) this.#free = Math.max(this.#free, now - lateness) + (sent / rate) * 1000;
    }
  }

  #send(queue: Queue, atMost: number): number {
    const size = queue.send(Math.min(atMost, this.#allowed));
    queue.bound(this.#bound);
    this.delivered += size;
    this.#allowed -= size;
    if (this.#allowed > 0) return size;
    this.frozen = true;
    this.#allowed = Infinity;
    queue.written(this.#fault);
    return size;
  }
}

/** What is on its way from one socket to another. */
class Queue {
  size = 0;
  stranded = false;
  readonly #from: net.Socket;
  readonly #to: net.Socket;
  readonly #items: { item: Item; readonly due: number }[] = [];

  constructor(from: net.Socket, to: net.Socket) {
    this.#from = from;
    this.#to = to;
  }

  /** Something is there, and the destination takes it. */
  get ready(): boolean {
    return this.#items.length > 0 && !this.stranded && !this.#to.writableNeedDrain;
  }

  /** When the first item may arrive, by performance.now(). */
  get due(): number {
    return this.#items[0]?.due ?? Infinity;
  }

  put(item: Item, due: number): void {
    if (this.#to.destroyed) return;
    this.#items.push({ item, due });
    if (item instanceof Uint8Array) this.size += item.length;
  }

  /** Hands over the first item, or so much of it. Returns how many bytes. */
  send(atMost: number): number {
    const first = this.#items[0];
    if (first === undefined) return 0;
    const { item } = first;
    if (item === "end") this.#to.end();
    if (item === "reset") this.#to.resetAndDestroy();
    const part = item instanceof Uint8Array ? item.subarray(0, atMost) : new Uint8Array();
    if (item instanceof Uint8Array && part.length < item.length) first.item = item.subarray(part.length);
    else this.#items.shift();
    if (part.length === 0) return 0;
    this.#to.write(part);
    this.size -= part.length;
    return part.length;
  }

  /** Reads on, or not while it holds so much. */
  bound(bytes: number): void {
    if (this.size >= bytes) this.#from.pause();
    else if (this.#from.isPaused()) this.#from.resume();
  }

  /** Calls back when all that was sent is with the destination's kernel. */
  written(then: () => void): void {
    this.#to.write("", then);
  }
}
