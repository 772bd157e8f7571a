// The newest so many of what came, by key: a page that is left open for a day has no more than that.

export class Newest<T> {
  readonly #limit: number;
  readonly #items = new Map<string | number, T>();
  /** Left out, since they were the oldest. */
  dropped = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#items.size;
  }

  get(key: string | number): T | undefined {
    return this.#items.get(key);
  }

  /** In place of the one with this key, or as the newest. */
  put(key: string | number, item: T): void {
    this.#items.set(key, item);
    while (this.#items.size > this.#limit) {
      const [oldest] = this.#items.keys();
      if (oldest === undefined) return;
      this.#items.delete(oldest);
      this.dropped++;
    }
  }

  clear(): void {
    this.#items.clear();
    this.dropped = 0;
  }

  /** The oldest first. */
  values(): T[] {
    return [...this.#items.values()];
  }
}
