// Whether this machine's network has changed: another address, a cable, a VPN. Asked for, because Node has no event for it.
import { networkInterfaces } from "node:os";
import type { Clock } from "../clock.ts";
import { ignore } from "./tcp.ts";

/** A text that changes when an address does. */
export function networkFingerprint(): string {
  return Object.entries(networkInterfaces())
    .flatMap(([name, addresses = []]) => addresses.filter(({ internal }) => !internal).map(({ cidr }) => [name, cidr]))
    .map(String)
    .sort()
    .join(" ");
}

/** Calls `changed` after each change. Returns what stops it. `everyMs` is asked before each look. */
export function watchNetwork(options: {
  readonly clock: Clock;
  readonly everyMs: () => number;
  readonly changed: () => void;
  readonly fingerprint?: () => string;
}): () => void {
  const { clock, everyMs, changed, fingerprint = networkFingerprint } = options;
  let last = fingerprint();
  let cancel = ignore;
  const look = (): void => {
    cancel = clock.after(everyMs(), look);
    const now = fingerprint();
    if (now === last) return;
    last = now;
    changed();
  };
  cancel = clock.after(everyMs(), look);
  return () => cancel();
}
