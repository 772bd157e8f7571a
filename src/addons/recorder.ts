// Records every session: the trace writer as an observer of the relay.
import type { Side } from "../../protocol/frame.ts";
import type { Hit } from "../../protocol/hit.ts";
import type { Observer, SessionEnd, SessionFacts, SessionNote } from "../observer.ts";
import type { TraceWriter } from "../trace/index.ts";

/** The writer's calls never throw or block: what cannot be recorded is counted and told through its events. */
export class Recorder implements Observer {
  readonly name = "recorder";
  readonly #writer: TraceWriter;

  constructor(writer: TraceWriter) {
    this.#writer = writer;
  }

  sessionOpened(session: SessionFacts): void {
    this.#writer.session(session);
  }

  chunk(session: number, side: Side, bytes: Uint8Array): void {
    this.#writer.chunk(session, side, bytes);
  }

  note(session: number, note: SessionNote): void {
    this.#writer.note(session, note);
  }

  hit(session: number, hit: Hit): void {
    this.#writer.hit(session, hit);
  }

  sessionClosed(session: number, end: SessionEnd): void {
    this.#writer.end(session, end);
  }
}
