// The hits of a trace in the groups by which two traces are compared: those of one request, else of one trigger, else of one thread.
import type { HitRow } from "./hit-row.ts";

export interface RowGroup {
  readonly by: "request" | "trigger" | "thread";
  /** Of a request: its id. */
  readonly name?: string;
  /** In the order of their stops. */
  readonly rows: HitRow[];
}

/** In the order of their first hits. */
export function groupsOf(rows: readonly HitRow[]): RowGroup[] {
  const groups = new Map<string, RowGroup>();
  for (const row of [...rows].sort((a, b) => a.at - b.at || a.number - b.number)) {
    const [by, name] = nameOf(row);
    const key = `${by} ${name}`;
    const known = groups.get(key);
    if (known === undefined) groups.set(key, { by, ...(by === "request" ? { name } : {}), rows: [row] });
    else known.rows.push(row);
  }
  return [...groups.values()];
}

function nameOf({ correlated, trigger, session, thread }: HitRow): [RowGroup["by"], string] {
  const [, request] = correlated;
  if (request !== undefined) return ["request", request];
  return trigger === undefined ? ["thread", `${session} ${thread}`] : ["trigger", String(trigger)];
}
