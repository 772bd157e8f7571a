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
import { DapSpeaker, Refused } from "./dap-speaker.ts";
import type { Answer, Arguments, Event } from "./dap-speaker.ts";
import { member, sayJson } from "./json.ts";
import { exceptionFilter, ReplayBreakpoints } from "./replay-breakpoints.ts";
import { DapLook, noThread, threadOf, wholeOf } from "./replay-dap-look.ts";
import { ReplayFiles } from "./replay-files.ts";
import type { LocalFiles } from "./replay-files.ts";
import type { Recording } from "./replay-recording.ts";
import { logLines, stopText, Walk } from "./replay-walk.ts";
import type { Move, StepKind } from "./replay-walk.ts";

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

function isStep(command: string): command is StepKind {
  return command === "next" || command === "stepIn" || command === "stepOut" || command === "stepBack";
}

const mostText = 1000;

export class DapReplay {
  readonly #recording: Recording;
  readonly #files: ReplayFiles;
  readonly #breakpoints: ReplayBreakpoints;
  readonly #look: DapLook;
  readonly #walk: Walk;
  /** The place to begin at; undefined: the first stop that is meant. */
  readonly #from: number | undefined;
  readonly #speaker: DapSpeaker;
  #isStarted = false;
  #isConfigured = false;

  /** `first`: the number of its first message. */
  constructor(recording: Recording, local: LocalFiles, from?: number, first = 1) {
    this.#recording = recording;
    this.#speaker = new DapSpeaker(first);
    this.#files = new ReplayFiles(recording, local);
    this.#breakpoints = new ReplayBreakpoints(recording, this.#files);
    this.#look = new DapLook(recording, this.#files);
    this.#walk = new Walk(recording);
    this.#from = from;
  }

  /** The place of the current stop; -1: before the first. */
  get place(): number {
    return this.#walk.place;
  }

  /** Epoch milliseconds of the current stop; undefined: it stands before the first. */
  get at(): number | undefined {
    const { place } = this.#walk;
    return place < 0 ? undefined : this.#recording.stop(place).at;
  }

  /** The answer, and the events after it. */
  handle(request: DebugProtocol.Request): Promise<readonly DapMessage[]> {
    return this.#speaker.answer(request, (args) => this.#answer(request.command, args));
  }

  /** Moves every IDE to a stop, as `goto` does: for those who choose hits elsewhere. */
  async show(place: number): Promise<readonly DapMessage[]> {
    if (!this.#isConfigured || place < 0 || place >= this.#recording.count) return [];
    const { events = [] } = await this.#moved(this.#walk.goTo(place));
    return events.map((event) => this.#speaker.event(event));
  }

  /** What an IDE is told when the replay ends. */
  terminated(): readonly DapMessage[] {
    return this.#isStarted ? [this.#speaker.event(["terminated", undefined])] : [];
  }

  /** A line for the debug console. */
  tell(line: string): DapMessage {
    return this.#speaker.event(["output", { category: "important", output: `${line}\n` }]);
  }

  #answer(command: string, args: Arguments): Answer | Promise<Answer> {
    switch (command) {
      case "initialize":
        this.#look.countFrom(args["linesStartAt1"] === false ? 0 : 1, args["columnsStartAt1"] === false ? 0 : 1);
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
        return { body: { threads: this.#look.threads() } };
      case "source":
        return this.#look.source(args);
      case "loadedSources":
        return this.#look.loadedSources();
      case "gotoTargets":
        return this.#look.gotoTargets(args);
      case "terminate":
        return { events: [["terminated", {}]] };
      case "disconnect":
        return {};
      default:
        if (!this.#isConfigured) throw new Refused("the replay has not begun: configurationDone comes first");
        return this.#stand(command, args);
    }
  }

  #stand(command: string, args: Arguments): Answer | Promise<Answer> {
    switch (command) {
      case "stackTrace":
        return this.#look.stackTrace(args);
      case "scopes":
        return this.#look.scopes(args);
      case "variables":
        return this.#look.variables(args);
      case "evaluate": {
        const { context, expression } = args;
        const isTyped = context === "repl" && typeof expression === "string";
        const hit = isTyped ? /^\s*hit\s+(\d{1,9})\s*$/.exec(expression)?.[1] : undefined;
        if (hit === undefined) return this.#look.evaluate(args);
        return this.#moved(this.#walk.goTo(this.#placeOf(Number(hit))), { result: "", variablesReference: 0 });
      }
      case "exceptionInfo":
        return this.#look.exceptionInfo();
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
        return this.#moved(this.#walk.pause());
      default:
        if (isStep(command)) return this.#moved(this.#walk.step(command, threadOf(this.#recording, args["threadId"])));
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
    const events: Event[] = [];
    for (const line of await logLines(this.#recording, move))
      events.push(["output", { category: "console", output: `${line}\n` }]);
    const { place } = move;
    const none = this.#recording.count === 0 ? "this recording has no hits" : "no recorded hit is at these breakpoints";
    this.#look.visit(place, place < 0 ? none : undefined);
    const about = place < 0 ? none : stopText(this.#recording, place);
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
    const lines = asked.map((line) => this.#look.lineFrom(wholeOf(line) ?? 0));
    if (typeof path !== "string" || path === "") throw new Refused("the file of the breakpoints has no path");
    const breakpoints = this.#breakpoints
      .setLines(path, lines)
      .map((each) => (each.line === undefined ? each : { ...each, line: this.#look.line(each.line) }));
    return { body: { breakpoints } };
  }

  #placeOf(number: unknown): number {
    const place = typeof number === "number" ? this.#recording.placeOf(number) : undefined;
    if (place === undefined) throw new Refused(`there is no hit ${sayJson(number)} in this replay`);
    return place;
  }
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function nameOf(breakpoint: unknown): string {
  const name = member(breakpoint, "name");
  return typeof name === "string" ? name : "";
}
