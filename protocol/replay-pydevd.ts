// A recording as a pydevd debuggee, for PyCharm and PyDev, which listen: it is silent until it is asked.
//
//   501 → the build     111 112 122 … breakpoints     101 → 103 of a thread, then its first 105
//   106 107 108 109 …   → 106 of the thread, then the next recorded 105; of another thread after 104 and 103
//   114 locals of a frame · 110 children · 113 121 134 an expression · 152 a stack · 124 a source · 155 the exception → their answers
//
// Rules
// - A thread is named before it stops: an IDE drops a stop of a thread that it does not know.
// - Only the thread of the current hit is there. PyCharm resumes all threads that it knows, by a command each: the second one would find
//   the next thread stopped, and pass by its hit.
// - pydevd has no step back: an earlier hit is reached by `hit 42` as an expression, or from where the replay was started.
// - Both ends stop again and say so. What is not known is answered by 901 in words; it never ends the connection.
import type { Frame } from "./frame.ts";
import { parseSetBreak } from "./pydevd-breakpoints.ts";
import type { Grammar } from "./pydevd-breakpoints.ts";
import { parseVersion } from "./pydevd-handshake.ts";
import { pydevdCommand } from "./pydevd-commands.ts";
import { attributeQuoting } from "./pydevd-quoting.ts";
import { decodePydevd, encodePydevd } from "./pydevd.ts";
import type { PydevdMessage } from "./pydevd.ts";
import { ReplayBreakpoints } from "./replay-breakpoints.ts";
import { recordedFile, ReplayFiles } from "./replay-files.ts";
import type { LocalFiles } from "./replay-files.ts";
import { expressionOf, PydevdValues } from "./replay-pydevd-values.ts";
import type { Said } from "./replay-pydevd-values.ts";
import { errorXml, suspendedXml, threadXml, variablesXml } from "./replay-pydevd-xml.ts";
import type { Recording } from "./replay-recording.ts";
import { logLines, stopText, Walk } from "./replay-walk.ts";
import type { Move, StepKind } from "./replay-walk.ts";

/** The upstream flavour, which says that of itself. */
const build = "@@BUILD_NUMBER@@";
const moves: ReadonlyMap<number, StepKind | "continue"> = new Map([
  [106, "continue"],
  [107, "stepIn"],
  [108, "next"],
  [109, "stepOut"],
  [128, "stepIn"],
  [144, "stepIn"],
  [159, "next"],
  [160, "stepOut"],
]);
/** The command that makes a thread stop so. */
const stopReasons: Readonly<Record<string, number>> = { step: 108, exception: 122, pause: 105, goto: 127, entry: 107 };

export class PydevdReplay {
  readonly #recording: Recording;
  readonly #files: ReplayFiles;
  readonly #breakpoints: ReplayBreakpoints;
  readonly #walk: Walk;
  readonly #from: number | undefined;
  /** Lines by file, by the id of the IDE. */
  readonly #lines = new Map<string, Map<number, number>>();
  readonly #values: PydevdValues;
  #grammar: Grammar = "LINE";
  #seq = 2;
  #runs = false;
  /** The thread that the IDE knows. */
  #named: number | undefined;

  constructor(recording: Recording, local: LocalFiles, from?: number) {
    this.#recording = recording;
    this.#files = new ReplayFiles(recording, local);
    this.#breakpoints = new ReplayBreakpoints(recording, this.#files);
    this.#breakpoints.exceptions = false;
    this.#values = new PydevdValues(recording, this.#files);
    this.#walk = new Walk(recording);
    this.#from = from;
  }

  get place(): number {
    return this.#walk.place;
  }

  /** The answer to a message of the IDE, and what follows it. */
  async handle(frame: Frame): Promise<readonly Uint8Array[]> {
    const message = decodePydevd(frame, "client");
    return message === undefined ? [] : this.#answer(message);
  }

