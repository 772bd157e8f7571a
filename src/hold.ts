// Dialling an IDE that may not listen yet: again and again, while the debuggee is held.
//
// Rules
// - The first try is at once; then 50 ms, doubling to 1 s: an IDE that starts to listen is found within a second.
// - It ends when a dial succeeds, when `releaseAfter` is over (the last error is the result), or when the signal is aborted.
import type { Duplex } from "node:stream";
import { asDebugtapError, DebugtapError } from "../protocol/errors.ts";
import type { Dial } from "./duplex.ts";

const firstWait = 50;
const longestWait = 1000;

export interface HoldOptions {
  readonly dial: Dial;
  readonly signal: AbortSignal;
  /** ms; 0 = one try, Infinity = for ever. */
  readonly releaseAfter: number;
  /** Called after the first try that failed. */
  readonly onHeld: (error: DebugtapError) => void;
}

/** A stream to the other side; a DebugtapError when there was none in time; undefined when aborted. */
export async function dialHeld(options: HoldOptions): Promise<Duplex | DebugtapError | undefined> {
  const { dial, signal, releaseAfter, onHeld } = options;
  const started = Date.now();
  for (let wait = firstWait, held = false; !signal.aborted; wait = Math.min(wait * 2, longestWait)) {
    try {
      return await dial(signal);
    } catch (thrown) {
      if (signal.aborted) return undefined;
      const error = asDebugtapError(thrown);
      const left = started + releaseAfter - Date.now();
      if (left <= 0) return error;
      if (!held) onHeld(error);
      held = true;
      await pause(Math.min(wait, left), signal);
    }
  }
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
