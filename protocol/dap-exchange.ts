// The messages of one DAP session with any number of clients: one adapter that knows of one client, several clients that each
// believe to be that one, and the relay's own requests among theirs. The path of a message, through the parts of dap-parts.ts:
//
//   from a client        dap-from-client.ts      who has a say in it; most requests go up, the others are answered here
//   up, and `ask`        dap-upstream.ts         a number, a place in the table of what is unanswered, and out to the debuggee
//   from the debuggee    dap-from-debuggee.ts    an answer to whoever asked, an event to all (dap-events.ts), a request to
//                                                who can serve it (dap-reverse.ts)
//
// Rules
// - A request goes up under the number of its table (dap-seq.ts) and its answer comes back under the asker's. The primary's
//   numbers are kept, so that a session of one client passes byte for byte.
// - What opens a session is said to the debuggee once, by the oldest client; others are answered from what is known, and get
//   events from then on (dap-joining.ts).
// - A client that leaves does not end the session (dap-leaving.ts), nor does a lost connection where that is wanted (dap-away.ts).
import type { ClientView } from "./control.ts";
import { clientNames, debuggeeNames } from "./dap-commands.ts";
import { DapParts, type DapExchangeOptions } from "./dap-parts.ts";
import { event } from "./dap-reply.ts";
import type { Answer, Ask, ClientId, Exchange, ExchangeOutput, OwnState, Stop } from "./exchange.ts";
import type { Frame } from "./frame.ts";
import type { Placed } from "./placed.ts";

export class DapExchange implements Exchange {
  readonly names = { client: clientNames, debuggee: debuggeeNames };
  readonly #parts: DapParts;
  /** It may be attached again, amid a message: so none is passed on in parts. */
  readonly #mayReturn: boolean;

  constructor(output: ExchangeOutput, options: DapExchangeOptions) {
    this.#parts = new DapParts(output, options);
    this.#mayReturn = options.onEnded !== undefined;
  }

  /** The debuggee has ended: there is nothing that a later client could attach to. */
  get terminated(): boolean {
    return this.#parts.state.terminated !== undefined;
  }

  get transparent(): boolean {
    const { roster, joining, table, reverse, hold, answers, references, breakpoints, state } = this.#parts;
    const { primary, all } = roster;
    return (
      !this.#mayReturn &&
      primary !== undefined &&
      all.length === 1 &&
      joining.settled(primary) &&
      table.size === 0 &&
      reverse.size === 0 &&
      !hold.held &&
      hold.empty &&
      answers.size === 0 &&
      !references.stale &&
      breakpoints.plainFor(primary.id) &&
      state.ended === undefined
    );
  }

  get clients(): readonly ClientId[] {
    return this.#parts.roster.all.map(({ id }) => id);
  }

  /** The client that drives; with `any`, the one that reverse requests go to first. */
  get driver(): ClientId | undefined {
    return this.#parts.roster.driver?.id;
  }

  get stop(): Stop | undefined {
    return this.#parts.state.stop;
  }

  /** Its `initialize` was answered from here. */
  hasAnswered(client: ClientId): boolean {
    return this.#parts.roster.get(client)?.answered ?? false;
  }

  /** Who is here, the oldest first. */
  get views(): readonly ClientView[] {
    return this.#parts.roster.all.map((client) => this.#parts.roster.view(client));
  }

  /** Lets another client drive; false when the policy is not `ask`, or it is not here. */
  drive(client: ClientId): boolean {
    return this.#parts.takeOver.by(client);
  }

  /**
   * Lets run what stands, as one more client would, once captures that go on have ended: this thread, or all. The clients are told. The
   * threads that are let go by this.
   */
  resume(thread?: string): readonly string[] {
    return this.#parts.resuming.resume(thread);
  }

  join(client: ClientId): void {
    this.#parts.joining.join(client);
  }

  leave(client: ClientId): void {
    if (this.#parts.roster.get(client) !== undefined) this.#parts.leaving.leave(client);
  }

  fromClient(id: ClientId, frame: Frame): void {
    const client = this.#parts.roster.get(id);
    if (client !== undefined) this.#parts.fromClient.take(client, frame);
  }

  fromDebuggee(frame: Frame): void {
    this.#parts.fromDebuggee.take(frame);
  }

  ask(ask: Ask, answered: (answer: Answer) => void): () => void {
    const { gone } = this.#parts.state;
    if (ask.wire === "dap" && gone === undefined) return this.#parts.upstream.ask(ask.command, ask.arguments, answered);
    answered({ wire: "none", why: gone ?? "it cannot be asked" });
    return () => undefined;
  }

  hold(): void {
    this.#parts.hold.hold();
  }

  release(): void {
    this.#parts.hold.release();
  }

  remark(path: string, text: string | undefined): void {
    if (this.#parts.state.ended === undefined) this.#parts.remarks.set(path, text);
  }

  setOwn(placed: readonly Placed[]): void {
    if (this.#parts.state.ended === undefined) this.#parts.own.set(placed);
  }

  get ownSettled(): boolean {
    return this.#parts.own.settled;
  }

  stateOf(placed: Placed): OwnState | undefined {
    return this.#parts.own.stateOf(placed);
  }

  /** The debuggee may be attached again, and somebody would gain by it. */
  get returnable(): boolean {
    return this.#parts.away.possible;
  }

  /** The connection is lost, or an attempt to make a new one has failed; see {@link reattach}. */
  lost(why: string): void {
    const { reverse, answers, references, away, table } = this.#parts;
    reverse.clear();
    answers.forget();
    references.resumed();
    away.begin(why, table.clear());
  }

  /** There is a new connection: attaches again, with all breakpoints. `done` is told why that failed, or undefined. */
  reattach(done: (failed: string | undefined) => void): void {
    this.#parts.away.attach(done);
  }

  /** It will not be attached again: clients are told that it has ended. */
  giveUp(): void {
    const bytes = event("terminated");
    for (const { id, live } of this.#parts.roster.all) if (live) this.#parts.toClient(id, bytes);
  }

  end(why: string): void {
    const { state, hold, reverse, answers, table, joining } = this.#parts;
    if (state.ended !== undefined) return;
    state.end(why);
    hold.clear();
    reverse.clear();
    answers.forget();
    for (const { asker } of table.clear()) {
      if (asker !== "nobody" && "answered" in asker) asker.answered({ wire: "none", why });
    }
    joining.progress();
  }
}
