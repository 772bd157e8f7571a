// When to try again: at once, then after 50 ms, doubling to 5 s, for ever.
//
// Rules
// - Every wait but the first is spread by a quarter either way, so that many Hosts do not come back in step.
// - A server that hangs up before its banner bars us (MaxStartups, PerSourcePenalties), and each further try may prolong it:
//   from the second such answer on we stay away for 15 s or more. One alone is also what a restarting sshd does.
const firstMs = 50;
const longestMs = 5000;
const barredMs = 15_000;

export class Backoff {
  readonly #random: () => number;
  #tries = 0;
  #barred = 0;

  constructor(random: () => number = Math.random) {
    this.#random = random;
  }

  /** Milliseconds until the next try. */
  next(barred: boolean): number {
    const base = this.#tries === 0 ? 0 : Math.min(firstMs * 2 ** (this.#tries - 1), longestMs);
    const wait = Math.min(base * (0.75 + this.#random() / 2), longestMs);
    this.#tries++;
    this.#barred = barred ? this.#barred + 1 : 0;
    return this.#barred > 1 ? barredMs * (1 + this.#random() / 4) : wait;
  }

  reset(): void {
    this.#tries = 0;
    this.#barred = 0;
  }
}
