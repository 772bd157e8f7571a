// Time as the core and the transports see it; src/transport/clock.ts is the machine's own. Tests hand in theirs.
//
// `now` stands still while the machine sleeps (CLOCK_MONOTONIC), `wall` does not: only the two together tell that it slept.
export interface Clock {
  /** Milliseconds that never jump. */
  now(): number;
  /** Epoch milliseconds. */
  wall(): number;
  /**
   * Calls `run` once, after all input that was waiting by then has been read: a program that was kept from running must not
   * take its own sleep for the other side's silence. Returns what cancels it.
   */
  after(ms: number, run: () => void): () => void;
}
