// Lets a pydevd debuggee that no IDE wants run on: 501 (VERSION), 101 (RUN), and 106 (THREAD_RUN) at every stop that comes all
// the same (settrace with suspend=True stops at once). The connection stays: a debuggee that loses it tears its tracing down.
import type { Duplex } from "node:stream";
import { frameBody, type Frame } from "../protocol/frame.ts";
import { FrameReader } from "../protocol/frame-reader.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** What sets a debuggee free that was told nothing yet. */
export const releaseBytes: Uint8Array = encoder.encode("501\t1\t1.1\tUNIX\tID\n101\t3\t\n");

export interface ReleaseOptions {
  readonly debuggee: Duplex;
  /** What it sent before. */
  readonly early: readonly Uint8Array[];
  readonly chunk: (bytes: Uint8Array) => void;
  readonly over: (how: "end" | "reset", detail?: string) => void;
}

/** Releases the debuggee and stays with it until it ends. */
export function release({ debuggee, early, chunk, over }: ReleaseOptions): void {
  const reader = new FrameReader("pydevd");
  let seq = 5;
  const receive = (bytes: Uint8Array): void => {
    chunk(bytes);
    for (const frame of reader.push(bytes)) {
      const thread = suspended(frame);
      if (thread === undefined) continue;
      debuggee.write(encoder.encode(`106\t${seq}\t${thread}\n`));
      seq += 2;
    }
    // A stream that cannot be framed is only drained.
    if (reader.failure !== undefined) reader.rest();
  };
  debuggee.on("data", receive);
  debuggee.on("end", () => {
    debuggee.end();
    over("end");
  });
  debuggee.on("error", (error) => over("reset", error.message));
  debuggee.on("close", () => over("reset"));
  debuggee.write(releaseBytes);
  for (const bytes of early) receive(bytes);
  debuggee.resume();
}

/** The thread that a stop names: of a 105 (THREAD_SUSPEND); `*`, all, of a `stopped` event in pydevd's DAP framing. */
function suspended(frame: Frame): string | undefined {
  const body = decoder.decode(frameBody(frame));
  if (body.startsWith("105\t")) return /<thread id="([^"\t\n]+)"/.exec(body)?.[1];
  return frame.kind === "header" && /"event"\s*:\s*"stopped"/.test(body) ? "*" : undefined;
}
