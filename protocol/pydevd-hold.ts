// Commands of clients that wait until a stop has been captured: those that would let a thread run, and all that the same client
// sends behind them for that thread. Measured: an answer that races with a 106 is an error (114) or a lie (110, 113).
//
// Rules
// - The order of one client's commands for one thread is never changed; commands for other threads, or for none, overtake.
// - Beyond `maxWaiting` commands or `maxBytes` nothing is held any more: the client matters more than the capture.
import type { ClientId } from "./exchange.ts";
import type { Frame } from "./frame.ts";
import type { Flavour } from "./pydevd-commands.ts";

export interface Waiting {
  readonly client: ClientId;
  readonly frame: Frame;
}

const maxWaiting = 1000;
const maxBytes = 16 * 1024 * 1024;

const executions: ReadonlySet<number> = new Set([106, 107, 108, 109, 118, 127, 128, 129, 144]);
/** PyCharm's pydevd uses these two for other things. */
const upstreamExecutions: ReadonlySet<number> = new Set([159, 160]);
/** Their text begins with a thread; so does that of every execution but 129. */
const ofThread: ReadonlySet<number> = new Set([
  105, 110, 113, 114, 115, 117, 120, 121, 134, 148, 151, 152, 155, 160, 163, 201, 210, 211,
]);

/** It lets a stopped thread run, or ends the program. */
export function executes(id: number, flavour: Flavour): boolean {
  return executions.has(id) || (flavour === "UP" && upstreamExecutions.has(id));
}

export class PydevdHold {
  #held = false;
  #waiting: Waiting[] = [];
  #bytes = 0;
  /** Threads that a client's waiting commands are for; `*` is all. */
  readonly #threads = new Map<ClientId, Set<string>>();

  get held(): boolean {
    return this.#held;
  }

  get full(): boolean {
    return this.#waiting.length >= maxWaiting || this.#bytes >= maxBytes;
  }

  hold(): void {
    this.#held = true;
  }

  /** What waited, in order. */
  release(): readonly Waiting[] {
    this.#held = false;
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#bytes = 0;
    this.#threads.clear();
    return waiting;
  }

  /** True when the command waits. */
  takes(waiting: Waiting, id: number, text: string, flavour: Flavour): boolean {
    if (!this.#held) return false;
    const isExecution = executes(id, flavour);
    const thread =
      id === 129 ? "*" : isExecution || ofThread.has(id) ? (text.split("\t", 1)[0] ?? "").trim() : undefined;
    if (thread === undefined) return false;
    const threads = this.#threads.get(waiting.client);
    if (!isExecution && !(threads?.has(thread) === true || threads?.has("*") === true)) return false;
    this.#waiting.push(waiting);
    this.#bytes += waiting.frame.bytes.length;
    if (threads === undefined) this.#threads.set(waiting.client, new Set([thread]));
    else threads.add(thread);
    return true;
  }

  leave(client: ClientId): void {
    this.#waiting = this.#waiting.filter((each) => each.client !== client);
    this.#threads.delete(client);
  }
}
