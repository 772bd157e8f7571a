// Those who wait for a Host's connection, each with its own limit.
import { DebugtapError } from "../../protocol/errors.ts";
import type { Clock } from "../clock.ts";
import type { SupervisedTunnel } from "./tunnel.ts";

interface Waiter {
  resolve(tunnel: SupervisedTunnel): void;
  reject(error: DebugtapError): void;
}

export interface WaitOptions {
  /** By the clock's `now`. */
  readonly deadline: number;
  readonly signal?: AbortSignal;
  /** The error when time is over and no reason is known. */
  readonly timeout: () => DebugtapError;
}

export class Waiters {
  readonly #clock: Clock;
  readonly #waiting = new Set<Waiter>();
  #tunnel: SupervisedTunnel | undefined;
  #reason: DebugtapError | undefined;
  #final = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Rejects with the reason of the outage: at once if it is final, else when time is over. */
  async wait({ deadline, signal, timeout }: WaitOptions): Promise<SupervisedTunnel> {
    if (signal?.aborted === true) throw stopped();
    if (this.#tunnel !== undefined && this.#tunnel.lost === undefined) return this.#tunnel;
    if (this.#final && this.#reason !== undefined) throw this.#reason;
    return await new Promise((resolve, reject) => {
      const settle = (): void => {
        this.#waiting.delete(waiter);
        cancel();
        signal?.removeEventListener("abort", onAbort);
      };
      const waiter: Waiter = {
        resolve: (tunnel) => {
          settle();
          resolve(tunnel);
        },
        reject: (error) => {
          settle();
          reject(error);
        },
      };
      const onAbort = (): void => waiter.reject(stopped());
      const left = Math.max(0, deadline - this.#clock.now());
      const cancel = this.#clock.after(left, () => waiter.reject(this.#reason ?? timeout()));
      signal?.addEventListener("abort", onAbort, { once: true });
      this.#waiting.add(waiter);
    });
  }

  ready(tunnel: SupervisedTunnel): void {
    this.#tunnel = tunnel;
    this.#reason = undefined;
    for (const waiter of this.#waiting) waiter.resolve(tunnel);
  }

  /** There is no connection, and why; `final` ends all waiting. */
  because(reason: DebugtapError, final: boolean): void {
    this.#tunnel = undefined;
    this.#reason = reason;
    this.#final = final;
    if (final) for (const waiter of this.#waiting) waiter.reject(reason);
  }
}

function stopped(): DebugtapError {
  return new DebugtapError("DT_DIAL_FAILED", "the connection was not made", { why: "no longer wanted" });
}
