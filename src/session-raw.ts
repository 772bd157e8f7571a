// A session of bytes that nobody reads: pdb over a socket and the like. Who comes is accepted, the other side is dialled at once; a
// debuggee that came is held while no client listens, a client that came is refused when the service cannot be reached.
import type { Duplex } from "node:stream";
import { asDebugtapError } from "../protocol/errors.ts";
import type { Side } from "../protocol/frame.ts";
import { endWithin, reset } from "./duplex.ts";
import { Hold } from "./hold.ts";
import { Link } from "./link.ts";
import { Session, stopWithin, type SessionOptions } from "./session.ts";

export class RawSession extends Session {
  readonly #inbox = this.inbox(() => undefined);
  readonly #hold: Hold | undefined;
  #link: Link | undefined;
  #dialled: Duplex | undefined;

  constructor(options: SessionOptions) {
    super(options);
    this.#hold =
      options.accepted === "debuggee"
        ? new Hold({
            ...options,
            over: this.over.signal,
            onHeld: (reason) => this.#held(reason),
            onRelease: (why) => this.#letGo(why),
          })
        : undefined;
  }

  async run(): Promise<void> {
    this.become("attaching");
    const { dial, stream, accepted } = this.options;
    const { signal } = this.over;
    try {
      const other = this.#hold === undefined ? await dial(signal) : await this.#hold.reach();
      if (other === undefined) return;
      if (signal.aborted) reset(other);
      else this.#join({ client: other, debuggee: other, [accepted]: stream }, other);
    } catch (thrown) {
      this.refuse(this.#inbox, asDebugtapError(thrown));
    }
  }

  release(why: string): boolean {
    if (this.#hold === undefined || this.#link !== undefined || this.over.signal.aborted) return false;
    return this.#hold.release(why);
  }

  protected detach(): readonly Duplex[] {
    this.#link?.release({ by: "relay", how: "stopped" });
    const { stream } = this.options;
    return this.#dialled === undefined ? [stream] : [stream, this.#dialled];
  }

  #join(ends: Record<Side, Duplex>, dialled: Duplex): void {
    this.#dialled = dialled;
    this.#hold?.answered();
    this.#link = new Link({
      ends,
      early: { client: [], debuggee: [], [this.options.accepted]: this.#inbox.take() },
      chunk: (side, bytes) => this.chunk(side, bytes),
      over: (end) => this.finish(end),
    });
    this.attached();
    this.#link.start();
  }

  #held(reason: string): void {
    this.become("held", reason);
    this.note({ kind: "held", detail: reason });
  }

  /** A debuggee whose wire is not known cannot be told to run. */
  #letGo(why: string): void {
    for (const bytes of this.#inbox.take()) this.chunk("debuggee", bytes);
    void endWithin(this.options.stream, stopWithin);
    this.finish({ by: "relay", how: "released", detail: why });
  }
}
