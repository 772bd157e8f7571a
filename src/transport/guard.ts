// Watches the connection that is there: how long its answers take, and whether it is still there.
//
// Rule
// - While a session is live, the next connection is begun as soon as this one is in doubt: the spare. When this one is found
//   dead, the next attempt takes the spare, logged in already; when it answers after all, the spare is closed again, and
//   nobody noticed.
import type { Clock } from "../clock.ts";
import { Latency } from "./latency.ts";
import { ignore } from "./tcp.ts";
import type { SupervisedTunnel } from "./tunnel.ts";
import { watchTunnel } from "./watch.ts";
import type { Watch } from "./watch.ts";

export interface GuardOptions {
  readonly clock: Clock;
  /** Whether a session is live. */
  readonly busy: () => boolean;
  /** Makes a spare connection. */
  readonly connect: () => Promise<SupervisedTunnel>;
  /** The answers take too long from now on, or no longer; `rtt` in ms. */
  readonly onDegraded: (degraded: boolean, rtt: number) => void;
}

export class Guard {
  readonly #options: GuardOptions;
  #watch: Watch | undefined;
  #rtt: number | undefined;
  #spare: Promise<SupervisedTunnel> | undefined;

  constructor(options: GuardOptions) {
    this.#options = options;
  }

  /** The last round trip's time of the last connection, ms. */
  get rtt(): number | undefined {
    return this.#rtt;
  }

  start(tunnel: SupervisedTunnel): void {
    const { clock, busy, connect, onDegraded } = this.#options;
    const latency = new Latency();
    this.#rtt = undefined;
    const answered = (rtt: number): void => {
      if (this.#watch !== watch) return;
      void this.dropSpare();
      this.#rtt = rtt;
      if (latency.observe(rtt)) onDegraded(latency.degraded, rtt);
    };
    const doubtful = (): void => {
      if (!busy() || this.#spare !== undefined) return;
      this.#spare = connect();
      this.#spare.catch(ignore);
    };
    const watch = watchTunnel(tunnel, { clock, busy, answered, doubtful });
    this.#watch = watch;
  }

  /** The connection is needed now: see whether it is there. */
  suspect(): void {
    this.#watch?.suspect();
  }

  stop(): void {
    this.#watch?.stop();
    this.#watch = undefined;
  }

  takeSpare(): Promise<SupervisedTunnel> | undefined {
    const spare = this.#spare;
    this.#spare = undefined;
    return spare;
  }

  async dropSpare(): Promise<void> {
    await this.takeSpare()?.then((tunnel) => tunnel.close(), ignore);
  }
}
