// Sends one HTTP request over a stream, and waits for its answer.
import type { Duplex } from "node:stream";
import { reset } from "../duplex.ts";
import { HttpSession } from "../trace/export/index.ts";

export interface HttpAnswer {
  readonly status: number;
  readonly reason: string;
}

/** The answer when the whole of it is there; undefined when the connection, or the signal, ended first. */
export async function sendHttp(
  stream: Duplex,
  request: Uint8Array,
  signal: AbortSignal,
): Promise<HttpAnswer | undefined> {
  const http = new HttpSession();
  http.push("client", request, 0);
  const answer = (): HttpAnswer | undefined => {
    const found = http.exchanges[0]?.answer;
    return found?.whole === true ? { status: found.status, reason: found.reason } : undefined;
  };
  return await new Promise((resolve) => {
    const over = (): void => {
      signal.removeEventListener("abort", over);
      http.end(0);
      resolve(answer());
      if (!stream.destroyed) reset(stream);
    };
    stream.on("data", (chunk: Uint8Array) => {
      http.push("debuggee", chunk, 0);
      if (answer() !== undefined) over();
    });
    stream.on("error", over).on("end", over).on("close", over);
    signal.addEventListener("abort", over, { once: true });
    stream.write(request);
    if (signal.aborted) over();
  });
}
