// What the debuggee sends: an answer goes to whoever asked, an event to all that hear it (dap-events.ts), a request to who can serve it
// (dap-reverse.ts). Here is who learns of it before, and in which order.
//
// Rules
// - Answers and events keep the debuggee's seq; nothing relies on it, since delve and lldb number everything 0.
// - What is known of values counts for one stop: it is forgotten when another comes, when the program runs on, and when something may
//   have changed a value.
// - An answer that nobody asked for, and a frame that is no DAP message, are the primary's.
import type { KeptAnswers } from "./dap-answers.ts";
import { answerIn } from "./dap-answer.ts";
import type { Away } from "./dap-away.ts";
import type { Breakpoints } from "./dap-breakpoints.ts";
import { readOnly } from "./dap-commands.ts";
import { decodeDap, encodeDap, isEvent, isRequest, isResponse, type DebugProtocol } from "./dap.ts";
import type { Events } from "./dap-events.ts";
import type { Handshake } from "./dap-handshake.ts";
import type { Joining } from "./dap-joining.ts";
import type { Leaving } from "./dap-leaving.ts";
import type { DapOwn } from "./dap-own.ts";
import type { References } from "./dap-references.ts";
import { answerTo } from "./dap-reply.ts";
import type { ReverseRequests } from "./dap-reverse.ts";
import type { Roster } from "./dap-roster.ts";
import type { Asker, SeqTable } from "./dap-seq.ts";
import type { DapState } from "./dap-state.ts";
import type { ClientId, ExchangeOutput } from "./exchange.ts";
import type { Frame } from "./frame.ts";

export interface FromDebuggeeParts {
  readonly roster: Roster;
  readonly table: SeqTable;
  readonly handshake: Handshake;
  readonly state: DapState;
  readonly answers: KeptAnswers;
  readonly references: References;
  readonly breakpoints: Breakpoints;
  readonly joining: Joining;
  readonly leaving: Leaving;
  readonly away: Away;
  readonly own: DapOwn;
  readonly events: Events;
  readonly reverse: ReverseRequests;
  readonly output: Pick<ExchangeOutput, "stopped">;
  toClient(client: ClientId, bytes: Uint8Array): void;
}

/** They say that values may be others than before. */
const changing: ReadonlySet<string> = new Set(["stopped", "continued", "invalidated", "memory"]);

export class FromDebuggee {
  readonly #parts: FromDebuggeeParts;

  constructor(parts: FromDebuggeeParts) {
    this.#parts = parts;
  }

  take(frame: Frame): void {
    const { state, reverse } = this.#parts;
    const message = answerIn(frame) ?? decodeDap(frame);
    if (message !== undefined && isResponse(message)) this.#response(message, frame);
    else if (message !== undefined && isEvent(message)) this.#event(message, frame);
    else if (message !== undefined && isRequest(message)) {
      if (state.ended === undefined) reverse.pass(message, frame);
    } else this.#toPrimary(frame);
  }

  #response(response: DebugProtocol.Response, frame: Frame): void {
    const { table, handshake, state, answers, references, breakpoints, joining, leaving, away, events } = this.#parts;
    const entry = table.take(response.request_seq);
    if (entry === undefined) {
      this.#toPrimary(frame);
      return;
    }
    const { request, asker, plan, stops, epoch } = entry;
    handshake.seeResponse(request, response);
    leaving.seeResponse(request, response);
    away.seeResponse(request, response);
    const stands = state.stop !== undefined && stops === state.count;
    if (response.success && stands) references.see(request, response, this.#remembers(asker));
    if (!readOnly.has(request.command)) answers.forget();
    const ran = state.seeResponse(request, response, stops);
    if (ran && state.stop === undefined) references.resumed();
    const answer = plan === undefined ? undefined : breakpoints.answer(plan, response);

    const byClient = asker !== "nobody" && "client" in asker ? asker : undefined;
    if (byClient !== undefined) this.#answer(byClient, response, frame, answer?.body);
    for (const { owner, body } of answer?.changed ?? []) {
      if (typeof owner === "number") events.breakpointChanged(owner, body);
    }
    if (ran) events.continued(request, response, byClient?.client);
    joining.progress();
    if (asker !== "nobody" && "answered" in asker) {
      if (stands) answers.keep(request, response, epoch, frame.bytes.length);
      const { success, body, message } = response;
      asker.answered({ wire: "dap", success, body, ...(message === undefined ? {} : { message }) });
    }
  }

  /** To the client that asked, under its number; `body` is another one than came. */
  #answer(
    { client, seq }: { readonly client: ClientId; readonly seq: number },
    response: DebugProtocol.Response,
    frame: Frame,
    body: unknown,
  ): void {
    let { bytes } = frame;
    if (body !== undefined) bytes = encodeDap({ ...response, request_seq: seq, body });
    else if (seq !== response.request_seq) bytes = answerTo(frame, response, seq);
    this.#parts.toClient(client, bytes);
  }

  /** Numbers are remembered when others than the sole client deal with them. */
  #remembers(asker: Asker): boolean {
    const { roster, answers } = this.#parts;
    return roster.all.length !== 1 || asker === "nobody" || "answered" in asker || answers.size > 0;
  }

  #event(event: DebugProtocol.Event, frame: Frame): void {
    const { handshake, state, answers, references, joining, leaving, away, own, events, output } = this.#parts;
    if (away.hears(event)) return;
    const before = state.standing;
    const stop = state.seeEvent(event, frame);
    handshake.seeEvent(event);
    const again = stop !== undefined && before.some((standing) => standing.stop.thread === stop.thread);
    if (again || (before.length > 0 && state.stop === undefined)) references.resumed();
    if (changing.has(event.event)) answers.forget();
    events.pass(event, frame, before.length > 0);
    if (event.event === "initialized") own.begin();
    joining.progress();
    if (stop === undefined) return;
    output.stopped(stop);
    leaving.stopped();
  }

  #toPrimary(frame: Frame): void {
    const { primary } = this.#parts.roster;
    if (primary !== undefined) this.#parts.toClient(primary.id, frame.bytes);
  }
}
