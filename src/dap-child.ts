// Which child process of its adapter a DAP session is of, and which of its clients have come for another one.
//
// Rules
// - Adapters take the session of a child process on the same port, and only its `attach` says so. A client is answered `initialize` before
//   that, by the session that it joins; where it is taken on to, that answer is not given again.
// - The first to attach says what the session is of.
import type { Duplex } from "node:stream";
import type { DapExchange } from "../protocol/dap-exchange.ts";
import { decodeDap, isRequest, isResponse } from "../protocol/dap.ts";
import type { ClientId, ExchangeOutput } from "../protocol/exchange.ts";
import { frameOf, type Frame } from "../protocol/frame.ts";
import { member } from "../protocol/json.ts";
import type { Hub } from "./hub.ts";

/** Of an attach that names no child. */
const anyProcess = "any";

/** A client to be handed on; `said`: what it has said to whom `initialize` was answered. */
export interface Undecided {
  readonly stream: Duplex;
  readonly said?: readonly Uint8Array[];
}

export class DapChild {
  #target: string | undefined;
  /** Those whose `initialize` was answered by another session. */
  readonly #answered = new Set<ClientId>();
  /** Those who have said which child they are after. */
  readonly #decided = new Set<ClientId>();

  /** The session is of a child, whose number the next process does not have. */
  get isKnown(): boolean {
    return this.#target !== undefined && this.#target !== anyProcess;
  }

  /** Somebody who has said this is after this very child. */
  isMeantBy(said: readonly Uint8Array[]): boolean {
    return said.some((bytes) => childOf(frameOf("header", bytes)) === this.#target);
  }

  /** Whether a client, by this message, is after another child. */
  isForAnother(client: ClientId, frame: Frame): boolean {
    const target = childOf(frame);
    if (target === undefined) return false;
    this.#decided.add(client);
    this.#target ??= target;
    return target !== this.#target && target !== anyProcess;
  }

  /**
   * Takes those off who have not said which child they are after. Not `first`, who began the session: a service that ends every
   * connection at once would be dialled without end.
   */
  takeUndecided(hub: Hub<DapExchange>, first: Duplex): readonly Undecided[] {
    return hub.clients.flatMap(({ id, stream, undecided }) => {
      if (stream === first || this.#decided.has(id) || !undecided) return [];
      const answered = hub.exchange.use((exchange) => exchange.hasAnswered(id));
      const said = hub.part(id);
      if (answered) return [{ stream, said }];
      stream.pause();
      for (const bytes of said.toReversed()) stream.unshift(bytes);
      return [{ stream }];
    });
  }

  /** The `initialize` of this client was answered by another session. */
  readonly answered = (client: ClientId): void => {
    this.#answered.add(client);
  };

  /** Without the answer to `initialize` for those who have had it. */
  withoutAnswered(output: ExchangeOutput): ExchangeOutput {
    return {
      ...output,
      toClient: (client, bytes) => {
        if (this.#answered.has(client) && isAnswer(bytes)) this.#answered.delete(client);
        else output.toClient(client, bytes);
      },
    };
  }
}

/** Somebody has attached by this. */
export function hasAttached(said: readonly Uint8Array[]): boolean {
  return said.some((bytes) => childOf(frameOf("header", bytes)) !== undefined);
}

function isAnswer(bytes: Uint8Array): boolean {
  const message = decodeDap(frameOf("header", bytes));
  return message !== undefined && isResponse(message) && message.command === "initialize";
}

/** Which child an `attach` or `launch` is for, in debugpy's and js-debug's words; undefined for any other message. */
function childOf(frame: Frame): string | undefined {
  const message = decodeDap(frame);
  if (message === undefined || !isRequest(message)) return undefined;
  const { command, arguments: args } = message as { command: string; arguments?: unknown };
  if (command !== "attach" && command !== "launch") return undefined;
  const child = member(args, "subProcessId") ?? member(args, "__pendingTargetId");
  return child === undefined ? anyProcess : JSON.stringify(child);
}
