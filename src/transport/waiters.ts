// Those who wait for a Host's connection, each until its own deadline.
import { DebugtapError } from "../../protocol/errors.ts";
import type { Clock } from "../clock.ts";
import type { SupervisedTunnel } from "./tunnel.ts";

interface Waiter {
  resolve(tunnel: SupervisedTunnel): void;
  reject(error: DebugtapError): void;
}

export class Waiters {
  readonly #clock: Clock;
  readonly #host: string;
  readonly #limitMs: number;
  readonly #waiting = new Set<Waiter>();
  #tunnel: SupervisedTunnel | undefined;
  #reason: DebugtapError | undefined;
  #final = false;

  constructor(clock: Clock, host: string, limitMs: number) {
    this.#clock = clock;
    this.#host = host;
    this.#limitMs = limitMs;
  }

  /** For who begins to wait now, by the clock's `now`. */
  deadline(): number {
    return this.#clock.now() + this.#limitMs;
  }

  /** Rejects with the reason of the outage: at once if it is final, else when time is over. */
  async wait(what: string, deadline: number, signal?: AbortSignal): Promise<SupervisedTunnel> {
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
      const cancel = this.#clock.after(left, () => waiter.reject(this.#reason ?? this.#timeout(what)));
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

  #timeout(what: string): DebugtapError {
    return new DebugtapError("DT_LINK_LOST", `${this.#host} is not connected yet`, {
      why: `${what} waited ${this.#limitMs} ms for it`,
    });
  }
}

function stopped(): DebugtapError {
  return new DebugtapError("DT_DIAL_FAILED", "the connection was not made", { why: "no longer wanted" });
}
