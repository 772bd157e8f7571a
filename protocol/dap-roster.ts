// The clients of one session, oldest first, and which of them drives.
//
// Rules
// - `first`: the oldest client drives; when it leaves, the next. `any`: every client does. `ask`: as `first`, until it is
//   handed over.
// - The client that came first of all is the primary: its numbers are used upstream, and what belongs to nobody is its.
//   Nobody inherits that: a later client's numbers may be those of requests that the primary left unanswered.
import type { ClientView } from "./control.ts";
import type { DebugProtocol } from "./dap.ts";
import type { ClientId } from "./exchange.ts";
import type { Frame } from "./frame.ts";
import { member } from "./json.ts";

export type DrivePolicy = "first" | "any" | "ask";

const unnamed = "another client";

interface Asked {
  readonly request: DebugProtocol.Request;
  readonly frame: Frame;
}

export class DapClient {
  readonly id: ClientId;
  /** Arguments of its `initialize`. */
  initialize: unknown;
  /** It has been answered that from here. */
  answered = false;
  /** It gets events: it opens the debuggee itself, or has been told where that stands. */
  live = false;
  /** What of its handshake waits for that of another, in order. */
  readonly waiting: Asked[] = [];
  /** Its attach or launch, while the answer to that is to be given from here. */
  attach: Asked | undefined;
  toldInitialized = false;
  /** Its configurationDone has been passed on or answered. */
  configured = false;
  /** It was told that the program runs, before the debuggee said so in an event. */
  toldContinued = false;

  constructor(id: ClientId) {
    this.id = id;
  }

  /** For a sentence about it. */
  get name(): string {
    const name = member(this.initialize, "clientName") ?? member(this.initialize, "clientID");
    return typeof name === "string" && name !== "" ? name.slice(0, 80) : unnamed;
  }

  /** For a list, where each is told from the others. */
  get label(): string {
    return this.name === unnamed ? `client ${this.id}` : this.name;
  }

  can(capability: string): boolean {
    return member(this.initialize, capability) === true;
  }
}

export class Roster {
  readonly #policy: DrivePolicy;
  #clients: DapClient[] = [];
  #driver: ClientId | undefined;
  #primary: ClientId | undefined;

  constructor(policy: DrivePolicy) {
    this.#policy = policy;
  }

  get policy(): DrivePolicy {
    return this.#policy;
  }

  get all(): readonly DapClient[] {
    return this.#clients;
  }

  get oldest(): DapClient | undefined {
    return this.#clients[0];
  }

  /** The primary while it is here. */
  get primary(): DapClient | undefined {
    return this.#primary === undefined ? undefined : this.get(this.#primary);
  }

  get driver(): DapClient | undefined {
    return (this.#driver === undefined ? undefined : this.get(this.#driver)) ?? this.oldest;
  }

  get(id: ClientId): DapClient | undefined {
    return this.#clients.find((client) => client.id === id);
  }

  /** The driver first, then by age. */
  get byRank(): DapClient[] {
    const { driver } = this;
    return driver === undefined ? [] : [driver, ...this.#clients.filter((client) => client !== driver)];
  }

  drives(client: DapClient): boolean {
    return this.#policy === "any" || this.driver === client;
  }

  view(client: DapClient): ClientView {
    return { id: client.id, name: client.label, drives: this.drives(client) };
  }

  /** False when it may not be handed over, or that client is not here. */
  handOver(id: ClientId): boolean {
    if (this.#policy !== "ask" || this.get(id) === undefined) return false;
    this.#driver = id;
    return true;
  }

  join(id: ClientId): void {
    if (this.get(id) !== undefined) return;
    this.#primary ??= id;
    this.#clients.push(new DapClient(id));
  }

  leave(id: ClientId): void {
    this.#clients = this.#clients.filter((client) => client.id !== id);
    if (this.#driver === id) this.#driver = undefined;
  }
}
