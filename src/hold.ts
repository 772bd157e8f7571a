// The way of a debuggee to an IDE that may not listen yet, or serve others first: held, but never dropped.
//
// Rules
// - Its turn first (turnstile.ts); then the IDE is dialled: at once, after 50 ms, doubling to 1 s, so that an IDE that starts
//   to listen is found within a second.
// - It ends when a dial succeeds, when the signal is aborted, or when `release` is: by hand, or because `hold` is over.
import type { Duplex } from "node:stream";
import { asDebugtapError, type DebugtapError } from "../protocol/errors.ts";
import type { Dial } from "./duplex.ts";
import type { Turn, Turnstile } from "./turnstile.ts";

const firstWait = 50;
const longestWait = 1000;

export interface ReachOptions {
  readonly dial: Dial;
  readonly turnstile: Turnstile;
  /** The session's ordinal: the oldest goes first. */
  readonly order: number;
  /** The session is over. */
  readonly signal: AbortSignal;
  /** The debuggee is to run on without an IDE. */
  readonly release: AbortSignal;
  /** Called when it has to wait, with why. */
  readonly onHeld: (why: DebugtapError | { readonly behind: number }) => void;
}

/** A stream to the IDE and the turn to give back; undefined when it was aborted or released. */
export async function reachIde(options: ReachOptions): Promise<{ stream: Duplex; turn: Turn } | undefined> {
  const { dial, turnstile, order, onHeld } = options;
  const signal = AbortSignal.any([options.signal, options.release]);
  const turn = await turnstile.enter(order, signal, (behind) => onHeld({ behind }));
  if (turn === undefined) return undefined;
  for (let wait = firstWait, told = false; !signal.aborted; wait = Math.min(wait * 2, longestWait)) {
    try {
      return { stream: await dial(signal), turn };
    } catch (thrown) {
      if (signal.aborted) break;
      if (!told) onHeld(asDebugtapError(thrown));
      told = true;
      await pause(wait, signal);
    }
  }
  turn.done();
  return undefined;
}

/** Waits, or returns at once when the signal is aborted. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done, { once: true });
    if (signal.aborted) done();
  });
}
