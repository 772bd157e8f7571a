// Questions to an echo through a forward: whether it answers, and from when on.
//
// Each connection begins with eight digits of its own, so that the echo's end of it can be found.
import { once } from "node:events";
import net from "node:net";

const idLength = 8;
const askEveryMs = 25;
const patienceMs = 2000;

export interface Conversation {
  readonly near: net.Socket;
  /** The echo's end. */
  readonly far: net.Socket;
}

export class Echo {
  readonly port: number;
  readonly #server: net.Server;
  readonly #sockets = new Map<string, net.Socket>();
  #asked = 0;

  private constructor(server: net.Server) {
    this.#server = server;
    this.port = (server.address() as net.AddressInfo).port;
    server.on("connection", (socket: net.Socket) => {
      let id = "";
      socket.on("error", () => undefined);
      socket.on("data", (chunk: Buffer) => {
        if (id.length < idLength) {
          id += chunk.toString("latin1", 0, idLength - id.length);
          this.#sockets.set(id, socket);
        }
        socket.write(chunk);
      });
      socket.once("close", () => this.#sockets.delete(id));
    });
  }

  static async start(): Promise<Echo> {
    const server = net.createServer({ noDelay: true }).listen(0, "127.0.0.1");
    await once(server, "listening");
    return new Echo(server);
  }

  /** Connects to `port` and asks. Rejects when the connection closes without an answer. */
  async ask(port: number, signal: AbortSignal): Promise<Conversation> {
    const id = `${this.#asked++}`.padStart(idLength, "0");
    const near = net.connect({ host: "127.0.0.1", port, noDelay: true });
    const end = (): unknown => near.destroy();
    signal.addEventListener("abort", end, { once: true });
    let answer = "";
    await new Promise<void>((resolve, reject) => {
      near.on("error", () => undefined);
      near.on("close", () => reject(new Error("no answer")));
      near.on("data", (chunk: Buffer) => {
        answer += chunk.toString("latin1");
        if (answer.length >= idLength) resolve();
      });
      near.write(id);
    }).finally(() => signal.removeEventListener("abort", end));
    const far = this.#sockets.get(id);
    if (far === undefined || answer !== id) throw new Error("another's answer");
    near.removeAllListeners("data").resume();
    return { near, far };
  }

  /** Asks again and again; when the first answer came, by performance.now(). Undefined when none came in time. */
  async answers(port: number, withinMs: number): Promise<number | undefined> {
    const stop = AbortSignal.timeout(withinMs);
    return await new Promise((resolve) => {
      const over = new AbortController();
      const settle = (when: number | undefined): void => {
        clearInterval(timer);
        over.abort();
        resolve(when);
      };
      const ask = async (): Promise<void> => {
        const signal = AbortSignal.any([over.signal, AbortSignal.timeout(patienceMs)]);
        const answered = await this.ask(port, signal).catch(() => undefined); // the next may
        if (answered === undefined) return;
        answered.near.destroy();
        settle(performance.now());
      };
      const timer = setInterval(() => void ask(), askEveryMs);
      stop.addEventListener("abort", () => settle(undefined), { once: true });
      void ask();
    });
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets.values()) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
