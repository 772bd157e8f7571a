// What a replay says in pydevd's XML: threads with their stacks, variables. The reverse of pydevd-xml.ts, which has the grammar.
import type { SnapshotFrame, SnapshotVariable } from "./hit.ts";
import { attributeQuoting } from "./pydevd-quoting.ts";
import { isOpen, shownValue } from "./replay-values.ts";
import { unquoted } from "./value-path.ts";

const { value: ofValue, file: ofFile, thread: ofThread } = attributeQuoting;
/** XML knows no control characters, in whichever way they are written: an IDE's parser drops the message. */
const plain = {
  encode: (text: string) => attributeQuoting.plain.encode(text.replace(/[^\P{Cc}\t\n\r]|\ufffe|\uffff/gu, "\ufffd")),
};

export function threadXml(id: string, name: string): string {
  return `<xml><thread name="${ofThread.encode(name)}" id="${plain.encode(id)}" /></xml>`;
}

/** `reason`: the id of the command that stops so; frames with the ids that they have in this visit, and their files here. */
export function suspendedXml(
  id: string,
  {
    reason,
    message,
    frames,
  }: { readonly reason?: number; readonly message?: string; readonly frames: readonly FrameTag[] },
): string {
  const why =
    reason === undefined
      ? ""
      : ` stop_reason="${reason}" message="${plain.encode(message ?? "")}" suspend_type="trace"`;
  const tags = frames.map(
    ({ id: frameId, file, frame: { name, line = 0 } }) =>
      `<frame id="${frameId}" name="${plain.encode(name)}" file="${ofFile.encode(file)}" line="${line}"></frame>`,
  );
  return `<xml><thread id="${plain.encode(id)}"${why}>${tags.join("")}</thread></xml>`;
}

export interface FrameTag {
  readonly id: number;
  readonly file: string;
  readonly frame: Pick<SnapshotFrame, "name" | "line">;
}

export function variablesXml(variables: readonly SnapshotVariable[], note?: string): string {
  const said = note === undefined ? [] : [noteTag(note)];
  return `<xml>${[...variables.map((each) => variableTag(each)), ...said].join("")}</xml>`;
}

/** `name` where it is not the variable's own. */
export function variableTag(variable: SnapshotVariable, name = variable.name): string {
  const { type = "", failed } = variable;
  const shown = type === "str" ? (unquoted(variable.value) ?? variable.value) : variable.value;
  const value = shownValue({ ...variable, value: shown });
  return `<var name="${ofValue.encode(name)}" type="${plain.encode(type)}" value="${ofValue.encode(type === "" ? value : `${type}: ${value}`)}"${
    isOpen(variable) ? ' isContainer="True"' : ""
  }${failed === true ? ' isErrorOnEval="True"' : ""} />\n`;
}

export function errorXml(expression: string, why: string): string {
  const tag = `name="${ofValue.encode(expression)}" type="NotRecorded" value="${ofValue.encode(`NotRecorded: ${why}`)}"`;
  return `<xml><var ${tag} isErrorOnEval="True" />\n</xml>`;
}

function noteTag(note: string): string {
  return `<var name="${ofValue.encode("…")}" type="" value="${ofValue.encode(note)}" />\n`;
}
