// One connection of a replay that has a session for each recorded one: `launch` or `attach` says which it is.
//
//   with `sessionKey`                            the hits of that session
//   without, supportsStartDebuggingRequest       the root, that begins the others (replay-root.ts)
//   without, and no such capability              all hits in one, which is said
//
// Rules
// - Until then it is one like any other: capabilities are the same for all.
import type { DapMessage, DebugProtocol } from "./dap.ts";
import { member } from "./json.ts";
import { DapReplay } from "./replay-dap.ts";
import type { LocalFiles } from "./replay-files.ts";
import { partOf, sessionsOf } from "./replay-part.ts";
import type { Recording } from "./replay-recording.ts";
import { ReplayRoot, sessionKey } from "./replay-root.ts";

const mostText = 100;

export class ReplaySessions {
  readonly #whole: Recording;
  readonly #local: LocalFiles;
  /** The number of the hit to begin at. */
  readonly #from: number | undefined;
  #recording: Recording;
  #replay: DapReplay;
  #root: ReplayRoot | undefined;
  #initialize: DebugProtocol.Request | undefined;
  #isChosen = false;

  /** `from`: a place, as of {@link DapReplay}. */
  constructor(recording: Recording, local: LocalFiles, from?: number) {
    this.#whole = this.#recording = recording;
    this.#local = local;
    this.#from = from === undefined ? undefined : recording.stop(from).number;
    this.#replay = new DapReplay(recording, local, from);
  }

  /** Epoch milliseconds of the current stop. */
  get at(): number | undefined {
    return this.#root === undefined ? this.#replay.at : undefined;
  }

  async handle(request: DebugProtocol.Request): Promise<readonly DapMessage[]> {
    const { command } = request;
    if (command === "initialize") this.#initialize = request;
    const isFirst = !this.#isChosen && (command === "launch" || command === "attach");
    const why = isFirst ? await this.#choose(request) : undefined;
    const messages = await (this.#root ?? this.#replay).handle(request);
    return why === undefined ? messages : [...messages, this.#replay.tell(why)];
  }

  /** The IDE has answered a request of the root's. */
  answered(response: DebugProtocol.Response): readonly DapMessage[] {
    return this.#root?.answered(response) ?? [];
  }

  /** `place`: in the whole. */
  async show(place: number): Promise<readonly DapMessage[]> {
    const here = this.#root === undefined ? this.#recording.placeOf(this.#whole.stop(place).number) : undefined;
    return here === undefined ? [] : this.#replay.show(here);
  }

  terminated(): readonly DapMessage[] {
    return (this.#root ?? this.#replay).terminated();
  }

  /** What is to be told of the choice. */
  async #choose({ arguments: args }: DebugProtocol.Request): Promise<string | undefined> {
    this.#isChosen = true;
    const session = member(args, sessionKey);
    const canStart = member(this.#initialize?.arguments, "supportsStartDebuggingRequest") === true;
    if (session === undefined && canStart) {
      this.#root = new ReplayRoot(this.#whole);
      return undefined;
    }
    if (session === undefined) return "This IDE does not begin sessions by itself: all services are in this one.";
    const known = sessionsOf(this.#whole).find((each) => each === session);
    if (known === undefined) {
      const asked = JSON.stringify(session)?.slice(0, mostText);
      return `There is no session ${asked} in this replay: all services are in this one.`;
    }
    this.#recording = partOf(this.#whole, known);
    const from = this.#from === undefined ? undefined : this.#recording.placeOf(this.#from);
    this.#replay = new DapReplay(this.#recording, this.#local, from);
    // Answered already, in the same words.
    if (this.#initialize !== undefined) await this.#replay.handle(this.#initialize);
    return undefined;
  }
}
