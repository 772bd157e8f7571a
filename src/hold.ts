// A debuggee on its way to an IDE that may not listen yet, or serve others first: held, but never dropped.
//
// Rules
// - Its turn first (turnstile.ts); then the IDE is dialled: at once, after 50 ms, doubling to 1 s, so that an IDE that starts
//   to listen is found within a second.
// - Connected is not answered: an IDE that serves one at a time leaves the next in its backlog. The turn is given back when
//   the IDE has spoken, or is gone.
// - It is released once, by hand or because `releaseAfter` is over; that time runs while the debuggee is held. An IDE is looked
//   for all the same, until the session is over.
import type { Duplex } from "node:stream";
import { asDebugtapError } from "../protocol/errors.ts";
import type { Dial } from "./duplex.ts";
import type { SessionFacts } from "./observer.ts";
import { pause } from "./pause.ts";
import type { Turn, Turnstile } from "./turnstile.ts";

const firstWait = 50;
const longestWait = 1000;
/** An IDE that keeps leaving before it lets the debuggee run is dialled again at this pace, ms. */
const againAfter = 250;
/** An IDE that has accepted and says nothing for this long is busy with another, ms. PyDev speaks after a second. */
const silentAfter = 2000;

export interface HoldOptions {
  readonly facts: SessionFacts;
  readonly dial: Dial;
  readonly turnstile: Turnstile;
  /** ms; 0 = not at all, Infinity = for ever. */
  readonly releaseAfter: number;
  /** The session is over. */
  readonly over: AbortSignal;
  /** Called whenever the reason to wait changes. */
  readonly onHeld: (reason: string) => void;
  /** Called once, when it is released. */
  readonly onRelease: (why: string) => void;
}

export class Hold {
  readonly #options: HoldOptions;
  #turn: Turn | undefined;
  #silence: NodeJS.Timeout | undefined;
  #patience: NodeJS.Timeout | undefined;
  #tries = 0;
  #released = false;

  constructor(options: HoldOptions) {
    this.#options = options;
    options.over.addEventListener("abort", () => {
      this.left();
      clearTimeout(this.#patience);
    });
  }

  /** False when it was released before. */
  release(why: string): boolean {
    if (this.#released || this.#options.over.aborted) return false;
    this.#released = true;
    clearTimeout(this.#patience);
    this.#options.onRelease(why);
    return true;
  }

  /** A stream to the IDE; undefined when the session is over. May be called again when the IDE has left. */
  async reach(): Promise<Duplex | undefined> {
    const { dial, facts, turnstile, over } = this.#options;
    if (this.#tries++ > 0) await pause(againAfter, over);
    this.#turn = await turnstile.enter(facts.ordinal, over, (behind) =>
      this.held(`the IDE at ${facts.client} has not answered ${facts.service}#${behind} yet`),
    );
    for (let wait = firstWait; !over.aborted; wait = Math.min(wait * 2, longestWait)) {
      try {
        const stream = await dial(over);
        this.#silence = setTimeout(() => this.#silent(), silentAfter);
        return stream;
      } catch (thrown) {
        if (over.aborted) break;
        const error = asDebugtapError(thrown);
        const closed = error.code === "DT_DIAL_REFUSED";
        if (wait === firstWait)
          this.held(closed ? `waits for your IDE to listen on ${facts.client}` : `${error.code}: ${error.message}`);
        await pause(wait, over);
      }
    }
    this.left();
    return undefined;
  }

  /** The IDE has spoken; true the first time. */
  answered(): boolean {
    if (this.#turn === undefined) return false;
    clearTimeout(this.#patience);
    this.#patience = undefined;
    this.left();
    return true;
  }

  /** The IDE is gone, or has spoken: the next may go to it. */
  left(): void {
    clearTimeout(this.#silence);
    this.#turn?.done();
    this.#turn = undefined;
  }

  /** It has to wait. */
  held(reason: string): void {
    const { onHeld, releaseAfter, over } = this.#options;
    if (over.aborted) return;
    onHeld(reason);
    if (releaseAfter !== Infinity && !this.#released)
      this.#patience ??= setTimeout(() => this.release("no IDE came in time"), releaseAfter);
  }

  #silent(): void {
    this.held(`the IDE at ${this.#options.facts.client} has accepted but says nothing: it is busy with another`);
  }
}
