// The relay's own questions to a pydevd debuggee: each is answered once, and none before it may be asked.
//
// Rules
// - Before 101 only 102 (LIST_THREADS) is answered, and that after 501; all others wait here until the debuggee runs.
import type { Answer } from "./exchange.ts";
import type { Asked, PydevdNumbers } from "./pydevd-numbers.ts";

const listThreads = 102;

export class PydevdAsks {
  readonly #numbers: PydevdNumbers;
  readonly #later = new Set<Asked>();

  constructor(numbers: PydevdNumbers) {
    this.#numbers = numbers;
  }

  /** How many wait for the handshake. */
  get waiting(): number {
    return this.#later.size;
  }

  /** Takes a question, to be sent when it is due; returns what gives it up. */
  add(ask: Asked["ask"], answered: (answer: Answer) => void): () => void {
    let isOpen = true;
    const asked: Asked = {
      ask,
      answered: (answer) => {
        if (isOpen) {
          isOpen = false;
          answered(answer);
        }
      },
    };
    this.#later.add(asked);
    return () => {
      this.#forget(asked);
      asked.answered({ wire: "none", why: "the asker gave up" });
    };
  }

  /** Those that may be sent now; they wait no longer. */
  due(isRunning: boolean, hasVersion: boolean): readonly Asked[] {
    const due = [...this.#later].filter(({ ask }) => isRunning || (hasVersion && ask.id === listThreads));
    for (const asked of due) this.#later.delete(asked);
    return due;
  }

  /** None can be answered any more. */
  end(why: string): void {
    for (const asked of [...this.#later, ...this.#numbers.asks]) {
      this.#forget(asked);
      asked.answered({ wire: "none", why });
    }
  }

  #forget(asked: Asked): void {
    this.#later.delete(asked);
    this.#numbers.giveUp(asked);
  }
}
