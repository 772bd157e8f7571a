// The adapter's side of a DAP connection: its messages under numbers of their own, each request answered or refused.
import type { DapMessage, DebugProtocol } from "./dap.ts";
import { isObject } from "./json.ts";

export type Arguments = Readonly<Record<string, unknown>>;
export type Event = readonly [event: string, body: unknown];
export interface Answer {
  readonly body?: unknown;
  readonly events?: readonly Event[];
}

/** A request that cannot be answered as it was asked; the message is shown to the user. */
export class Refused extends Error {}

export class DapSpeaker {
  #seq: number;

  /** `first`: the number of the first message. */
  constructor(first = 1) {
    this.#seq = first;
  }

  /** The response, and the events after it. Rejects with what `answer` throws that is not {@link Refused}. */
  async answer(
    request: DebugProtocol.Request,
    answer: (args: Arguments) => Answer | Promise<Answer>,
  ): Promise<readonly DapMessage[]> {
    try {
      const { body, events = [] } = await answer(isObject(request.arguments) ? request.arguments : {});
      return [this.#response(request, body), ...events.map((event) => this.event(event))];
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      return [this.#failure(request, error.message)];
    }
  }

  event([event, body]: Event): DebugProtocol.Event {
    return { seq: this.#seq++, type: "event", event, ...(body === undefined ? {} : { body }) };
  }

  /** A request of the adapter's to the client. */
  request(command: string, args: object): DebugProtocol.Request {
    return { seq: this.#seq++, type: "request", command, arguments: args };
  }

  #response({ seq, command }: DebugProtocol.Request, body: unknown): DebugProtocol.Response {
    return {
      seq: this.#seq++,
      type: "response",
      request_seq: seq,
      success: true,
      command,
      ...(body === undefined ? {} : { body }),
    };
  }

  #failure({ seq, command }: DebugProtocol.Request, message: string): DebugProtocol.Response {
    return {
      seq: this.#seq++,
      type: "response",
      request_seq: seq,
      success: false,
      command,
      message,
      body: { error: { id: 1, format: "{why}", variables: { why: message }, showUser: false } },
    };
  }
}
