// The way of a command to the debuggee, a client's or the relay's own, and of what answers it back to whoever asked.
//
// Rules
// - What the native client sends goes up as the very bytes, under its own numbers; all else gets one of the relay's
//   (pydevd-numbers.ts), and its answer comes back under the asker's.
// - What the relay was answered at a stop is kept, and answers a client that asks the same (pydevd-answers.ts).
import type { Answer, ClientId } from "./exchange.ts";
import type { Frame } from "./frame.ts";
import { PydevdAnswers, mayBeKept, mayChange } from "./pydevd-answers.ts";
import { PydevdAsks } from "./pydevd-asks.ts";
import type { PydevdClient, PydevdClients } from "./pydevd-clients.ts";
import type { PydevdHandshake } from "./pydevd-handshake.ts";
import { withSeq, type PydevdHead } from "./pydevd-head.ts";
import { PydevdNumbers, type Asked, type Asker } from "./pydevd-numbers.ts";
import type { PydevdThreads } from "./pydevd-threads.ts";
import { commandText, decodePydevd, encodePydevd } from "./pydevd.ts";

export interface PydevdUpstreamParts {
  readonly clients: PydevdClients;
  readonly handshake: PydevdHandshake;
  readonly threads: PydevdThreads;
  toDebuggee(bytes: Uint8Array): void;
}

export class PydevdUpstream {
  readonly #parts: PydevdUpstreamParts;
  readonly #numbers = new PydevdNumbers();
  readonly #asks = new PydevdAsks(this.#numbers);
  readonly #answers = new PydevdAnswers();

  constructor(parts: PydevdUpstreamParts) {
    this.#parts = parts;
  }

  /** No answer is to come under a number of the relay's, and none is kept. */
  get isIdle(): boolean {
    return this.#numbers.pending + this.#asks.waiting + this.#answers.size === 0;
  }

  /** Sends a client's command on; its number at the debuggee. */
  forward(client: PydevdClient, frame: Frame, head: PydevdHead): number {
    if (mayChange(head.id)) this.#answers.clear();
    // 159 of PyCharm's answers a 149, under its number.
    const isAsItCame =
      (client.isNative && !this.#numbers.issued(head.seq)) ||
      (head.id === 159 && this.#parts.handshake.flavour === "PC");
    const seq = isAsItCame ? head.seq : this.#numbers.issue({ client: client.id, seq: head.seq });
    this.#parts.toDebuggee(withSeq(frame, head, seq));
    return seq;
  }

  /** Sends a command of the relay's own of which nobody wants the answer; its number. */
  send(id: number, text: string): number {
    return this.#send(id, text, "own");
  }

  /** A question of the relay's own; sent when it may be asked. Returns what gives it up. */
  ask(ask: Asked["ask"], answered: (answer: Answer) => void): () => void {
    const giveUp = this.#asks.add(ask, answered);
    this.askDue();
    return giveUp;
  }

  /** Asks what may be asked by now: after each step of the handshake. */
  askDue(): void {
    const { handshake } = this.#parts;
    for (const asked of this.#asks.due(handshake.running, handshake.version !== undefined)) {
      const { id, text } = asked.ask;
      if (mayChange(id)) this.#answers.clear();
      this.#send(id, text, asked);
    }
  }

  /** Answers a client's command from what is kept; false when that cannot be. */
  answer(client: PydevdClient, frame: Frame, { id, seq }: PydevdHead): boolean {
    const kept = mayBeKept(id) && this.#answers.size > 0 ? this.#answers.get(id, commandText(frame)) : undefined;
    if (kept !== undefined) this.#parts.clients.pass(client, kept, seq);
    return kept !== undefined;
  }

  /** Takes a message of the debuggee; false when it answers none of the relay's numbers. */
  take(frame: Frame, head: PydevdHead): boolean {
    // A thread has ended, stopped or run on.
    if (head.id >= 104 && head.id <= 106) this.#answers.clear();
    if (!this.#numbers.issued(head.seq)) return false;
    const asker = this.#numbers.take(head.seq);
    if (asker === "own") return true;
    if ("client" in asker) {
      const client = this.#parts.clients.get(asker.client);
      if (client !== undefined) this.#parts.clients.pass(client, frame, asker.seq);
    } else this.#answered(asker, frame, head);
    return true;
  }

  /** This client waits for nothing any more. */
  leave(client: ClientId): void {
    this.#numbers.leave(client);
  }

  /** No question can be answered any more. */
  end(why: string): void {
    this.#asks.end(why);
    this.#answers.clear();
  }

  #send(id: number, text: string, asker: Asker): number {
    const seq = this.#numbers.issue(asker);
    this.#parts.toDebuggee(encodePydevd(id, seq, text, { side: "client" }));
    return seq;
  }

  #answered({ ask: { id, text }, answered }: Asked, frame: Frame, head: PydevdHead): void {
    const [thread = ""] = text.split("\t", 1);
    const isOfStop = mayBeKept(id) && head.id === id && this.#parts.threads.isStopped(thread);
    if (isOfStop) this.#answers.keep(id, text, frame);
    answered({ wire: "pydevd", id: head.id, text: decodePydevd(frame, "debuggee")?.text ?? "" });
  }
}
