// A recording as a debug adapter: it answers an IDE as the debuggee did, and moves between its stops, forwards and backwards.
//
//   initialize → capabilities     launch, attach → `initialized`     setBreakpoints …     configurationDone → `stopped` at the first hit
//   continue, reverseContinue, next, stepIn, stepOut, stepBack, goto, restart → the response, then `stopped`
//
// Rules
// - Requests are answered one after the other. The same requests give the same bytes: no clock, no chance.
// - Each thread that stopped is a thread; the one that stands is that of the current hit. All others say where they last stood.
// - Nothing can be changed: what would is refused in words.
// - A request that has not what it needs is answered with an error; none ends the session but disconnect.
import type { DapMessage, DebugProtocol } from "./dap.ts";
import { isObject, member } from "./json.ts";
import { exceptionFilter, ReplayBreakpoints } from "./replay-breakpoints.ts";
import { evaluateAt } from "./replay-evaluate.ts";
import { ReplayFiles } from "./replay-files.ts";
import type { LocalFiles } from "./replay-files.ts";
import type { Recording } from "./replay-recording.ts";
import { stackOf, ReplayValues } from "./replay-values.ts";
import { stopText, Walk } from "./replay-walk.ts";
import type { Move, StepKind } from "./replay-walk.ts";
import { whereOf } from "./hit-summary.ts";

const capabilities: DebugProtocol.Capabilities = {
  supportsConfigurationDoneRequest: true,
  supportsFunctionBreakpoints: true,
  supportsStepBack: true,
  supportsEvaluateForHovers: true,
  supportsGotoTargetsRequest: true,
  supportsRestartRequest: true,
  supportsExceptionInfoRequest: true,
  supportsDelayedStackTraceLoading: true,
  supportsLoadedSourcesRequest: true,
  supportsTerminateRequest: true,
  exceptionBreakpointFilters: [exceptionFilter],
};

const stepKinds: ReadonlySet<string> = new Set(["next", "stepIn", "stepOut", "stepBack"] satisfies StepKind[]);
/** The thread of a recording without hits, or before the first one. */
const noThread = 1;
const mostText = 1000;

/** A request that cannot be answered as it was asked; the message is shown to the user. */
class Refused extends Error {}

export class DapReplay {
  readonly #recording: Recording;
  readonly #files: ReplayFiles;
  readonly #breakpoints: ReplayBreakpoints;
  readonly #values = new ReplayValues();
  readonly #walk: Walk;
  /** The place to begin at; undefined: the first stop that is meant. */
  readonly #from: number | undefined;
  #seq = 1;
  #isStarted = false;
  #isConfigured = false;
  #note: string | undefined;
  /** The client counts lines and columns from 0. */
  #linesFrom0 = false;
  #columnsFrom0 = false;

  constructor(recording: Recording, local: LocalFiles, from?: number) {
    this.#recording = recording;
    this.#files = new ReplayFiles(recording, local);
    this.#breakpoints = new ReplayBreakpoints(recording, this.#files);
    this.#walk = new Walk(recording);
    this.#from = from;
  }

  /** The place of the current stop; -1: before the first. */
  get place(): number {
    return this.#walk.place;
  }

