// The connection to the service behind one request, as Node's HTTP client takes it: a stream of the host's tunnel as an agent's socket.
//
// Rules
// - One connection a request, closed with it: nothing of an aborted request stays, and no request meets the end of another's.
// - A stream that is no socket gets what HTTP asks of sockets; no timeout of a socket is ours.
import { Agent } from "node:http";
import type { Duplex } from "node:stream";
import type { Dial } from "../duplex.ts";

export class Upstream {
  readonly agent: Agent;
  readonly #aborted = new AbortController();
  #stream: Duplex | undefined;
  #over: () => void = () => undefined;
  /** Resolves when nothing of it is left: also when it never came to a connection. */
  readonly closed = new Promise<void>((resolve) => (this.#over = resolve));

  constructor(dial: Dial) {
    this.agent = new Agent({ keepAlive: false });
    // http-proxy makes one request of each agent, so this is called once.
    Object.assign(this.agent, {
      createConnection: (_: unknown, made: (error: Error | null, stream?: Duplex) => void): undefined => {
        void this.#dial(dial, made);
      },
    });
  }

  /** Ends the connection at once, or the attempt to have one. */
  close(): void {
    this.#aborted.abort();
    if (this.#stream === undefined) this.#over();
    else this.#stream.destroy();
  }

  async #dial(dial: Dial, made: (error: Error | null, stream?: Duplex) => void): Promise<void> {
    let stream: Duplex;
    try {
      stream = await dial(this.#aborted.signal);
    } catch (error) {
      made(error instanceof Error ? error : new Error(String(error)));
      return;
    }
    this.#stream = stream;
    stream.on("error", () => undefined);
    stream.once("close", () => this.#over());
    if (this.#aborted.signal.aborted) stream.destroy();
    made(null, asSocket(stream));
  }
}

function asSocket(stream: Duplex): Duplex {
  for (const name of ["setTimeout", "setNoDelay", "setKeepAlive", "ref", "unref"])
    if (!(name in stream)) Object.defineProperty(stream, name, { value: () => stream });
  return stream;
}
