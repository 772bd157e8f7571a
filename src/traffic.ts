// What has crossed a session: bytes and frames by the side that sent them, and whether they can be read as the wire's.
// `count` is on the hot path, after the bytes were forwarded.
import type { DebugtapError } from "../protocol/errors.ts";
import type { Side, Wire } from "../protocol/frame.ts";
import { Framer } from "../protocol/framer.ts";

export class Traffic {
  readonly #framers: Partial<Record<Side, Framer>>;
  readonly #bytes = { client: 0, debuggee: 0 };

  constructor(wire: Wire) {
    this.#framers = wire === "raw" ? {} : { client: new Framer(wire), debuggee: new Framer(wire) };
  }

  /** Counts and follows; the failure of the framer when this chunk made the side opaque. */
  count(side: Side, bytes: Uint8Array): DebugtapError | undefined {
    this.#bytes[side] += bytes.length;
    const framer = this.#framers[side];
    if (framer === undefined || framer.failure !== undefined) return undefined;
    framer.follow(bytes);
    return framer.failure;
  }

  view(): {
    readonly mode: "cut-through" | "opaque";
    readonly bytes: Readonly<Record<Side, number>>;
    readonly frames: Readonly<Record<Side, number>>;
  } {
    const { client, debuggee } = this.#framers;
    const followed = client !== undefined && client.failure === undefined && debuggee?.failure === undefined;
    return {
      mode: followed ? "cut-through" : "opaque",
      bytes: { ...this.#bytes },
      frames: { client: client?.frames ?? 0, debuggee: debuggee?.frames ?? 0 },
    };
  }
}
