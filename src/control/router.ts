// Routes without HTTP: what is asked for goes in, what is answered comes out. Of the relay: relay-routes.ts; of traces: trace-routes.ts.
//
// Rules
// - What a client sends is checked before anything is done; a route that is not there is a 404, one with another method too.
// - What throws is answered as `{ error: Reason }`.
import { asDebugtapError, DebugtapError } from "../../protocol/errors.ts";
import { answered, refused, type ApiAnswer } from "./answers.ts";

/** Plain data: it goes to another thread as it is. */
export interface ApiRequest {
  readonly method: string;
  /** `/api/traces/live/hits` */
  readonly path: string;
  /** `count=10&from=0` */
  readonly query: string;
  /** Of JSON; undefined: there was none. */
  readonly body: unknown;
}

/** What a handler is given: the names in the path, the rest of the request. Gives what is answered as JSON, or a {@link Text}. */
export type Handler<Parts> = (
  parts: Parts,
  names: readonly string[],
  request: { readonly query: URLSearchParams; readonly body: unknown },
) => unknown;

export type Route<Parts> = readonly [method: string, path: RegExp, handler: Handler<Parts>];

/** What is answered as it is, not as JSON. */
export class Text {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** `*` is one name. */
export function route<Parts>(method: string, path: string, handler: Handler<Parts>): Route<Parts> {
  return [method, new RegExp(`^${path.replaceAll("*", "([^/]{1,500})")}$`), handler];
}

/** Never rejects. */
export async function answerBy<Parts>(
  routes: readonly Route<Parts>[],
  parts: Parts,
  { method, path, query, body }: ApiRequest,
): Promise<ApiAnswer> {
  try {
    for (const [each, pattern, handler] of routes) {
      const names = each === method ? pattern.exec(path)?.slice(1) : undefined;
      if (names === undefined) continue;
      const answer = await handler(parts, names.map(decoded), { query: new URLSearchParams(query), body });
      if (!(answer instanceof Text)) return answered(answer);
      return { status: 200, type: "text/plain; charset=utf-8", body: answer.text };
    }
    return refused(new DebugtapError("DT_BOARD_MISSING", `there is no ${method} ${path}`));
  } catch (thrown) {
    return refused(asDebugtapError(thrown));
  }
}

export function decoded(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    throw new DebugtapError("DT_BOARD_REQUEST", "the path is not percent-encoded UTF-8");
  }
}

/** The body, if it is what is asked for: `wanted` says what that is. */
export function asked<Ask>(is: (value: unknown) => value is Ask, body: unknown, wanted: string): Ask {
  if (is(body)) return body;
  throw new DebugtapError("DT_BOARD_REQUEST", "the body is not what is asked for", { why: `it is JSON: ${wanted}` });
}

export function missing(what: string): never {
  throw new DebugtapError("DT_BOARD_MISSING", what);
}

export function numberOf(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new DebugtapError("DT_BOARD_REQUEST", `${text.slice(0, 100)} is no number`);
}
