// A successful response of which only the head was read: answers are long (values, sources), and most are passed on as they came.
// The body is parsed when somebody looks into it.
//
//   {"seq": 12, "type": "response", "request_seq": 7, "success": true, "command": "variables", "body": {…}}
//   `------------------------------------ the head, within the first 256 bytes -----'
//
// Rules
// - All of the head must stand before the body, as every adapter writes it, and be of the right kind; what else is there, and
//   a short message, is parsed whole by whoever calls.
// - A body that is no JSON is none: the message goes to whom it answers all the same.
import type { DebugProtocol } from "./dap.ts";
import { frameBody, type Frame } from "./frame.ts";
import { member, parseJson } from "./json.ts";
import { members, spaceEnd } from "./json-spans.ts";
import { byteText } from "./splice.ts";

const window = 256;
/** Bytes; below that the whole is parsed as fast. */
const long = 1024;

/** Undefined when it has no such head. `body` is parsed at the first look, and kept. */
export function answerIn(frame: Frame): DebugProtocol.Response | undefined {
  const body = frameBody(frame);
  if (body.length < long) return undefined;
  const head = byteText(body.subarray(0, window));
  const found = new Map<string, string>();
  for (const { key, from, to } of members(head, spaceEnd(head, 0))) {
    if (key === "body" && to === head.length) return answer(found, frame);
    if (to === head.length || found.has(key)) return undefined;
    found.set(key, head.slice(from, to));
  }
  return undefined;
}

function answer(head: ReadonlyMap<string, string>, frame: Frame): DebugProtocol.Response | undefined {
  const [seq, requestSeq] = [wholeNumber(head.get("seq")), wholeNumber(head.get("request_seq"))];
  const [, command] = /^"([A-Za-z][\w.-]*)"$/.exec(head.get("command") ?? "") ?? [];
  const is = head.get("type") === '"response"' && head.get("success") === "true";
  if (!is || seq === undefined || requestSeq === undefined || command === undefined) return undefined;
  let isParsed = false;
  let body: unknown;
  return {
    seq,
    type: "response",
    request_seq: requestSeq,
    success: true,
    command,
    get body(): unknown {
      if (!isParsed) body = member(parseJson(frameBody(frame)), "body");
      isParsed = true;
      return body;
    },
  };
}

function wholeNumber(text: string | undefined): number | undefined {
  return text !== undefined && /^-?\d{1,15}$/.test(text) ? Number(text) : undefined;
}
