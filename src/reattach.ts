// Attaches to a DAP service again after its connection was lost, as often as is worth it.
//
// Rules
// - Each try is an attach in earnest, never a probe: some adapters serve one connection and then no more.
// - A try that hangs is over after `attemptWithin`: a tunnel that broke silently leaves an adapter that believes its client to be there, and one
//   that is loading takes its time.
// - Tries are counted, not timed: a laptop that slept has not given up. With the pauses between them they last about ten minutes.
import type { Duplex } from "node:stream";
import { asDebugtapError } from "../protocol/errors.ts";
import { reset, type Dial } from "./duplex.ts";
import { pause } from "./pause.ts";

export const mostTries = 120;
const firstWait = 200;
const longestWait = 5000;
const attemptWithin = 10_000;

export interface ReattachOptions {
  readonly dial: Dial;
  /** Nobody wants it any more. */
  readonly over: AbortSignal;
  /** Takes a connection; calls back when the debuggee is attached, or with the reason why not. What it returns ends the attempt. */
  readonly attach: (adapter: Duplex, done: (failed: string | undefined) => void) => (why: string) => void;
  /** A try has failed. */
  readonly failed: (tries: number, why: string) => void;
}

/** True when it is attached; false when it was given up or is over. */
export async function reattach({ dial, over, attach, failed }: ReattachOptions): Promise<boolean> {
  let wait = firstWait;
  for (let tries = 1; tries <= mostTries; tries++) {
    await pause(wait, over);
    if (over.aborted) return false;
    wait = Math.min(wait * 2, longestWait);
    const why = await attempt(dial, over, attach);
    if (over.aborted) return false;
    if (why === undefined) return true;
    failed(tries, why);
  }
  return false;
}

async function attempt(dial: Dial, over: AbortSignal, attach: ReattachOptions["attach"]): Promise<string | undefined> {
  let adapter: Duplex;
  try {
    adapter = await dial(over);
  } catch (thrown) {
    return asDebugtapError(thrown).message;
  }
  if (over.aborted) {
    reset(adapter);
    return undefined;
  }
  const limit = new AbortController();
  const forget = (): void => limit.abort();
  over.addEventListener("abort", forget, { once: true });
  try {
    return await new Promise<string | undefined>((resolve) => {
      const end = attach(adapter, resolve);
      void pause(attemptWithin, limit.signal).then(() => end("it did not answer in time"));
    });
  } finally {
    limit.abort();
    over.removeEventListener("abort", forget);
  }
}
