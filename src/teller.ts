// The first observer of a relay: it makes events of what the user should see of sessions.
import { summarizeHit } from "../protocol/hit-summary.ts";
import type { Observer } from "./observer.ts";
import type { Registry } from "./registry.ts";

export function tellerOf(registry: Pick<Registry, "tell">): Observer {
  const names = new Map<number, string>();
  return {
    name: "events",
    sessionOpened: ({ id, name }) => names.set(id, name),
    note: (id, { kind, detail }) => registry.tell({ type: "note", session: names.get(id) ?? `${id}`, kind, detail }),
    hit: (id, hit) => registry.tell({ type: "hit", session: names.get(id) ?? hit.session, hit: summarizeHit(hit) }),
    sessionClosed: (id) => names.delete(id),
  };
}
