// The recorded sessions in test/fixtures/captures, as the bytes that each side sent.
//
// pydevd-*.bin: records of  1 byte direction (`>` client, `<` debuggee, `+` connected, `-` closed) · 8 bytes microseconds
//               · 4 bytes length, big-endian · payload, as it came from the socket
// dap-*.jsonl:  one object a line with `session`, `dir` and `message`; framed here again
import { readdirSync, readFileSync } from "node:fs";
import { contentLengthFrame } from "../../protocol/frame.ts";
import type { Side } from "../../protocol/frame.ts";

// From dist/test/helpers to the sources, where the fixtures are.
const folder = new URL("../../../test/fixtures/captures/", import.meta.url);

export interface Sent {
  readonly side: Side;
  /** dap: `s2` is the connection of a child. */
  readonly session?: string;
  readonly bytes: Uint8Array;
}

export interface Capture {
  readonly file: string;
  readonly wire: "dap" | "pydevd";
  /** In the order of the recording, cut as recorded (dap: one message each). */
  readonly sent: readonly Sent[];
}

/** All bytes that one side sent. */
export function stream(capture: Capture, side: Side): Uint8Array {
  return Buffer.concat(capture.sent.filter((sent) => sent.side === side).map((sent) => sent.bytes));
}

export function captures(wire?: "dap" | "pydevd"): Capture[] {
  return readdirSync(folder)
    .sort()
    .filter((file) => !file.endsWith(".md"))
    .map((file) => (file.endsWith(".bin") ? pydevdCapture(file) : dapCapture(file)))
    .filter((capture) => wire === undefined || capture.wire === wire);
}

export function capture(file: string): Capture {
  const found = captures().find((capture) => capture.file === file);
  if (found === undefined) throw new Error(`no capture ${file} in ${folder.pathname}`);
  return found;
}

function pydevdCapture(file: string): Capture {
  const bytes = readFileSync(new URL(file, folder));
  const sent: Sent[] = [];
  for (let at = 0; at < bytes.length;) {
    const direction = String.fromCharCode(bytes[at] ?? 0);
    const start = at + 13;
    const end = start + bytes.readUInt32BE(at + 9);
    if (direction === ">") sent.push({ side: "client", bytes: bytes.subarray(start, end) });
    if (direction === "<") sent.push({ side: "debuggee", bytes: bytes.subarray(start, end) });
    at = end;
  }
  return { file, wire: "pydevd", sent };
}

function dapCapture(file: string): Capture {
  const lines = readFileSync(new URL(file, folder), "utf8").trimEnd().split("\n");
  const sent = lines.map((line): Sent => {
    const record: { dir: string; session: string; message: unknown } = JSON.parse(line);
    const side = record.dir === "client->server" ? "client" : "debuggee";
    return { side, session: record.session, bytes: contentLengthFrame(Buffer.from(JSON.stringify(record.message))) };
  });
  return { file, wire: "dap", sent };
}
