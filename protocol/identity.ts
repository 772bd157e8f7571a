// Which process a debuggee is, as far as its own messages say. Nothing in either handshake has to: this is what is left
// when the process at the far end of the connection cannot be looked up.
//
//   pydevd, text   thread ids `pid_<pid>_id_<n>` in 102 103 104 105 106 …; the program by the bottom frame of a stop (105)
//   DAP            event `process`: systemProcessId, name · response `pydevdSystemInfo`: body.process.pid, ppid
//   DAP, client    request `attach` to a child: subProcessId
// Rules
// - Only fields that hold an id are looked at: output, values and sources may hold the same text by chance.
// - A pid is as the process sees it: in a container it may be another outside.
// - A fork has its parent's thread number; only the pid differs.
import { decodeDap, isEvent, isRequest, isResponse } from "./dap.ts";
import type { DapMessage } from "./dap.ts";
import type { Frame, Wire } from "./frame.ts";
import { member } from "./json.ts";
import { decodePydevd } from "./pydevd.ts";
import type { PydevdMessage } from "./pydevd.ts";
import { parsePydevdXml } from "./pydevd-xml.ts";

export interface Identity {
  readonly pid?: number;
  readonly ppid?: number;
  /** Path of the program, as the debuggee says it. */
  readonly name?: string;
}

/** Commands whose text is a thread id, or fields that begin with one; 102 103 105 have it in their XML. */
const idFirst: ReadonlySet<number> = new Set([104, 106]);
const idInXml: ReadonlySet<number> = new Set([102, 103, 105, 152, 155]);

const dapNames: readonly string[] = ["process", "pydevdSystemInfo"];

/** What a message that says which process sends it is called. */
export function identityNames(wire: "dap" | "pydevd"): readonly string[] {
  return wire === "dap" ? dapNames : ["103", "105", ...dapNames];
}

/** The pid in a thread id: `pid_4711_id_140…`, also behind `__frame__:…|`. Jython's and foreign ids have none. */
export function pidOfPydevdThread(text: string): number | undefined {
  const digits = /^(?:__frame__:[^|]*\|)?pid_(\d{1,10})_/.exec(text)?.[1];
  return digits === undefined ? undefined : pidOf(Number(digits));
}

/** What a frame says; undefined when it says nothing. pydevd's text is read as the debuggee's. */
export function identityOf(frame: Frame, wire: Wire): Identity | undefined {
  if (wire === "raw") return undefined;
  if (frame.kind === "header") {
    const message = decodeDap(frame);
    if (message !== undefined) return identityOfDap(message);
  }
  const message = wire === "pydevd" ? decodePydevd(frame, "debuggee") : undefined;
  return message === undefined ? undefined : identityOfPydevd(message);
}

/** As {@link identityOf}, of a decoded DAP message. */
export function identityOfDap(message: DapMessage): Identity | undefined {
  if (isEvent(message) && message.event === "process") {
    return identity(member(message.body, "systemProcessId"), undefined, member(message.body, "name"));
  }
  if (isResponse(message) && message.command === "pydevdSystemInfo") {
    const body: unknown = message.body;
    return identity(member(body, "process", "pid"), member(body, "process", "ppid"), undefined);
  }
  if (isRequest(message) && message.command === "attach") {
    return identity(member(message.arguments, "subProcessId"), undefined, undefined);
  }
  return undefined;
}

/** As {@link identityOf}, of a message that the debuggee sent. */
export function identityOfPydevd(message: PydevdMessage): Identity | undefined {
  const { id, text } = message;
  if (idFirst.has(id)) return identity(pidOfPydevdThread(text), undefined, undefined);
  if (!idInXml.has(id)) return undefined;
  for (const thread of parsePydevdXml(text)?.threads ?? []) {
    const pid = pidOfPydevdThread(thread.id);
    const bottom = thread.frames.at(-1);
    const name = bottom?.name === "<module>" ? bottom.file : undefined;
    if (pid !== undefined) return identity(pid, undefined, name);
  }
  return undefined;
}

function identity(pidSaid: unknown, ppidSaid: unknown, name: unknown): Identity | undefined {
  const pid = pidOf(pidSaid);
  const ppid = pidOf(ppidSaid);
  const known = {
    ...(pid === undefined ? {} : { pid }),
    ...(ppid === undefined ? {} : { ppid }),
    ...(typeof name === "string" && name !== "" ? { name } : {}),
  };
  return Object.keys(known).length === 0 ? undefined : known;
}

function pidOf(value: unknown): number | undefined {
  return typeof value === "number" && Number.isSafeInteger(value) && value > 0 ? value : undefined;
}
