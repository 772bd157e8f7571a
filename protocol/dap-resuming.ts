// Which stops are about to end, since what lets them run is on its way, and letting them run as one more client would.
//
// Rules
// - A stop is let go once: debugpy answers a second `continue` only after the next stop, and hears nothing else until then. With
//   several clients one's may come when another's was first: it is answered here.
// - Of several stops, one that stopped all threads is continued for all of them.
import type { DebugProtocol } from "./dap.ts";
import type { HoldQueue } from "./dap-hold.ts";
import type { Roster } from "./dap-roster.ts";
import type { SeqTable } from "./dap-seq.ts";
import { letsRun, type DapState, type Standing } from "./dap-state.ts";
import type { Upstream } from "./dap-upstream.ts";

export interface ResumingParts {
  readonly roster: Roster;
  readonly table: SeqTable;
  readonly state: DapState;
  readonly hold: HoldQueue;
  readonly upstream: Upstream;
}

/** Those of these stops that are to be continued, so that all of them end. */
export function oneForAll(standing: readonly Standing[]): readonly Standing[] {
  const whole = standing.findLast(({ all }) => all);
  return whole === undefined ? standing : [whole];
}

export class Resuming {
  readonly #parts: ResumingParts;

  constructor(parts: ResumingParts) {
    this.#parts = parts;
  }

  /** What ends this stop is on its way. */
  isGoing(standing: Standing): boolean {
    for (const { request, stops } of this.#parts.table.values()) {
      if (letsRun(request, standing, stops, false)) return true;
    }
    return false;
  }

  /** What ends the only stop is on its way. */
  get isLastGoing(): boolean {
    const { standing } = this.#parts.state;
    return standing.length === 1 && standing.every((each) => this.isGoing(each));
  }

  /** A client's `continue` that comes too late: others have sent theirs for all that stands. */
  isLate({ command }: DebugProtocol.Request): boolean {
    const { roster, state } = this.#parts;
    if (command !== "continue" || roster.all.length < 2 || state.count === 0) return false;
    return state.standing.every((each) => this.isGoing(each));
  }

  /** Lets run this thread, or all, once captures that go on have ended. The threads that are let go by this. */
  resume(thread: string | undefined): readonly string[] {
    const { state, hold, upstream } = this.#parts;
    if (state.gone !== undefined) return [];
    const meant = state.standing.filter(({ stop }) => thread === undefined || String(stop.thread) === thread);
    const rest = [...oneForAll(meant)];
    // One after the other: the first may have let all of them run, as most adapters do, and says so.
    const run = (): void => {
      const next = rest.findIndex((each) => state.standing.includes(each) && !this.isGoing(each));
      const [each] = next === -1 ? [] : rest.splice(next, 1);
      if (each === undefined) return;
      upstream.ask("continue", { threadId: each.stop.thread }, (answer) => {
        if (answer.wire === "dap" && answer.success) run();
      });
    };
    if (hold.held) hold.add(undefined, run);
    else run();
    return meant.map(({ stop }) => String(stop.thread));
  }
}
