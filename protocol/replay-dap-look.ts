// What a DAP client asks of the stop that a replay stands at: threads, stack, values, expressions, sources, where one can go.
//
// Rules
// - Only the thread of the current hit has a stack; all others say where they last stood.
// - A request that has not what it needs is refused in words, which the user reads.
import type { DebugProtocol } from "./dap.ts";
import { Refused } from "./dap-speaker.ts";
import type { Answer, Arguments, Event } from "./dap-speaker.ts";
import { whereOf } from "./hit-summary.ts";
import type { SnapshotFrame } from "./hit.ts";
import { member, sayJson } from "./json.ts";
import { evaluateAt } from "./replay-evaluate.ts";
import { recordedFile } from "./replay-files.ts";
import type { ReplayFiles, ShownSource } from "./replay-files.ts";
import { openedFrame } from "./replay-opened.ts";
import type { Recording } from "./replay-recording.ts";
import { ReplayValues, stackOf } from "./replay-values.ts";
import { stopText } from "./replay-walk.ts";
import { firstAfter } from "./sorted.ts";

/** The thread of a recording without hits, or before the first one. */
export const noThread = 1;
/** Of lines in a stack that are no frames. */
const labelId = 0;
const mostTargets = 500;
const stale = "this id is of an earlier stop, and is not known any more";

export class DapLook {
  readonly #recording: Recording;
  readonly #files: ReplayFiles;
  readonly #values = new ReplayValues();
  /** -1: before the first stop. */
  #place = -1;
  /** What is said there. */
  #note = "this recording has no hits";
  /** What the client counts from. */
  #from = { line: 1, column: 1 };

  constructor(recording: Recording, files: ReplayFiles) {
    this.#recording = recording;
    this.#files = files;
  }

  /** The replay has moved, or stands again where it stood: ids are new. */
  visit(place: number, note: string | undefined): void {
    this.#values.visit();
    this.#place = place;
    if (note !== undefined) this.#note = note;
  }

  countFrom(line: number, column: number): void {
    this.#from = { line, column };
  }

  /** A line as the client counts it, from one that counts from 1. */
  line(line: number): number {
    return line - 1 + this.#from.line;
  }

  /** The reverse of {@link line}. */
  lineFrom(line: number): number {
    return line + 1 - this.#from.line;
  }

