// Calls of triggers in the shape of the HTTP that was found in a session's bytes: what HAR is made of, and what is sent again.
import type { HttpBody, HttpCall, HttpHeader } from "../../../protocol/http.ts";
import type { Exchange, HttpMessage } from "./http.ts";

/** A call whose bodies were asked for. */
export function exchangeOf(call: HttpCall): Exchange {
  const { method, url, version, headers, body, answer, at, sent = at, answered = sent, ended, aborted } = call;
  const request: HttpMessage = {
    ...bodyOf(body, headers),
    method,
    url,
    status: 0,
    reason: "",
    version,
    began: at,
    ended: sent,
    // An answer may come to what was never sent whole.
    whole: ended !== undefined && (aborted === undefined || call.sent !== undefined),
  };
  if (answer === undefined) return { request };
  return {
    request,
    answer: {
      ...bodyOf(answer.body, answer.headers),
      method: "",
      url: "",
      status: answer.status,
      reason: answer.reason,
      version: answer.version,
      began: answered,
      ended: ended ?? answered,
      whole: ended !== undefined && aborted === undefined,
    },
  };
}

/** What was packed is given as it is without: its coding is no header of it any more. */
function bodyOf(
  body: HttpBody | undefined,
  headers: readonly HttpHeader[],
): Pick<HttpMessage, "headers" | "body" | "bodyLength"> {
  const bytes = Buffer.from(body?.text ?? "", body?.encoding ?? "utf8");
  const shown = headers.filter(
    ({ name }) => body?.decoded === undefined || !/^content-(?:encoding|length)$/i.test(name),
  );
  const isWhole = body?.cut !== true && body?.why === undefined;
  return {
    headers: shown.map(({ name, value }) => [name, value] as const),
    body: bytes,
    // Markers for secrets, and what was unpacked, have another length than what went over the wire.
    bodyLength: isWhole ? bytes.length : Math.max(body?.length ?? 0, bytes.length + 1),
  };
}
