// The commands of one pydevd debuggee and its clients. See exchange.ts for what an exchange is. The path of a message:
//
//   from a client        `#command` here       who has a say in it; pydevd-joining.ts opens a session, pydevd-settings.ts has breakpoints
//   up, and `ask`        pydevd-upstream.ts    a number, and out to the debuggee
//   from the debuggee    pydevd-upstream.ts    what answers a number of ours, to whoever asked
//                        pydevd-clients.ts     all else, to all that hear it
//
// Rules
// - The first client ever is native: what it sends goes on as the very bytes that came, under its own numbers and breakpoint ids.
//   All others, and asks, get numbers of the relay's (pydevd-numbers.ts).
// - Until the debuggee was told to run (101) it must not be dropped: it would block in settrace for ever. A client that leaves
//   before is followed by one that begins anew; one that leaves later does not end the session (pydevd-leaving.ts).
// - What would let a thread run is the driver's, and waits while a stop is captured (pydevd-hold.ts).
// - DAP over pydevd, and what follows the port dance (99), passes as it is (pydevd-passed-on.ts).
import type { Answer, Ask, ClientId, Exchange, ExchangeOutput, OwnState, Stop } from "./exchange.ts";
import type { Frame, Side } from "./frame.ts";
import type { Placed } from "./placed.ts";
import { PydevdClients, type PydevdClient } from "./pydevd-clients.ts";
import { PydevdHandshake } from "./pydevd-handshake.ts";
import { pydevdHead, type PydevdHead } from "./pydevd-head.ts";
import { executes, PydevdHold } from "./pydevd-hold.ts";
import { PydevdJoining } from "./pydevd-joining.ts";
import { PydevdLeaving } from "./pydevd-leaving.ts";
import { PydevdPassedOn } from "./pydevd-passed-on.ts";
import { PydevdRemarks } from "./pydevd-remarks.ts";
import { PydevdSettings } from "./pydevd-settings.ts";
import { PydevdThreads } from "./pydevd-threads.ts";
import { PydevdUpstream } from "./pydevd-upstream.ts";
import { commandText } from "./pydevd.ts";

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

const writeToConsole = 116;
const notPydevds = "the debuggee does not speak pydevd's text protocol here";

export class PydevdExchange implements Exchange {
  readonly names = names;
  /** They have no answer; what is said later is done later. */
  readonly ownSettled = true;
  readonly #output: ExchangeOutput;
  readonly #mayAllDrive: boolean;
  readonly #clients: PydevdClients;
  readonly #handshake = new PydevdHandshake();
  readonly #threads = new PydevdThreads();
  readonly #hold = new PydevdHold();
  readonly #upstream: PydevdUpstream;
  readonly #passedOn: PydevdPassedOn;
  readonly #remarks: PydevdRemarks;
  readonly #settings: PydevdSettings;
  readonly #leaving: PydevdLeaving;
  readonly #joining: PydevdJoining;
  #ended: string | undefined;

