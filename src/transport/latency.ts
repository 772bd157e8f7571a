// Whether a link is slow, from the round trips of its pings: degraded after three in a row above 250 ms, well again after
// three in a row below 150 ms. Between the two nothing changes, so that the state does not flicker.
const slowMs = 250;
const fastMs = 150;
const inARow = 3;

export class Latency {
  #degraded = false;
  #count = 0;

  get degraded(): boolean {
    return this.#degraded;
  }

  /** True if this ping changed `degraded`. */
  observe(rttMs: number): boolean {
    this.#count = (this.#degraded ? rttMs < fastMs : rttMs > slowMs) ? this.#count + 1 : 0;
    if (this.#count < inARow) return false;
    this.#degraded = !this.#degraded;
    this.#count = 0;
    return true;
  }
}
