// What becomes of the debuggee when clients leave: of what they have set, and of what stands. Also letting stops run, as one more client
// would.
//
// Rules
// - A client that leaves takes its breakpoints away, and the last one lets all run. `onLeave: keep` leaves all as it stands. While
//   hits are recorded the last one's breakpoints stay, and each stop at them is let run once it is captured.
// - What was left behind goes when the next client has set its own (101).
// - The relay's own breakpoints stay whoever leaves. With no client there a stop at one is let run once it is captured.
// - A stop is let go once.
import type { ClientId, Stop } from "./exchange.ts";
import type { PydevdClients } from "./pydevd-clients.ts";
import type { PydevdHandshake } from "./pydevd-handshake.ts";
import type { PydevdHold } from "./pydevd-hold.ts";
import type { PydevdSettings } from "./pydevd-settings.ts";
import type { PydevdThreads } from "./pydevd-threads.ts";
import type { PydevdUpstream } from "./pydevd-upstream.ts";

export interface PydevdLeavingParts {
  readonly clients: PydevdClients;
  readonly handshake: PydevdHandshake;
  readonly threads: PydevdThreads;
  readonly hold: PydevdHold;
  readonly upstream: PydevdUpstream;
  readonly settings: PydevdSettings;
  readonly onLeave: "keep" | "resume" | "end";
  /** Hits are recorded, whether a client is here or not. */
  readonly recorded: boolean;
}

export class PydevdLeaving {
  readonly #parts: PydevdLeavingParts;
  /** Clients whose breakpoints were left behind. */
  readonly #left = new Set<ClientId>();
  /** Stops that a 106 was sent for from here. */
  readonly #resumed = new WeakSet<Stop>();
  /** Stops that somebody wants to end, once captures that go on have ended. */
  readonly #unwanted = new Set<Stop>();

  constructor(parts: PydevdLeavingParts) {
    this.#parts = parts;
  }

  /** Somebody has breakpoints here, or may have: stops are to be told. */
  get areStopsWanted(): boolean {
    const { clients, settings } = this.#parts;
    return clients.size > 0 || this.#left.size > 0 || settings.own.length > 0;
  }

  /** The client is not among the clients any more. */
  left(client: ClientId): void {
    const { clients, handshake, settings, onLeave, recorded } = this.#parts;
    const isLast = clients.size === 0 && handshake.running;
    if (isLast && (onLeave === "keep" || (onLeave === "resume" && recorded))) this.#left.add(client);
    else settings.leave(client);
  }

  /** A client has set its own breakpoints, in place of what was left behind. */
  replaced(): void {
    for (const client of this.#left) this.#parts.settings.leave(client);
    this.#left.clear();
  }

  /** Lets run this thread, or all; the threads that are let go by this. */
  resume(thread: string | undefined): readonly string[] {
    const meant = this.#parts.threads.stops.filter((stop) => thread === undefined || stop.thread === thread);
    for (const stop of meant) this.#unwanted.add(stop);
    this.resumeUnwanted();
    return meant.map((stop) => String(stop.thread));
  }

  /** Lets run what is stopped for nobody, and what somebody wants to run: not while a capture goes on. */
  resumeUnwanted(): void {
    const { clients, handshake, threads, hold, upstream, onLeave } = this.#parts;
    if (hold.held || !handshake.running) return;
    const keeps = clients.size > 0 || (this.#left.size > 0 && onLeave === "keep");
    const wanted = new Set(this.#unwanted);
    this.#unwanted.clear();
    for (const stop of threads.stops) {
      if (this.#resumed.has(stop) || (keeps && !wanted.has(stop))) continue;
      this.#resumed.add(stop);
      upstream.send(106, String(stop.thread));
    }
  }
}
