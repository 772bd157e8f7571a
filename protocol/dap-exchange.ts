// The messages of one DAP session with any number of clients: one adapter that knows of one client, several clients that each
// believe to be that one, and the relay's own requests among theirs.
//
// Rules
// - A request goes up under the number of its table (dap-seq.ts) and its answer comes back under the asker's. The primary's
//   numbers are kept, so that a session of one client passes byte for byte.
// - What opens a session is said to the debuggee once, by the oldest client; others are answered from what is known, and get
//   events from then on (dap-joining.ts).
// - Events and responses keep the debuggee's seq; nothing relies on it, since delve and lldb number everything 0.
// - A client that leaves does not end the session (dap-leaving.ts), nor does a lost connection where that is wanted (dap-away.ts).
// - A frame that is no DAP message is the primary's own business, in both directions.
import { Away } from "./dap-away.ts";
import { answerIn } from "./dap-answer.ts";
import { KeptAnswers } from "./dap-answers.ts";
import type { BreakpointPlan } from "./dap-breakpoint-list.ts";
import { Breakpoints } from "./dap-breakpoints.ts";
import { clientNames, debuggeeNames, driving, heldBack, readOnly } from "./dap-commands.ts";
import { Events } from "./dap-events.ts";
import { Handshake, stepOf } from "./dap-handshake.ts";
import { Joining } from "./dap-joining.ts";
import { HoldQueue } from "./dap-hold.ts";
import { Leaving, type LeavePolicy } from "./dap-leaving.ts";
import { References } from "./dap-references.ts";
import { answerTo, event, failure, renumbered, success } from "./dap-reply.ts";
import { DapOwn } from "./dap-own.ts";
import type { Placed } from "./placed.ts";
import { ReverseRequests } from "./dap-reverse.ts";
import { Roster, type DapClient, type DrivePolicy } from "./dap-roster.ts";
import { SeqTable, type Asker } from "./dap-seq.ts";
import { SourceRemarks } from "./dap-remarks.ts";
import { DapState, letsRun, type Standing } from "./dap-state.ts";
import { decodeDap, encodeDap, isEvent, isRequest, isResponse, type DebugProtocol } from "./dap.ts";
import type { ClientView } from "./control.ts";
import { isTakeOver, TakeOver } from "./dap-take-over.ts";
import type { Answer, Ask, ClientId, Exchange, ExchangeOutput, OwnState, Stop } from "./exchange.ts";
import type { Frame } from "./frame.ts";
import { member } from "./json.ts";

export interface DapExchangeOptions {
  /** Who may let the program run: the client that came first, every one, or the first until `drive` hands it over. */
  readonly drive: DrivePolicy;
  /**
   * What becomes of the debuggee when the last client leaves. `resume`: its breakpoints are removed and it runs on. `keep`:
   * nothing changes. `end`: the debuggee is told that the client left.
   */
  readonly onLeave: LeavePolicy;
  /** Hits are recorded: by `resume` the breakpoints stay, and the program runs on from each hit. */
  readonly recorded?: boolean;
  /** What the session is called where a user can name it; told to who may take over. */
  readonly session?: string;
  /** Another client drives from now on. */
  readonly driven?: (client: ClientView) => void;
  /**
   * The debuggee may be attached again: every message is then held until it is whole, and its end is told to this function, not to
   * the clients, while that is possible.
   */
  readonly onEnded?: (why: string) => void;
}

export class DapExchange implements Exchange {
  readonly names = { client: clientNames, debuggee: debuggeeNames };
  readonly #output: ExchangeOutput;
  readonly #roster: Roster;
  readonly #table = new SeqTable();
  readonly #handshake = new Handshake();
  readonly #state = new DapState();
  readonly #answers = new KeptAnswers();
  readonly #references = new References();
  readonly #breakpoints = new Breakpoints();
  readonly #hold = new HoldQueue();
  readonly #joining: Joining;
  readonly #reverse: ReverseRequests;
  readonly #events: Events;
  readonly #leaving: Leaving;
  readonly #takeOver: TakeOver;
  readonly #remarks: SourceRemarks;
  readonly #away: Away;
  readonly #own: DapOwn;
  readonly #onEnded: DapExchangeOptions["onEnded"];
  #ended: string | undefined;

