// What an IDE sends to a pydevd debuggee before it lets it run.
//
// Until command 101 (RUN; `configurationDone` in pydevd's DAP framing) the debuggee blocks inside settrace, and a debuggee
// whose connection is dropped before it blocks for ever. So until then
// - only whole frames are passed on: an IDE that dies in the middle of one leaves no half command for the next IDE to run into;
// - `running` is false, and the session does not pass the loss of the IDE on.
// 99 (the port dance of PyCharm's multi-process runs) also ends it: the IDE closes on purpose after it.
import { frameBody, type Frame } from "../protocol/frame.ts";
import { FrameReader } from "../protocol/frame-reader.ts";
import type { Transform } from "./lane.ts";

const decoder = new TextDecoder();
/** No frame before 101 is larger; one that is passes on as it comes. */
const mostHeld = 1 << 20;

export class Prelude implements Transform {
  #reader: FrameReader | undefined = new FrameReader("pydevd");

  /** True once the debuggee was told to run, or when the bytes cannot be read and nobody can know. */
  get running(): boolean {
    return this.#reader === undefined;
  }

  push(chunk: Uint8Array): readonly Uint8Array[] {
    const reader = this.#reader;
    if (reader === undefined) return [chunk];
    const frames = reader.push(chunk);
    const parts = frames.map((frame) => frame.bytes);
    if (reader.failure !== undefined || reader.heldBytes > mostHeld || frames.some(runs)) {
      this.#reader = undefined;
      const rest = reader.rest();
      if (rest.length > 0) parts.push(rest);
    }
    return parts;
  }

  end(): readonly Uint8Array[] {
    const rest = this.#reader?.rest() ?? new Uint8Array();
    return rest.length > 0 ? [rest] : [];
  }
}

function runs(frame: Frame): boolean {
  const body = decoder.decode(frameBody(frame));
  if (frame.kind === "line") return /^(?:101|99)\t/.test(body);
  return /"command"\s*:\s*"configurationDone"/.test(body);
}