  threads(): readonly DebugProtocol.Thread[] {
    if (this.#recording.count === 0) return [{ id: noThread, name: "no hits in this recording" }];
    return this.#recording.threads.map((_, i) => ({ id: i + 1, name: this.#recording.threadName(i) }));
  }

  async stackTrace(args: Arguments): Promise<Answer> {
    const place = this.#place;
    if (place < 0) return stackBody([label(this.#note)]);
    const thread = threadOf(this.#recording, args["threadId"]);
    if (thread !== this.#recording.threadOf(place)) return stackBody([label(this.#elsewhere(thread, place))]);
    const hit = await this.#recording.hit(place);
    if (hit === undefined) return stackBody([label("this hit cannot be read: the trace is damaged here")]);
    const { frames, more } = stackOf(hit);
    const events: Event[] = [];
    const shown = frames.map((frame, i) => {
      const source = this.#source(frame, events);
      return {
        id: this.#values.frameId(place, hit, i),
        name: frame.name,
        ...(source === undefined ? {} : { source }),
        line: frame.line === undefined ? 0 : this.line(frame.line),
        column: frame.column === undefined ? 0 : frame.column - 1 + this.#from.column,
      };
    });
    const all = more === undefined ? shown : [...shown, label(more)];
    const start = wholeOf(args["startFrame"]) ?? 0;
    const levels = wholeOf(args["levels"]) ?? 0;
    const page = all.slice(start, levels === 0 ? undefined : start + levels);
    return { body: { stackFrames: page, totalFrames: all.length }, events };
  }

  /** What is said of a thread that does not stand at the current hit. */
  #elsewhere(thread: number, place: number): string {
    const places = this.#recording.threads[thread] ?? [];
    let before = firstAfter(places, place) - 1;
    while (before >= 0 && this.#recording.isLog(places[before] ?? 0)) before--;
    const last = places[before];
    const { number } = this.#recording.stop(place);
    if (last === undefined) return `not stopped at hit ${number}, nor before it`;
    const { number: at, function: name = "?", file, line } = this.#recording.stop(last);
    const where = whereOf({
      name,
      ...(file === undefined ? {} : { path: file }),
      ...(line === undefined ? {} : { line }),
    });
    return `not stopped at hit ${number}; last at hit ${at}: ${where}`;
  }

  async scopes(args: Arguments): Promise<Answer> {
    if (args["frameId"] === labelId) return { body: { scopes: [] } };
    const at = this.#frame(args["frameId"]);
    const recorded = at.hit.snapshot.frames[at.index];
    const frame = recorded?.scopes === undefined ? await this.#openedFrame(at.place, at.index) : recorded;
    return { body: { scopes: this.#values.scopes(at, frame ?? { name: "" }) } };
  }

  async variables(args: Arguments): Promise<Answer> {
    const reference = wholeOf(args["variablesReference"]) ?? 0;
    const found = await this.#values.variables(reference, (place, index) => this.#openedFrame(place, index));
    if (found === undefined) throw new Refused(stale);
    if (args["filter"] === "indexed") return { body: { variables: [] } };
    const start = wholeOf(args["start"]) ?? 0;
    const count = wholeOf(args["count"]) ?? 0;
    return { body: { variables: found.slice(start, count === 0 ? undefined : start + count) } };
  }

  async evaluate(args: Arguments): Promise<Answer> {
    const { expression, frameId } = args;
    if (typeof expression !== "string" || expression.trim() === "") throw new Refused("there is no expression");
    if (frameId === labelId) throw new Refused("this line of the stack is no frame: nothing was recorded of it");
    const at = frameId === undefined ? undefined : this.#frame(frameId);
    const place = at?.place ?? this.#place;
    if (place < 0) throw new Refused("the replay stands before the first hit");
    const index = at?.index ?? 0;
    const found = await evaluateAt(this.#recording, place, index, expression);
    if ("failure" in found) throw new Refused(found.failure);
    const { value, type, variable, computed } = found;
    return {
      body: {
        result: computed === true ? `${value}  (computed from the recording)` : value,
        ...(type === undefined ? {} : { type }),
        variablesReference:
          variable === undefined
            ? 0
            : this.#values.reference(place, index, ["=", expression], variable, expression.trim()),
        presentationHint: { attributes: ["readOnly"] },
      },
    };
  }

  async exceptionInfo(): Promise<Answer> {
    const place = this.#place;
    const hit = place < 0 ? undefined : await this.#recording.hit(place);
    if (hit?.reason !== "exception") throw new Refused("this hit is no exception");
    const { exception } = await this.#recording.asked(place);
    const [, name = "exception", said] = /^([\w.]+)(?::\s*([\s\S]*))?$/.exec(hit.text ?? "") ?? [undefined, hit.text];
    const description = exception?.description ?? said ?? hit.text;
    return {
      body: {
        exceptionId: exception?.id ?? name,
        ...(description === undefined ? {} : { description }),
        breakMode: "always",
        ...(exception?.stack === undefined ? {} : { details: { stackTrace: exception.stack } }),
      },
    };
  }

  source(args: Arguments): Answer {
    const reference = member(args["source"], "sourceReference") ?? args["sourceReference"];
    const content = typeof reference === "number" ? this.#files.text(reference) : undefined;
    if (content === undefined) throw new Refused("the recording has no text of this source");
    return { body: { content } };
  }

  async loadedSources(): Promise<Answer> {
    const events: Event[] = [];
    const sources: ShownSource[] = [];
    for (const file of this.#recording.files.keys()) {
      const source = this.#source(await recordedFile(this.#recording, file), events);
      if (source !== undefined) sources.push(source);
    }
    return { body: { sources }, events };
  }

  /** What is to be told of it is added to the events. */
  #source(frame: SnapshotFrame, events: Event[]): ShownSource | undefined {
    const { source, warning } = this.#files.source(frame);
    if (warning !== undefined) events.push(["output", { category: "important", output: `${warning}\n` }]);
    return source;
  }

  gotoTargets(args: Arguments): Answer {
    const [path, line] = [member(args["source"], "path"), wholeOf(args["line"])];
    if (typeof path !== "string" || line === undefined) throw new Refused("a file and a line are needed");
    const wanted = this.lineFrom(line);
    const places = this.#files
      .find(path)
      .flatMap((file) => this.#recording.files.get(file)?.get(wanted) ?? [])
      .slice(0, mostTargets);
    const targets = places.map((place) => ({
      id: this.#recording.stop(place).number,
      label: stopText(this.#recording, place),
      line,
    }));
    return { body: { targets } };
  }

  #openedFrame(place: number, index: number): Promise<SnapshotFrame | undefined> {
    return openedFrame(this.#recording, place, index);
  }

  #frame(id: unknown): NonNullable<ReturnType<ReplayValues["frame"]>> {
    const frame = typeof id === "number" ? this.#values.frame(id) : undefined;
    if (frame === undefined) throw new Refused(stale);
    return frame;
  }
}

/** Of `threads`, from an id of a client. */
export function threadOf({ threads }: Recording, id: unknown): number {
  const thread = wholeOf(id);
  if (thread === undefined || thread < 1 || thread > Math.max(1, threads.length))
    throw new Refused(`there is no thread ${sayJson(id)} in this recording`);
  return thread - 1;
}

function stackBody(frames: readonly object[]): Answer {
  return { body: { stackFrames: frames, totalFrames: frames.length } };
}

/** A line in the stack that is no frame. */
function label(name: string): DebugProtocol.StackFrame {
  return { id: labelId, name, line: 0, column: 0, presentationHint: "label" };
}

export function wholeOf(value: unknown): number | undefined {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}
