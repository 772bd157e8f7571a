// What clients asked while a thread stood at a hit, beyond what was captured.
//
// Rules
// - It is read from the messages of the session: from the stop to the next stop of the thread, or until it ran on, at most `mostMessages`.
// - On the wire of pydevd it is 113 EVALUATE_EXPRESSION and its answer, with frames by the ids of the 105.
import { valueOf } from "../../protocol/capture-pydevd.ts";
import { decodeDap } from "../../protocol/dap.ts";
import type { Side } from "../../protocol/frame.ts";
import type { Hit } from "../../protocol/hit.ts";
import { parsePydevdXml } from "../../protocol/pydevd-xml.ts";
import type { PydevdFrame } from "../../protocol/pydevd-xml.ts";
import { decodePydevd } from "../../protocol/pydevd.ts";
import type { PydevdMessage } from "../../protocol/pydevd.ts";
import type { Asked, AskedExpression } from "../../protocol/replay-recording.ts";
import { DapReading } from "./asked-dap.ts";
import type { Trace } from "./reader.ts";

const mostMessages = 5000;
/** Milliseconds: a stop's message was recorded a moment before its hit says, or within that millisecond. */
const [before, within] = [5, 1];

/** `session`: its id; `until`: epoch milliseconds of the next stop of the thread. */
export async function askedAt(trace: Trace, session: number, hit: Hit, until = Infinity): Promise<Asked> {
  const { id } = hit.thread;
  const fresh = () => ({ dap: new DapReading(id), pydevd: new PydevdReading(String(id)) });
  let [reading, hasStopped, seen] = [fresh(), false, 0];
  for await (const { frame, side, session: facts, time } of trace.messages({
    session,
    since: hit.at - before,
    until,
  })) {
    if (frame === undefined || facts.wire === "raw" || seen++ === mostMessages) break;
    const message = decodeDap(frame);
    const command = message === undefined && facts.wire === "pydevd" ? decodePydevd(frame, side) : undefined;
    const isStop =
      message === undefined ? command && reading.pydevd.isStop(command, side) : reading.dap.isStop(message);
    const isBefore = time < hit.at + within;
    if (isStop === true) {
      if (hasStopped && !isBefore) break;
      [reading, hasStopped] = [fresh(), true];
    }
    // Of what came before the stop nothing is its own.
    if (isBefore && !hasStopped) continue;
    if (reading.dap.isOver || reading.pydevd.isOver) {
      if (isBefore) continue;
      break;
    }
    if (message !== undefined) reading.dap.see(message);
    else if (command !== undefined) reading.pydevd.see(command, side);
  }
  const { values, exception } = reading.dap;
  return {
    expressions: [...reading.dap.expressions, ...reading.pydevd.expressions],
    values,
    ...(exception === undefined ? {} : { exception }),
  };
}

class PydevdReading {
  readonly expressions: AskedExpression[] = [];
  isOver = false;
  readonly #thread: string;
  readonly #frames = new Map<string, number>();
  readonly #asked = new Map<number, { readonly frame: number; readonly expression: string }>();

  constructor(thread: string) {
    this.#thread = thread;
  }

  isStop({ id, text }: PydevdMessage, side: Side): boolean {
    return id === 105 && side === "debuggee" && this.#framesIn(text) !== undefined;
  }

  see({ id, seq, text }: PydevdMessage, side: Side): void {
    if (id === 105 && side === "debuggee") this.#stopped(text);
    else if (id === 106 && side === "debuggee" && text.split("\t")[0] === this.#thread) this.isOver = true;
    else if (id === 113 && side === "client") this.#question(seq, text);
    else if ((id === 113 || id === 901) && side === "debuggee") this.#answer(id, seq, text);
  }

  #framesIn(text: string): readonly PydevdFrame[] | undefined {
    return parsePydevdXml(text)?.threads.find(({ id }) => id === this.#thread)?.frames;
  }

  #stopped(text: string): void {
    for (const [i, frame] of this.#framesIn(text)?.entries() ?? []) this.#frames.set(frame.id, i);
  }

  #question(seq: number, text: string): void {
    const [, id = "", , expression = ""] = text.split("\t");
    const frame = this.#frames.get(id);
    if (expression !== "" && frame !== undefined) this.#asked.set(seq, { expression, frame });
  }

  #answer(id: number, seq: number, text: string): void {
    const asked = this.#asked.get(seq);
    this.#asked.delete(seq);
    if (asked === undefined) return;
    const found = id === 113 ? parsePydevdXml(text)?.vars[0] : undefined;
    if (found === undefined) this.expressions.push({ ...asked, failure: text });
    else if (found.isErrorOnEval) this.expressions.push({ ...asked, failure: valueOf(found) });
    else this.expressions.push({ ...asked, value: valueOf(found), type: found.type });
  }
}
