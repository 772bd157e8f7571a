// The payload of a call's record: JSON like any other, of at most the size of a record, its bodies shortened as far as that needs.
import type { HttpBody, HttpCall } from "../../protocol/http.ts";
import { jsonPayload } from "./batch.ts";

const encoder = new TextEncoder();

/** The record's payload, of at most `most` bytes. */
export function httpPayload(call: HttpCall, most: number): Uint8Array {
  const longest = Math.max(call.body?.text?.length ?? 0, call.answer?.body?.text?.length ?? 0);
  for (let length = longest; ; length = length >>> 1) {
    const payload = encoder.encode(JSON.stringify({ session: 0, http: withBodies(call, (body) => cut(body, length)) }));
    if (payload.length <= most) return payload;
    if (length === 0) return jsonPayload({ session: 0, http: withBodies(call, (body) => cut(body, 0)) });
  }
}

/** All of it but the texts of its bodies. */
export function withoutBodies(call: HttpCall): HttpCall {
  return withBodies(call, (body) => {
    const { text: _, ...about } = body;
    return about;
  });
}

function withBodies(call: HttpCall, change: (body: HttpBody) => HttpBody): HttpCall {
  const { body, answer } = call;
  return {
    ...call,
    ...(body === undefined ? {} : { body: change(body) }),
    ...(answer?.body === undefined ? {} : { answer: { ...answer, body: change(answer.body) } }),
  };
}

function cut(body: HttpBody, length: number): HttpBody {
  const { text } = body;
  if (text === undefined || text.length <= length) return body;
  // Not within a pair of surrogates.
  const end = /[\uD800-\uDBFF]/.test(text[length - 1] ?? "") ? length - 1 : length;
  return { ...body, text: text.slice(0, end), cut: true };
}
