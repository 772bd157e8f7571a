// `correlate` expressions whose values were not captured: what is asked of the debuggee for them, where that is allowed.
//
// Rules
// - An expression is tried in one frame after the other, innermost first, each time behind that frame's values; what has been found
//   by then, captured or evaluated, is not asked again.
// - It runs code in the debuggee, with whatever effects that has. An error is the debuggee's own words, noted and no more.
import { clip, type DraftFrame, type Question } from "./capture-draft.ts";
import { correlate } from "./correlate.ts";
import type { Answer, Ask } from "./exchange.ts";
import { textOf } from "./value-path.ts";

/** What an answer says: the value as the debuggee prints it, or why there is none. */
export type Evaluated = { readonly value: string } | { readonly failure: string };

const maxText = 1024;

export class Evaluation {
  readonly #expressions: readonly string[];
  readonly #found = new Map<string, string>();
  /** Of the innermost frame that was asked. */
  readonly #failed = new Map<string, string>();

  constructor(expressions: readonly string[]) {
    this.#expressions = expressions;
  }

  get values(): ReadonlyMap<string, string> {
    return this.#found;
  }

  /** Expressions that have been asked for in vain. */
  get failures(): ReadonlyMap<string, string> {
    return this.#failed;
  }

  /** For one frame, to be asked when its values are in `frames`. */
  questions(
    frames: readonly DraftFrame[],
    ask: (expression: string) => Ask | undefined,
    read: (answer: Answer) => Evaluated,
  ): Question[] {
    return this.#expressions.flatMap((expression) => {
      const asked = ask(expression);
      if (asked === undefined) {
        this.#take(expression, { failure: "it cannot be asked for: it has a tab or a line break in it" });
        return [];
      }
      return {
        ask: asked,
        at: {},
        needed: () => !this.#found.has(expression) && Object.keys(correlate([expression], { frames })).length === 0,
        take: (answer) => {
          this.#take(expression, read(answer));
          return true;
        },
      };
    });
  }

  #take(expression: string, evaluated: Evaluated): void {
    if ("value" in evaluated) {
      this.#found.set(expression, clip(textOf(evaluated), maxText));
      this.#failed.delete(expression);
    } else if (!this.#failed.has(expression)) this.#failed.set(expression, clip(evaluated.failure, maxText));
  }
}
