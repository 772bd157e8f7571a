// A watchdog at work on one tunnel: gives it time, and the tunnel its verdict.
import type { Clock } from "../clock.ts";
import { ignore } from "./tcp.ts";
import type { SupervisedTunnel } from "./tunnel.ts";
import { Watchdog } from "./watchdog.ts";

export interface Watch {
  /** See Watchdog. */
  suspect(): void;
  stop(): void;
}

export interface WatchOptions {
  readonly clock: Clock;
  /** Whether a silence matters now. */
  readonly busy: () => boolean;
  /** A ping has had no answer for more than half its time. Called again and again until it has, or the tunnel is dead. */
  readonly doubtful?: () => void;
  /** The round trip of each ping, ms. */
  readonly answered?: (rttMs: number) => void;
}

const doubtAfterMs = 800;

/** Until it is stopped, or has abandoned the tunnel. */
export function watchTunnel(tunnel: SupervisedTunnel, options: WatchOptions): Watch {
  const { clock, busy, answered = ignore, doubtful = ignore } = options;
  const watched = {
    get received() {
      return tunnel.received;
    },
    get written() {
      return tunnel.written;
    },
    ping: () => tunnel.ping(onAnswer),
  };
  const watchdog = new Watchdog(watched, busy, clock.now(), clock.wall());
  let cancel = ignore;
  let stopped = false;
  const check = (): void => {
    const now = clock.now();
    const next = watchdog.check(now, clock.wall());
    if (next !== "dead") {
      cancel = clock.after(next, check);
      if (watchdog.unansweredMs(now) >= doubtAfterMs) doubtful();
    } else
      tunnel.abandon(
        `nothing came from it for ${Math.round(watchdog.silentMs(now))} ms, not even the answer to a ping`,
      );
  };
  const again = (): void => {
    cancel();
    check();
  };
  // Seen now and not at the next check, or the silence after it would count from then.
  const onAnswer = (rttMs: number): void => {
    if (!stopped) again();
    answered(rttMs);
  };
  check();
  return {
    suspect: () => {
      watchdog.suspect(clock.now());
      again();
    },
    stop: () => {
      stopped = true;
      cancel();
    },
  };
}
