// The commands of one pydevd debuggee and its clients. See exchange.ts for what an exchange is.
//
// Rules
// - The first client ever is native: what it sends goes on as the very bytes that came, under its own numbers and breakpoint ids.
//   All others, and asks, get numbers of the relay's (pydevd-numbers.ts).
// - Until the debuggee was told to run (101) it must not be dropped: it would block in settrace for ever. A client that leaves
//   before is followed by one that begins anew; one that leaves later takes its breakpoints away, and the last one lets all run.
//   `onLeave: keep` leaves all as it stands. While hits are recorded the last one's breakpoints stay, and each stop at them is let
//   run once it is captured. What was left behind goes when the next client has set its own (101).
// - The relay's own breakpoints are set before the debuggee runs (101) and stay whoever leaves. With no client there a stop at one is
//   let run once it is captured.
// - A client that joins a running debuggee is handed the live session: its 501 is answered from what the debuggee has said, its
//   101 is swallowed and answered with the threads that are known (103), then with the stops (105).
// - Once a frame shows that the session is DAP over pydevd (settrace(protocol="dap"), 503 http_json) all passes as it is, for ever:
//   one client, no asks. Only a stop while no client is there is still resumed. The port dance (99) is transparent too.
import type { Answer, Ask, ClientId, Exchange, ExchangeOutput, OwnState, Stop } from "./exchange.ts";
import { decodeDap } from "./dap.ts";
import { frameBody, type Frame, type Side } from "./frame.ts";
import { member } from "./json.ts";
import type { Placed } from "./placed.ts";
import { PydevdAnswers, mayBeKept, mayChange } from "./pydevd-answers.ts";
import { PydevdAsks } from "./pydevd-asks.ts";
import { PydevdClients, type PydevdClient } from "./pydevd-clients.ts";
import { parseVersion, PydevdHandshake } from "./pydevd-handshake.ts";
import { pydevdHead, withSeq, type PydevdHead } from "./pydevd-head.ts";
import { executes, PydevdHold } from "./pydevd-hold.ts";
import { PydevdNumbers, type Asker } from "./pydevd-numbers.ts";
import { PydevdRemarks } from "./pydevd-remarks.ts";
import { PydevdSettings } from "./pydevd-settings.ts";
import { PydevdThreads } from "./pydevd-threads.ts";
import { decodePydevd, encodePydevd } from "./pydevd.ts";

export interface PydevdExchangeOptions {
  /** Who may let threads run, and pause them: the oldest client (the default), all, or the one that was named by `drive`. */
  readonly drive?: "first" | "any" | "ask";
  /** What becomes of stops and breakpoints when the last client leaves; `end` is the caller's affair. Default `resume`. */
  readonly onLeave?: "keep" | "resume" | "end";
  /** Hits are recorded, whether a client is here or not. */
  readonly recorded?: boolean;
}

const names: Readonly<Record<Side, ReadonlySet<string>>> = {
  client: new Set(["99", "101", "111", "112", "122", "123", "125", "126", "131", "161", "501", "503"]),
  debuggee: new Set(["103", "104", "105", "106", "138", "501", "901", "stopped"]),
};

const openingBrace = 123;
const writeToConsole = 116;

