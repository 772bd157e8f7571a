// The session of an IDE that stands for a whole recording: it has no threads, and asks the IDE to begin one session for each recorded one.
//
//   initialize, launch or attach, configurationDone → `startDebugging` for each, with the client's own configuration and `sessionKey`
//
// Rules
// - `initialize` was answered before this begins: with number 1.
// - A session that the IDE does not start is told; the others go on. It never ends by itself.
import type { DapMessage, DebugProtocol } from "./dap.ts";
import { DapSpeaker, Refused } from "./dap-speaker.ts";
import type { Answer, Arguments } from "./dap-speaker.ts";
import { elements } from "./json.ts";
import { sessionsOf } from "./replay-part.ts";
import type { Recording } from "./replay-recording.ts";

/** Of a configuration: the recorded session that is meant. */
export const sessionKey = "__debugtapSession";

export class ReplayRoot {
  readonly #recording: Recording;
  readonly #speaker = new DapSpeaker(2);
  /** How the client began. */
  #began: { readonly request: string; readonly configuration: Arguments } | undefined;
  #isConfigured = false;
  /** Sessions that the IDE was asked to start, by the number of the request. */
  readonly #asked = new Map<number, string>();

  constructor(recording: Recording) {
    this.#recording = recording;
  }

  /** The answer, and what follows it. */
  async handle(request: DebugProtocol.Request): Promise<readonly DapMessage[]> {
    const wasConfigured = this.#isConfigured;
    const answer = await this.#speaker.answer(request, (args) => this.#answer(request.command, args));
    return wasConfigured || !this.#isConfigured ? answer : [...answer, ...this.#sessions()];
  }

  /** The IDE has answered one of our requests. */
  answered({ request_seq, success, message }: DebugProtocol.Response): readonly DapMessage[] {
    const session = this.#asked.get(request_seq);
    this.#asked.delete(request_seq);
    if (session === undefined || success) return [];
    const output = `${session}: the IDE has not started its session${message === undefined ? "" : `: ${message}`}\n`;
    return [this.#speaker.event(["output", { category: "important", output }])];
  }

  terminated(): readonly DapMessage[] {
    return this.#began === undefined ? [] : [this.#speaker.event(["terminated", undefined])];
  }

  #answer(command: string, args: Arguments): Answer {
    switch (command) {
      case "launch":
      case "attach": {
        if (this.#began !== undefined) throw new Refused("this replay was started already");
        this.#began = { request: command, configuration: args };
        const output = `debugtap replays ${sessionsOf(this.#recording).length} sessions, each in one of its own.\n`;
        return {
          events: [
            ["initialized", undefined],
            ["output", { category: "console", output }],
          ],
        };
      }
      case "configurationDone":
        if (this.#began === undefined) throw new Refused("launch or attach comes first");
        this.#isConfigured = true;
        return {};
      case "setBreakpoints":
      case "setFunctionBreakpoints":
        return { body: { breakpoints: elements(args, "breakpoints").map(() => ({ verified: false })) } };
      case "threads":
        return { body: { threads: [] } };
      case "loadedSources":
        return { body: { sources: [] } };
      case "terminate":
        return { events: [["terminated", {}]] };
      case "setExceptionBreakpoints":
      case "disconnect":
        return {};
      default:
        throw new Refused(`${command} is for one of the sessions: this one has no threads`);
    }
  }

  #sessions(): readonly DebugProtocol.Request[] {
    const { request, configuration } = this.#began ?? { request: "attach", configuration: {} };
    return sessionsOf(this.#recording).map((session) => {
      const asked = this.#speaker.request("startDebugging", {
        request,
        configuration: { ...configuration, name: session, [sessionKey]: session },
      });
      this.#asked.set(asked.seq, session);
      return asked;
    });
  }
}
