// The hits of a trace by what caused them: one row a request, whichever way it is known.
//
// Rules
// - A row is a request id, with the HTTP requests that carry it, or whose hits do; or an HTTP request without one; or a command that ran.
// - A hit is in one row: that of its request id, else of the HTTP request that names it, else of its command.
import type { HitRowView, HttpView } from "../../protocol/api.ts";
import type { Trigger } from "../../protocol/trigger.ts";

export interface RequestRow {
  readonly key: string;
  /** `req-5f1c…`, or the command. */
  readonly title: string;
  /** Of its first sign. */
  readonly at: number;
  readonly https: readonly HttpView[];
  /** In their order. */
  readonly hits: readonly HitRowView[];
  /** Id of the HTTP request that can be sent again. */
  readonly again?: number;
}

export function requestRows(
  hits: readonly HitRowView[],
  https: readonly HttpView[],
  triggers: readonly Trigger[],
): RequestRow[] {
  const rows = new Map<string, { title: string; at: number; https: HttpView[]; hits: HitRowView[] }>();
  const row = (key: string, title: string, at: number) => {
    let found = rows.get(key);
    if (found === undefined) rows.set(key, (found = { title, at, https: [], hits: [] }));
    found.at = Math.min(found.at, at);
    return found;
  };
  const causes = new Map<number, string>();
  const ids = new Map(hits.map(({ number, request }) => [number, request]));
  for (const http of https) {
    const request = http.request ?? http.hits.map((hit) => ids.get(hit)).find((id) => id !== undefined);
    const key = request === undefined ? `http ${http.id}` : `id ${request}`;
    row(key, request ?? "", http.at).https.push(http);
    for (const hit of http.hits) if (!causes.has(hit)) causes.set(hit, key);
  }
  const commands = new Map(triggers.map((trigger) => [trigger.id, trigger]));
  for (const hit of hits) {
    const cause = causes.get(hit.number);
    const command = hit.trigger === undefined ? undefined : commands.get(hit.trigger);
    if (hit.request !== undefined) row(`id ${hit.request}`, hit.request, hit.at).hits.push(hit);
    else if (cause !== undefined) row(cause, "", hit.at).hits.push(hit);
    else if (command !== undefined) row(`command ${command.id}`, command.argv.join(" "), command.at).hits.push(hit);
  }
  return [...rows]
    .map(([key, found]) => {
      const again = found.https.find((http) => http.again)?.id;
      return { key, ...found, ...(again === undefined ? {} : { again }) };
    })
    .sort((a, b) => a.at - b.at);
}
