// All triggers of a relay, and what they have in common: one count of calls, one way to send one of them again.
import type { IncomingMessage } from "node:http";
import type { HttpView } from "../../protocol/control.ts";
import { DebugtapError } from "../../protocol/errors.ts";
import { isSafeRequest } from "../../protocol/plainly-safe.ts";
import { requestBytes, requestOf } from "../again/http-request.ts";
import { sendHttp } from "../again/send-http.ts";
import type { Duplex } from "node:stream";
import { streamPair } from "../pair.ts";
import type { TriggerPlan } from "../plan.ts";
import { exchangeOf } from "../trace/export/http-calls.ts";
import { Call } from "./call.ts";
import { Calls, type CallsOptions } from "./calls.ts";
import { HttpTrigger } from "./trigger.ts";

export interface TriggersOptions extends CallsOptions {
  /** Whether anything is stopped at a breakpoint. */
  readonly stopped: () => boolean;
  /** So many requests of a trigger are on their way. */
  readonly requests: (trigger: string, open: number) => void;
}

export class Triggers {
  readonly #options: TriggersOptions;
  readonly #calls: Calls;
  readonly #all: HttpTrigger[] = [];
  /** Requests that are sent again: told the numbers that they get. */
  readonly #sending = new WeakMap<Duplex, (id: number) => void>();

  constructor(options: TriggersOptions) {
    this.#options = options;
    this.#calls = new Calls(options);
  }

  get observer() {
    return this.#calls.observer;
  }

  /** A trace begins. */
  begin(): void {
    this.#calls.begin();
  }

  views(): HttpView[] {
    return this.#calls.views();
  }

  add({ requestIds, body, ...planned }: TriggerPlan): HttpTrigger {
    const { stopped, requests } = this.#options;
    const begin = (request: IncomingMessage): Call => {
      const call = new Call(request, {
        id: this.#calls.next(),
        through: planned.name,
        limit: body,
        requestIds,
        said: (said) => this.#calls.said(said),
      });
      this.#sending.get(request.socket)?.(call.id);
      return call;
    };
    const trigger = new HttpTrigger({ ...planned, begin, stopped, requests: (open) => requests(planned.name, open) });
    this.#all.push(trigger);
    return trigger;
  }

  /** A client of the trigger, without its port; `began` is told the number of its request. Throws DT_SERVICE_UNKNOWN. */
  connect(name: string, began?: (id: number) => void): Duplex {
    const trigger = this.#all.find((each) => each.name === name);
    if (trigger === undefined)
      throw new DebugtapError("DT_SERVICE_UNKNOWN", `there is no trigger ${name}`, {
        why:
          this.#all.length === 0 ? "none is configured" : `there are ${this.#all.map((each) => each.name).join(", ")}`,
      });
    const [near, far] = streamPair();
    near.on("error", () => undefined);
    if (began !== undefined) this.#sending.set(far, began);
    trigger.accept(far);
    return near;
  }

  /**
   * Sends a request again as it was, with a fresh request id; resolves with the number of the new one when it is on its way. `yes`: also
   * where it may change something. Rejects with DT_NOTHING_TO_SEND or DT_UNSAFE.
   */
  async again(id: number, yes = false): Promise<number> {
    const call = this.#calls.request(id);
    if (call === undefined)
      throw new DebugtapError("DT_NOTHING_TO_SEND", `request ${id} cannot be sent again`, {
        why: "it has not ended, its body was not kept whole, or others have taken its place in memory",
        fix: "debugtap again latest",
      });
    const headers = call.headers.map(({ name, value }) => [name, value] as const);
    if (!yes && !isSafeRequest(call.method, headers))
      throw new DebugtapError("DT_UNSAFE", `${call.method} ${call.url} may change something`, {
        why: "it is sent again only with yes",
      });
    const request = requestOf({ exchange: exchangeOf(call), name: call.through }, call.ids[0]);
    const bytes = requestBytes(request, new Map());
    return await new Promise((resolve, reject) => {
      void sendHttp(this.connect(call.through, resolve), bytes, new AbortController().signal).then(() =>
        reject(new DebugtapError("DT_NOTHING_TO_SEND", `${call.through} did not take the request`)),
      );
    });
  }
}
