// One client of a hub: its stream, what follows its messages, and what it has said while it may be another session's.
import type { Duplex } from "node:stream";
import type { ClientId } from "../protocol/exchange.ts";
import type { Frame } from "../protocol/frame.ts";
import { Framer } from "../protocol/framer.ts";
import { Rewriter } from "../protocol/rewriter.ts";
import { hear, type Gone } from "./duplex.ts";

/** A client that has said so many messages without being diverted is this session's. */
const undecided = 8;

export interface HubClientOptions {
  readonly id: ClientId;
  readonly stream: Duplex;
  readonly wire: "dap" | "pydevd";
  /** Messages of it that are looked at, and what goes on in place of one. */
  readonly names: ReadonlySet<string>;
  readonly heard: (frame: Frame) => readonly Uint8Array[] | undefined;
  /** Whether it turns out by this message to be another session's; absent: it cannot be. */
  readonly diverts: ((frame: Frame) => boolean) | undefined;
  readonly data: (client: HubClient, chunk: Uint8Array) => void;
  readonly drained: (client: HubClient) => void;
  readonly gone: (client: HubClient, gone: Gone) => void;
}

export class HubClient {
  readonly id: ClientId;
  readonly stream: Duplex;
  readonly lane: Rewriter;
  readonly #options: HubClientOptions;
  #unhear: () => void = () => undefined;
  #said: Uint8Array[] | undefined;
  #diverted = false;

  constructor(options: HubClientOptions) {
    const { id, stream, wire, names, heard, diverts } = options;
    this.id = id;
    this.stream = stream;
    this.#options = options;
    this.#said = diverts && [];
    this.lane = new Rewriter({
      framer: new Framer(wire),
      names,
      whole: true,
      rewrite: (frame) => (this.#isHere(frame) ? heard(frame) : []),
    });
  }

  /** Begins to listen to its stream. */
  listen(): void {
    const { data, drained, gone } = this.#options;
    const drain = (): void => drained(this);
    const unhear = hear(
      this.stream,
      (chunk) => data(this, chunk),
      (how) => gone(this, how),
    );
    this.stream.on("drain", drain);
    this.#unhear = () => {
      unhear();
      this.stream.off("drain", drain);
    };
  }

  /** Ends to listen to its stream. */
  leave(): void {
    this.#unhear();
  }

  /** May be another session's. */
  get undecided(): boolean {
    return this.#said !== undefined;
  }

  /** Is another session's. */
  get diverted(): boolean {
    return this.#diverted;
  }

  /** What it has said while it may be another session's, with what it has only begun to say. */
  takeSaid(): readonly Uint8Array[] {
    return [...(this.#said ?? []), ...this.lane.end()];
  }

  /** By all that it has said, this message included, it is this session's. */
  #isHere(frame: Frame): boolean {
    if (this.#said === undefined) return true;
    this.#said.push(frame.bytes);
    this.#diverted ||= this.#options.diverts?.(frame) ?? false;
    if (!this.#diverted && this.#said.length >= undecided) this.#said = undefined;
    return !this.#diverted;
  }
}
