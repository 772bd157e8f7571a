// One debuggee and its clients, joined through an exchange: where the bytes of a session with messages cross.
//
// Rules
// - While the exchange is transparent only the few messages that it names are looked at; the others are cut through between the
//   debuggee and the one client (`main`). Otherwise every message goes through the exchange (store mode), in all directions, from the next
//   message's start on: nobody reconnects for that.
// - Bytes leave first; only then are they offered to the observers: of the debuggee what it sent, of the clients what the debuggee
//   was given. So a trace is the debuggee's connection, whoever spoke to it.
// - What the exchange adds stands between two messages, never inside one that is under way.
// - Of a client only whole messages are passed on: one that dies in the middle of one leaves no half of it in the debuggee's ear.
// - A full destination pauses its sources. A further client that reads too slowly is dropped, the main one slows the debuggee down.
import type { Duplex } from "node:stream";
import type { Answer, Ask, ClientId, Exchange, ExchangeOutput, Stop } from "../protocol/exchange.ts";
import { frameOf, type Frame, type Side } from "../protocol/frame.ts";
import { Framer } from "../protocol/framer.ts";
import { isCalled } from "../protocol/peek.ts";
import { Rewriter } from "../protocol/rewriter.ts";
import { reset } from "./duplex.ts";

/** What a client that is not the main one may have unread, bytes. */
const mostUnread = 8 * 1024 * 1024;

/** So many chunks are kept; then the debuggee waits. */
const mostEarly = 64;
/** A client that has said so many messages without being diverted is this session's. */
const undecided = 8;
/** With which a header begins, and no line. */
const capitalC = 67;

/** How an end of a session went: cleanly, or with what it said. */
export interface Gone {
  readonly how: "end" | "reset";
  readonly detail?: string;
}

export interface HubOptions<E extends Exchange> {
  readonly wire: "dap" | "pydevd";
  readonly debuggee: Duplex;
  /** Of the debuggee's bytes; counts its messages. */
  readonly framer: Framer;
  readonly exchange: (output: ExchangeOutput) => E;
  /** Whose names of files are whose: between the debuggee, and the exchange and all clients. */
  readonly paths?: Paths;
  /** Clients are to get no part of a message that does not end: the exchange is never transparent. */
  readonly whole?: boolean;
  /** Messages of the debuggee that `see` is shown. */
  readonly names: ReadonlySet<string>;
  /** Looks at a message of the debuggee; gives the bytes to use in its place, if any. */
  readonly see: (frame: Frame) => Uint8Array | undefined;
  readonly stopped: ExchangeOutput["stopped"];
  readonly breakpoints: NonNullable<ExchangeOutput["breakpoints"]>;
  /** After the write. `side`: whose bytes they are. */
  readonly offer: (side: "client" | "debuggee", bytes: Uint8Array) => void;
  /** Whether a client, by this message, turns out to be another session's; it is then taken off, with all its messages from the first on. */
  readonly diverts?: (client: ClientId, frame: Frame) => boolean;
  readonly diverted?: (client: ClientId, said: readonly Uint8Array[]) => void;
  readonly clientGone: (client: ClientId, gone: Gone) => void;
  /** The debuggee will send no more, or is lost: then everything is. */
  readonly debuggeeGone: (gone: Gone) => void;
}

/** The message with the other side's names of files in it; undefined for the message as it came. */
export interface Paths {
  readonly names: Readonly<Record<Side, ReadonlySet<string>>>;
  readonly rewrite: (frame: Frame, from: Side) => Uint8Array | undefined;
}

interface Client {
  readonly id: ClientId;
  readonly stream: Duplex;
  readonly lane: Rewriter;
  /** Ends to listen to its stream. */
  readonly detach: () => void;
  /** What it has said, while it may be another session's. */
  said: Uint8Array[] | undefined;
  diverted: boolean;
}

export class Hub<E extends Exchange = Exchange> {
  readonly #options: HubOptions<E>;
  readonly #exchange: E;
  #debuggee: Duplex;
  #lane: Rewriter;
  readonly #clients = new Map<ClientId, Client>();
  /** Whose bytes pass as they are. */
  #main: Client | undefined;
  #lastId = 0;
  /** What the debuggee has said while nobody was there. */
  #early: Uint8Array[] | undefined = [];
  /** Where the message in hand goes (a client, or the debuggee), and what goes there in its place. */
  #going: { readonly to: Client | "debuggee"; readonly parts: Uint8Array[] } | undefined;
  /** What waits for the end of a message that is under way. */
  readonly #later: Record<"main" | "debuggee", Uint8Array[]> = { main: [], debuggee: [] };
  #full: "no" | "main" | "debuggee" = "no";
  #debuggeeEnded = false;
  /** There is no debuggee; what is sent to it is nobody's. */
  #away = false;
  #over = false;

