// The lines of the recorded sources.
import type { SnapshotFrame } from "../../protocol/hit.ts";
import type { Trace } from "../trace/index.ts";

/** Files whose lines are held. */
const mostFiles = 200;

export class LineTexts {
  readonly #trace: Trace;
  readonly #lines = new Map<string, readonly string[]>();

  constructor(trace: Trace) {
    this.#trace = trace;
  }

  /** The text of the line that a frame stands at, without its indentation; undefined where it is not in the trace. */
  of(frame: SnapshotFrame | undefined): string | undefined {
    if (frame?.line === undefined) return undefined;
    return this.linesOf(frame)[frame.line - 1]?.trim();
  }

  /** All lines of its file. */
  linesOf({ source }: SnapshotFrame): readonly string[] {
    if (source === undefined) return [];
    let lines = this.#lines.get(source);
    if (lines === undefined) {
      lines = (this.#trace.source(source) ?? "").split(/\r\n?|\n/);
      if (this.#lines.size >= mostFiles) this.#lines.clear();
      this.#lines.set(source, lines);
    }
    return lines;
  }
}
