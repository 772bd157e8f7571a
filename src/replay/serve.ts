// A replay on one connection of an IDE, of either wire.
//
// Rules
// - Messages are answered one after the other; while `mostWaiting` wait, nothing is read.
// - What cannot be framed ends the connection, never the replay.
// - An IDE that comes back begins anew: the connection is the session.
import type { Readable, Writable } from "node:stream";
import { decodeDap, encodeDap, isRequest } from "../../protocol/dap.ts";
import { FrameReader } from "../../protocol/frame-reader.ts";
import type { Frame } from "../../protocol/frame.ts";
import type { DapReplay } from "../../protocol/replay-dap.ts";
import type { PydevdReplay } from "../../protocol/replay-pydevd.ts";

const mostWaiting = 64;

/** A connection: what is read, what is written, and how it is ended in order. */
export interface Connection {
  readonly readable: Readable;
  readonly writable: Writable;
  readonly finish: () => void;
}

/** A replay that is served. */
export interface Served {
  /** Shows the stop at a place, if the IDE has begun. */
  show(place: number): Promise<void>;
  /** Resolves when the connection has ended. */
  readonly ended: Promise<void>;
  /** Tells the IDE that it is over, and ends the connection. */
  end(): void;
}

/** What stands behind a wire. */
interface Player {
  readonly wire: "dap" | "pydevd";
  readonly handle: (frame: Frame) => Promise<readonly Uint8Array[]>;
  readonly show: (place: number) => Promise<readonly Uint8Array[]>;
  readonly terminated: () => readonly Uint8Array[];
}

export function serveDap(connection: Connection, replay: DapReplay): Served {
  return serve(connection, {
    wire: "dap",
    handle: async (frame) => {
      const message = decodeDap(frame);
      return message !== undefined && isRequest(message) ? (await replay.handle(message)).map(encodeDap) : [];
    },
    show: async (place) => (await replay.show(place)).map(encodeDap),
    terminated: () => replay.terminated().map(encodeDap),
  });
}

export function servePydevd(connection: Connection, replay: PydevdReplay): Served {
  return serve(connection, {
    wire: "pydevd",
    handle: (frame) => replay.handle(frame),
    show: (place) => replay.show(place),
    terminated: () => replay.terminated(),
  });
}

function serve({ readable, writable, finish }: Connection, player: Player): Served {
  const reader = new FrameReader(player.wire);
  let waiting = 0;
  let turn: Promise<void> = Promise.resolve();
  const write = (messages: readonly Uint8Array[]): void => {
    for (const message of messages) if (writable.writable) writable.write(message);
  };
  const inTurn = (run: () => Promise<void>): Promise<void> => {
    if (++waiting === mostWaiting) readable.pause();
    const before = turn;
    turn = (async () => {
      await before;
      try {
        await run();
      } catch {
        readable.destroy();
      }
      if (waiting-- === mostWaiting) readable.resume();
    })();
    return turn;
  };
  const answer = async (frame: Frame): Promise<void> => {
    write(await player.handle(frame));
    if (isDisconnect(frame)) finish();
  };
  readable.on("data", (chunk: Buffer) => {
    for (const frame of reader.push(chunk)) void inTurn(() => answer(frame));
    if (reader.failure !== undefined) readable.destroy();
  });
  readable.on("error", () => undefined);
  readable.on("end", () => void inTurn(async () => finish()));
  return {
    show: (place) => inTurn(async () => write(await player.show(place))),
    ended: new Promise((resolve) => readable.once("close", () => resolve())),
    end: () => {
      write(player.terminated());
      finish();
    },
  };
}

function isDisconnect(frame: Frame): boolean {
  const message = decodeDap(frame);
  return message !== undefined && isRequest(message) && message.command === "disconnect";
}
