// A DAP message in words:  request 3 setBreakpoints app.py [12, 30]  ·  event stopped breakpoint thread 1
//
// Rules
// - Only what the reader of a session wants first; the whole message is beside it.
// - Nothing of a message is trusted to have the shape of the specification.
import { isEvent, isRequest } from "./dap.ts";
import type { DapMessage } from "./dap.ts";
import { elements, member } from "./json.ts";

export function describeDap(message: DapMessage): string {
  if (isRequest(message)) return words("request", message.seq, message.command, requestDetail(message));
  if (isEvent(message)) return words("event", message.event, eventDetail(message));
  const failed = member(message, "success") === false;
  const detail = failed ? words("failed:", failure(message)) : responseDetail(message);
  return words("response", member(message, "request_seq"), member(message, "command"), detail);
}

function requestDetail(message: DapMessage): string {
  const args = member(message, "arguments");
  switch (member(message, "command")) {
    case "setBreakpoints": {
      const lines = elements(args, "breakpoints").map((point) => {
        const condition = member(point, "condition") ?? member(point, "hitCondition");
        return words(member(point, "line"), condition === undefined ? "" : words("if", condition));
      });
      return words(fileName(member(args, "source", "path") ?? member(args, "source", "name")), `[${lines.join(", ")}]`);
    }
    case "setFunctionBreakpoints":
      return list(elements(args, "breakpoints"), "name");
    case "setExceptionBreakpoints":
      return `[${elements(args, "filters").map(text).join(", ")}]`;
    case "evaluate":
      return words(member(args, "expression"), where("frame", member(args, "frameId")));
    case "initialize":
      return words(member(args, "clientID"), member(args, "adapterID"));
    case "launch":
      return fileName(member(args, "program"));
    case "attach":
    case "startDebugging": {
      const configuration = member(args, "configuration") ?? args;
      return words(member(configuration, "name"), address(configuration));
    }
    case "setVariable":
    case "setExpression":
      return words(member(args, "name") ?? member(args, "expression"), "=", member(args, "value"));
    default:
      return words(
        where("thread", member(args, "threadId")),
        where("frame", member(args, "frameId")),
        where("ref", member(args, "variablesReference")),
      );
  }
}

function responseDetail(message: DapMessage): string {
  const body = member(message, "body");
  switch (member(message, "command")) {
    case "stackTrace": {
      const frames = elements(body, "stackFrames");
      return words(count(frames, "frame"), frames.length > 0 ? place(frames[0]) : "");
    }
    case "scopes":
      return list(elements(body, "scopes"), "name");
    case "variables":
      return pairs(elements(body, "variables"));
    case "threads":
      return words(count(elements(body, "threads"), "thread"), list(elements(body, "threads"), "name"));
    case "setBreakpoints": {
      const points = elements(body, "breakpoints");
      const verified = points.filter((point) => member(point, "verified") === true).length;
      return `${verified} of ${points.length} verified`;
    }
    case "evaluate":
      return words(member(body, "result"));
    case "source":
      return words(text(member(body, "content")).length, "characters");
    default:
      return "";
  }
}

function eventDetail(message: DapMessage): string {
  const body = member(message, "body");
  switch (member(message, "event")) {
    case "stopped":
    case "continued":
      return words(
        member(body, "reason"),
        where("thread", member(body, "threadId")),
        member(body, "description") ?? member(body, "text"),
      );
    case "thread":
      return words(member(body, "reason"), where("thread", member(body, "threadId")));
    case "output":
      return words(member(body, "category"), JSON.stringify(text(member(body, "output"))));
    case "process":
      return words(fileName(member(body, "name")), where("pid", member(body, "systemProcessId")));
    case "breakpoint":
      return words(member(body, "reason"), place(member(body, "breakpoint")));
    case "module":
      return words(member(body, "reason"), member(body, "module", "name"));
    case "exited":
      return where("code", member(body, "exitCode"));
    case "debugpyAttach":
      return words(member(body, "name"), address(body));
    case "debugpyWaitingForServer":
      return address(body);
    default:
      return "";
  }
}

function failure(message: DapMessage): unknown {
  return member(message, "body", "error", "format") ?? member(message, "message");
}

function place(at: unknown): string {
  const file = fileName(member(at, "source", "path") ?? member(at, "source", "name"));
  const line = text(member(at, "line"));
  const spot = file === "" ? line : `${file}:${line}`;
  const name = text(member(at, "name"));
  return name === "" ? spot : `${name} (${spot})`;
}

function address(configuration: unknown): string {
  const connect = member(configuration, "connect") ?? configuration;
  const port = member(connect, "port");
  return port === undefined ? "" : `${text(member(connect, "host"))}:${text(port)}`;
}

function pairs(variables: readonly unknown[]): string {
  const shown = variables
    .slice(0, 8)
    .map((each) => `${text(member(each, "name"))}=${text(member(each, "value")).slice(0, 40)}`);
  return words(count(variables, "variable"), shown.join(", "));
}

function list(items: readonly unknown[], key: string): string {
  return `[${items.map((item) => text(member(item, key))).join(", ")}]`;
}

function count(items: readonly unknown[], what: string): string {
  return `${items.length} ${what}${items.length === 1 ? "" : "s"}`;
}

function where(what: string, value: unknown): string {
  return value === undefined ? "" : `${what} ${text(value)}`;
}

function fileName(path: unknown): string {
  return text(path).replace(/^.*[/\\](?=.)/s, "");
}

function text(value: unknown): string {
  if (value === undefined || value === null) return "";
  return typeof value === "string" ? value : (JSON.stringify(value) ?? "");
}

function words(...parts: readonly unknown[]): string {
  return parts
    .map(text)
    .filter((part) => part !== "")
    .join(" ");
}