  constructor(options: HubOptions<E>) {
    const { debuggee, framer } = options;
    this.#options = options;
    this.#debuggee = debuggee;
    this.#exchange = options.exchange({
      toClient: (id, bytes) => this.#toClient(id, bytes),
      toDebuggee: (bytes) => this.#toDebuggee(bytes),
      stopped: options.stopped,
      breakpoints: options.breakpoints,
      close: (id) => this.#close(id),
    });
    this.#lane = this.#follow(framer);
    this.#set();
  }

  /** Begins to listen to the debuggee; what it says is kept until somebody is there to hear it ({@link begin}). */
  start(): void {
    this.#debuggee.on("data", this.#fromDebuggee);
    this.#debuggee.on("end", this.#debuggeeEnd);
    this.#debuggee.on("error", this.#debuggeeError);
    this.#debuggee.on("close", this.#debuggeeClose);
    this.#debuggee.resume();
  }

  /** A client has got part of a message. */
  get inside(): boolean {
    return this.#lane.inside;
  }

  /** Lets go of a debuggee that is lost, as it is; the clients stay. */
  lose(): void {
    this.#away = true;
    this.#unlisten();
    this.#debuggee.off("error", this.#debuggeeError).on("error", () => undefined);
    this.#later.debuggee = [];
    if (this.#full === "debuggee") for (const { stream } of this.#clients.values()) stream.resume();
    this.#full = "no";
  }

  /** Goes on with another connection of the debuggee's in place of the one that was lost. */
  replace(debuggee: Duplex, framer: Framer): void {
    this.#debuggee = debuggee;
    this.#lane = this.#follow(framer);
    this.#debuggeeEnded = false;
    this.#away = false;
    this.#set();
    this.start();
  }

  /** The first client has joined, or the relay itself has spoken. */
  begin(): void {
    const early = this.#early?.splice(0) ?? [];
    this.#early = undefined;
    for (const chunk of early) this.#fromDebuggee(chunk);
    if (this.#full === "no") this.#debuggee.resume();
  }

  /** A client comes; `early` is what was read of it before, `known` is called before anything is sent to it. */
  join(stream: Duplex, early: readonly Uint8Array[], known?: (id: ClientId) => void): ClientId {
    const id = ++this.#lastId;
    const lane = new Rewriter({
      framer: new Framer(this.#options.wire),
      names: new Set([...this.#exchange.names.client, ...(this.#options.paths?.names.client ?? [])]),
      whole: true,
      rewrite: (frame) => this.#heard(client, frame),
    });
    const data = (chunk: Uint8Array): void => this.#fromClient(client, chunk);
    const end = (): void => this.#clientGone(client, { how: "end" });
    const error = (thrown: Error): void => this.#clientGone(client, { how: "reset", detail: thrown.message });
    const close = (): void => this.#clientGone(client, { how: "reset", detail: "closed without an end" });
    const drain = (): void => this.#drained("main");
    const detach = (): void => {
      stream.off("data", data).off("end", end).off("error", error).off("close", close).off("drain", drain);
    };
    const client: Client = { id, stream, lane, detach, said: this.#options.diverts && [], diverted: false };
    this.#clients.set(id, client);
    known?.(id);
    this.#main ??= client;
    this.#exchange.join(id);
    this.#set();
    for (const chunk of early) data(chunk);
    stream.on("data", data).on("end", end).on("error", error).on("close", close).on("drain", drain);
    if (this.#full !== "debuggee") stream.resume();
    if (stream.destroyed) close();
    return id;
  }

  /** Takes a client off, its stream as it is, and gives what it has said while it may be another session's: the caller ends it or hands it on. */
  part(id: ClientId): readonly Uint8Array[] {
    const client = this.#clients.get(id);
    if (client === undefined) return [];
    const said = [...(client.said ?? []), ...client.lane.end()];
    this.#forget(client);
    this.act((exchange) => exchange.leave(id));
    return said;
  }

  /** Takes all clients off, as {@link part} does. */
  partAll(): void {
    for (const id of this.#clients.keys()) this.part(id);
  }

  /** May be another session's. */
  isUndecided(id: ClientId): boolean {
    return this.#clients.get(id)?.said !== undefined;
  }

  get clients(): readonly Duplex[] {
    return Array.from(this.#clients.values(), ({ stream }) => stream);
  }

  /** Does something with the exchange. */
  act<Result>(act: (exchange: E) => Result): Result {
    try {
      return act(this.#exchange);
    } finally {
      this.#set();
    }
  }

  /** As {@link Exchange.ask}. */
  ask(ask: Ask, answered: (answer: Answer) => void): () => void {
    const giveUp = this.act((exchange) => exchange.ask(ask, answered));
    return () => this.act(giveUp);
  }

  get stop(): Stop | undefined {
    return this.#exchange.stop;
  }

  remark(path: string, text: string | undefined): void {
    this.act((exchange) => exchange.remark(path, text));
  }

  hold(): void {
    this.act((exchange) => exchange.hold());
  }

  release(): void {
    this.act((exchange) => exchange.release());
  }

  /** Takes both sides off, open as they are; the caller ends them. */
  detach(why: string): void {
    if (this.#over) return;
    this.#over = true;
    this.#unlisten();
    for (const client of this.#clients.values()) this.#forget(client);
    this.#exchange.end(why);
  }

  /** Its errors are still heard, or they would end the process. */
  #unlisten(): void {
    this.#debuggee.off("data", this.#fromDebuggee);
    this.#debuggee.off("end", this.#debuggeeEnd);
    this.#debuggee.off("close", this.#debuggeeClose);
  }

  readonly #fromDebuggee = (chunk: Uint8Array): void => {
    if (this.#early !== undefined) {
      this.#early.push(chunk);
      if (this.#early.length >= mostEarly) this.#debuggee.pause();
      return;
    }
    for (const part of this.#lane.push(chunk)) if (this.#main !== undefined) this.#write(this.#main, part);
    if (!this.#lane.inside) this.#flush("main");
    this.#options.offer("debuggee", chunk);
  };

  #follow(framer: Framer): Rewriter {
    const { names, see, paths } = this.#options;
    const seen = new Set(names);
    return new Rewriter({
      framer,
      names: new Set([...this.#exchange.names.debuggee, ...names, ...(paths?.names.debuggee ?? [])]),
      rewrite: (frame) =>
        this.#through(this.#main, frame, () => {
          const here = instead(frame, paths?.rewrite(frame, "debuggee"));
          this.#exchange.fromDebuggee(isCalled(here, seen) ? instead(here, see(here)) : here);
        }),
    });
  }

  #fromClient(client: Client, chunk: Uint8Array): void {
    for (const part of client.lane.push(chunk)) this.#give(part);
    if (!client.lane.inside) this.#flush("debuggee");
    if (!client.diverted) return;
    const said = this.part(client.id);
    this.#options.diverted?.(client.id, said);
  }

  #heard(client: Client, frame: Frame): readonly Uint8Array[] | undefined {
    if (client.said !== undefined) {
      client.said.push(frame.bytes);
      client.diverted ||= this.#options.diverts?.(client.id, frame) ?? false;
      if (client.diverted) return [];
      if (client.said.length >= undecided) client.said = undefined;
    }
    return this.#through("debuggee", frame, () => this.#exchange.fromClient(client.id, frame));
  }

  /** Shows a message to the exchange; what that sends to where the message goes takes its place. */
  #through(to: Client | "debuggee" | undefined, frame: Frame, pass: () => void): readonly Uint8Array[] | undefined {
    const parts: Uint8Array[] = [];
    const before = this.#going;
    this.#going = to === undefined ? undefined : { to, parts };
    try {
      pass();
    } finally {
      this.#going = before;
      this.#set();
    }
    return parts.length === 1 && parts[0] === frame.bytes ? undefined : parts;
  }

  #toClient(id: ClientId, bytes: Uint8Array): void {
    const client = this.#clients.get(id);
    if (client === undefined) return;
    if (this.#going?.to === client) this.#going.parts.push(bytes);
    else if (client === this.#main && this.#lane.inside) this.#later.main.push(bytes);
    else this.#write(client, bytes);
  }

  #toDebuggee(here: Uint8Array): void {
    const bytes = this.#options.paths?.rewrite(frameOf(this.#kindOf(here), here), "client") ?? here;
    if (this.#going?.to === "debuggee") this.#going.parts.push(bytes);
    else if (Array.from(this.#clients.values()).some(({ lane }) => lane.inside)) this.#later.debuggee.push(bytes);
    else this.#give(bytes);
  }

  #kindOf(bytes: Uint8Array): Frame["kind"] {
    return this.#options.wire === "dap" || bytes[0] === capitalC ? "header" : "line";
  }

  #flush(to: "main" | "debuggee"): void {
    if (this.#later[to].length === 0) return;
    for (const bytes of this.#later[to].splice(0)) {
      if (to === "debuggee") this.#give(bytes);
      else if (this.#main !== undefined) this.#write(this.#main, bytes);
    }
  }

  #give(bytes: Uint8Array): void {
    if (this.#away) return;
    const debuggee = this.#debuggee;
    if (!debuggee.write(bytes) && this.#full === "no") {
      this.#full = "debuggee";
      for (const { stream } of this.#clients.values()) stream.pause();
      debuggee.once("drain", () => {
        if (debuggee === this.#debuggee) this.#drained("debuggee");
      });
    }
    this.#options.offer("client", bytes);
  }

  #write(client: Client, bytes: Uint8Array): void {
    if (client.stream.write(bytes)) return;
    if (client !== this.#main) {
      if (client.stream.writableLength > mostUnread) reset(client.stream);
    } else if (this.#full === "no") {
      this.#full = "main";
      this.#debuggee.pause();
    }
  }

  #drained(which: "main" | "debuggee"): void {
    if (this.#full !== which || (which === "main" && this.#main?.stream.writableNeedDrain === true)) return;
    this.#full = "no";
    if (which === "main") this.#debuggee.resume();
    else for (const { stream } of this.#clients.values()) stream.resume();
  }

  #close(id: ClientId): void {
    const client = this.#clients.get(id);
    if (client === undefined) return;
    // What it is told in place of the message in hand is its last, and nobody else's.
    if (this.#going?.to === client) for (const part of this.#going.parts.splice(0)) this.#write(client, part);
    client.stream.end();
    client.stream.resume();
    this.#clientGone(client, { how: "end" });
  }

  #clientGone(client: Client, gone: Gone): void {
    if (this.#clients.get(client.id) !== client) return;
    this.#forget(client);
    this.act((exchange) => exchange.leave(client.id));
    this.#options.clientGone(client.id, gone);
  }

  #forget(client: Client): void {
    this.#clients.delete(client.id);
    if (this.#going?.to === client) this.#going.parts.length = 0;
    client.detach();
    // A late error of a stream that nobody watches any more must not end the process.
    client.stream.on("error", () => undefined);
    if (!client.lane.inside) this.#flush("debuggee");
    if (client !== this.#main) return;
    this.#main = this.#lane.inside ? undefined : this.#clients.values().next().value;
    this.#later.main = [];
    if (this.#full === "main") {
      this.#full = "no";
      this.#debuggee.resume();
    }
  }

  readonly #debuggeeEnd = (): void => {
    this.begin();
    this.#debuggeeEnded = true;
    const rest = this.#options.whole === true ? [] : this.#lane.end();
    for (const part of rest) if (this.#main !== undefined) this.#write(this.#main, part);
    this.#options.debuggeeGone({ how: "end" });
  };

  readonly #debuggeeError = (error: Error): void => {
    if (!this.#over && !this.#away && !this.#debuggeeEnded) this.#debuggeeLost(error.message);
  };

  readonly #debuggeeClose = (): void => {
    if (!this.#over && !this.#debuggeeEnded) this.#debuggeeLost("closed without an end");
  };

  #debuggeeLost(detail: string): void {
    this.begin();
    this.#options.debuggeeGone({ how: "reset", detail });
  }

  #set(): void {
    const all = !this.#exchange.transparent;
    this.#lane.all = all;
    for (const { lane } of this.#clients.values()) lane.all = all;
    if (this.#main === undefined && !this.#lane.inside) this.#main = this.#clients.values().next().value;
  }
}

function instead(frame: Frame, bytes: Uint8Array | undefined): Frame {
  return bytes === undefined ? frame : frameOf(frame.kind, bytes);
}
