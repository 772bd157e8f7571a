// One debuggee and its clients, joined through an exchange: where the bytes of a session with messages cross.
//
// Rules
// - While the exchange is transparent only the few messages that it names are looked at; the others are cut through between the
//   debuggee and the one client (`main`). Otherwise every message goes through the exchange (store mode), in all directions, from the next
//   message's start on: nobody reconnects for that.
// - Bytes leave first; only then are they offered to the observers: of the debuggee what it sent, of the clients what the debuggee
//   was given. So a trace is the debuggee's connection, whoever spoke to it.
// - Of a client only whole messages are passed on: one that dies in the middle of one leaves no half of it in the debuggee's ear.
// - How bytes get to an end, and when, is ends.ts; what becomes of a message, crossing.ts.
import type { Duplex } from "node:stream";
import type { ClientId, Exchange } from "../protocol/exchange.ts";
import type { Frame, Side } from "../protocol/frame.ts";
import type { Framer } from "../protocol/framer.ts";
import { Rewriter } from "../protocol/rewriter.ts";
import { Crossing, type HubOutput } from "./crossing.ts";
import { hear, type Gone } from "./duplex.ts";
import { Ends } from "./ends.ts";
import { HubClient } from "./hub-client.ts";

/** So many chunks are kept; then the debuggee waits. */
const mostEarly = 64;

export interface HubOptions<E extends Exchange> {
  readonly wire: "dap" | "pydevd";
  readonly debuggee: Duplex;
  /** Of the debuggee's bytes; counts its messages. */
  readonly framer: Framer;
  readonly exchange: (output: HubOutput) => E;
  /** Clients are to get no part of a message that does not end: the exchange is never transparent. */
  readonly whole?: boolean;
  /** Messages that are looked at beside those that the exchange names, by the side that sends them. */
  readonly names: Readonly<Record<Side, ReadonlySet<string>>>;
  /** Looks at a message of the debuggee; gives what the exchange is shown of it. */
  readonly see: (frame: Frame) => Frame;
  /** After the write. `side`: whose bytes they are. */
  readonly offer: (side: Side, bytes: Uint8Array) => void;
  /** Whether a client, by this message, turns out to be another session's; it is then taken off, with all its messages from the first on. */
  readonly diverts?: (client: ClientId, frame: Frame) => boolean;
  readonly diverted?: (stream: Duplex, said: readonly Uint8Array[]) => void;
  readonly clientGone: (stream: Duplex, gone: Gone) => void;
  /** The debuggee will send no more, or is lost: then everything is. */
  readonly debuggeeGone: (gone: Gone) => void;
}

export class Hub<E extends Exchange = Exchange> {
  /** For all that takes part in the session beside its clients. */
  readonly exchange: Crossing<E>;
  readonly #options: HubOptions<E>;
  readonly #ends: Ends;
  /** Ends to listen to the debuggee. */
  #unhear: () => void = () => undefined;
  #lastId = 0;
  /** What the debuggee has said while nobody was there. */
  #early: Uint8Array[] | undefined = [];
  #over = false;

