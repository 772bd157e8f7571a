// A timeout that a breakpoint does not use up: it counts only while nothing is stopped.
import type { Clock } from "../clock.ts";

/** How many looks a timeout takes; a stop shorter than one may be missed. */
const looks = 20;
const leastLook = 10;

/** Calls `late` after `ms` in which `stopped` was false; the result cancels it. Infinity: never. */
export function patience(clock: Clock, ms: number, stopped: () => boolean, late: () => void): () => void {
  if (ms === Infinity) return () => undefined;
  const every = Math.max(leastLook, ms / looks);
  let left = ms;
  const look = (): void => {
    if (!stopped()) left -= every;
    if (left <= 0) late();
    else cancel = clock.after(every, look);
  };
  let cancel = clock.after(every, look);
  return () => cancel();
}
