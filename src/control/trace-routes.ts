// The routes of traces: reading takes its time, so they are answered in a thread of their own (trace-worker.ts).
import type { HttpView, HitQuery } from "../../protocol/api.ts";
import { isOpenAsk, isReplayAsk } from "../../protocol/api-check.ts";
import { compareTraces } from "../trace/index.ts";
import { diffView } from "./diff-view.ts";
import { hitDetail, hitPage, history } from "./hit-views.ts";
import { httpViews } from "./http-views.ts";
import { messagePage, sessionViews } from "./message-pages.ts";
import { liveId, type OpenTraces } from "./open-traces.ts";
import type { Replays } from "./replays.ts";
import { asked, missing, numberOf, route, Text, type Route } from "./router.ts";

export interface TraceParts {
  readonly traces: OpenTraces;
  readonly replays: Replays;
  /** The requests that the relay still has. */
  readonly late: readonly HttpView[];
}

export const traceRoutes: readonly Route<TraceParts>[] = [
  route("GET", "/api/traces", ({ traces }) => traces.list()),
  route("POST", "/api/traces", ({ traces }, _, { body }) => traces.open(asked(isOpenAsk, body, "{ dir }").dir)),
  route("GET", "/api/traces/*/hits", ({ traces }, [id = ""], { query }) =>
    traces.use(id, (open) => hitPage(open, hitQuery(query))),
  ),
  route("GET", "/api/traces/*/hits/*", ({ traces }, [id = "", hit = ""]) =>
    traces.use(id, (open) => hitDetail(open, numberOf(hit)), numberOf(hit)),
  ),
  route("GET", "/api/traces/*/history", ({ traces }, [id = ""], { query }) => {
    const hit = numberOf(query.get("hit") ?? "");
    return traces.use(id, (open) => history(open, query.get("path") ?? "", hit), hit);
  }),
  route("GET", "/api/traces/*/sources/*", ({ traces }, [id = "", sha256 = ""]) =>
    traces.use(id, ({ trace }) => new Text(trace.source(sha256) ?? missing(`the trace has no source ${sha256}`))),
  ),
  route("GET", "/api/traces/*/sessions", ({ traces }, [id = ""]) => traces.use(id, sessionViews)),
  route("GET", "/api/traces/*/messages", ({ traces }, [id = ""], { query }) =>
    traces.use(id, (open) => messagePage(open, texts(query, ["session", "from", "count", "text"]))),
  ),
  route("GET", "/api/traces/*/http", ({ traces, late }, [id = ""]) =>
    traces.use(id, (open) => httpViews(open, id === liveId ? late : [])),
  ),
  route("POST", "/api/traces/*/replay", async ({ traces, replays }, [id = ""], { body }) => {
    const ask = asked(isReplayAsk, body ?? {}, "{ service?, request?, from? }");
    return { address: await replays.start(traces.dirOf(id), ask) };
  }),
  route("GET", "/api/diff", ({ traces }, _, { query }) =>
    traces.use(query.get("a") ?? "", (a) =>
      traces.use(query.get("b") ?? "", async (b) => diffView(await compareTraces(a.trace, b.trace))),
    ),
  ),
];

function hitQuery(query: URLSearchParams): HitQuery {
  return texts(query, [
    ...(["service", "session", "file", "fn", "request", "text", "where"] as const),
    ...(["since", "until", "from", "count"] as const),
  ]);
}

function texts<Key extends string>(query: URLSearchParams, keys: readonly Key[]): Partial<Record<Key, string>> {
  const found: Partial<Record<Key, string>> = {};
  for (const key of keys) {
    const value = query.get(key);
    if (value !== null && value !== "") found[key] = value;
  }
  return found;
}
