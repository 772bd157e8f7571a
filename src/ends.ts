// The ends of a hub, as where bytes go to: its debuggee, or none while that is lost, and its clients.
//
// Rules
// - What is put in stands between two messages, never inside one that is under way: it waits for its end.
// - A full destination pauses its sources (flow.ts). A further client that reads too slowly is dropped, the main one slows the debuggee down.
// - Of the clients the first is the main one. When it leaves inside a message, the next one begins behind that.
import type { Duplex } from "node:stream";
import type { ClientId } from "../protocol/exchange.ts";
import type { Side } from "../protocol/frame.ts";
import type { Rewriter } from "../protocol/rewriter.ts";
import { reset } from "./duplex.ts";
import { Flow } from "./flow.ts";
import type { HubClient } from "./hub-client.ts";

/** What a client that is not the main one may have unread, bytes. */
const mostUnread = 8 * 1024 * 1024;

export class Ends {
  readonly clients = new Map<ClientId, HubClient>();
  /** Whose bytes pass as they are. */
  main: HubClient | undefined;
  /** What follows the debuggee's messages. */
  lane: Rewriter;
  readonly flow = new Flow((of) => this.#sources(of));
  #debuggee: Duplex | undefined;
  readonly #offer: (side: Side, bytes: Uint8Array) => void;
  /** What waits for the end of a message that is under way. */
  readonly #later: Record<"main" | "debuggee", Uint8Array[]> = { main: [], debuggee: [] };

  /** `offer`: after the debuggee was given bytes of clients. */
  constructor(debuggee: Duplex, lane: Rewriter, offer: (side: Side, bytes: Uint8Array) => void) {
    this.#debuggee = debuggee;
    this.lane = lane;
    this.#offer = offer;
  }

  get debuggee(): Duplex | undefined {
    return this.#debuggee;
  }

  /** The debuggee is lost; what is given to it is nobody's. */
  lose(): void {
    this.#debuggee = undefined;
    this.#later.debuggee = [];
    this.flow.go("debuggee");
    this.flow.go("main");
  }

  replace(debuggee: Duplex, lane: Rewriter): void {
    this.#debuggee = debuggee;
    this.lane = lane;
  }

  add(client: HubClient): void {
    this.clients.set(client.id, client);
    this.main ??= client;
  }

  remove(client: HubClient): void {
    this.clients.delete(client.id);
    if (!client.lane.inside) this.flush("debuggee");
    if (client !== this.main) return;
    this.main = undefined;
    this.#later.main = [];
    this.elect();
    this.flow.go("main");
  }

  /** Somebody is the main client, if that can be. */
  elect(): void {
    if (this.main === undefined && !this.lane.inside) this.main = this.clients.values().next().value;
  }

  /** A whole message for a client. */
  toClient(id: ClientId, bytes: Uint8Array): void {
    const client = this.clients.get(id);
    if (client === undefined) return;
    if (client === this.main && this.lane.inside) this.#later.main.push(bytes);
    else this.write(client, bytes);
  }

  /** A whole message for the debuggee. */
  toDebuggee(bytes: Uint8Array): void {
    if (Array.from(this.clients.values()).some(({ lane }) => lane.inside)) this.#later.debuggee.push(bytes);
    else this.give(bytes);
  }

  /** What waited can go: no message to there is under way. */
  flush(to: "main" | "debuggee"): void {
    if (this.#later[to].length === 0) return;
    for (const bytes of this.#later[to].splice(0)) {
      if (to === "debuggee") this.give(bytes);
      else if (this.main !== undefined) this.write(this.main, bytes);
    }
  }

  give(bytes: Uint8Array): void {
    const debuggee = this.#debuggee;
    if (debuggee === undefined) return;
    if (!debuggee.write(bytes) && this.flow.stop("debuggee")) {
      debuggee.once("drain", () => {
        if (debuggee === this.#debuggee) this.flow.go("debuggee");
      });
    }
    this.#offer("client", bytes);
  }

  /** A client takes bytes again. */
  drained(client: HubClient): void {
    if (client === this.main) this.flow.go("main");
  }

  write(client: HubClient, bytes: Uint8Array): void {
    if (client.stream.write(bytes)) return;
    if (client === this.main) this.flow.stop("main");
    else if (client.stream.writableLength > mostUnread) reset(client.stream);
  }

  /** Whose bytes go to there. */
  #sources(of: "main" | "debuggee"): readonly Duplex[] {
    if (of === "debuggee") return Array.from(this.clients.values(), ({ stream }) => stream);
    return this.#debuggee === undefined ? [] : [this.#debuggee];
  }
}
