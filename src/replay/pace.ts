// The time between two hits, kept when an IDE continues from one to the next.
//
//   continue → the response at once, and what follows it (log lines, `stopped`) when the recorded time is over
//
// Rules
// - It waits a minute at most. Whatever stops or ends the session ends the wait: `pause`, a hit that was chosen elsewhere.
// - All else is answered meanwhile: for the core the replay stands at the next hit already.
import { isEvent } from "../../protocol/dap.ts";
import type { DapMessage, DebugProtocol } from "../../protocol/dap.ts";

/** Milliseconds. */
const mostWait = 60_000;

export class Pace {
  readonly #times: number;
  readonly #write: (messages: readonly DapMessage[]) => void;
  #held: { readonly messages: readonly DapMessage[]; readonly timer: NodeJS.Timeout } | undefined;

  /** `times`: how many times as fast as it was. */
  constructor(times: number, write: (messages: readonly DapMessage[]) => void) {
    this.#times = times;
    this.#write = write;
  }

  /** What is to be written now of the answer to a request; `from` and `to` are the times of the stops before and behind it. */
  now(
    { command }: DebugProtocol.Request,
    messages: readonly DapMessage[],
    from: number | undefined,
    to: number | undefined,
  ): readonly DapMessage[] {
    if (!messages.some((each) => isEvent(each) && (each.event === "stopped" || each.event === "terminated")))
      return messages;
    const before = this.end();
    const wait = from === undefined || to === undefined ? 0 : Math.min((to - from) / this.#times, mostWait);
    if (command !== "continue" || wait <= 0) return [...before, ...messages];
    this.#held = { messages: messages.slice(1), timer: setTimeout(() => this.#write(this.end()), wait) };
    return [...before, ...messages.slice(0, 1)];
  }

  /** Ends the wait; what is to be written now. */
  end(): readonly DapMessage[] {
    const held = this.#held;
    this.#held = undefined;
    clearTimeout(held?.timer);
    return held?.messages ?? [];
  }
}