  constructor(options: HubOptions<E>) {
    const { debuggee, framer, exchange, offer } = options;
    this.#options = options;
    const output: HubOutput = {
      toClient: (id, bytes) => this.#ends.toClient(id, bytes),
      toDebuggee: (bytes) => this.#ends.toDebuggee(bytes),
      close: (id) => this.#close(id),
    };
    this.exchange = new Crossing(exchange, output, () => this.#set());
    this.#ends = new Ends(debuggee, this.#follow(framer), offer);
    this.#set();
  }

  /** Begins to listen to the debuggee; what it says is kept until somebody is there to hear it ({@link begin}). */
  start(): void {
    const { debuggee } = this;
    if (debuggee === undefined) return;
    this.#unhear = hear(debuggee, this.#fromDebuggee, (gone) => this.#debuggeeGone(gone));
    debuggee.resume();
  }

  /** A client has got part of a message. */
  get inside(): boolean {
    return this.#ends.lane.inside;
  }

  /** Lets go of a debuggee that is lost, as it is; the clients stay. */
  lose(): void {
    this.#unhear();
    this.#ends.lose();
  }

  /** Goes on with another connection of the debuggee's in place of the one that was lost. */
  replace(debuggee: Duplex, framer: Framer): void {
    this.#ends.replace(debuggee, this.#follow(framer));
    this.#set();
    this.start();
  }

  /** The first client has joined, or the relay itself has spoken. */
  begin(): void {
    const early = this.#early?.splice(0) ?? [];
    this.#early = undefined;
    for (const chunk of early) this.#fromDebuggee(chunk);
    if (this.#ends.flow.full !== "main") this.debuggee?.resume();
  }

  /** A client comes; `early` is what was read of it before, `known` is called before anything is sent to it. */
  join(stream: Duplex, early: readonly Uint8Array[], known?: (id: ClientId) => void): void {
    const { wire, names, diverts } = this.#options;
    const id = ++this.#lastId;
    const client = new HubClient({
      id,
      stream,
      wire,
      names: new Set([...this.exchange.names.client, ...names.client]),
      heard: (frame) => this.exchange.show("debuggee", frame, (exchange) => exchange.fromClient(id, frame)),
      diverts: diverts && ((frame) => diverts(id, frame)),
      data: this.#fromClient,
      drained: (client) => this.#ends.drained(client),
      gone: this.#clientGone,
    });
    this.#ends.add(client);
    known?.(id);
    this.exchange.use((exchange) => exchange.join(id));
    for (const chunk of early) if (this.#ends.clients.has(id)) this.#fromClient(client, chunk);
    if (!this.#ends.clients.has(id)) return;
    client.listen();
    if (this.#ends.flow.full !== "debuggee") stream.resume();
    if (stream.destroyed) this.#clientGone(client, { how: "reset", detail: "closed without an end" });
  }

  /** Takes a client off, its stream as it is, and gives what it has said while it may be another session's: the caller ends it or hands it on. */
  part(id: ClientId): readonly Uint8Array[] {
    const client = this.#ends.clients.get(id);
    if (client === undefined) return [];
    const said = client.takeSaid();
    this.#forget(client);
    this.exchange.use((exchange) => exchange.leave(id));
    return said;
  }

  /** Takes all clients off, as {@link part} does. */
  partAll(): void {
    for (const id of this.#ends.clients.keys()) this.part(id);
  }

  get clients(): readonly HubClient[] {
    return [...this.#ends.clients.values()];
  }

  /** Undefined while it is lost. */
  get debuggee(): Duplex | undefined {
    return this.#ends.debuggee;
  }

  /** Takes both sides off, open as they are; the caller ends them. */
  detach(why: string): void {
    if (this.#over) return;
    this.#over = true;
    this.#unhear();
    for (const client of this.#ends.clients.values()) this.#forget(client);
    this.exchange.use((exchange) => exchange.end(why));
  }

  readonly #fromDebuggee = (chunk: Uint8Array): void => {
    const ends = this.#ends;
    if (this.#early !== undefined) {
      this.#early.push(chunk);
      if (this.#early.length >= mostEarly) ends.debuggee?.pause();
      return;
    }
    for (const part of ends.lane.push(chunk)) if (ends.main !== undefined) ends.write(ends.main, part);
    if (!ends.lane.inside) ends.flush("main");
    this.#options.offer("debuggee", chunk);
  };

  #follow(framer: Framer): Rewriter {
    const { names, see } = this.#options;
    return new Rewriter({
      framer,
      names: new Set([...this.exchange.names.debuggee, ...names.debuggee]),
      rewrite: (frame) =>
        this.exchange.show(this.#ends.main?.id, frame, (exchange) => exchange.fromDebuggee(see(frame))),
    });
  }

  readonly #fromClient = (client: HubClient, chunk: Uint8Array): void => {
    for (const part of client.lane.push(chunk)) this.#ends.give(part);
    if (!client.lane.inside) this.#ends.flush("debuggee");
    // Once: on a stream in memory a client speaks again while it is being answered.
    if (!client.diverted || !this.#ends.clients.has(client.id)) return;
    const said = this.part(client.id);
    this.#options.diverted?.(client.stream, said);
  };

  #close(id: ClientId): void {
    const client = this.#ends.clients.get(id);
    if (client === undefined) return;
    // What it is told in place of the message in hand is its last, and nobody else's.
    for (const part of this.exchange.withdraw(id)) this.#ends.write(client, part);
    client.stream.end();
    client.stream.resume();
    this.#clientGone(client, { how: "end" });
  }

  readonly #clientGone = (client: HubClient, gone: Gone): void => {
    if (this.#ends.clients.get(client.id) !== client) return;
    this.#forget(client);
    this.exchange.use((exchange) => exchange.leave(client.id));
    this.#options.clientGone(client.stream, gone);
  };

  #forget(client: HubClient): void {
    this.exchange.withdraw(client.id);
    client.leave();
    this.#ends.remove(client);
  }

  #debuggeeGone(gone: Gone): void {
    this.begin();
    const ends = this.#ends;
    const rest = gone.how === "reset" || this.#options.whole === true ? [] : ends.lane.end();
    for (const part of rest) if (ends.main !== undefined) ends.write(ends.main, part);
    this.#options.debuggeeGone(gone);
  }

  #set(): void {
    const all = !this.exchange.transparent;
    this.#ends.lane.all = all;
    for (const { lane } of this.#ends.clients.values()) lane.all = all;
    this.#ends.elect();
  }
}
