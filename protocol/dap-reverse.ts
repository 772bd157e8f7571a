// Requests that the debuggee makes of an IDE (runInTerminal, startDebugging), until they are answered.
//
// Rules
// - The client gets it under the debuggee's number, or one of ours when that is 0 (delve, lldb) or in use.
// - It goes to a client that declared the capability for it, the driver first. What no client can serve is answered here.
// - startDebugging goes to every client that can serve it, so that each has its own session with the child; the debuggee is
//   answered once: by the first that succeeds, or by the last that fails. A client that leaves has failed.
import { encodeDap, type DebugProtocol } from "./dap.ts";
import { renumbered } from "./dap-reply.ts";
import type { Roster } from "./dap-roster.ts";
import { firstOwnSeq } from "./dap-seq.ts";
import type { ClientId } from "./exchange.ts";
import type { Frame } from "./frame.ts";
import { member } from "./json.ts";

const maxPending = 1000;

const capabilities: ReadonlyMap<string, string> = new Map([
  ["runInTerminal", "supportsRunInTerminalRequest"],
  ["startDebugging", "supportsStartDebuggingRequest"],
]);

export interface ReverseParts {
  readonly roster: Roster;
  /** A number for a message to the debuggee. */
  ownSeq(): number;
  toClient(client: ClientId, bytes: Uint8Array): void;
  toDebuggee(bytes: Uint8Array): void;
}

interface Pending {
  readonly request: DebugProtocol.Request;
  /** Clients that have not answered. */
  readonly clients: Set<ClientId>;
  answered: boolean;
}

export class ReverseRequests {
  readonly #parts: ReverseParts;
  /** By client, then by the number that the client knows. */
  readonly #pending = new Map<ClientId, Map<number, Pending>>();
  #next = firstOwnSeq;

  constructor(parts: ReverseParts) {
    this.#parts = parts;
  }

  get size(): number {
    return this.#pending.size;
  }

  /** Passes on a request of the debuggee. */
  pass(request: DebugProtocol.Request, frame: Frame): void {
    if (request.command === "cancel") this.#cancel(request, frame);
    else {
      const capability = capabilities.get(request.command);
      const able = this.#parts.roster.byRank.filter(
        (client) => client.live && (capability === undefined || client.can(capability)),
      );
      const chosen = request.command === "startDebugging" ? able : able.slice(0, 1);
      const numbers = this.#open(
        request,
        chosen.map(({ id }) => id),
      );
      for (const [client, seq] of numbers) {
        this.#parts.toClient(client, seq === request.seq ? frame.bytes : renumbered(request, { seq }));
      }
    }
  }

  /** Passes on a client's response; false when it is for none of these requests. */
  answer(client: ClientId, response: DebugProtocol.Response, frame: Frame): boolean {
    const theirs = this.#pending.get(client);
    const pending = theirs?.get(response.request_seq);
    if (theirs === undefined || pending === undefined) return false;
    theirs.delete(response.request_seq);
    if (theirs.size === 0) this.#pending.delete(client);
    pending.clients.delete(client);
    if (pending.answered || (member(response, "success") !== true && pending.clients.size > 0)) return true;
    pending.answered = true;
    const { seq } = pending.request;
    this.#parts.toDebuggee(seq === response.request_seq ? frame.bytes : renumbered(response, { request_seq: seq }));
    return true;
  }

  /** The client is gone. */
  leave(client: ClientId): void {
    const theirs = [...(this.#pending.get(client)?.values() ?? [])];
    this.#pending.delete(client);
    for (const pending of theirs) {
      pending.clients.delete(client);
      if (pending.answered || pending.clients.size > 0) continue;
      pending.answered = true;
      this.#cannotServe(pending.request);
    }
  }

  clear(): void {
    this.#pending.clear();
  }

  /** The number under which each client gets it; when that is none the request is answered. */
  #open(request: DebugProtocol.Request, clients: readonly ClientId[]): Map<ClientId, number> {
    const numbers = new Map<ClientId, number>();
    const free = clients.filter((client) => (this.#pending.get(client)?.size ?? 0) < maxPending);
    const pending: Pending = { request, clients: new Set(free), answered: false };
    for (const client of free) {
      const theirs = this.#pending.get(client) ?? new Map<number, Pending>();
      const seq = request.seq === 0 || theirs.has(request.seq) ? this.#next++ : request.seq;
      theirs.set(seq, pending);
      this.#pending.set(client, theirs);
      numbers.set(client, seq);
    }
    if (numbers.size === 0) this.#cannotServe(request);
    return numbers;
  }

  /** Goes to whoever has the request that it means, with the number that is known there. */
  #cancel(request: DebugProtocol.Request, frame: Frame): void {
    const requestId = member(request.arguments, "requestId");
    const meant = this.#find(requestId);
    if (meant === undefined) {
      this.#cannotServe(request);
      return;
    }
    const seq = this.#open(request, [meant.client]).get(meant.client);
    if (seq === undefined) return;
    const same = seq === request.seq && meant.seq === requestId;
    const mapped = { ...request, seq, arguments: { ...request.arguments, requestId: meant.seq } };
    this.#parts.toClient(meant.client, same ? frame.bytes : encodeDap(mapped));
  }

  #find(requestId: unknown): { client: ClientId; seq: number } | undefined {
    for (const [client, theirs] of this.#pending) {
      for (const [seq, { request }] of theirs) if (request.seq === requestId) return { client, seq };
    }
    return undefined;
  }

  #cannotServe(request: DebugProtocol.Request): void {
    const { seq, command } = request;
    const message = `no client of this session can serve ${command}`;
    const response = {
      seq: this.#parts.ownSeq(),
      type: "response",
      request_seq: seq,
      command,
      success: false,
      message,
    };
    this.#parts.toDebuggee(encodeDap(response));
  }
}
