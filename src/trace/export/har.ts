// The HTTP of a trace as HAR 1.2, for browsers' developer tools: what went through sessions of wire `raw`, and the hits that it caused.
//
// Rules
// - An entry is a request with its answer; one that has none has status 0, as browsers write it.
// - `_debugHits`: numbers of the hits whose request id stands in the headers of the answer or the request, else of those that came while it ran.
// - Bodies that are no UTF-8 are base64; what was cut is said in a comment.
import type { Trace } from "../reader.ts";
import { HttpSession, type Exchange, type HttpMessage } from "./http.ts";
import type { Story } from "./story.ts";

const utf8 = new TextDecoder("utf-8", { fatal: true });

export async function toHar(
  trace: Trace,
  story: Story,
  version: string,
  sessions?: ReadonlySet<number>,
): Promise<string> {
  const found = new Map<number, HttpSession>();
  let last = trace.started;
  for await (const { session, side, bytes, time } of trace.messages()) {
    last = time;
    if (session.wire !== "raw" || bytes === undefined || sessions?.has(session.id) === false) continue;
    const http = found.get(session.id) ?? new HttpSession();
    found.set(session.id, http);
    http.push(side, bytes, time);
  }
  for (const http of found.values()) http.end(last);
  const names = new Map(trace.sessions().map(({ facts }) => [facts.id, facts]));
  const exchanges = [...found].flatMap(([id, http]) =>
    http.exchanges.map((exchange) => ({ exchange, session: names.get(id) })),
  );
  exchanges.sort((a, b) => a.exchange.request.began - b.exchange.request.began);
  const entries = exchanges.map(({ exchange, session }) => ({
    ...entryOf(exchange),
    comment: session?.name ?? "",
    _debugHits: hitsOf(exchange, story, last),
  }));
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

function hitsOf({ request, answer }: Exchange, { hits }: Story, last: number): number[] {
  const values = [...request.headers, ...(answer?.headers ?? [])].map(([, value]) => value);
  const named = hits.filter(({ hit }) =>
    Object.values(hit.correlated ?? {}).some((id) => id.length >= 8 && values.some((value) => value.includes(id))),
  );
  const end = answer?.ended ?? last;
  const during = hits.filter(({ hit }) => hit.at >= request.began && hit.at <= end);
  return (named.length > 0 ? named : during).map(({ number }) => number);
}

function headersOf({ headers }: HttpMessage): { readonly name: string; readonly value: string }[] {
  return headers.map(([name, value]) => ({ name, value }));
}

function headerOf({ headers }: HttpMessage, wanted: string): string | undefined {
  return headers.find(([name]) => name.toLowerCase() === wanted)?.[1];
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
