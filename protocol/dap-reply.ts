// Messages that an exchange makes itself. Their seq is 0, as is that of every message of delve and lldb.
import { encodeDap, type DapMessage, type DebugProtocol } from "./dap.ts";
import { frameBody, type Frame } from "./frame.ts";
import { members, spaceEnd } from "./json-spans.ts";
import { byteText, editOf, splicedFrame } from "./splice.ts";

/** A successful response. */
export function success(request: DebugProtocol.Request, body?: unknown): Uint8Array {
  return encodeDap(response(request, { success: true, ...(body === undefined ? {} : { body }) }));
}

/** A failed one: `message` is for the user, or one of DAP's own words (`notStopped`, `cancelled`) with `format` beside it. */
export function failure(request: DebugProtocol.Request, message: string, format: string = message): Uint8Array {
  return encodeDap(response(request, { success: false, message, body: { error: { id: 0, format, showUser: true } } }));
}

export function event(name: string, body?: unknown): Uint8Array {
  return encodeDap({ seq: 0, type: "event", event: name, ...(body === undefined ? {} : { body }) });
}

/** The same message under other numbers; `message` is not changed. */
export function renumbered(message: DapMessage, numbers: { seq?: number; request_seq?: number }): Uint8Array {
  return encodeDap({ ...message, ...numbers });
}

/** How far into a body its numbers are looked for; every adapter has them in front. */
const window = 256;

/** A response under another request's number, its other bytes as they came. */
export function answerTo(frame: Frame, response: DebugProtocol.Response, requestSeq: number): Uint8Array {
  const text = byteText(frameBody(frame).subarray(0, window));
  const number = members(text, spaceEnd(text, 0)).find(({ key }) => key === "request_seq");
  const isIt =
    number !== undefined && number.to < text.length && text.slice(number.from, number.to) === `${response.request_seq}`;
  const changed = isIt ? splicedFrame(frame, [editOf(number.from, number.to, `${requestSeq}`)]) : undefined;
  return changed ?? renumbered(response, { request_seq: requestSeq });
}

function response(
  request: DebugProtocol.Request,
  rest: { success: boolean; message?: string; body?: unknown },
): DebugProtocol.Response {
  return { seq: 0, type: "response", request_seq: request.seq, command: request.command, ...rest };
}
