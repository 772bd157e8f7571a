// Messages of breakpoints that do not stop (logpoints), found in what the debuggee prints.
//
// Rules
// - A marked message begins with `[debugtap:7] `; the number is that of its breakpoint, and no mark of the program's own stands at the
//   beginning of a line by chance.
// - Debuggers print them as a DAP `output` event or as pydevd's 116, one or several lines each; a mark that is cut in two is not found.
import { decodeDap } from "./dap.ts";
import { frameBody, type Frame } from "./frame.ts";
import { member } from "./json.ts";
import { parsePydevdXml } from "./pydevd-xml.ts";
import { decodePydevd } from "./pydevd.ts";

/** Messages of the debuggee that may have one. */
export function logNames(wire: "dap" | "pydevd" | "raw"): readonly string[] {
  return { dap: ["output"], pydevd: ["output", "116"], raw: [] }[wire];
}

/** The text that makes a logpoint's message a marked one. */
export function marked(mark: number, text: string): string {
  return `[debugtap:${mark}] ${text}`;
}

export function loggedIn(frame: Frame): { readonly mark: number; readonly text: string }[] {
  return printed(frame)
    .split("\n")
    .flatMap((line) => {
      const [, mark, text = ""] = /^\[debugtap:(\d{1,9})\] ?(.*)$/.exec(line.trimEnd()) ?? [];
      return mark === undefined ? [] : [{ mark: Number(mark), text }];
    });
}

function printed(frame: Frame): string {
  const first = frameBody(frame)[0];
  if (frame.kind === "line" || (first !== undefined && first >= 48 && first <= 57)) {
    const message = decodePydevd(frame, "debuggee");
    return message?.id === 116 ? (parsePydevdXml(message.text)?.output ?? []).map(({ text }) => text).join("") : "";
  }
  const message = decodeDap(frame);
  const isOutput = member(message, "event") === "output";
  const text = isOutput ? member(message, "body", "output") : undefined;
  return typeof text === "string" ? text : "";
}
