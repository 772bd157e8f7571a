// Messages of pydevd's text protocol:  id TAB seq TAB text
//
//   debuggee, line            text is percent-coded (see pydevd-quoting.ts)
//   debuggee, Content-Length  text is plain, may hold newlines
//   client, always a line     text is plain
//   JSON in a Content-Length frame is DAP (see dap.ts), not one of these.
//
// Rules
// - A line with fewer than two tabs, or whose id or seq is no number, is no message: pydevd drops it too.
import { contentLengthFrame, frameBody } from "./frame.ts";
import type { Frame, Side } from "./frame.ts";
import { pydevdCommand } from "./pydevd-commands.ts";
import type { Flavour } from "./pydevd-commands.ts";
import { expressionQuoting, wireQuoting } from "./pydevd-quoting.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

export interface PydevdMessage {
  readonly id: number;
  /** See {@link pydevdCommand}; `UNKNOWN` for an id that no flavour has. */
  readonly name: string;
  readonly seq: number;
  /** The payload, without the quoting of the wire. XML stays XML. */
  readonly text: string;
  /** The payload as it stands on the wire. */
  readonly raw: string;
}

/** How the debuggee writes; the client always writes lines. */
export type PydevdFraming = "line" | "header";

/** The message in a frame that `side` sent; undefined when there is none. */
export function decodePydevd(frame: Frame, side: Side, flavour: Flavour = "UP"): PydevdMessage | undefined {
  const body = decoder.decode(frameBody(frame));
  const fields = /^(-?\d{1,10})\t(-?\d{1,15})\t([\s\S]*)$/.exec(body);
  if (fields === null) return undefined;
  const [, id = "", seq = "", rest = ""] = fields;
  const raw = frame.kind === "line" && rest.endsWith("\r") ? rest.slice(0, -1) : rest;
  return {
    id: Number(id),
    name: pydevdCommand(Number(id), flavour)?.name ?? "UNKNOWN",
    seq: Number(seq),
    text: side === "debuggee" && frame.kind === "line" ? wireQuoting.decode(raw) : raw,
    raw,
  };
}

/** What follows the seq in a client's command. */
export function commandText(frame: Frame): string {
  return decodePydevd(frame, "client")?.raw ?? "";
}

/** One message as bytes. A newline in a client's text is written `@LINE@`, as PyCharm does: it would end the command. */
export function encodePydevd(
  id: number,
  seq: number,
  text: string,
  how: { readonly side: Side; readonly framing?: PydevdFraming },
): Uint8Array {
  if (how.side === "client") return encoder.encode(`${id}\t${seq}\t${expressionQuoting.encode(text)}\n`);
  if (how.framing === "header") return contentLengthFrame(encoder.encode(`${id}\t${seq}\t${text}`));
  return encoder.encode(`${id}\t${seq}\t${wireQuoting.encode(text)}\n`);
}
