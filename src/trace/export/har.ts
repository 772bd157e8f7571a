// The HTTP of a trace as HAR 1.2, for browsers' developer tools: what went through sessions of wire `raw`, and the hits that it caused.
//
// Rules
// - An entry is a request with its answer; one that has none has status 0, as browsers write it.
// - `_debugHits`: numbers of the hits whose request id stands in the headers of the answer or the request, else of those that came while it ran.
//   Hits are those of all services: what HTTP sets off stops elsewhere.
// - Bodies that are no UTF-8 are base64; what was cut is said in a comment.
import type { Trace } from "../reader.ts";
import { HttpSession, type Exchange, type HttpMessage } from "./http.ts";
import type { Story, StoryHit, StoryQuery } from "./story.ts";

/** Shorter ones stand in headers by chance. */
const shortestId = 8;
const utf8 = new TextDecoder("utf-8", { fatal: true });

export interface HarQuery extends Pick<StoryQuery, "sessions" | "since" | "until"> {
  /** Leave out what caused no hit of the story. */
  readonly onlyWithHits: boolean;
}

/** `sessions`: those whose HTTP is meant; `story`: hits of all services. */
export async function toHar(
  trace: Trace,
  story: Story,
  version: string,
  { sessions, since = -Infinity, until = Infinity, onlyWithHits }: HarQuery,
): Promise<string> {
  const found = new Map<number, HttpSession>();
  const names = new Map(trace.sessions().map(({ facts, last }) => [facts.id, { name: facts.name, last }]));
  for await (const { session, side, bytes, time } of trace.messages({ until })) {
    if (session.wire !== "raw" || bytes === undefined || sessions?.has(session.id) === false) continue;
    const http = found.get(session.id) ?? new HttpSession();
    found.set(session.id, http);
    http.push(side, bytes, time);
  }
  const exchanges = [...found].flatMap(([id, http]) => {
    const { name = "", last = trace.started } = names.get(id) ?? {};
    http.end(Math.min(last, until));
    return http.exchanges.map((exchange) => ({ exchange, name, last }));
  });
  exchanges.sort((a, b) => a.exchange.request.began - b.exchange.request.began);
  const hits = new HitsOfExchanges(story);
  const entries = exchanges
    .filter(({ exchange }) => exchange.request.began >= since)
    .map(({ exchange, name, last }) => ({ ...entryOf(exchange), comment: name, _debugHits: hits.of(exchange, last) }))
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

/** Which hits an exchange caused. */
class HitsOfExchanges {
  readonly #hits: readonly StoryHit[];
  readonly #byId = new Map<string, number[]>();

  constructor({ hits }: Story) {
    this.#hits = hits;
    for (const { number, hit } of hits)
      for (const id of new Set(Object.values(hit.correlated ?? {}))) {
        const numbers = this.#byId.get(id);
        if (numbers === undefined) this.#byId.set(id, [number]);
        else numbers.push(number);
      }
  }

  /** `last`: epoch milliseconds, the end of its session. */
  of({ request, answer }: Exchange, last: number): number[] {
    const found = new Set<number>();
    for (const [, value] of [...request.headers, ...(answer?.headers ?? [])])
      for (const id of new Set([value, ...value.split(/[^\w.:-]+/)]))
        if (id.length >= shortestId) for (const number of this.#byId.get(id) ?? []) found.add(number);
    if (found.size > 0) return [...found].sort((a, b) => a - b);
    const from = this.#firstFrom(request.began);
    let to = from;
    while ((this.#hits[to]?.hit.at ?? Infinity) <= (answer?.ended ?? last)) to++;
    return this.#hits.slice(from, to).map(({ number }) => number);
  }

  /** The place of the first hit that is not before this. */
  #firstFrom(time: number): number {
    let [low, high] = [0, this.#hits.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#hits[middle]?.hit.at ?? 0) < time) low = middle + 1;
      else high = middle;
    }
    return low;
  }
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
