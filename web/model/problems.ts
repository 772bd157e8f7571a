// What is wrong now and what to do about it, of all that a view tells.
import type { ApiView } from "../../protocol/api.ts";
import type { Reason, RelayEvent } from "../../protocol/control.ts";

export interface Problem {
  /** `host devstack` */
  readonly of: string;
  readonly reason: Reason;
}

/** Hosts, services, triggers, the recorder; then the newest errors that were told as events, each once. */
export function problemsOf(view: ApiView | undefined, events: readonly RelayEvent[], most = 20): Problem[] {
  const told: Problem[] = [];
  const of = (kind: string, list: readonly { readonly name: string; readonly reason?: Reason }[]): void => {
    for (const { name, reason } of list) if (reason !== undefined) told.push({ of: `${kind} ${name}`, reason });
  };
  if (view !== undefined) {
    of("host", view.hosts);
    of("service", view.services);
    of("trigger", view.triggers);
    if (view.recorder?.reason !== undefined) told.push({ of: "recorder", reason: view.recorder.reason });
  }
  for (let at = events.length - 1; at >= 0 && told.length < most; at--) {
    const event = events[at];
    if (event?.type === "error") told.push({ of: "debugtap", reason: event.error });
  }
  const seen = new Set<string>();
  return told
    .filter(({ reason: { code, what } }) => {
      const key = `${code} ${what}`;
      if (seen.has(key)) return false;
      seen.add(key);
      return true;
    })
    .slice(0, most);
}
