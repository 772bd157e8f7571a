// The parts of one DAP exchange, put together: what is known, and those who do something with it. Of every request that goes up
// dap-leaving.ts and dap-away.ts take note.
//
// One object for all parts, of one class: thousands of sessions may be open, and a literal made of others costs each of them a shape of its own.
import { KeptAnswers } from "./dap-answers.ts";
import { Away } from "./dap-away.ts";
import { Breakpoints } from "./dap-breakpoints.ts";
import type { DebugProtocol } from "./dap.ts";
import { Events } from "./dap-events.ts";
import { FromClient } from "./dap-from-client.ts";
import { FromDebuggee } from "./dap-from-debuggee.ts";
import { Handshake } from "./dap-handshake.ts";
import { HoldQueue } from "./dap-hold.ts";
import { Joining } from "./dap-joining.ts";
import { Leaving, type LeavePolicy } from "./dap-leaving.ts";
import { DapOwn } from "./dap-own.ts";
import { References } from "./dap-references.ts";
import { SourceRemarks } from "./dap-remarks.ts";
import { Resuming } from "./dap-resuming.ts";
import { ReverseRequests } from "./dap-reverse.ts";
import { Roster, type DrivePolicy } from "./dap-roster.ts";
import { SeqTable } from "./dap-seq.ts";
import { DapState } from "./dap-state.ts";
import { TakeOver } from "./dap-take-over.ts";
import { Upstream } from "./dap-upstream.ts";
import type { ClientView } from "./control.ts";
import type { ClientId, ExchangeOutput } from "./exchange.ts";

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

/** Each part is given all of them, and names those that it uses in an interface of its own. */
export class DapParts {
  readonly output: ExchangeOutput;
  readonly onLeave: LeavePolicy;
  readonly recorded: boolean;
  readonly session: string | undefined;
  readonly driven: DapExchangeOptions["driven"];
  readonly onEnded: DapExchangeOptions["onEnded"];

  readonly roster: Roster;
  readonly table = new SeqTable();
  readonly handshake = new Handshake();
  readonly state = new DapState();
  readonly answers = new KeptAnswers();
  readonly references = new References();
  readonly breakpoints = new Breakpoints();
  readonly hold = new HoldQueue();
  readonly remarks: SourceRemarks;

  readonly upstream = new Upstream(this);
  readonly reverse = new ReverseRequests(this);
  readonly joining = new Joining(this);
  readonly resuming = new Resuming(this);
  readonly takeOver = new TakeOver(this);
  readonly own = new DapOwn(this);
  readonly away = new Away(this);
  readonly leaving = new Leaving(this);
  readonly events = new Events(this);
  readonly fromClient = new FromClient(this);
  readonly fromDebuggee = new FromDebuggee(this);

  constructor(output: ExchangeOutput, options: DapExchangeOptions) {
    const { drive, onLeave, recorded = false, session, driven, onEnded } = options;
    this.output = output;
    this.onLeave = onLeave;
    this.recorded = recorded;
    this.session = session;
    this.driven = driven;
    this.onEnded = onEnded;
    this.roster = new Roster(drive);
    this.remarks = new SourceRemarks((client, bytes) => output.toClient(client, bytes));
  }

  toClient(client: ClientId, bytes: Uint8Array): void {
    this.remarks.pass(client, bytes);
  }

  toDebuggee(bytes: Uint8Array): void {
    this.output.toDebuggee(bytes);
  }

  /** A number for a message to the debuggee. */
  ownSeq(): number {
    return this.table.ownSeq();
  }

  /** A request is about to go up. */
  goesUp(request: DebugProtocol.Request): void {
    this.leaving.see(request);
    this.away.see(request);
  }
}
