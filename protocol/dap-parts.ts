// The parts of one DAP exchange, put together: what is known, and those who do something with it. Each knows those that are made before
// it; but of every request that goes up dap-leaving.ts and dap-away.ts take note.
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

export type DapParts = ReturnType<typeof dapParts>;

export function dapParts(output: ExchangeOutput, options: DapExchangeOptions) {
  const { drive, onLeave, recorded = false, session, driven, onEnded } = options;
  const remarks = new SourceRemarks((client, bytes) => output.toClient(client, bytes));
  const table = new SeqTable();
  const known = {
    roster: new Roster(drive),
    table,
    handshake: new Handshake(),
    state: new DapState(),
    answers: new KeptAnswers(),
    references: new References(),
    breakpoints: new Breakpoints(),
    remarks,
    hold: new HoldQueue(),
    output,
    toClient: (client: ClientId, bytes: Uint8Array): void => remarks.pass(client, bytes),
    toDebuggee: (bytes: Uint8Array): void => output.toDebuggee(bytes),
  };
  const goesUp = (request: DebugProtocol.Request): void => {
    leaving.see(request);
    away.see(request);
  };
  const upstream = new Upstream({ ...known, goesUp });
  const reverse = new ReverseRequests({ ...known, ownSeq: () => table.ownSeq() });
  const joining = new Joining({ ...known, upstream });
  const resuming = new Resuming({ ...known, upstream });
  const takeOver = new TakeOver({ ...known, session, driven });
  const own = new DapOwn({ ...known, upstream });
  const away = new Away({ ...known, upstream, onEnded });
  const leaving = new Leaving({ ...known, upstream, reverse, joining, resuming, away, onLeave, recorded });
  const events = new Events({ ...known, joining });
  const parts = { ...known, upstream, reverse, joining, resuming, takeOver, own, away, leaving, events };
  return { ...parts, fromClient: new FromClient(parts), fromDebuggee: new FromDebuggee(parts) };
}
