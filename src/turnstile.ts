// The order in which the debuggees of one service get to its IDE.
//
// PyCharm's debug server serves one connection at a time; others rest in its backlog, connected and unheard. So only one
// debuggee at a time is on its way to the IDE, the oldest first; the next may go when the IDE has spoken to it, or it has left.
// An IDE that serves many speaks to each at once, and nothing is lost by asking in turn.

export interface Turn {
  /** Lets the next one in; calling it again does nothing. */
  done(): void;
}

interface Waiting {
  readonly order: number;
  readonly enter: (turn: Turn) => void;
  readonly onWait: (behind: number) => void;
}

export class Turnstile {
  #waiting: Waiting[] = [];
  /** Whose turn it is. */
  #holder: number | undefined;

  /** Resolves when it is the turn of `order`; undefined when the signal was aborted before. `onWait`: behind whom. */
  enter(order: number, signal: AbortSignal, onWait: (behind: number) => void): Promise<Turn | undefined> {
    if (signal.aborted) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      const waiting: Waiting = {
        order,
        onWait,
        enter: (turn) => {
          signal.removeEventListener("abort", leave);
          resolve(turn);
        },
      };
      const leave = (): void => {
        this.#waiting = this.#waiting.filter((other) => other !== waiting);
        resolve(undefined);
      };
      signal.addEventListener("abort", leave, { once: true });
      this.#waiting.push(waiting);
      if (this.#holder === undefined) this.#next();
      else onWait(this.#holder);
    });
  }

  #next(): void {
    const [first, ...rest] = this.#waiting.toSorted((a, b) => a.order - b.order);
    if (first === undefined) return;
    this.#waiting = rest;
    this.#holder = first.order;
    for (const { onWait } of rest) onWait(first.order);
    let over = false;
    first.enter({
      done: () => {
        if (over) return;
        over = true;
        this.#holder = undefined;
        this.#next();
      },
    });
  }
}