export class PydevdExchange implements Exchange {
  readonly names = names;
  /** They have no answer; what is said later is done later. */
  readonly ownSettled = true;
  readonly #output: ExchangeOutput;
  readonly #mayAllDrive: boolean;
  readonly #onLeave: "keep" | "resume" | "end";
  readonly #isRecorded: boolean;
  readonly #clients: PydevdClients;
  readonly #handshake = new PydevdHandshake();
  readonly #numbers = new PydevdNumbers();
  readonly #asks = new PydevdAsks(this.#numbers);
  readonly #threads = new PydevdThreads();
  readonly #answers = new PydevdAnswers();
  readonly #hold = new PydevdHold();
  readonly #remarks = new PydevdRemarks((client, text) => this.#clients.say(client, writeToConsole, undefined, text));
  readonly #settings = new PydevdSettings(
    this.#handshake,
    (id, text) => this.#send(id, text),
    (client, file) => {
      this.#remarks.tell(client, file);
      this.#output.breakpoints?.(file);
    },
  );
  /** Stops that the exchange itself has sent a 106 for. */
  readonly #resumed = new WeakSet<Stop>();
  /** Stops that somebody wants to end, once captures that go on have ended. */
  readonly #unwanted = new Set<Stop>();
  /** Undefined before the first frame. */
  #isDap: boolean | undefined;
  #dispatched = false;
  /** Clients whose breakpoints were left behind. */
  readonly #left = new Set<ClientId>();
  /** The relay's own breakpoints. */
  #own: readonly Placed[] = [];
  #ended: string | undefined;

  constructor(output: ExchangeOutput, options: PydevdExchangeOptions = {}) {
    this.#output = output;
    this.#mayAllDrive = options.drive === "any";
    this.#onLeave = options.onLeave ?? "resume";
    this.#isRecorded = options.recorded ?? false;
    this.#clients = new PydevdClients((client, bytes) => output.toClient(client, bytes));
  }

  get transparent(): boolean {
    if (this.#isPassedOn) return this.running;
    const client = this.#clients.sole;
    if (client?.isNative !== true || !client.isReady || !this.running || this.#hold.held) return false;
    return this.#numbers.pending + this.#asks.waiting + this.#answers.size === 0;
  }

  get clients(): readonly ClientId[] {
    return this.#clients.ids;
  }

  get stop(): Stop | undefined {
    return this.#threads.stop;
  }

  /** The debuggee was told to run (101, DAP's configurationDone), or to go to another port (99): it may be dropped. */
  get running(): boolean {
    return this.#handshake.running;
  }

  /** PyCharm's port dance (99): the client closes on purpose, and the debuggee is to be closed with it. */
  get dispatched(): boolean {
    return this.#dispatched;
  }

  /** The client that may let threads run; undefined when there is none, or when all may. */
  get driver(): ClientId | undefined {
    return this.#mayAllDrive ? undefined : this.#clients.driver?.id;
  }

  /** This client drives from now on. */
  drive(client: ClientId): void {
    this.#clients.drive(client);
  }

  /** No IDE is there: the debuggee is set free by the relay itself, and what it stops at is resumed. */
  own(): void {
    if (this.#clients.size > 0 || this.running || this.#ended !== undefined) return;
    this.#settings.setVersion({ os: "UNIX", grammar: "ID" });
    this.#settings.setOwn(this.#own);
    this.#run(this.#send(101, ""));
  }

  /** As that of DAP: lets run what stands, this thread or all; the threads that are let go by this. */
  resume(thread?: string): readonly string[] {
    if (this.#ended !== undefined || this.#isPassedOn || !this.running) return [];
    const meant = this.#threads.stops.filter((stop) => thread === undefined || stop.thread === thread);
    for (const stop of meant) this.#unwanted.add(stop);
    this.#resumeUnwanted();
    return meant.map((stop) => String(stop.thread));
  }

  join(client: ClientId): void {
    if (this.#ended !== undefined || this.#clients.get(client) !== undefined) return;
    if (this.#isPassedOn && this.#clients.size > 0) this.#output.close(client);
    else this.#clients.join(client);
  }

  leave(client: ClientId): void {
    if (!this.#clients.leave(client)) return;
    this.#hold.leave(client);
    this.#numbers.leave(client);
    this.#remarks.leave(client);
    if (this.#ended !== undefined || this.#dispatched) return;
    if (this.#isDap === true) {
      if (this.#clients.size === 0) this.#send(106, "*");
      return;
    }
    const isLast = this.#clients.size === 0 && this.running;
    if (isLast && (this.#onLeave === "keep" || (this.#onLeave === "resume" && this.#isRecorded)))
      this.#left.add(client);
    else this.#settings.leave(client);
    if (!this.running && this.#clients.driver?.isReady === true) {
      this.#settings.setOwn(this.#own);
      this.#run(this.#send(101, ""));
    }
    this.#resumeUnwanted();
  }

  fromClient(id: ClientId, frame: Frame): void {
    const client = this.#clients.get(id);
    if (client === undefined || this.#ended !== undefined) return;
    if (this.#showsDap(frame)) {
      this.#passDap(client, frame);
      return;
    }
    const head = pydevdHead(frame);
    if (head === undefined) {
      // pydevd answers nothing to what is no command; but JSON of a client that mixes framings it would answer to all.
      if (client.isNative || frame.kind === "line") this.#output.toDebuggee(frame.bytes);
      return;
    }
    if (this.#hold.full) this.release();
    const waits =
      this.#hold.held && this.#hold.takes({ client: id, frame }, head.id, textOf(frame), this.#handshake.flavour);
    if (!waits) this.#command(client, frame, head);
  }

  fromDebuggee(frame: Frame): void {
    if (this.#ended !== undefined) return;
    if (this.#showsDap(frame)) {
      const client = this.#clients.driver;
      if (client !== undefined) this.#output.toClient(client.id, frame.bytes);
      else if (this.running && member(decodeDap(frame), "event") === "stopped") this.#send(106, "*");
      return;
    }
    const head = pydevdHead(frame);
    if (head === undefined) {
      this.#clients.tell(frame, head, this.running);
      return;
    }
    this.#handshake.see(head, frame);
    const stop = this.#threads.see(head.id, frame);
    if (head.id >= 104 && head.id <= 106) this.#answers.clear();
    if (this.#numbers.issued(head.seq)) this.#answered(this.#numbers.take(head.seq), frame, head);
    else this.#clients.tell(frame, head, this.running);
    if (stop === undefined) return;
    if (this.#clients.size > 0 || this.#left.size > 0 || this.#own.length > 0) this.#output.stopped(stop);
    this.#resumeUnwanted();
  }

  ask(ask: Ask, answered: (answer: Answer) => void): () => void {
    if (ask.wire !== "pydevd" || this.#isPassedOn || this.#ended !== undefined) {
      answered({ wire: "none", why: this.#ended ?? "the debuggee does not speak pydevd's text protocol here" });
      return () => undefined;
    }
    const giveUp = this.#asks.add(ask, answered);
    this.#sendDue();
    return giveUp;
  }

  hold(): void {
    this.#hold.hold();
  }

  release(): void {
    if (this.#ended !== undefined) return;
    for (const { client: id, frame } of this.#hold.release()) {
      const client = this.#clients.get(id);
      const head = pydevdHead(frame);
      if (client !== undefined && head !== undefined) this.#command(client, frame, head);
    }
    this.#resumeUnwanted();
  }

  remark(path: string, text: string | undefined): void {
    if (this.#ended !== undefined) return;
    this.#remarks.set(path, text);
    for (const id of this.#settings.clientsIn(path)) {
      const client = this.#clients.get(id);
      if (client !== undefined) this.#remarks.tell(client, path);
    }
  }

  setOwn(placed: readonly Placed[]): void {
    if (this.#ended !== undefined) return;
    this.#own = placed;
    if (this.running && !this.#isPassedOn) this.#settings.setOwn(placed);
  }

  stateOf(placed: Placed): OwnState {
    if (this.#isPassedOn) return { state: "failed", why: "the debuggee does not speak pydevd's text protocol here" };
    if (this.#settings.hasOwn(placed)) return { state: "bound" };
    return { state: "pending", why: "the debuggee has not been told to run yet" };
  }

  end(why: string): void {
    if (this.#ended !== undefined) return;
    this.#ended = why;
    this.#asks.end(why);
    this.#answers.clear();
    this.#hold.release();
  }

  get #isPassedOn(): boolean {
    return this.#isDap === true || this.#dispatched;
  }

  /** The first frame, of either side, decides. */
  #showsDap(frame: Frame): boolean {
    if (this.#isDap === undefined) this.#becomes(frame.kind === "header" && frameBody(frame)[0] === openingBrace);
    return this.#isDap === true;
  }

  #becomes(dap: boolean): void {
    this.#isDap = dap;
    if (dap) this.#asks.end("the session is DAP over pydevd");
  }

  #passDap(client: PydevdClient, frame: Frame): void {
    if (client !== this.#clients.driver) this.#output.close(client.id);
    else {
      if (!this.running && member(decodeDap(frame), "command") === "configurationDone") this.#handshake.run();
      this.#output.toDebuggee(frame.bytes);
    }
  }

  #command(client: PydevdClient, frame: Frame, head: PydevdHead): void {
    const { id, seq } = head;
    if (
      !this.#mayAllDrive &&
      client !== this.#clients.driver &&
      (id === 105 || executes(id, this.#handshake.flavour))
    ) {
      const driver = this.#clients.driver?.id;
      this.#clients.say(client, 901, seq, `debugtap: client ${driver} drives this session; this one only observes`);
    } else if (id === 99) {
      this.#dispatched = true;
      this.#asks.end("the debuggee was sent to another port");
      this.#handshake.run(this.#forward(client, frame, head));
    } else if (id === 101) this.#runBy(client, frame, head);
    else if (id === 501) this.#versionBy(client, frame, head);
    else if (id === 503) this.#protocolBy(client, frame, head);
    else if (!this.#settings.take(client, id, frame, () => this.#forward(client, frame, head))) {
      const kept = mayBeKept(id) && this.#answers.size > 0 ? this.#answers.get(id, textOf(frame)) : undefined;
      if (kept === undefined) this.#forward(client, frame, head);
      else this.#clients.pass(client, kept, seq);
    }
  }

  /** Sends a client's command on; returns its number at the debuggee. */
  #forward(client: PydevdClient, frame: Frame, head: PydevdHead): number {
    if (mayChange(head.id)) this.#answers.clear();
    // 159 of PyCharm's answers a 149, under its number.
    const isAsItCame =
      (client.isNative && !this.#numbers.issued(head.seq)) || (head.id === 159 && this.#handshake.flavour === "PC");
    const seq = isAsItCame ? head.seq : this.#numbers.issue({ client: client.id, seq: head.seq });
    this.#output.toDebuggee(withSeq(frame, head, seq));
    return seq;
  }

  /** Sends a command of which nobody wants the answer; returns its number. */
  #send(id: number, text: string, asker: Asker = "own"): number {
    const seq = this.#numbers.issue(asker);
    this.#output.toDebuggee(encodePydevd(id, seq, text, { side: "client" }));
    return seq;
  }

  #runBy(client: PydevdClient, frame: Frame, head: PydevdHead): void {
    const isAgain = client.isReady;
    client.isReady = true;
    if (!this.running) {
      // Another one waits for the driver, who may not have set all its breakpoints yet.
      if (client !== this.#clients.driver) return;
      this.#settings.setOwn(this.#own);
      this.#run(this.#forward(client, frame, head));
    } else if (isAgain) this.#forward(client, frame, head);
    else {
      for (const left of this.#left) this.#settings.leave(left);
      this.#left.clear();
      for (const text of this.#threads.announcements) this.#clients.say(client, 103, undefined, text);
      for (const told of this.#threads.retold) this.#clients.pass(client, told);
    }
  }

  #run(seq: number): void {
    this.#handshake.run(seq);
    this.#sendDue();
  }

  #versionBy(client: PydevdClient, frame: Frame, head: PydevdHead): void {
    const isAgain = client.version !== undefined;
    const version = parseVersion(textOf(frame));
    client.version = version;
    const { build } = this.#handshake;
    if (!this.running || build === undefined || isAgain) {
      this.#forward(client, frame, head);
      this.#handshake.version = version;
      this.#sendDue();
      return;
    }
    const known = this.#handshake.version;
    const isOther = version.os !== known?.os || version.grammar !== known.grammar;
    if (isOther && client === this.#clients.driver) this.#settings.setVersion(version);
    this.#clients.say(client, 501, head.seq, build);
  }

  #protocolBy(client: PydevdClient, frame: Frame, head: PydevdHead): void {
    const protocol = textOf(frame).trim();
    if (client.isNative) {
      this.#forward(client, frame, head);
      if (protocol === "http_json" || protocol === "json") this.#becomes(true);
    } else if (protocol === "http" || protocol === "quoted-line") {
      client.framing = protocol === "http" ? "header" : "line";
      this.#clients.say(client, 503, head.seq, "");
    } else this.#clients.say(client, 901, head.seq, `debugtap: ${protocol} cannot be had: the session has its framing`);
  }

  #answered(asker: Asker, frame: Frame, head: PydevdHead): void {
    if (asker === "own") return;
    if ("client" in asker) {
      const client = this.#clients.get(asker.client);
      if (client !== undefined) this.#clients.pass(client, frame, asker.seq);
      return;
    }
    const { id, text } = asker.ask;
    const [thread = ""] = text.split("\t", 1);
    if (mayBeKept(id) && head.id === id && this.#threads.isStopped(thread)) this.#answers.keep(id, text, frame);
    asker.answered({ wire: "pydevd", id: head.id, text: decodePydevd(frame, "debuggee")?.text ?? "" });
  }

  /** Asks what may be asked by now. */
  #sendDue(): void {
    for (const asked of this.#asks.due(this.running, this.#handshake.version !== undefined)) {
      const { id, text } = asked.ask;
      if (mayChange(id)) this.#answers.clear();
      this.#send(id, text, asked);
    }
  }

  /** Lets run what is stopped for nobody, and what somebody wants to run. */
  #resumeUnwanted(): void {
    if (this.#hold.held || !this.running) return;
    const keeps = this.#clients.size > 0 || (this.#left.size > 0 && this.#onLeave === "keep");
    const wanted = new Set(this.#unwanted);
    this.#unwanted.clear();
    for (const stop of this.#threads.stops) {
      if (this.#resumed.has(stop) || (keeps && !wanted.has(stop))) continue;
      this.#resumed.add(stop);
      this.#send(106, String(stop.thread));
    }
  }
}

/** What follows the seq in a client's command. */
function textOf(frame: Frame): string {
  return decodePydevd(frame, "client")?.raw ?? "";
}