  /** The answer, and the events after it. */
  async handle(request: DebugProtocol.Request): Promise<readonly DapMessage[]> {
    const args: Arguments = isObject(request.arguments) ? request.arguments : {};
    try {
      const { body, events = [] } = await this.#answer(request.command, args);
      return [this.#response(request, body), ...events.map(([event, about]) => this.#event(event, about))];
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      return [this.#failure(request, error.message)];
    }
  }

  /** Moves every IDE to a stop, as `goto` does: for those who choose hits elsewhere. */
  async show(place: number): Promise<readonly DapMessage[]> {
    if (!this.#isConfigured || place < 0 || place >= this.#recording.count) return [];
    const { events = [] } = await this.#moved(this.#walk.goTo(place));
    return events.map(([event, about]) => this.#event(event, about));
  }

  /** What an IDE is told when the replay ends. */
  terminated(): readonly DapMessage[] {
    return this.#isStarted ? [this.#event("terminated", undefined)] : [];
  }

  #answer(command: string, args: Arguments): Answer | Promise<Answer> {
    switch (command) {
      case "initialize":
        this.#linesFrom0 = args["linesStartAt1"] === false;
        this.#columnsFrom0 = args["columnsStartAt1"] === false;
        return { body: capabilities };
      case "launch":
      case "attach":
        return this.#start();
      case "configurationDone":
        return this.#configured();
      case "setBreakpoints":
        return this.#setBreakpoints(args);
      case "setFunctionBreakpoints":
        return { body: { breakpoints: this.#breakpoints.setFunctions(listOf(args["breakpoints"]).map(nameOf)) } };
      case "setExceptionBreakpoints":
        this.#breakpoints.exceptions = listOf(args["filters"]).includes(exceptionFilter.filter);
        return {};
      case "threads":
        return { body: { threads: this.#threads() } };
      case "stackTrace":
        return this.#stackTrace(args);
      case "scopes":
        return this.#scopes(args);
      case "variables":
        return this.#variables(args);
      case "evaluate":
        return this.#evaluate(args);
      case "exceptionInfo":
        return this.#exceptionInfo();
      case "source":
        return this.#source(args);
      case "loadedSources":
        return { body: { sources: this.#loadedSources() } };
      case "gotoTargets":
        return this.#gotoTargets(args);
      case "terminate":
        return { events: [["terminated", {}]] };
      case "disconnect":
        return {};
      default:
        return this.#move(command, args);
    }
  }

  #move(command: string, args: Arguments): Answer | Promise<Answer> {
    const isMeant = (place: number): boolean => this.#breakpoints.isMeant(place);
    switch (command) {
      case "continue":
        return this.#moved(this.#walk.run("forwards", isMeant), { allThreadsContinued: true });
      case "reverseContinue":
        return this.#moved(this.#walk.run("backwards", isMeant));
      case "restart":
        this.#walk.rewind();
        return this.#moved(this.#walk.run("forwards", isMeant));
      case "goto": {
        const place = this.#placeOf(args["targetId"]);
        return this.#moved(this.#walk.goTo(place));
      }
      case "pause":
        return this.#moved({ place: this.#walk.place, reason: "pause", note: "a recording stands still", logs: [] });
      default:
        if (stepKinds.has(command))
          return this.#moved(this.#walk.step(command as StepKind, this.#threadOf(args["threadId"])));
        throw new Refused(`${command} is not possible in a replay: a recording cannot be changed`);
    }
  }

  #start(): Answer {
    if (this.#isStarted) throw new Refused("this replay was started already: one launch or attach each connection");
    this.#isStarted = true;
    const { count, total } = this.#recording;
    const some = count === total ? `${count}` : `${count} of ${total}`;
    const output = `debugtap replays ${some} recorded hit${total === 1 ? "" : "s"}. Nothing runs; Step Back and Reverse work.\n`;
    return {
      events: [
        ["initialized", undefined],
        ["output", { category: "console", output }],
      ],
    };
  }

  #configured(): Answer | Promise<Answer> {
    if (!this.#isStarted) throw new Refused("launch or attach comes first");
    if (this.#isConfigured) return {};
    this.#isConfigured = true;
    const isMeant = (place: number): boolean => this.#breakpoints.isMeant(place);
    return this.#moved(
      this.#from === undefined
        ? this.#walk.run("forwards", isMeant)
        : { ...this.#walk.goTo(this.#from), reason: "entry" },
    );
  }

  /** The response, what is told of the way, and the stop. */
  async #moved(move: Move, body?: object): Promise<Answer> {
    if (!this.#isConfigured) throw new Refused("the replay has not begun: configurationDone comes first");
    const events: Event[] = [];
    for (const place of move.logs) {
      const text = (await this.#recording.hit(place))?.text ?? "";
      events.push(["output", { category: "console", output: `${text.slice(0, mostText)}\n` }]);
    }
    this.#values.visit();
    this.#note = move.place < 0 && this.#recording.count > 0 ? "no recorded hit is at these breakpoints" : move.note;
    const { place } = move;
    const about = place < 0 ? (this.#note ?? "this recording has no hits") : stopText(this.#recording, place);
    const description = move.note === undefined || place < 0 ? about : `${move.note} · ${about}`;
    events.push([
      "stopped",
      {
        reason: move.reason,
        description,
        threadId: place < 0 ? noThread : this.#recording.threadOf(place) + 1,
        text: await this.#stopText(place, about),
        allThreadsStopped: true,
      },
    ]);
    return { ...(body === undefined ? {} : { body }), events };
  }

  async #stopText(place: number, about: string): Promise<string> {
    const said = place < 0 ? undefined : (await this.#recording.hit(place))?.text;
    return said === undefined ? about : `${about} · ${said.slice(0, mostText)}`;
  }

  #setBreakpoints(args: Arguments): Answer {
    const path = member(args["source"], "path");
    const asked = Array.isArray(args["breakpoints"])
      ? listOf(args["breakpoints"]).map((each) => member(each, "line"))
      : listOf(args["lines"]);
    const lines = asked.map((line) => (typeof line === "number" ? line + (this.#linesFrom0 ? 1 : 0) : 0));
    if (typeof path !== "string" || path === "") throw new Refused("the file of the breakpoints has no path");
    const breakpoints = this.#breakpoints
      .setLines(path, lines)
      .map((each) => (each.line === undefined ? each : { ...each, line: this.#line(each.line) }));
    return { body: { breakpoints } };
  }

  #threads(): readonly DebugProtocol.Thread[] {
    if (this.#recording.count === 0) return [{ id: noThread, name: "no hits in this recording" }];
    return this.#recording.threads.map(([first = 0], i) => {
      const { session, threadName } = this.#recording.stop(first);
      return { id: i + 1, name: `${session} · ${threadName}` };
    });
  }

  async #stackTrace(args: Arguments): Promise<Answer> {
    const place = this.#walk.place;
    if (!this.#isConfigured) throw new Refused("the replay has not begun: configurationDone comes first");
    if (place < 0) return stackBody([label(this.#note ?? "this recording has no hits")]);
    const thread = this.#threadOf(args["threadId"]);
    if (thread !== this.#recording.threadOf(place)) return stackBody([label(this.#elsewhere(thread, place))]);
    const hit = await this.#recording.hit(place);
    if (hit === undefined) return stackBody([label("this hit cannot be read: the trace is damaged here")]);
    const { frames, more } = stackOf(hit);
    const events: Event[] = [];
    const shown = frames.map((frame, i) => {
      const { source, warning } = this.#files.source(frame);
      if (warning !== undefined) events.push(["output", { category: "important", output: `${warning}\n` }]);
      return {
        id: this.#values.frameId(place, hit, i),
        name: frame.name,
        ...(source === undefined ? {} : { source }),
        line: frame.line === undefined ? 0 : this.#line(frame.line),
        column: frame.column === undefined ? 0 : frame.column - (this.#columnsFrom0 ? 1 : 0),
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
    const last = this.#recording.threads[thread]?.findLast((each) => each < place && !this.#recording.isLog(each));
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

  async #scopes(args: Arguments): Promise<Answer> {
    if (args["frameId"] === labelId) return { body: { scopes: [] } };
    const frame = this.#frame(args["frameId"]);
    return { body: { scopes: this.#values.scopes(frame, await this.#recording.asked(frame.place)) } };
  }

  async #variables(args: Arguments): Promise<Answer> {
    const reference = wholeOf(args["variablesReference"]) ?? 0;
    const found = await this.#values.variables(reference, (place) => this.#recording.asked(place));
    if (found === undefined) throw new Refused(stale);
    if (args["filter"] === "indexed") return { body: { variables: [] } };
    const start = wholeOf(args["start"]) ?? 0;
    const count = wholeOf(args["count"]) ?? 0;
    return { body: { variables: found.slice(start, count === 0 ? undefined : start + count) } };
  }

  async #evaluate(args: Arguments): Promise<Answer> {
    const { expression, frameId, context } = args;
    if (typeof expression !== "string" || expression.trim() === "") throw new Refused("there is no expression");
    const hit = context === "repl" ? /^\s*hit\s+(\d{1,9})\s*$/.exec(expression)?.[1] : undefined;
    if (hit !== undefined)
      return this.#moved(this.#walk.goTo(this.#placeOf(Number(hit))), { result: "", variablesReference: 0 });
    const at = frameId === undefined ? undefined : this.#frame(frameId);
    const place = at?.place ?? this.#walk.place;
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
        ...(computed === true ? {} : { presentationHint: { attributes: ["readOnly"] } }),
      },
    };
  }

  async #exceptionInfo(): Promise<Answer> {
    const place = this.#walk.place;
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

  #source(args: Arguments): Answer {
    const reference = member(args["source"], "sourceReference") ?? args["sourceReference"];
    const content = typeof reference === "number" ? this.#files.text(reference) : undefined;
    if (content === undefined) throw new Refused("the recording has no text of this source");
    return { body: { content, mimeType: "text/x-python" } };
  }

  #loadedSources(): readonly { readonly name?: string; readonly path?: string }[] {
    return [...this.#recording.files.keys()].flatMap((path) => this.#files.source({ name: "", path }).source ?? []);
  }

  #gotoTargets(args: Arguments): Answer {
    const [path, line] = [member(args["source"], "path"), args["line"]];
    if (typeof path !== "string" || typeof line !== "number") throw new Refused("a file and a line are needed");
    const wanted = line + (this.#linesFrom0 ? 1 : 0);
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

  #frame(id: unknown): NonNullable<ReturnType<ReplayValues["frame"]>> {
    const frame = typeof id === "number" ? this.#values.frame(id) : undefined;
    if (frame === undefined) throw new Refused(stale);
    return frame;
  }

  /** Of `threads`, from an id of a client. */
  #threadOf(id: unknown): number {
    const thread = wholeOf(id);
    if (thread === undefined || thread < 1 || thread > Math.max(1, this.#recording.threads.length))
      throw new Refused(`there is no thread ${String(id)} in this recording`);
    return thread - 1;
  }

  #placeOf(number: unknown): number {
    const place = typeof number === "number" ? this.#recording.placeOf(number) : undefined;
    if (place === undefined) throw new Refused(`there is no hit ${String(number)} in this replay`);
    return place;
  }

  #line(line: number): number {
    return line - (this.#linesFrom0 ? 1 : 0);
  }

  #response({ seq, command }: DebugProtocol.Request, body: unknown): DebugProtocol.Response {
    return {
      seq: this.#seq++,
      type: "response",
      request_seq: seq,
      success: true,
      command,
      ...(body === undefined ? {} : { body }),
    };
  }

  #failure({ seq, command }: DebugProtocol.Request, message: string): DebugProtocol.Response {
    return {
      seq: this.#seq++,
      type: "response",
      request_seq: seq,
      success: false,
      command,
      message,
      body: { error: { id: 1, format: "{why}", variables: { why: message }, showUser: false } },
    };
  }

  #event(event: string, body: unknown): DebugProtocol.Event {
    return { seq: this.#seq++, type: "event", event, ...(body === undefined ? {} : { body }) };
  }
}

type Arguments = Readonly<Record<string, unknown>>;
type Event = readonly [event: string, body: unknown];
interface Answer {
  readonly body?: unknown;
  readonly events?: readonly Event[];
}

const stale = "this id is of an earlier stop, and is not known any more";
const mostTargets = 500;
/** Of lines in a stack that are no frames. */
const labelId = 0;

function stackBody(frames: readonly object[]): Answer {
  return { body: { stackFrames: frames, totalFrames: frames.length } };
}

/** A line in the stack that is no frame. */
function label(name: string): DebugProtocol.StackFrame {
  return { id: labelId, name, line: 0, column: 0, presentationHint: "label" };
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function nameOf(breakpoint: unknown): string {
  const name = member(breakpoint, "name");
  return typeof name === "string" ? name : "";
}

function wholeOf(value: unknown): number | undefined {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}
