// What a client sends, and who has a say in it: most requests go up, the others are answered here.
//
// Rules
// - What a capture must not see waits until it is over (dap-hold.ts), and behind it all else of that client.
// - The first that has a say in a request has it, in the order of `#request`.
// - A response is one to a request of the debuggee's (dap-reverse.ts). What is no request, and no such response, is the primary's own
//   business, and passed on as it is.
import type { KeptAnswers } from "./dap-answers.ts";
import type { Away } from "./dap-away.ts";
import { driving } from "./dap-commands.ts";
import { decodeDap, isRequest, isResponse, type DebugProtocol } from "./dap.ts";
import { stepOf } from "./dap-handshake.ts";
import type { HoldQueue } from "./dap-hold.ts";
import type { Joining } from "./dap-joining.ts";
import type { Leaving } from "./dap-leaving.ts";
import type { References } from "./dap-references.ts";
import { failure, renumbered, success } from "./dap-reply.ts";
import type { Resuming } from "./dap-resuming.ts";
import type { ReverseRequests } from "./dap-reverse.ts";
import type { DapClient, Roster } from "./dap-roster.ts";
import type { DapState } from "./dap-state.ts";
import { isTakeOver, type TakeOver } from "./dap-take-over.ts";
import type { Upstream } from "./dap-upstream.ts";
import type { ClientId } from "./exchange.ts";
import type { Frame } from "./frame.ts";

export interface FromClientParts {
  readonly roster: Roster;
  readonly state: DapState;
  readonly hold: HoldQueue;
  readonly joining: Joining;
  readonly leaving: Leaving;
  readonly away: Away;
  readonly takeOver: TakeOver;
  readonly resuming: Resuming;
  readonly references: References;
  readonly answers: KeptAnswers;
  readonly reverse: ReverseRequests;
  readonly upstream: Upstream;
  toClient(client: ClientId, bytes: Uint8Array): void;
  toDebuggee(bytes: Uint8Array): void;
}

export class FromClient {
  readonly #parts: FromClientParts;

  constructor(parts: FromClientParts) {
    this.#parts = parts;
  }

  take(client: DapClient, frame: Frame): void {
    const { roster, state, hold, reverse } = this.#parts;
    const message = decodeDap(frame);
    if (message !== undefined && isRequest(message)) {
      const run = (): void => this.#request(client, message, frame);
      if (!hold.mustWait(client.id, message)) run();
      else if (!hold.add(client.id, run)) this.#refuse(client, message, "too many requests wait for a capture");
    } else if (message !== undefined && isResponse(message) && reverse.answer(client.id, message, frame)) return;
    else if (client === roster.primary && state.away === undefined) this.#parts.toDebuggee(frame.bytes);
  }

  #request(client: DapClient, request: DebugProtocol.Request, frame: Frame): void {
    const { command } = request;
    const { roster, joining, leaving, away, takeOver, resuming, references, answers, upstream } = this.#parts;
    if (stepOf(command) !== undefined) {
      joining.take(client, request, frame);
      if (client.configured) leaving.configured();
    } else if (command === "disconnect") leaving.take(client, request, frame);
    else if (away.take(client.id, request)) return;
    else if (command === "cancel") upstream.cancel(client, request, frame);
    else if (isTakeOver(request)) takeOver.asked(client, request);
    else if (driving.has(command) && !roster.drives(client)) this.#refuse(client, request, takeOver.refusal(client));
    else if (resuming.isLate(request)) {
      this.#parts.toClient(client.id, success(request, { allThreadsContinued: true }));
    } else if (references.isStale(request, resuming.isLastGoing)) {
      this.#parts.toClient(client.id, failure(request, "notStopped", "the program has run on since"));
    } else {
      const kept = answers.find(request);
      if (kept === undefined) upstream.forward(client, request, frame);
      else this.#parts.toClient(client.id, renumbered(kept, { request_seq: request.seq }));
    }
  }

  #refuse(client: DapClient, request: DebugProtocol.Request, why: string): void {
    this.#parts.toClient(client.id, failure(request, why));
  }
}