  constructor(output: ExchangeOutput, options: DapExchangeOptions) {
    const { drive, onLeave, recorded = false, session, driven, onEnded } = options;
    this.#remarks = new SourceRemarks((client, bytes) => output.toClient(client, bytes));
    const toClient = (client: ClientId, bytes: Uint8Array): void => this.#remarks.pass(client, bytes);
    this.#output = {
      toClient,
      toDebuggee: (bytes) => output.toDebuggee(bytes),
      stopped: (stop) => output.stopped(stop),
      breakpoints: (path) => output.breakpoints?.(path),
      close: (client) => output.close(client),
    };
    this.#roster = new Roster(drive);
    const parts = {
      roster: this.#roster,
      handshake: this.#handshake,
      state: this.#state,
      breakpoints: this.#breakpoints,
      toClient,
      toDebuggee: (bytes: Uint8Array) => output.toDebuggee(bytes),
      ownSeq: () => this.#table.ownSeq(),
      forward: (client: DapClient, request: DebugProtocol.Request, frame: Frame) =>
        this.#forward(client, request, frame),
    };
    this.#joining = new Joining(parts);
    this.#takeOver = new TakeOver({ ...parts, session, driven });
    this.#reverse = new ReverseRequests(parts);
    this.#events = new Events({ ...parts, joining: this.#joining });
    this.#onEnded = onEnded;
    const ask = (command: string, given: unknown, answered: (answer: Answer) => void, plan?: BreakpointPlan): void => {
      if (this.#ask(command, given, answered, plan) === undefined)
        answered({ wire: "none", why: "it cannot be asked" });
    };
    this.#away = new Away({ ...parts, ask });
    this.#own = new DapOwn({ ...parts, ask, isAway: () => this.#away.why !== undefined });
    const tell = (command: string, given: unknown, plan?: BreakpointPlan): void => {
      if (this.#away.why === undefined) this.#ask(command, given, () => undefined, plan);
      else this.#away.see({ command, arguments: given });
    };
    const isGoing = (standing: Standing): boolean => this.#isGoing(standing);
    this.#leaving = new Leaving({ ...parts, hold: this.#hold, onLeave, recorded, isGoing, tell });
  }

  /** The debuggee has ended: there is nothing that a later client could attach to. */
  get terminated(): boolean {
    return this.#state.terminated !== undefined;
  }

  get transparent(): boolean {
    const { primary, all } = this.#roster;
    return (
      this.#onEnded === undefined &&
      primary !== undefined &&
      all.length === 1 &&
      this.#joining.settled(primary) &&
      this.#table.size === 0 &&
      this.#reverse.size === 0 &&
      !this.#hold.held &&
      this.#hold.empty &&
      this.#answers.size === 0 &&
      !this.#references.stale &&
      this.#breakpoints.plainFor(primary.id) &&
      this.#ended === undefined
    );
  }

  get clients(): readonly ClientId[] {
    return this.#roster.all.map(({ id }) => id);
  }

  /** The client that drives; with `any`, the one that reverse requests go to first. */
  get driver(): ClientId | undefined {
    return this.#roster.driver?.id;
  }

  get stop(): Stop | undefined {
    return this.#state.stop;
  }

  /** Its `initialize` was answered from here. */
  hasAnswered(client: ClientId): boolean {
    return this.#roster.get(client)?.answered ?? false;
  }

  /** Who is here, the oldest first. */
  get views(): readonly ClientView[] {
    return this.#roster.all.map((client) => this.#roster.view(client));
  }

  /** Lets another client drive; false when the policy is not `ask`, or it is not here. */
  drive(client: ClientId): boolean {
    return this.#takeOver.by(client);
  }

  /**
   * Lets run what stands, as one more client would, once captures that go on have ended: this thread, or all. The clients are told. The
   * threads that are let go by this.
   */
  resume(thread?: string): readonly string[] {
    if (this.#ended !== undefined || this.#away.why !== undefined) return [];
    const { standing } = this.#state;
    const meant = standing.filter(({ stop }) => thread === undefined || String(stop.thread) === thread);
    const whole = meant.findLast(({ all }) => all);
    const rest = whole === undefined ? [...meant] : [whole];
    // One after the other: the first may have let all of them run, as most adapters do, and says so.
    const run = (): void => {
      const next = rest.findIndex((each) => this.#state.standing.includes(each) && !this.#isGoing(each));
      const [each] = next === -1 ? [] : rest.splice(next, 1);
      if (each !== undefined)
        this.#ask("continue", { threadId: each.stop.thread }, (answer) => {
          if (answer.wire === "dap" && answer.success) run();
        });
    };
    if (this.#hold.held) this.#hold.add(undefined, run);
    else run();
    return meant.map(({ stop }) => String(stop.thread));
  }

  join(client: ClientId): void {
    this.#roster.join(client);
    const joined = this.#roster.get(client);
    // Adapters speak before they are spoken to: that is for whoever is about to open the session.
    if (joined !== undefined && joined === this.#roster.primary && !this.#handshake.isSaid("initialize")) {
      joined.live = true;
    }
  }

  leave(client: ClientId): void {
    const leaver = this.#roster.get(client);
    if (leaver !== undefined) this.#depart(leaver);
  }

  fromClient(id: ClientId, frame: Frame): void {
    const client = this.#roster.get(id);
    if (client === undefined) return;
    const message = decodeDap(frame);
    if (message !== undefined && isRequest(message)) {
      const run = (): void => this.#request(client, message, frame);
      if (!this.#mustWait(client, message)) run();
      else if (!this.#hold.add(id, run)) this.#refuse(client, message, "too many requests wait for a capture");
    } else if (message !== undefined && isResponse(message) && this.#reverse.answer(id, message, frame)) return;
    else if (client === this.#roster.primary && this.#away.why === undefined) this.#output.toDebuggee(frame.bytes);
  }

  fromDebuggee(frame: Frame): void {
    const message = answerIn(frame) ?? decodeDap(frame);
    if (message !== undefined && isResponse(message)) this.#response(message, frame);
    else if (message !== undefined && isEvent(message)) this.#event(message, frame);
    else if (message !== undefined && isRequest(message)) {
      if (this.#ended === undefined) this.#reverse.pass(message, frame);
    } else this.#toPrimary(frame);
  }

  ask(ask: Ask, answered: (answer: Answer) => void): () => void {
    let open = true;
    const once = (answer: Answer): void => {
      if (open) {
        open = false;
        answered(answer);
      }
    };
    const gone = this.#ended ?? this.#away.why;
    const seq = ask.wire === "dap" && gone === undefined ? this.#ask(ask.command, ask.arguments, once) : undefined;
    if (seq === undefined) once({ wire: "none", why: gone ?? "it cannot be asked" });
    return () => {
      if (open && seq !== undefined) this.#table.abandon(seq);
      once({ wire: "none", why: "given up" });
    };
  }

  hold(): void {
    this.#hold.hold();
  }

  release(): void {
    this.#hold.release();
  }

  remark(path: string, text: string | undefined): void {
    if (this.#ended === undefined) this.#remarks.set(path, text);
  }

  setOwn(placed: readonly Placed[]): void {
    if (this.#ended === undefined) this.#own.set(placed);
  }

  get ownSettled(): boolean {
    return this.#own.settled;
  }

  stateOf(placed: Placed): OwnState | undefined {
    return this.#own.stateOf(placed);
  }

  /** The debuggee may be attached again, and somebody would gain by it. */
  get returnable(): boolean {
    return this.#onEnded !== undefined && this.#ended === undefined && this.#away.possible;
  }

  /** The connection is lost, or an attempt to make a new one has failed; see {@link reattach}. */
  lost(why: string): void {
    this.#reverse.clear();
    this.#answers.forget();
    this.#references.resumed();
    this.#away.begin(why, this.#table.clear());
  }

  /** There is a new connection: attaches again, with all breakpoints. `done` is told why that failed, or undefined. */
  reattach(done: (failed: string | undefined) => void): void {
    this.#away.attach(done);
  }

  /** It will not be attached again: clients are told that it has ended. */
  giveUp(): void {
    const bytes = event("terminated");
    for (const { id, live } of this.#roster.all) if (live) this.#output.toClient(id, bytes);
  }

  end(why: string): void {
    if (this.#ended !== undefined) return;
    this.#ended = why;
    this.#leaving.end();
    this.#hold.clear();
    this.#reverse.clear();
    this.#answers.forget();
    for (const { asker } of this.#table.clear()) {
      if (asker !== "nobody" && "answered" in asker) asker.answered({ wire: "none", why });
    }
    this.#joining.end(why);
  }

  // Requests of clients

  #mustWait(client: DapClient, request: DebugProtocol.Request): boolean {
    if (this.#hold.has(client.id)) return true;
    if (!this.#hold.held) return false;
    const { command } = request;
    return heldBack.has(command) || (command === "evaluate" && member(request.arguments, "context") === "repl");
  }

  #request(client: DapClient, request: DebugProtocol.Request, frame: Frame): void {
    const { command } = request;
    if (stepOf(command) !== undefined) {
      this.#joining.take(client, request, frame);
      if (client.configured) this.#leaving.configured();
    } else if (command === "disconnect") this.#disconnect(client, request, frame);
    else if (this.#away.take(client.id, request)) return;
    else if (command === "cancel") this.#cancel(client, request, frame);
    else if (isTakeOver(request)) this.#takeOver.asked(client, request);
    else if (driving.has(command) && !this.#roster.drives(client)) {
      this.#refuse(client, request, this.#takeOver.refusal(client));
    } else if (this.#runsAlready(request)) {
      this.#output.toClient(client.id, success(request, { allThreadsContinued: true }));
    } else if (this.#references.isStale(request, this.#resuming)) {
      this.#output.toClient(client.id, failure(request, "notStopped", "the program has run on since"));
    } else {
      const kept = this.#answers.find(request);
      if (kept === undefined) this.#forward(client, request, frame);
      else this.#output.toClient(client.id, renumbered(kept, { request_seq: request.seq }));
    }
  }

  /** What lets the program run is on its way, and nothing else stands. */
  get #resuming(): boolean {
    const { standing } = this.#state;
    return standing.length === 1 && standing.every((each) => this.#isGoing(each));
  }

  /** What ends this stop is on its way. */
  #isGoing(standing: Standing): boolean {
    for (const { request, stops } of this.#table.values()) if (letsRun(request, standing, stops, false)) return true;
    return false;
  }

  /** With several clients one's `continue` may come when another's was first: debugpy would hear nothing more until the next stop. */
  #runsAlready({ command }: DebugProtocol.Request): boolean {
    const { standing, count } = this.#state;
    if (command !== "continue" || this.#roster.all.length < 2 || count === 0) return false;
    return standing.every((each) => this.#isGoing(each));
  }

  #refuse(client: DapClient, request: DebugProtocol.Request, why: string): void {
    this.#output.toClient(client.id, failure(request, why));
  }

  #forward(client: DapClient, request: DebugProtocol.Request, frame: Frame): void {
    if (this.#ended !== undefined) {
      this.#refuse(client, request, `the debuggee is gone: ${this.#ended}`);
      return;
    }
    const primary = client === this.#roster.primary;
    const plan = this.#breakpoints.set(client.id, request);
    const source = this.#remarks.request(client.id, request);
    const seq = this.#number(request, { client: client.id, seq: request.seq }, plan, primary ? request.seq : undefined);
    if (seq === undefined) {
      if (primary) this.#output.toDebuggee(frame.bytes);
      else this.#refuse(client, request, "too many requests are unanswered");
    } else if (seq === request.seq && plan?.arguments === undefined) this.#output.toDebuggee(frame.bytes);
    else this.#send(request, seq, plan);
    if (source !== undefined) this.#output.breakpoints?.(source);
  }

  /** Puts it in the table; what it may change is forgotten. */
  #number(
    request: DebugProtocol.Request,
    asker: Asker,
    plan: BreakpointPlan | undefined,
    wanted?: number,
  ): number | undefined {
    const { command } = request;
    if (!readOnly.has(command)) this.#answers.forget();
    this.#leaving.see(request);
    this.#away.see(request);
    const entry = { request, asker, plan, epoch: this.#answers.epoch, stops: this.#state.count };
    return this.#table.add(entry, wanted);
  }

  #send(request: DebugProtocol.Request, seq: number, plan: BreakpointPlan | undefined): void {
    const merged: unknown = plan?.arguments;
    this.#output.toDebuggee(encodeDap({ ...request, seq, ...(merged === undefined ? {} : { arguments: merged }) }));
  }

  #cancel(client: DapClient, request: DebugProtocol.Request, frame: Frame): void {
    const requestId = member(request.arguments, "requestId");
    if (typeof requestId !== "number") {
      this.#forward(client, request, frame);
      return;
    }
    const upstream = this.#table.find(client.id, requestId);
    if (upstream !== undefined && upstream !== requestId) {
      const mapped = { ...request, arguments: { ...request.arguments, requestId: upstream } };
      const seq = this.#number(mapped, { client: client.id, seq: request.seq }, undefined);
      if (seq !== undefined) this.#send(mapped, seq, undefined);
      else this.#refuse(client, request, "too many requests are unanswered");
    } else if (upstream !== undefined || client === this.#roster.primary) this.#forward(client, request, frame);
    // Upstream that number would be the primary's: what this client means has been answered.
    else this.#output.toClient(client.id, success(request));
  }

  #disconnect(client: DapClient, request: DebugProtocol.Request, frame: Frame): void {
    const there = this.#ended === undefined && this.#away.why === undefined;
    if (there && this.#leaving.endsSession(client, request)) {
      this.#forward(client, request, frame);
      return;
    }
    this.#output.toClient(client.id, success(request));
    this.#depart(client);
    this.#output.close(client.id);
  }

  #depart(client: DapClient): void {
    this.#roster.leave(client.id);
    this.#table.forget(client.id);
    this.#remarks.leave(client.id);
    this.#hold.drop(client.id);
    if (this.#ended === undefined) this.#reverse.leave(client.id);
    this.#leaving.left(client.id);
    this.#joining.progress();
  }

  #ask(
    command: string,
    given: unknown,
    answered: (answer: Answer) => void,
    planned?: BreakpointPlan,
  ): number | undefined {
    const request: DebugProtocol.Request = { seq: 0, type: "request", command, arguments: given };
    const step = stepOf(command);
    if (step !== undefined && !this.#handshake.isSaid(step)) this.#handshake.say(step, request);
    const plan = planned ?? this.#breakpoints.set("relay", request);
    const seq = this.#number(request, { answered }, plan);
    if (seq !== undefined) this.#send(request, seq, plan);
    return seq;
  }

  // What the debuggee sends

  #response(response: DebugProtocol.Response, frame: Frame): void {
    const entry = this.#table.take(response.request_seq);
    if (entry === undefined) {
      this.#toPrimary(frame);
      return;
    }
    const { request, asker, plan, stops, epoch } = entry;
    this.#handshake.seeResponse(request, response);
    this.#leaving.seeResponse(request, response);
    this.#away.seeResponse(request, response);
    const stands = this.#state.stop !== undefined && stops === this.#state.count;
    if (response.success && stands) this.#references.see(request, response, this.#remembers(asker));
    if (!readOnly.has(request.command)) this.#answers.forget();
    const ran = this.#state.seeResponse(request, response, stops);
    if (ran && this.#state.stop === undefined) this.#references.resumed();
    const answer = plan === undefined ? undefined : this.#breakpoints.answer(plan, response);

    if (asker !== "nobody" && "client" in asker) {
      const { seq } = asker;
      const body: unknown = answer?.body;
      let { bytes } = frame;
      if (body !== undefined) bytes = encodeDap({ ...response, request_seq: seq, body });
      else if (seq !== response.request_seq) bytes = answerTo(frame, response, seq);
      this.#output.toClient(asker.client, bytes);
    }
    for (const { owner, body } of answer?.changed ?? []) {
      if (typeof owner === "number") this.#events.breakpointChanged(owner, body);
    }
    if (ran)
      this.#events.continued(request, response, asker !== "nobody" && "client" in asker ? asker.client : undefined);
    this.#joining.progress();
    if (asker !== "nobody" && "answered" in asker) {
      if (stands) this.#answers.keep(request, response, epoch, frame.bytes.length);
      const { success, body, message } = response;
      asker.answered({ wire: "dap", success, body, ...(message === undefined ? {} : { message }) });
    }
  }

  /** Numbers are remembered when others than the sole client deal with them. */
  #remembers(asker: Asker): boolean {
    return this.#roster.all.length !== 1 || asker === "nobody" || "answered" in asker || this.#answers.size > 0;
  }

  #event(event: DebugProtocol.Event, frame: Frame): void {
    if (this.#away.hears(event)) return;
    if ((event.event === "terminated" || event.event === "exited") && this.returnable) {
      this.#onEnded?.("the debuggee has ended");
      return;
    }
    const before = this.#state.standing;
    const stop = this.#state.seeEvent(event, frame);
    this.#handshake.seeEvent(event);
    const again = stop !== undefined && before.some((standing) => standing.stop.thread === stop.thread);
    if (again || (before.length > 0 && this.#state.stop === undefined)) this.#references.resumed();
    if (stop !== undefined || ["continued", "invalidated", "memory"].includes(event.event)) this.#answers.forget();
    this.#events.pass(event, frame, before.length > 0);
    if (event.event === "initialized") this.#own.begin();
    this.#joining.progress();
    if (stop === undefined) return;
    this.#output.stopped(stop);
    this.#leaving.stopped();
  }

  #toPrimary(frame: Frame): void {
    const { primary } = this.#roster;
    if (primary !== undefined) this.#output.toClient(primary.id, frame.bytes);
  }
}
