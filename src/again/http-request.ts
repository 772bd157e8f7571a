// A recorded HTTP request, made ready to be sent again.
//
// Rules
// - It is sent as it was recorded but for: a fresh request id where it carried one; `baggage: debugtap-replay-of=ID`, so that the service can
//   tell; the length of its body; and one connection for it alone.
// - Secrets come from the environment: `unmasked` puts them in. A value with a line break is refused where it would break the head.
import { randomUUID } from "node:crypto";
import { DebugtapError } from "../../protocol/errors.ts";
import { isUnreadable, unmasked } from "../../protocol/masked-words.ts";
import { headerOf, type FoundExchange } from "../trace/export/index.ts";

export interface HttpRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Uint8Array;
}

/** Headers that say which request it is, in lower case. */
export const requestIdHeaders: readonly string[] = ["x-request-id", "x-openstack-request-id"];
/** Of the connection, and of the way in which the body was sent. */
const dropped = new Set([
  "connection",
  "keep-alive",
  "transfer-encoding",
  "content-length",
  "expect",
  "te",
  "trailer",
  "upgrade",
]);
const utf8 = new TextDecoder("utf-8", { fatal: true });

/** As it will be sent, with markers for its secrets. `id`: what is known of its request id. Throws DT_NOTHING_TO_SEND. */
export function requestOf(
  { exchange: { request, answer }, name }: Pick<FoundExchange, "exchange" | "name">,
  known?: string,
): HttpRequest {
  const { method, url, body, bodyLength, whole } = request;
  const refused = !whole
    ? "the trace does not have all of it"
    : body.length < bodyLength
      ? `its body of ${bodyLength} bytes was not kept whole`
      : isUnreadable(url + JSON.stringify(request.headers) + (textOf(body) ?? ""))
        ? "a part of it could not be looked through for secrets, and was not recorded"
        : undefined;
  if (refused !== undefined)
    throw new DebugtapError("DT_NOTHING_TO_SEND", `${method} ${url} of ${name} cannot be sent again`, {
      why: refused,
    });
  const ids = [request, ...(answer === undefined ? [] : [answer])].flatMap((message) =>
    requestIdHeaders.flatMap((header) => headerOf(message, header) ?? []),
  );
  const id = ids[0] ?? known;
  const headers = request.headers
    .filter(([header]) => !dropped.has(header.toLowerCase()))
    .map(
      ([header, value]) => [header, requestIdHeaders.includes(header.toLowerCase()) ? freshId(value) : value] as const,
    );
  const baggage = id === undefined ? [] : [["baggage", `debugtap-replay-of=${encodeURIComponent(id)}`] as const];
  return { method, url, headers: [...headers, ...baggage], body };
}

/** Of the same look. */
export function freshId(id: string): string {
  return `${/^req-/.exec(id)?.[0] ?? ""}${randomUUID()}`;
}

/** Where secrets may stand, for protocol/masked-words.ts. */
export function textsOf({ url, headers, body }: HttpRequest): string[] {
  return [url, ...headers.map(([name, value]) => `${name}: ${value}`), textOf(body) ?? ""];
}

/** The bytes on the wire. Throws DT_SECRET_NEEDED where a secret cannot stand in a head. */
export function requestBytes(
  { method, url, headers, body }: HttpRequest,
  secrets: ReadonlyMap<string, string>,
): Uint8Array {
  const text = textOf(body);
  const content = text === undefined ? body : Buffer.from(unmasked(text, secrets));
  const hasBody = content.length > 0 || !["GET", "HEAD", "OPTIONS", "DELETE"].includes(method);
  const lines = [
    `${method} ${unmasked(url, secrets)} HTTP/1.1`,
    ...headers.map(([name, value]) => `${name}: ${unmasked(value, secrets)}`),
    ...(hasBody ? [`Content-Length: ${content.length}`] : []),
    "Connection: close",
  ];
  if (lines.some((line) => /[\r\n\0]/.test(line)))
    throw new DebugtapError("DT_SECRET_NEEDED", "a secret for the head of the request has a line break", {
      why: "a header is one line",
    });
  return Buffer.concat([Buffer.from(`${lines.join("\r\n")}\r\n\r\n`), content]);
}

/** As one would read it; undefined: it is no text. */
export function textOf(body: Uint8Array): string | undefined {
  try {
    return utf8.decode(body);
  } catch {
    return undefined;
  }
}