  constructor(output: ExchangeOutput, { drive, onLeave = "resume", recorded = false }: PydevdExchangeOptions = {}) {
    this.#output = output;
    this.#mayAllDrive = drive === "any";
    const clients = new PydevdClients((client, bytes) => output.toClient(client, bytes), this.#mayAllDrive);
    const known = { clients, handshake: this.#handshake, threads: this.#threads, hold: this.#hold, output };
    const upstream = new PydevdUpstream({ ...known, toDebuggee: (bytes) => output.toDebuggee(bytes) });
    const passedOn = new PydevdPassedOn({ ...known, upstream });
    const remarks = new PydevdRemarks((client, text) => clients.say(client, writeToConsole, undefined, text));
    const settings = new PydevdSettings(this.#handshake, upstream, (client, file) => {
      remarks.tell(client, file);
      output.breakpoints?.(file);
    });
    const leaving = new PydevdLeaving({ ...known, upstream, settings, onLeave, recorded });
    this.#joining = new PydevdJoining({ ...known, upstream, passedOn, settings, leaving });
    this.#clients = clients;
    this.#upstream = upstream;
    this.#passedOn = passedOn;
    this.#remarks = remarks;
    this.#settings = settings;
    this.#leaving = leaving;
  }

  get transparent(): boolean {
    if (this.#passedOn.passesAll) return this.running;
    const client = this.#clients.sole;
    if (client?.isNative !== true || !client.isReady || !this.running || this.#hold.held) return false;
    return this.#upstream.isIdle;
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
    return this.#passedOn.dispatched;
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
    if (this.#clients.size === 0 && !this.running && this.#ended === undefined) this.#joining.open();
  }

  /** As that of DAP: lets run what stands, this thread or all; the threads that are let go by this. */
  resume(thread?: string): readonly string[] {
    if (this.#ended !== undefined || this.#passedOn.passesAll || !this.running) return [];
    return this.#leaving.resume(thread);
  }

  join(client: ClientId): void {
    if (this.#ended !== undefined || this.#clients.get(client) !== undefined) return;
    if (this.#passedOn.passesAll && this.#clients.size > 0) this.#output.close(client);
    else this.#clients.join(client);
  }

  leave(client: ClientId): void {
    if (!this.#clients.leave(client)) return;
    this.#hold.leave(client);
    this.#upstream.leave(client);
    this.#remarks.leave(client);
    if (this.#ended !== undefined) return;
    if (this.#passedOn.passesAll) {
      this.#passedOn.left();
      return;
    }
    this.#leaving.left(client);
    this.#joining.left();
    this.#leaving.resumeUnwanted();
  }

  fromClient(id: ClientId, frame: Frame): void {
    const client = this.#clients.get(id);
    if (client === undefined || this.#ended !== undefined || this.#passedOn.fromClient(client, frame)) return;
    const head = pydevdHead(frame);
    if (head === undefined) {
      // pydevd answers nothing to what is no command; but JSON of a client that mixes framings it would answer to all.
      if (client.isNative || frame.kind === "line") this.#output.toDebuggee(frame.bytes);
      return;
    }
    if (this.#hold.full) this.release();
    const { flavour } = this.#handshake;
    const waits = this.#hold.held && this.#hold.takes({ client: id, frame }, head.id, commandText(frame), flavour);
    if (!waits) this.#command(client, frame, head);
  }

  fromDebuggee(frame: Frame): void {
    if (this.#ended !== undefined || this.#passedOn.fromDebuggee(frame)) return;
    const head = pydevdHead(frame);
    if (head === undefined) {
      this.#clients.tell(frame, head, this.running);
      return;
    }
    this.#handshake.see(head, frame);
    const stop = this.#threads.see(head.id, frame);
    if (!this.#upstream.take(frame, head)) this.#clients.tell(frame, head, this.running);
    if (stop === undefined) return;
    if (this.#leaving.areStopsWanted) this.#output.stopped(stop);
    this.#leaving.resumeUnwanted();
  }

  ask(ask: Ask, answered: (answer: Answer) => void): () => void {
    if (ask.wire === "pydevd" && !this.#passedOn.passesAll && this.#ended === undefined) {
      return this.#upstream.ask(ask, answered);
    }
    answered({ wire: "none", why: this.#ended ?? notPydevds });
    return () => undefined;
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
    this.#leaving.resumeUnwanted();
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
    this.#settings.own = placed;
    if (this.running && !this.#passedOn.passesAll) this.#settings.sayOwn();
  }

  stateOf(placed: Placed): OwnState {
    if (this.#passedOn.passesAll) return { state: "failed", why: notPydevds };
    if (this.#settings.hasOwn(placed)) return { state: "bound" };
    return { state: "pending", why: "the debuggee has not been told to run yet" };
  }

  end(why: string): void {
    if (this.#ended !== undefined) return;
    this.#ended = why;
    this.#upstream.end(why);
    this.#hold.release();
  }

  #command(client: PydevdClient, frame: Frame, head: PydevdHead): void {
    const { id, seq } = head;
    if (!this.#clients.drives(client) && (id === 105 || executes(id, this.#handshake.flavour))) {
      const driver = this.#clients.driver?.id;
      this.#clients.say(client, 901, seq, `debugtap: client ${driver} drives this session; this one only observes`);
    } else if (id === 99) this.#passedOn.dispatch(client, frame, head);
    else if (this.#joining.take(client, frame, head)) return;
    else if (this.#settings.take(client, frame, head)) return;
    else if (!this.#upstream.answer(client, frame, head)) this.#upstream.forward(client, frame, head);
  }
}
