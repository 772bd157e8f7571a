// A message of pydevd's text protocol in words:
//   111 SET_BREAK app.py:12 if n == 2  ·  105 THREAD_SUSPEND pid_1_id_2 breakpoint work (app.py:12) +2 frames
import type { Side } from "./frame.ts";
import { stopReasonName } from "./pydevd-commands.ts";
import { conditionQuoting, expressionQuoting, xmlUnescape } from "./pydevd-quoting.ts";
import { parsePydevdXml } from "./pydevd-xml.ts";
import type { PydevdFrame, PydevdThread, PydevdXml } from "./pydevd-xml.ts";
import type { PydevdMessage } from "./pydevd.ts";

export interface PydevdDescription {
  readonly summary: string;
  readonly detail: {
    readonly id: number;
    readonly name: string;
    readonly seq: number;
    readonly text: string;
    readonly xml?: PydevdXml;
  };
}

export function describePydevd(message: PydevdMessage, side: Side): PydevdDescription {
  const { id, name, seq, text } = message;
  // Only what begins as XML: a 124 is a source text, which may hold some.
  const isXml = side === "debuggee" && (text.startsWith("<xml") || hasFieldsBeforeXml(id));
  const xml = isXml ? parsePydevdXml(text) : undefined;
  const payload = xml === undefined ? fieldsSummary(id, text, side) : xmlSummary(id, text, xml);
  return {
    summary: `${id} ${name} ${payload}`,
    detail: { id, name, seq, text, ...(xml === undefined ? {} : { xml }) },
  };
}

function xmlSummary(id: number, text: string, xml: PydevdXml): string {
  const parts: string[] = [];
  if (hasFieldsBeforeXml(id)) {
    const fields = text.slice(0, text.indexOf("<xml")).split("\t").slice(1);
    parts.push(xmlUnescape(fields.join(" ").trim()));
  }
  parts.push(...xml.threads.slice(0, 4).map(threadSummary));
  if (xml.threads.length > 4) parts.push(`+${xml.threads.length - 4} threads`);
  if (xml.frames.length > 0) parts.push(stackSummary(xml.frames));
  for (const { stream, text } of xml.output) parts.push(`${stream} ${JSON.stringify(text)}`);
  if (xml.vars.length > 0) {
    const shown = xml.vars.slice(0, 8).map((each) => `${each.name}=${each.value.slice(0, 40)}`);
    parts.push(`${xml.vars.length} ${xml.vars.length === 1 ? "var" : "vars"} ${shown.join(", ")}`);
  }
  return parts.length > 0 ? parts.join(" ") : text;
}

// 136: thread, exception type.  138: frame, exception type, description.
function hasFieldsBeforeXml(id: number): boolean {
  return id === 136 || id === 138;
}

function threadSummary(thread: PydevdThread): string {
  const parts = [thread.id];
  if (thread.name !== undefined) parts.push(thread.name);
  if (thread.stopReason !== undefined) parts.push(stopReasonName(thread.stopReason));
  if (thread.exception !== undefined) parts.push(`${thread.exception.type} ${thread.exception.description}`);
  if (thread.frames.length > 0) parts.push(stackSummary(thread.frames));
  if (thread.message !== undefined) parts.push(JSON.stringify(thread.message));
  return parts.join(" ");
}

function stackSummary(frames: readonly PydevdFrame[]): string {
  const [top, ...below] = frames;
  if (top === undefined) return "";
  const more = below.length === 0 ? "" : ` +${below.length} frame${below.length === 1 ? "" : "s"}`;
  return `${top.name} (${fileName(top.file)}:${top.line})${more}`;
}

function fieldsSummary(id: number, text: string, side: Side): string {
  const fields = text.split("\t");
  if (side === "debuggee") {
    if (id === 106) return `${fields[0] ?? ""} ${reason(fields[1])}`;
    return fields.join(" ");
  }
  switch (id) {
    case 111:
      return breakpointSummary(fields);
    case 112:
      return `${fileName(fields[1] ?? "")} ${fields[2] ?? ""}`;
    case 110:
    case 114:
      return `${fields[0] ?? ""} ${fields.slice(2).join(" ")}`;
    case 113:
    case 115:
    case 121:
      return `${fields[0] ?? ""} ${expressionQuoting.decode(fields[3] ?? "")}`;
    default:
      return fields.join(" ");
  }
}

function reason(field: string | undefined): string {
  return field === undefined || !/^\d+$/.test(field) ? "" : stopReasonName(Number(field));
}

// By ID:    id type file line func condition expression [hit is_logpoint policy]
// By LINE:  type file line func policy condition expression
function breakpointSummary(fields: readonly string[]): string {
  const byId = /^\d+$/.test(fields[0] ?? "");
  const [file = "", line = ""] = byId ? fields.slice(2) : fields.slice(1);
  const [condition, expression, hit] = fields.slice(5);
  const parts = [`${fileName(file)}:${line}`];
  if (given(condition)) parts.push(`if ${conditionQuoting.decode(condition)}`);
  if (given(expression)) parts.push(`log ${conditionQuoting.decode(expression)}`);
  if (given(hit)) parts.push(`hit ${hit}`);
  return parts.join(" ");
}

function given(field: string | undefined): field is string {
  return field !== undefined && field !== "" && field !== "None";
}

function fileName(path: string): string {
  return path.replace(/^.*[/\\](?=.)/s, "");
}
