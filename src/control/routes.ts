// The routes of the API (protocol/api.ts), without HTTP: what is asked for goes in, what is answered comes out.
//
// Rules
// - What a client sends is checked before anything is done; a route that is not there is a 404, one with another method too.
// - What throws is answered as `{ error: Reason }`; a defect of ours says no more of itself than that.
import type { HitQuery } from "../../protocol/api.ts";
import {
  isAgainAsk,
  isBreakpointsAsk,
  isDriveAsk,
  isOpenAsk,
  isRecordingAsk,
  isReplayAsk,
  isResumeAsk,
} from "../../protocol/api-check.ts";
import { asDebugtapError, DebugtapError } from "../../protocol/errors.ts";
import { compareTraces } from "../trace/index.ts";
import { refused, type ApiAnswer } from "./answers.ts";
import { diffView } from "./diff-view.ts";
import { hitDetail, hitPage, history } from "./hit-views.ts";
import { httpViews } from "./http-views.ts";
import { messagePage, sessionViews } from "./message-pages.ts";
import { liveId, type OpenTraces } from "./open-traces.ts";
import type { Replays } from "./replays.ts";
import type { Shown } from "./shown.ts";

export interface ApiRequest {
  readonly method: string;
  /** `/api/traces/live/hits` */
  readonly path: string;
  readonly query: URLSearchParams;
  /** Of JSON; undefined: there was none. */
  readonly body: unknown;
}

export interface ApiParts {
  readonly shown: Shown;
  readonly traces: OpenTraces;
  readonly replays: Replays;
}

/** A text stands for itself in JSON, a source for itself. */
type Handler = (parts: ApiParts, names: readonly string[], request: ApiRequest) => unknown;

const routes: readonly (readonly [method: string, path: RegExp, handler: Handler])[] = [
  route("GET", "/api/view", ({ shown }) => shown.view()),
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
    traces.use(id, ({ trace }) => new Source(trace.source(sha256) ?? missing(`the trace has no source ${sha256}`))),
  ),
  route("GET", "/api/traces/*/sessions", ({ traces }, [id = ""]) => traces.use(id, sessionViews)),
  route("GET", "/api/traces/*/messages", ({ traces }, [id = ""], { query }) =>
    traces.use(id, (open) => messagePage(open, texts(query, ["session", "from", "count", "text"]))),
  ),
  route("GET", "/api/traces/*/http", ({ traces, shown }, [id = ""]) =>
    traces.use(id, (open) => httpViews(open, id === liveId ? shown.http() : [])),
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
  route("POST", "/api/sessions/*/release", ({ shown }, [name = ""]) => {
    const released = shown.release(known(shown, name));
    if (released.length > 0) return { released };
    throw new DebugtapError("DT_NOT_HELD", `no debuggee waits under the name ${name}`, { why: "it runs already" });
  }),
  route("POST", "/api/sessions/*/resume", ({ shown }, [name = ""], { body }) => {
    const { thread } = asked(isResumeAsk, body ?? {}, "{ thread? }");
    const resumed = shown.resume(known(shown, name), thread === undefined ? undefined : String(thread));
    if (resumed.length > 0) return { resumed };
    throw new DebugtapError("DT_NOT_STOPPED", `nothing of ${name} is stopped that could run on`, {
      why: thread === undefined ? "its threads run" : `its thread ${thread} runs, or is none of it`,
    });
  }),
  route("POST", "/api/sessions/*/drive", ({ shown }, [name = ""], { body }) => ({
    driving: shown.drive(known(shown, name), String(asked(isDriveAsk, body, "{ client }").client)),
  })),
  route("GET", "/api/breakpoints", ({ shown }) => shown.breakpoints()),
  route("PUT", "/api/breakpoints", ({ shown }, _, { body }) =>
    shown.setBreakpoints(asked(isBreakpointsAsk, body, "{ specs: [TEXT] }").specs),
  ),
  route("POST", "/api/recording", async ({ shown }, _, { body }) => {
    await shown.record(asked(isRecordingAsk, body, "{ on: true }").on);
    return shown.view();
  }),
  route("POST", "/api/triggers/*/again", async ({ shown }, [id = ""], { body }) => ({
    id: await shown.again(numberOf(id), asked(isAgainAsk, body ?? {}, "{ yes? }").yes === true),
  })),
];

/** Never rejects. */
export async function answerApi(parts: ApiParts, request: ApiRequest): Promise<ApiAnswer> {
  try {
    for (const [method, pattern, handler] of routes) {
      const names = method === request.method ? pattern.exec(request.path)?.slice(1) : undefined;
      if (names === undefined) continue;
      const answer = await handler(parts, names.map(decoded), request);
      return answer instanceof Source ? { status: 200, text: answer.text } : { status: 200, json: answer };
    }
    return refused(new DebugtapError("DT_BOARD_MISSING", `there is no ${request.method} ${request.path}`));
  } catch (thrown) {
    return refused(asDebugtapError(thrown));
  }
}

/** What is answered as text, not as JSON. */
class Source {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** `*` is one name. */
function route(method: string, path: string, handler: Handler): (typeof routes)[number] {
  return [method, new RegExp(`^${path.replaceAll("*", "([^/]{1,500})")}$`), handler];
}

function decoded(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    throw new DebugtapError("DT_BOARD_REQUEST", "the path is not percent-encoded UTF-8");
  }
}

function asked<Ask>(is: (value: unknown) => value is Ask, body: unknown, wanted: string): Ask {
  if (is(body)) return body;
  throw new DebugtapError("DT_BOARD_REQUEST", "the body is not what is asked for", { why: `it is JSON: ${wanted}` });
}

function known({ knows }: Shown, name: string): string {
  return knows(name) ? name : missing(`there is no session ${name}`);
}

function missing(what: string): never {
  throw new DebugtapError("DT_BOARD_MISSING", what);
}

function numberOf(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new DebugtapError("DT_BOARD_REQUEST", `${text.slice(0, 100)} is no number`);
}

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
