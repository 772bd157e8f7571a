// Attaches a DAP session to its service again after the connection was lost, as often as is worth it. Its clients stay.
//
// Rules
// - Each try is an attach in earnest, never a probe: some adapters serve one connection and then no more.
// - A try that hangs is over after `tryWithin`: a tunnel that broke silently leaves an adapter that believes its client to be there, and one
//   that is loading takes its time.
// - Tries are counted, not timed: a laptop that slept has not given up. With the pauses between them they last about ten minutes.
// - What came of a message of the old connection is no beginning of one of the next.
// - When it is attached, it is noted whether the process is the one that was attached before.
import type { Duplex } from "node:stream";
import type { DapExchange } from "../protocol/dap-exchange.ts";
import { asDebugtapError } from "../protocol/errors.ts";
import type { Frame } from "../protocol/frame.ts";
import type { Framer } from "../protocol/framer.ts";
import { identityOf } from "../protocol/identity.ts";
import { reset, type Dial } from "./duplex.ts";
import type { Hub } from "./hub.ts";
import { pause } from "./pause.ts";

const mostTries = 120;
const firstWait = 200;
const longestWait = 5000;
const tryWithin = 10_000;

export interface ReattachmentOptions {
  readonly hub: Hub<DapExchange>;
  readonly dial: Dial;
  /** The session is over. */
  readonly over: AbortSignal;
  /** Follows the bytes of the next connection. */
  readonly framer: () => Framer;
  /** A connection is lost: the first, or that of a try. */
  readonly lost: (why: string) => void;
  /** It goes on being tried. */
  readonly trying: (reason: string) => void;
  /** The tries are over. `attached`: the last one was good; false: it was given up, or the session is over. */
  readonly done: (attached: boolean, why: string) => void;
  /** Which process is attached. */
  readonly attachedTo: (text: string) => void;
}

export class Reattachment {
  readonly #options: ReattachmentOptions;
  /** While it is tried: aborted when nobody wants it any more. */
  #trying: AbortController | undefined;
  /** Ends the try under way. */
  #endTry: (why: string) => void = () => undefined;
  /** The process that is attached, and the one before until it has said which it is. */
  #pid: { readonly now: number | undefined; readonly before: number | undefined } = {
    now: undefined,
    before: undefined,
  };

  constructor(options: ReattachmentOptions) {
    this.#options = options;
  }

  get underWay(): boolean {
    return this.#trying !== undefined;
  }

  async begin(why: string): Promise<void> {
    const { over, trying, done } = this.#options;
    const wanted = new AbortController();
    this.#trying = wanted;
    over.addEventListener("abort", () => wanted.abort(), { once: true });
    this.#pid = { now: undefined, before: this.#pid.now ?? this.#pid.before };
    this.#leave(why);
    trying(`${why}; it is attached again as soon as it listens`);
    const attached = await this.#tryOften(why, wanted.signal);
    this.#trying = undefined;
    done(attached, why);
  }

  /** The connection of the try under way is lost. */
  lost(why: string): void {
    this.#endTry(why);
  }

  /** Nobody is left to attach for. */
  giveUp(): void {
    this.#trying?.abort();
  }

  /** Looks at a message of the debuggee that may say which process it is. */
  watch(frame: Frame): void {
    const pid = identityOf(frame, "dap")?.pid;
    if (pid === undefined) return;
    const { before } = this.#pid;
    this.#pid = { now: pid, before: undefined };
    if (before === undefined) return;
    const which =
      pid === before ? `the same process, pid ${pid}` : `another process: pid ${pid}, before it pid ${before}`;
    this.#options.attachedTo(`the service is attached again: ${which}`);
  }

  async #tryOften(why: string, over: AbortSignal): Promise<boolean> {
    let wait = firstWait;
    for (let tries = 1; tries <= mostTries; tries++) {
      await pause(wait, over);
      if (over.aborted) return false;
      wait = Math.min(wait * 2, longestWait);
      const failed = await this.#try(over);
      if (over.aborted) return false;
      if (failed === undefined) return true;
      this.#options.trying(`${why}; try ${tries} of ${mostTries}: ${failed}`);
    }
    return false;
  }

  /** The reason why it is not attached; undefined when it is, or is not wanted any more. */
  async #try(over: AbortSignal): Promise<string | undefined> {
    let adapter: Duplex;
    try {
      adapter = await this.#options.dial(over);
    } catch (thrown) {
      return asDebugtapError(thrown).message;
    }
    if (over.aborted) {
      reset(adapter);
      return undefined;
    }
    const limit = new AbortController();
    const forget = (): void => limit.abort();
    over.addEventListener("abort", forget, { once: true });
    try {
      return await new Promise<string | undefined>((resolve) => {
        const end = this.#attach(adapter, resolve);
        void pause(tryWithin, limit.signal).then(() => end("it did not answer in time"));
      });
    } finally {
      limit.abort();
      over.removeEventListener("abort", forget);
    }
  }

  /** Calls back when the debuggee is attached, or with the reason why not. What it returns ends the try. */
  #attach(adapter: Duplex, done: (failed: string | undefined) => void): (why: string) => void {
    const { hub, framer } = this.#options;
    let open = true;
    const end = (failed: string | undefined): void => {
      if (!open) return;
      open = false;
      this.#endTry = () => undefined;
      if (failed !== undefined) this.#leave(failed);
      done(failed);
    };
    this.#endTry = end;
    hub.replace(adapter, framer());
    hub.exchange.use((exchange) => exchange.reattach(end));
    return end;
  }

  #leave(why: string): void {
    const { hub, lost } = this.#options;
    const adapter = hub.debuggee;
    hub.lose();
    if (adapter !== undefined) reset(adapter);
    lost(why);
    hub.exchange.use((exchange) => exchange.lost(why));
  }
}