  /** Moves to a stop that was chosen elsewhere. */
  async show(place: number): Promise<readonly Uint8Array[]> {
    if (!this.#runs || place < 0 || place >= this.#recording.count) return [];
    const before = this.#resumed("127");
    return [...before, ...(await this.#stopped(this.#walk.goTo(place)))];
  }

  /** What the IDE is told when the replay ends. */
  terminated(): readonly Uint8Array[] {
    return this.#named === undefined ? [] : [this.#event(104, this.#threadId(this.#named))];
  }

  async #answer(message: PydevdMessage): Promise<readonly Uint8Array[]> {
    const { id, seq, text } = message;
    const fields = text.split("\t");
    switch (id) {
      case 501:
        this.#grammar = parseVersion(text).grammar;
        return [this.#say(501, seq, build)];
      case 101:
        return this.#run();
      case 102:
        return [this.#say(502, seq, this.#named === undefined ? "<xml></xml>" : this.#threadXml(this.#named))];
      case 105:
        return this.#runs ? this.#stopped(this.#walk.pause()) : [];
      case 111:
        return this.#setBreak(text);
      case 112:
        return this.#removeBreak(fields[1] ?? "", Number(fields[2]));
      case 114:
        return [this.#told(114, seq, await this.#values.locals(fields))];
      case 110:
        return [this.#told(110, seq, await this.#values.children(fields))];
      case 113:
      case 121:
      case 134:
        return this.#evaluate(id === 134 ? 134 : 113, seq, fields);
      case 115:
        return [this.#say(113, seq, variablesXml([{ name: "", type: "NoneType", value: "None" }]))];
      case 117:
        return [this.#told(502, seq, this.#values.change(fields))];
      case 120:
        return [this.#say(120, seq, "<xml></xml>")];
      case 124:
        return [await this.#source(seq, text)];
      case 152:
        return [await this.#stack(seq, fields[0] ?? "")];
      case 155:
        return [await this.#exception(seq, fields[0] ?? "")];
      default:
        return this.#other(message, fields[0] ?? "");
    }
  }

  async #other({ id, seq, name, text }: PydevdMessage, thread: string): Promise<readonly Uint8Array[]> {
    // A thread and more in a 160 is PyCharm's question for what can be stepped into.
    const move = id === 160 && text.includes("\t") ? undefined : moves.get(id);
    if (move !== undefined) return this.#move(id, move, thread);
    if (id === 122 || id === 123) this.#breakpoints.exceptions = id === 122;
    // Settings have no answer.
    const reply = pydevdCommand(id, "UP")?.reply ?? pydevdCommand(id, "PC")?.reply;
    const isSetting = pydevdCommand(id) !== undefined && reply === undefined;
    return isSetting ? [] : [this.#say(901, seq, `${id} ${name} is not possible in a replay: nothing runs`)];
  }

  async #run(): Promise<readonly Uint8Array[]> {
    if (this.#runs) return [];
    this.#runs = true;
    return this.#stopped(
      this.#from === undefined
        ? this.#walk.run("forwards", (place) => this.#breakpoints.isMeant(place))
        : this.#walk.goTo(this.#from),
    );
  }

  async #move(id: number, move: StepKind | "continue", thread: string): Promise<readonly Uint8Array[]> {
    const place = this.#walk.place;
    const current = place < 0 ? 0 : this.#recording.threadOf(place);
    // PyCharm resumes all threads, each by itself.
    if (!this.#runs || (thread !== "*" && thread !== this.#threadId(current))) return [];
    const before = this.#resumed(String(id));
    const isMeant = (each: number): boolean => this.#breakpoints.isMeant(each);
    const made = move === "continue" ? this.#walk.run("forwards", isMeant) : this.#walk.step(move, current);
    return [...before, ...(await this.#stopped(made))];
  }

  /** The current thread runs on. */
  #resumed(reason: string): readonly Uint8Array[] {
    const place = this.#walk.place;
    return place < 0 ? [] : [this.#event(106, `${this.#threadId(this.#recording.threadOf(place))}\t${reason}`)];
  }

  async #stopped(move: Move): Promise<readonly Uint8Array[]> {
    const { place, reason, note } = move;
    const said = (await logLines(this.#recording, move)).map((line) => this.#console(line));
    const about = place < 0 ? "no recorded hit is at these breakpoints" : stopText(this.#recording, place);
    said.push(this.#console(note === undefined ? about : `${note} · ${about}`));
    if (place < 0) return said;
    const hit = await this.#recording.hit(place);
    const thread = this.#recording.threadOf(place);
    const frames = this.#values.visit(place, hit);
    const message = hit?.reason === "exception" ? (hit.text ?? "") : (note ?? "");
    const stop = { reason: stopReasons[reason] ?? 111, message, frames };
    return [...said, ...this.#name(thread), this.#event(105, suspendedXml(this.#threadId(thread), stop))];
  }

  /** This thread is there, and no other. */
  #name(thread: number): readonly Uint8Array[] {
    if (this.#named === thread) return [];
    const ended = this.terminated();
    this.#named = thread;
    return [...ended, this.#event(103, this.#threadXml(thread))];
  }

  async #evaluate(id: number, seq: number, fields: readonly string[]): Promise<readonly Uint8Array[]> {
    const expression = expressionOf(fields);
    const hit = /^\s*hit\s+(\d{1,9})\s*$/.exec(expression)?.[1];
    if (hit === undefined) return [this.#told(id, seq, await this.#values.evaluate(fields))];
    const place = this.#recording.placeOf(Number(hit));
    if (place === undefined) return [this.#say(id, seq, errorXml(expression, `there is no hit ${hit} in this replay`))];
    const answer = this.#say(id, seq, variablesXml([{ name: expression, type: "str", value: `hit ${hit}` }]));
    return [answer, ...(await this.show(place))];
  }

  #setBreak(text: string): readonly Uint8Array[] {
    const found = parseSetBreak(text, this.#grammar);
    if (found === undefined) return [];
    const lines = this.#lines.get(found.file) ?? new Map<number, number>();
    this.#lines.set(found.file, lines.set(found.id, Number(found.line)));
    const said = this.#breakpoints.setLines(found.file, [...lines.values()]);
    const own = said[[...lines.keys()].indexOf(found.id)];
    return own === undefined || own.verified ? [] : [this.#console(`${found.file}:${found.line}: ${own.message}`)];
  }

  #removeBreak(file: string, id: number): readonly Uint8Array[] {
    const lines = this.#lines.get(file);
    if (lines?.delete(id) === true) this.#breakpoints.setLines(file, [...lines.values()]);
    return [];
  }

  async #source(seq: number, path: string): Promise<Uint8Array> {
    const { source } = await recordedFile(this.#recording, this.#files.find(path)[0] ?? path);
    const text = source === undefined ? undefined : this.#recording.text(source);
    return text === undefined ? this.#say(901, seq, `the recording has no text of ${path}`) : this.#say(124, seq, text);
  }

  async #stack(seq: number, thread: string): Promise<Uint8Array> {
    const place = this.#walk.place;
    const isHere = place >= 0 && thread === this.#threadId(this.#recording.threadOf(place));
    const frames = isHere ? this.#values.tags(await this.#recording.hit(place)) : [];
    return this.#say(152, seq, suspendedXml(thread, { frames }));
  }

  async #exception(seq: number, thread: string): Promise<Uint8Array> {
    const place = this.#walk.place;
    const hit = place < 0 ? undefined : await this.#recording.hit(place);
    if (hit?.reason !== "exception") return this.#say(901, seq, "this hit is no exception");
    return this.#say(
      155,
      seq,
      suspendedXml(thread, { reason: 122, message: hit.text ?? "", frames: this.#values.tags(hit) }),
    );
  }

  #threadXml(thread: number): string {
    return threadXml(this.#threadId(thread), this.#recording.threadName(thread));
  }

  /** PyCharm shows what stands behind the second underscore. */
  #threadId(thread: number): string {
    return `pid_1_id_${thread + 1}`;
  }

  #console(text: string): Uint8Array {
    const line = attributeQuoting.value.encode(`debugtap: ${text}\n`);
    return this.#event(116, `<xml><io s="${line}" ctx="2"/></xml>`);
  }

  #event(id: number, text: string): Uint8Array {
    const seq = this.#seq;
    this.#seq += 2;
    return this.#say(id, seq, text);
  }

  #told(id: number, seq: number, said: Said): Uint8Array {
    return "failed" in said ? this.#say(901, seq, said.failed) : this.#say(id, seq, said.text);
  }

  #say(id: number, seq: number, text: string): Uint8Array {
    return encodePydevd(id, seq, text, { side: "debuggee", framing: "line" });
  }
}
