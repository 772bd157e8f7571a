// The HTTP of a trace as HAR 1.2, for browsers' developer tools: what went through sessions of wire `raw` and through triggers, and the hits that it caused.
//
// Rules
// - An entry is a request with its answer; one that has none has status 0, as browsers write it.
// - `_debugHits`: numbers of the hits whose request id stands in the headers of the answer or the request, else of those that came while it ran.
//   Hits are those of all services: what HTTP sets off stops elsewhere.
// - Bodies that are no UTF-8 are base64; what was cut is said in a comment.
import type { Trace } from "../reader.ts";
import { headerOf, type Exchange, type HttpMessage } from "./http.ts";
import { exchangesOf, HitsOfExchanges } from "./http-hits.ts";
import type { Story, StoryQuery } from "./story.ts";

const utf8 = new TextDecoder("utf-8", { fatal: true });

export interface HarQuery extends Pick<StoryQuery, "sessions" | "since" | "until"> {
  /** Names of those that are meant beside these sessions. */
  readonly triggers?: ReadonlySet<string>;
  /** Leave out what caused no hit of the story. */
  readonly onlyWithHits: boolean;
}

/** `sessions`: those whose HTTP is meant; `story`: hits of all services. */
export async function toHar(
  trace: Trace,
  story: Story,
  version: string,
  { sessions, triggers, since = -Infinity, until = Infinity, onlyWithHits }: HarQuery,
): Promise<string> {
  const exchanges = await exchangesOf(trace, {
    until,
    ...(sessions === undefined ? {} : { sessions }),
    ...(triggers === undefined ? {} : { triggers }),
  });
  const hits = new HitsOfExchanges(story);
  const entries = exchanges
    .filter(({ exchange }) => exchange.request.began >= since)
    .map((found) => ({ ...entryOf(found.exchange), comment: found.name, _debugHits: hits.of(found) }))
    .filter(({ _debugHits }) => !onlyWithHits || _debugHits.length > 0);
  const creator = { name: "debugtap", version };
  return `${JSON.stringify({ log: { version: "1.2", creator, entries } })}\n`;
}

function entryOf({ request, answer }: Exchange): object {
  const end = answer?.ended ?? request.ended;
  const wait = Math.max(0, (answer?.began ?? request.ended) - request.ended);
  const receive = answer === undefined ? 0 : Math.max(0, answer.ended - answer.began);
  return {
    startedDateTime: new Date(request.began).toISOString(),
    time: Math.max(0, end - request.began),
    request: {
      method: request.method,
      url: urlOf(request),
      httpVersion: request.version,
      cookies: [],
      headers: headersOf(request),
      queryString: queryOf(request),
      ...(request.bodyLength === 0
        ? {}
        : { postData: { mimeType: headerOf(request, "content-type") ?? "", ...textOf(request, false) } }),
      headersSize: -1,
      bodySize: request.bodyLength,
    },
    response: {
      status: answer?.status ?? 0,
      statusText: answer?.reason ?? "",
      httpVersion: answer?.version ?? request.version,
      cookies: [],
      headers: answer === undefined ? [] : headersOf(answer),
      content: {
        size: answer?.bodyLength ?? 0,
        mimeType: (answer && headerOf(answer, "content-type")) ?? "",
        ...(answer === undefined || answer.bodyLength === 0 ? {} : textOf(answer, true)),
      },
      redirectURL: (answer && headerOf(answer, "location")) ?? "",
      headersSize: -1,
      bodySize: answer?.bodyLength ?? -1,
      ...(answer === undefined || answer.whole ? {} : { comment: "the answer is cut off" }),
    },
    cache: {},
    timings: { send: Math.max(0, request.ended - request.began), wait, receive },
  };
}

function headersOf({ headers }: HttpMessage): { readonly name: string; readonly value: string }[] {
  return headers.map(([name, value]) => ({ name, value }));
}

function urlOf(request: HttpMessage): string {
  if (/^[a-z]+:\/\//i.test(request.url)) return request.url;
  return `http://${headerOf(request, "host") ?? "unknown"}${request.url.startsWith("/") ? "" : "/"}${request.url}`;
}

function queryOf(request: HttpMessage): { readonly name: string; readonly value: string }[] {
  const [, query = ""] = /\?([^#]*)/.exec(request.url) ?? [];
  return Array.from(new URLSearchParams(query), ([name, value]) => ({ name, value }));
}

function textOf({ body, bodyLength }: HttpMessage, isAnswer: boolean): object {
  const cut = bodyLength > body.length ? { comment: `the first ${body.length} of ${bodyLength} bytes` } : {};
  try {
    return { text: utf8.decode(body), ...cut };
  } catch {
    const text = Buffer.from(body).toString("base64");
    return isAnswer ? { text, encoding: "base64", ...cut } : { text, comment: "base64" };
  }
}
