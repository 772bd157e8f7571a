// How a client comes into a session that may be open already: its initialize, attach or launch, and configurationDone.
//
// Rules
// - What has not been said to the debuggee is said by the oldest client, and is its alone; what others say waits until it has
//   been answered. When the oldest leaves half-way, the next goes on from there.
// - What has been said is answered from what is known, in debugpy's order: `initialized`, the client's breakpoints, the
//   answer to configurationDone, the one to attach, then the events that it has missed: process, threads, stops.
// - Events before that are not for it. A session that has ended is told as `terminated` behind the answer to attach.
// - Lines, columns and paths are counted as the client that opened the session wants: one that counts otherwise is refused.
import type { Breakpoints } from "./dap-breakpoints.ts";
import type { DebugProtocol } from "./dap.ts";
import { stoppedFor } from "./dap-stopped.ts";
import { stepOf, type Handshake } from "./dap-handshake.ts";
import { event, failure, success } from "./dap-reply.ts";
import type { DapClient, Roster } from "./dap-roster.ts";
import type { DapState } from "./dap-state.ts";
import type { Upstream } from "./dap-upstream.ts";
import type { ClientId } from "./exchange.ts";
import type { Frame } from "./frame.ts";
import { member } from "./json.ts";

const maxWaiting = 16;

export interface JoiningParts {
  readonly roster: Roster;
  readonly handshake: Handshake;
  readonly state: DapState;
  readonly breakpoints: Breakpoints;
  readonly upstream: Upstream;
  toClient(client: ClientId, bytes: Uint8Array): void;
}

export class Joining {
  readonly #parts: JoiningParts;

  constructor(parts: JoiningParts) {
    this.#parts = parts;
  }

  join(id: ClientId): void {
    const { roster, handshake } = this.#parts;
    roster.join(id);
    const client = roster.get(id);
    // Adapters speak before they are spoken to: that is for whoever is about to open the session.
    if (client !== undefined && client === roster.primary && !handshake.isSaid("initialize")) client.live = true;
  }

  /** Nothing is to be said to this client any more. */
  settled(client: DapClient): boolean {
    return client.live && client.waiting.length === 0 && client.attach === undefined;
  }

  /** This event is for this client. It counts as told. */
  hears(client: DapClient, { event }: DebugProtocol.Event): boolean {
    if (event === "initialized" && client.live) client.toldInitialized = true;
    if (event === "capabilities") return client.live || client.answered;
    return client.live;
  }

  /** A client's initialize, attach, launch or configurationDone. */
  take(client: DapClient, request: DebugProtocol.Request, frame: Frame): void {
    if (request.command === "initialize") client.initialize = request.arguments;
    if (client.waiting.length >= maxWaiting) {
      this.#parts.toClient(client.id, failure(request, "too many requests wait for the session to open"));
      return;
    }
    client.waiting.push({ request, frame });
    this.progress();
  }

  /** Says and answers what can be now: after every message that may change it. */
  progress(): void {
    for (const client of this.#parts.roster.all) {
      for (let first = client.waiting[0]; first !== undefined; first = client.waiting[0]) {
        // Out of the queue before it is sent: what comes back may call here again.
        client.waiting.shift();
        if (this.#step(client, first.request, first.frame)) continue;
        client.waiting.unshift(first);
        break;
      }
      if (client.attach !== undefined) this.#settle(client, client.attach);
    }
  }

  /** False: it has to wait. */
  #step(client: DapClient, request: DebugProtocol.Request, frame: Frame): boolean {
    const { handshake, roster, upstream } = this.#parts;
    const step = stepOf(request.command);
    if (step === undefined) return true;
    if (!handshake.isSaid(step)) {
      if (this.#refusedAtEnd(client, request)) return true;
      if (client !== roster.oldest) return false;
      handshake.say(step, request);
      if (step === "configurationDone") client.configured = true;
      else client.live = true;
      if (step === "attach" && handshake.initialized && !client.toldInitialized) this.#tellInitialized(client);
      upstream.forward(client, request, frame);
      return true;
    }
    if (step === "attach") {
      if (client.attach === undefined) client.attach = { request, frame };
      else this.#parts.toClient(client.id, failure(request, "this client has attached already"));
      return true;
    }
    if (!handshake.isDone(step)) return this.#refusedAtEnd(client, request);
    if (step === "configurationDone") client.configured = true;
    else client.answered = true;
    const why = step === "initialize" ? this.#mismatch(request) : undefined;
    const body = step === "initialize" ? handshake.capabilities : undefined;
    this.#parts.toClient(client.id, why === undefined ? success(request, body) : failure(request, why));
    return true;
  }

  #settle(client: DapClient, attach: { request: DebugProtocol.Request; frame: Frame }): void {
    const { handshake, state } = this.#parts;
    if (handshake.initialized && !client.toldInitialized) this.#tellInitialized(client);
    if (state.terminated !== undefined || state.ended !== undefined) {
      client.attach = undefined;
      client.live = true;
      this.#parts.toClient(client.id, success(attach.request));
      this.#parts.toClient(client.id, state.terminated?.bytes ?? event("terminated"));
    } else if (!handshake.isSaid("attach")) {
      // Whoever attached for all has failed: it is this client's turn, or its own to wait.
      client.attach = undefined;
      client.waiting.unshift(attach);
      if (client === this.#parts.roster.oldest) this.progress();
    } else if (handshake.open && (client.configured || !handshake.configurable)) {
      client.attach = undefined;
      client.live = true;
      this.#parts.toClient(client.id, success(attach.request));
      this.#announce(client);
    }
  }

  #announce(client: DapClient): void {
    const { state, breakpoints } = this.#parts;
    if (state.process !== undefined) this.#parts.toClient(client.id, state.process.bytes);
    for (const threadId of state.threads) {
      this.#parts.toClient(client.id, event("thread", { reason: "started", threadId }));
    }
    for (const { event, stop } of state.standing) {
      this.#parts.toClient(client.id, stoppedFor(client, event, stop.frame, breakpoints));
    }
  }

  #tellInitialized(client: DapClient): void {
    client.toldInitialized = true;
    this.#parts.toClient(client.id, event("initialized"));
  }

  /** The debuggee is gone: nothing that this waits for will come. */
  #refusedAtEnd(client: DapClient, request: DebugProtocol.Request): boolean {
    const { ended } = this.#parts.state;
    if (ended === undefined) return false;
    this.#parts.toClient(client.id, failure(request, `the debuggee is gone: ${ended}`));
    return true;
  }

  #mismatch(request: DebugProtocol.Request): string | undefined {
    const opened = this.#parts.handshake.initialize;
    for (const [key, unsaid] of conventions) {
      const here = member(opened, key) ?? unsaid;
      if ((member(request.arguments, key) ?? unsaid) !== here)
        return `this session was opened with ${key}: ${JSON.stringify(here)}`;
    }
    return undefined;
  }
}

/** What both sides must agree on, and what holds when a client does not say. */
const conventions: readonly (readonly [string, unknown])[] = [
  ["linesStartAt1", true],
  ["columnsStartAt1", true],
  ["pathFormat", "path"],
];
