// DAP messages: JSON in Content-Length frames. The types are those of the specification.
//
// Rules
// - A message is what has a type and a seq of the right kind; what else it must have depends on its command and is not
//   checked here. delve and lldb number every message 0; a message without a seq is none.
import type { DebugProtocol } from "@vscode/debugprotocol";
import { contentLengthFrame, frameBody } from "./frame.ts";
import type { Frame } from "./frame.ts";
import { isObject, parseJson } from "./json.ts";

export type { DebugProtocol } from "@vscode/debugprotocol";

export type DapMessage = DebugProtocol.Request | DebugProtocol.Response | DebugProtocol.Event;

const encoder = new TextEncoder();

/** The message in a frame or in a frame's body; undefined when there is none. */
export function decodeDap(source: Frame | Uint8Array): DapMessage | undefined {
  const value = parseJson("bytes" in source ? frameBody(source) : source);
  return isDapMessage(value) ? value : undefined;
}

/** The message as one frame. */
export function encodeDap(message: DapMessage): Uint8Array {
  return contentLengthFrame(encoder.encode(JSON.stringify(message)));
}

export function isDapMessage(value: unknown): value is DapMessage {
  if (!isObject(value) || typeof value["seq"] !== "number") return false;
  if (value["type"] === "request") return typeof value["command"] === "string";
  if (value["type"] === "event") return typeof value["event"] === "string";
  return (
    value["type"] === "response" && typeof value["request_seq"] === "number" && typeof value["command"] === "string"
  );
}

export function isRequest(message: DapMessage): message is DebugProtocol.Request {
  return message.type === "request";
}

export function isResponse(message: DapMessage): message is DebugProtocol.Response {
  return message.type === "response";
}

export function isEvent(message: DapMessage): message is DebugProtocol.Event {
  return message.type === "event";
}
