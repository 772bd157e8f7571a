// What ends a verb that records: Ctrl-C, SIGTERM, or that nobody reads its output any more.
import { whenOutputCloses } from "./output.ts";

const interrupted = 130;

/** Aborted by the first; a second Ctrl-C ends the process at once. */
export function stopSignal(): AbortSignal {
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const)
    process.on(signal, () => {
      if (stop.signal.aborted) process.exit(interrupted);
      stop.abort();
    });
  whenOutputCloses(() => stop.abort());
  return stop.signal;
}
