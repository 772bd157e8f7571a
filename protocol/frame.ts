// One wire message as bytes, not parsed.

/** `dap`: Content-Length frames. `pydevd`: lines, and Content-Length frames after a switch of protocol. `raw`: bytes only. */
export type Wire = "dap" | "pydevd" | "raw";

/** The two ends of a session: `client` is the IDE, `debuggee` is pydevd or a DAP adapter. Never "server". */
export type Side = "client" | "debuggee";

/** One message. `bytes` is the whole of it as it came, header or newline included; the body is `bytes.subarray(bodyStart, bodyEnd)`. */
export interface Frame {
  readonly kind: "header" | "line";
  readonly bytes: Uint8Array;
  readonly bodyStart: number;
  readonly bodyEnd: number;
}

/** The body of a frame: JSON or text of a Content-Length frame, the line without its newline. A view, not a copy. */
export function frameBody(frame: Frame): Uint8Array {
  return frame.bytes.subarray(frame.bodyStart, frame.bodyEnd);
}

/** The frame that these bytes are, header or newline included. */
export function frameOf(kind: Frame["kind"], bytes: Uint8Array): Frame {
  if (kind === "line") return { kind, bytes, bodyStart: 0, bodyEnd: bytes.length - 1 };
  let start = 0;
  while (start < bytes.length && !isBlankLine(bytes, start)) start++;
  return { kind, bytes, bodyStart: Math.min(start + 4, bytes.length), bodyEnd: bytes.length };
}

function isBlankLine(bytes: Uint8Array, at: number): boolean {
  return bytes[at] === 13 && bytes[at + 1] === 10 && bytes[at + 2] === 13 && bytes[at + 3] === 10;
}

const encoder = new TextEncoder();

/** A body in a Content-Length frame: header and body in one new buffer. */
export function contentLengthFrame(body: Uint8Array): Uint8Array {
  const head = encoder.encode(`Content-Length: ${body.length}\r\n\r\n`);
  const bytes = new Uint8Array(head.length + body.length);
  bytes.set(head);
  bytes.set(body, head.length);
  return bytes;
}
