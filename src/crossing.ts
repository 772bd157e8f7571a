// Where the messages of a session meet its exchange: it is shown those that are looked at, and what it sends finds its place.
//
// Rules
// - While it is shown a message, what it sends to where that message goes takes the message's place; the rest is the hub's to send.
// - Whatever is done with it, the hub is told afterwards: it may be transparent by now, or no longer.
import type { Answer, Ask, ClientId, Exchange, ExchangeOutput, Stop } from "../protocol/exchange.ts";
import type { Frame, Side } from "../protocol/frame.ts";

/** What of an exchange's output has to do with streams. */
export type HubOutput = Pick<ExchangeOutput, "toClient" | "toDebuggee" | "close">;

type Destination = ClientId | "debuggee";

export class Crossing<E extends Exchange> {
  readonly #exchange: E;
  readonly #used: () => void;
  /** Where the message in hand goes, and what goes there in its place. */
  #going: { to: Destination | undefined; readonly parts: Uint8Array[] } | undefined;

  /** `used`: something was done with the exchange. */
  constructor(make: (output: HubOutput) => E, output: HubOutput, used: () => void) {
    this.#used = used;
    this.#exchange = make({
      toClient: (id, bytes) => {
        if (!this.#takes(id, bytes)) output.toClient(id, bytes);
      },
      toDebuggee: (bytes) => {
        if (!this.#takes("debuggee", bytes)) output.toDebuggee(bytes);
      },
      close: (id) => output.close(id),
    });
  }

  get names(): Readonly<Record<Side, ReadonlySet<string>>> {
    return this.#exchange.names;
  }

  get transparent(): boolean {
    return this.#exchange.transparent;
  }

  /** By `pass` the exchange is shown a message to `to`. What goes there in its place; undefined for the message as it came. */
  show(to: Destination | undefined, frame: Frame, pass: (exchange: E) => void): readonly Uint8Array[] | undefined {
    const parts: Uint8Array[] = [];
    const before = this.#going;
    this.#going = { to, parts };
    try {
      this.use(pass);
    } finally {
      this.#going = before;
    }
    return parts.length === 1 && parts[0] === frame.bytes ? undefined : parts;
  }

  /** A client gets no more in place of the message in hand; gives what it would have got. */
  withdraw(client: ClientId): readonly Uint8Array[] {
    if (this.#going?.to !== client) return [];
    this.#going.to = undefined;
    return this.#going.parts.splice(0);
  }

  /** Does something with the exchange. */
  use<Result>(use: (exchange: E) => Result): Result {
    try {
      return use(this.#exchange);
    } finally {
      this.#used();
    }
  }

  /** As {@link Exchange.ask}. */
  ask(ask: Ask, answered: (answer: Answer) => void): () => void {
    const giveUp = this.use((exchange) => exchange.ask(ask, answered));
    return () => this.use(giveUp);
  }

  get stop(): Stop | undefined {
    return this.#exchange.stop;
  }

  remark(path: string, text: string | undefined): void {
    this.use((exchange) => exchange.remark(path, text));
  }

  hold(): void {
    this.use((exchange) => exchange.hold());
  }

  release(): void {
    this.use((exchange) => exchange.release());
  }

  #takes(to: Destination, bytes: Uint8Array): boolean {
    if (this.#going?.to !== to) return false;
    this.#going.parts.push(bytes);
    return true;
  }
}
