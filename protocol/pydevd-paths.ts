// Every place of pydevd's text protocol that has a path, and the frame with these as the other side says them.
//
//   client -> debuggee      111  id F type F FILE F …   or   type F FILE F line F …     112  type F FILE F id
//                           119  module F FILE          124, 132  FILE                  202  DIR F DIR F …
//                           135  … || EXECFILE F FILE F name     140  [REPLACE:]FILE|line||FILE|line||…     162  JSON
//   debuggee -> client      105, 136, 138, 142, 152, 155  <frame file="FILE">
//                           130  <call_signature file="FILE">    145  <threading_event file="FILE"> and frames
//   JSON in a Content-Length frame is DAP: dap-paths.ts.
//
// Layers of quoting (see pydevd-quoting.ts), from the wire inwards:
//   read    wire (lines only): percent; attribute: XML; of a <frame>: percent, then XML again
//   write   attribute: percent, nothing left that XML escapes; wire (lines only): percent
//   The client's fields are plain; only EXECFILE's file is form-coded (`+` is a space): it is written with %20.
//
// Rules
// - Only the bytes of the paths change (and the header's length).
// - pydevd XML-escapes a file before it percent-codes it, PyCharm and PyDev do not undo that: what is written here leaves the
//   inner XML layer out, so that both, and who does undo it, get the path itself. They read `+` as a space: it is written %2B.
// - Text that only has paths in it (116, 901, values) stays.
import { dapPathNames, pathMappingEdits, rewriteDapPaths } from "./dap-paths.ts";
import { frameBody } from "./frame.ts";
import type { Frame, Side } from "./frame.ts";
import type { PathMap } from "./path-map.ts";
import { attributeQuoting, pythonQuote, unquote, wireQuoting, xmlUnescape } from "./pydevd-quoting.ts";
import { byteText, editOf, splicedFrame, textAt } from "./splice.ts";
import type { Edit } from "./splice.ts";

/** Ids of the messages that may carry paths, by the side that sends them, and the names of those that are DAP. */
export const pydevdPathNames: Readonly<Record<Side, ReadonlySet<string>>> = {
  client: new Set(["111", "112", "119", "124", "132", "135", "140", "162", "202", ...dapPathNames.client]),
  debuggee: new Set(["105", "130", "136", "138", "142", "145", "152", "155", ...dapPathNames.debuggee]),
};

/** The frame that `side` sent, with the paths of the other side; undefined when it stays as it is. Never throws. */
export function rewritePydevdPaths(frame: Frame, map: PathMap, side: Side): Uint8Array | undefined {
  const body = frameBody(frame);
  const text = byteText(body);
  const [head, id = ""] = /^(\d{1,9})\t-?\d{1,15}\t/.exec(text) ?? [];
  if (head === undefined) return frame.kind === "header" ? rewriteDapPaths(frame, map, side) : undefined;
  if (!pydevdPathNames[side].has(id)) return undefined;
  const end = text.endsWith("\r") && frame.kind === "line" ? text.length - 1 : text.length;
  if (side === "debuggee") return splicedFrame(frame, attributeEdits(body, text, head.length, map, frame.kind));
  if (id === "162") return splicedFrame(frame, pathMappingEdits(body, head.length, map));
  const edits: Edit[] = [];
  for (const { from, to, formCoded } of filesOf(id, text, head.length, end)) {
    const raw = textAt(body, from, to);
    const local = formCoded === true ? unquote(raw.replaceAll("+", " ")) : raw;
    const remote = map.toRemote(local);
    if (remote === undefined || remote === local) continue;
    edits.push(editOf(from, to, formCoded === true ? pythonQuote(remote, "/") : remote));
  }
  return splicedFrame(frame, edits);
}

interface FileSpan {
  readonly from: number;
  readonly to: number;
  readonly formCoded?: true;
}

/** The files in a client's text, which stands at `from`. */
function filesOf(id: string, text: string, from: number, end: number): FileSpan[] {
  const fields = split(text, "\t", from, end);
  const [first] = fields;
  if (first === undefined) return [];
  switch (id) {
    // Breakpoints are by id where the first field is a number; else by line, and it is their type.
    case "111":
      return fields.slice(/^-?\d+$/.test(text.slice(first.from, first.to)) ? 2 : 1).slice(0, 1);
    case "112":
    case "119":
      return fields.slice(1, 2);
    case "124":
    case "132":
      return [{ from, to: end }];
    case "135":
      return customOperation(text, from, end);
    case "140": {
      const start = text.startsWith("REPLACE:", from) ? from + "REPLACE:".length : from;
      return split(text, "||", start, end).flatMap((one) => split(text, "|", one.from, one.to).slice(0, 1));
    }
    case "202":
      return fields;
    default:
      return [];
  }
}

function customOperation(text: string, from: number, end: number): FileSpan[] {
  const bars = text.indexOf("||", from);
  if (bars === -1) return [];
  const [style, file] = split(text, "\t", bars + 2, end);
  if (style === undefined || file === undefined || text.slice(style.from, style.to) !== "EXECFILE") return [];
  return [{ ...file, formCoded: true }];
}

function split(text: string, by: string, from: number, end: number): FileSpan[] {
  const parts: FileSpan[] = [];
  let start = from;
  for (let at = text.indexOf(by, start); at !== -1 && at < end; at = text.indexOf(by, start)) {
    parts.push({ from: start, to: at });
    start = at + by.length;
  }
  parts.push({ from: start, to: end });
  return parts;
}

// The wire's quoting leaves `< > = "`, spaces and letters, so tags stand in a line as in XML.
const tag = /<(frame|call_signature|threading_event|asyncio_event)(?=[ \t])/g;
const attribute = /\s*([A-Za-z_]+)="([^"]*)"/y;

function attributeEdits(body: Uint8Array, text: string, from: number, map: PathMap, kind: Frame["kind"]): Edit[] {
  const edits: Edit[] = [];
  const wire = kind === "line" ? wireQuoting : undefined;
  for (const { 0: start, 1: name, index } of text.slice(from).matchAll(tag)) {
    attribute.lastIndex = from + index + start.length;
    for (let found = attribute.exec(text); found !== null; found = attribute.exec(text)) {
      if (found[1] !== "file") continue;
      const to = attribute.lastIndex - 1;
      const raw = textAt(body, to - (found[2] ?? "").length, to);
      const value = xmlUnescape(wire === undefined ? raw : wire.decode(raw));
      const remote = name === "frame" ? attributeQuoting.file.decode(value) : value;
      const local = map.toLocal(remote);
      if (local === undefined || local === remote) continue;
      const quoted = pythonQuote(local, "/>_= ");
      edits.push(editOf(to - (found[2] ?? "").length, to, wire === undefined ? quoted : wire.encode(quoted)));
    }
  }
  return edits;
}
