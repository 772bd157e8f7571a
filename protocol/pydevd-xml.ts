// The XML payloads of pydevd: threads with their frames, variables, output.
//
//   <xml><thread id name stop_reason message suspend_type><frame id name file line></frame>…</thread>…</xml>   102 103 105 138 152 155
//   <xml><var name type qualifier value isContainer isErrorOnEval isRetVal scope/>…</xml>                       110 113 114 117 148 151
//   <xml><io s ctx/></xml>                                                                                      116
//
// Rules
// - Input is a message's text, so without the quoting of the wire; fields before the XML (138, 136) are skipped.
// - All layers of quoting are undone: strings are as they were in the debuggee.
// - pydevd does not mask control characters in messages and names: these alone are let through (to a limit, each costs
//   time). Any other fault of the XML gives undefined, never a part.
import { SaxesParser } from "saxes";
import { attributeQuoting } from "./pydevd-quoting.ts";

export interface PydevdFrame {
  readonly id: string;
  readonly name: string;
  readonly file: string;
  readonly line: number;
}

export interface PydevdThread {
  readonly id: string;
  readonly name?: string;
  /** Id of the command that made it stop, see stopReasonName. */
  readonly stopReason?: number;
  readonly suspendType?: string;
  /** Text of a log expression, or the exception's name. Empty is left out. */
  readonly message?: string;
  /** Of 155. */
  readonly exception?: { readonly type: string; readonly description: string };
  /** Top first. */
  readonly frames: readonly PydevdFrame[];
}

export interface PydevdVariable {
  readonly name: string;
  readonly type: string;
  /** Module of the type. */
  readonly qualifier?: string;
  /** As sent: `int: 2`. */
  readonly value: string;
  readonly isContainer: boolean;
  readonly isErrorOnEval: boolean;
  readonly isRetVal: boolean;
  /** `special variables`, `function variables`, … */
  readonly scope?: string;
}

export interface PydevdXml {
  readonly threads: readonly PydevdThread[];
  /** Frames that stand in no thread (136, 145). */
  readonly frames: readonly PydevdFrame[];
  readonly vars: readonly PydevdVariable[];
  readonly output: readonly { readonly stream: "stdout" | "stderr"; readonly text: string }[];
}

const maxDisallowed = 1000;

type Attributes = Readonly<Record<string, string>>;

/** What the XML in a message's text says; undefined when there is none or it is malformed. */
export function parsePydevdXml(text: string): PydevdXml | undefined {
  const start = text.search(/<[A-Za-z]/);
  if (start === -1) return undefined;
  const threads: (PydevdThread & { frames: PydevdFrame[] })[] = [];
  const frames: PydevdFrame[] = [];
  const vars: PydevdVariable[] = [];
  const output: { stream: "stdout" | "stderr"; text: string }[] = [];
  let thread: { frames: PydevdFrame[] } | undefined;
  let disallowed = 0;

  const parser = new SaxesParser<{ position: false; xmlns: false }>({ position: false, xmlns: false });
  parser.on("error", (error) => {
    if (!error.message.includes("disallowed character") || ++disallowed > maxDisallowed) throw error;
  });
  parser.on("opentag", ({ name, attributes }) => {
    if (name === "thread") {
      const opened = { ...threadOf(attributes), frames: [] };
      thread = opened;
      threads.push(opened);
    } else if (name === "frame") (thread?.frames ?? frames).push(frameOf(attributes));
    else if (name === "var") vars.push(variableOf(attributes));
    else if (name === "io") {
      const stream = attributes["ctx"] === "2" ? "stderr" : "stdout";
      output.push({ stream, text: attributeQuoting.value.decode(attributes["s"] ?? "") });
    }
  });
  parser.on("closetag", ({ name }) => {
    if (name === "thread") thread = undefined;
  });
  try {
    parser.write(text.slice(start)).close();
  } catch {
    return undefined;
  }
  return { threads, frames, vars, output };
}

function threadOf(attributes: Attributes): Omit<PydevdThread, "frames"> {
  const { id = "", name, stop_reason, suspend_type, message, exc_type, exc_desc } = attributes;
  return {
    id,
    ...(name === undefined ? {} : { name: attributeQuoting.thread.decode(name) }),
    ...(/^\d+$/.test(stop_reason ?? "") ? { stopReason: Number(stop_reason) } : {}),
    ...(suspend_type === undefined ? {} : { suspendType: suspend_type }),
    ...(message === undefined || message === "" ? {} : { message }),
    ...(exc_type === undefined ? {} : { exception: { type: exc_type, description: exc_desc ?? "" } }),
  };
}

function frameOf(attributes: Attributes): PydevdFrame {
  const { id = "", name = "", file = "", line = "" } = attributes;
  return { id, name, file: attributeQuoting.file.decode(file), line: /^-?\d+$/.test(line) ? Number(line) : 0 };
}

function variableOf(attributes: Attributes): PydevdVariable {
  const { name = "", type = "", qualifier, value = "", scope } = attributes;
  return {
    name: attributeQuoting.value.decode(name),
    type,
    ...(qualifier === undefined ? {} : { qualifier }),
    value: attributeQuoting.value.decode(value),
    isContainer: attributes["isContainer"] === "True",
    isErrorOnEval: attributes["isErrorOnEval"] === "True",
    isRetVal: attributes["isRetVal"] === "True",
    ...(scope === undefined ? {} : { scope }),
  };
}
