// The machine's own time.
import type { Clock } from "../clock.ts";

export const systemClock: Clock = {
  now: () => performance.now(),
  wall: () => Date.now(),
  after: (ms, run) => {
    let immediate: NodeJS.Immediate | undefined;
    const timer = setTimeout(() => (immediate = setImmediate(run)), ms);
    return () => {
      clearTimeout(timer);
      clearImmediate(immediate);
    };
  },
};
