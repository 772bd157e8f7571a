// A replay on one connection of an IDE, over any stream.
//
// Rules
// - Requests are answered one after the other; while more than `mostWaiting` wait, nothing is read.
// - What is no DAP ends the connection, never the replay; what an IDE sends that is no request is ignored.
// - An IDE that comes back begins anew: the connection is the session.
import type { Duplex } from "node:stream";
import { decodeDap, encodeDap, isRequest } from "../../protocol/dap.ts";
import type { DapMessage, DebugProtocol } from "../../protocol/dap.ts";
import { FrameReader } from "../../protocol/frame-reader.ts";
import type { DapReplay } from "../../protocol/replay-dap.ts";

const mostWaiting = 64;

export interface ServedReplay {
  /** Shows the stop at a place, if the IDE has begun. */
  show(place: number): Promise<void>;
  /** Resolves when the connection has ended. */
  readonly ended: Promise<void>;
  end(): void;
}

export function serveDap(stream: Duplex, replay: DapReplay): ServedReplay {
  const reader = new FrameReader("dap");
  let waiting = 0;
  let turn: Promise<void> = Promise.resolve();
  const write = (messages: readonly DapMessage[]): void => {
    for (const message of messages) if (stream.writable) stream.write(encodeDap(message));
  };
  const answer = async (request: DebugProtocol.Request): Promise<void> => {
    write(await replay.handle(request));
    if (request.command === "disconnect") stream.end();
  };
  const then = (next: () => Promise<void>): Promise<void> => {
    waiting++;
    if (waiting === mostWaiting) stream.pause();
    turn = turn.then(next).catch(() => {
      stream.destroy();
    });
    return turn.finally(() => {
      if (waiting-- === mostWaiting) stream.resume();
    });
  };
  stream.on("data", (chunk: Buffer) => {
    for (const frame of reader.push(chunk)) {
      const message = decodeDap(frame);
      if (message !== undefined && isRequest(message)) void then(() => answer(message));
    }
    if (reader.failure !== undefined) stream.destroy();
  });
  stream.on("error", () => undefined);
  stream.on("end", () => void then(() => Promise.resolve(void stream.end())));
  return {
    show: (place) => then(async () => write(await replay.show(place))),
    ended: new Promise((resolve) => stream.once("close", () => resolve())),
    end: () => {
      write(replay.terminated());
      stream.end();
    },
  };
}
