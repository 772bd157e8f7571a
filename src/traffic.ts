// What has crossed a session: bytes and frames by the side that sent them, and whether they can be read as the wire's.
// `count` is on the hot path, after the bytes were forwarded. A side's framer follows each byte once: here, or in the Rewriter
// that it was lent to.
import type { DebugtapError } from "../protocol/errors.ts";
import type { Side, Wire } from "../protocol/frame.ts";
import { Framer } from "../protocol/framer.ts";

export class Traffic {
  readonly #framers: Partial<Record<Side, Framer>>;
  readonly #lent = { client: false, debuggee: false };
  readonly #opaque = { client: false, debuggee: false };
  readonly #bytes = { client: 0, debuggee: 0 };
  /** Of framers that were replaced. */
  readonly #before = { client: 0, debuggee: 0 };

  constructor(wire: Wire) {
    this.#framers = wire === "raw" ? {} : { client: new Framer(wire), debuggee: new Framer(wire) };
  }

  /** The side's framer, for somebody who from now on follows what is counted afterwards. */
  lend(side: Side): Framer {
    const framer = this.#framers[side] ?? new Framer("dap");
    this.#lent[side] = true;
    return framer;
  }

  /** As {@link lend}, for a new connection of that side. */
  relend(side: Side, wire: "dap" | "pydevd"): Framer {
    this.#before[side] += this.#framers[side]?.frames ?? 0;
    this.#framers[side] = new Framer(wire);
    return this.lend(side);
  }

  /** Counts and follows; the failure of the framer when this chunk made the side opaque. */
  count(side: Side, bytes: Uint8Array): DebugtapError | undefined {
    this.#bytes[side] += bytes.length;
    const framer = this.#framers[side];
    if (framer === undefined || this.#opaque[side]) return undefined;
    if (!this.#lent[side]) framer.follow(bytes);
    this.#opaque[side] = framer.failure !== undefined;
    return framer.failure;
  }

  /** Cannot be read as the wire's. */
  get opaque(): boolean {
    const { client, debuggee } = this.#framers;
    return client === undefined || client.failure !== undefined || debuggee?.failure !== undefined;
  }

  view(): {
    readonly mode: "cut-through" | "opaque";
    readonly bytes: Readonly<Record<Side, number>>;
    readonly frames: Readonly<Record<Side, number>>;
  } {
    const { client, debuggee } = this.#framers;
    return {
      mode: this.opaque ? "opaque" : "cut-through",
      bytes: { ...this.#bytes },
      frames: {
        client: this.#before.client + (client?.frames ?? 0),
        debuggee: this.#before.debuggee + (debuggee?.frames ?? 0),
      },
    };
  }
}
