// What to ask at a stop, and the Snapshot made of the answers. Sans-io: one question at a time, since adapters answer one at
// a time anyway.
//
// Rules
// - Only what has no effect in the debuggee is asked, but for what showing a variable has: its `__repr__` runs. And but for
//   expressions that the caller wants evaluated: see capture-evaluate.ts.
// - Whole stack first, then the values of the innermost frame level by level, then those of the next: see capture-draft.ts.
// - Nothing that is answered makes it throw. An error for one variable is its `failed`, for a frame or the stack a mark.
import { askDap } from "./capture-dap.ts";
import { Draft } from "./capture-draft.ts";
import type { Question, Refine } from "./capture-draft.ts";
import { Evaluation } from "./capture-evaluate.ts";
import { askPydevd } from "./capture-pydevd.ts";
import type { Answer, Ask, Stop } from "./exchange.ts";
import { frameBody } from "./frame.ts";
import type { CaptureLimits, Snapshot } from "./hit.ts";

export interface Capture {
  /** What the debuggee says of the stop: the exception, a log message. Known as far as it is asked. */
  readonly text: string | undefined;
  /** What to ask a DAP `source` request for, by the path that frames say: texts that only the debuggee has. */
  readonly sources: ReadonlyMap<string, number>;
  /** What was evaluated so far, and what could not be. */
  readonly evaluation: Pick<Evaluation, "values" | "failures">;
  /** The first question; undefined when there is none. Called once. */
  begin(): Ask | undefined;
  /** The next question after this answer; undefined when all is there. */
  take(answer: Answer): Ask | undefined;
  /** What there is. Ends the capture; `cut` is marked wherever it had more to ask. */
  snapshot(cut?: "time" | "gone"): Omit<Snapshot, "took">;
}

/**
 * The capture of one stop, in the terms of its wire: DAP over pydevd is DAP. `limits.time` is the caller's. `evaluate`: paths and
 * expressions that the debuggee is asked for where the captured values do not have them. `refine`: called once with the frame that the
 * thread stopped in, as soon as it is known; what it gives takes the place of the limits (but for the number of frames asked for).
 */
export function capture(stop: Stop, limits: CaptureLimits, evaluate: readonly string[] = [], refine?: Refine): Capture {
  return new Asking(stop, limits, evaluate, refine);
}

class Asking implements Capture {
  readonly evaluation: Evaluation;
  readonly #stop: Stop;
  readonly #draft: Draft;
  #asked: Question | undefined;

  constructor(stop: Stop, limits: CaptureLimits, evaluate: readonly string[], refine: Refine | undefined) {
    this.evaluation = new Evaluation(evaluate);
    this.#stop = stop;
    this.#draft = new Draft(limits, refine);
  }

  get text(): string | undefined {
    return this.#draft.text;
  }

  get sources(): ReadonlyMap<string, number> {
    return this.#draft.sources;
  }

  begin(): Ask | undefined {
    const isPydevd = this.#stop.frame.kind === "line" || isDigit(frameBody(this.#stop.frame)[0]);
    (isPydevd ? askPydevd : askDap)(this.#stop, this.#draft, this.evaluation);
    return this.#next();
  }

  take(answer: Answer): Ask | undefined {
    const asked = this.#asked;
    if (asked === undefined) return undefined;
    if (answer.wire === "none") {
      this.#end("gone");
      return undefined;
    }
    if (!asked.take(answer)) {
      if ("value" in asked.at) asked.at.failed = true;
      else asked.at.cut = { by: "gone" };
    }
    return this.#next();
  }

  snapshot(cut: "time" | "gone" = "gone"): Omit<Snapshot, "took"> {
    this.#end(cut);
    return this.#draft.snapshot();
  }

  #next(): Ask | undefined {
    this.#asked = this.#draft.next();
    return this.#asked?.ask;
  }

  #end(by: "time" | "gone"): void {
    this.#draft.end(by, this.#asked);
    this.#asked = undefined;
  }
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 48 && byte <= 57;
}
