// A replay on one connection of an IDE, of either wire.
//
// Rules
// - Messages are answered one after the other; while `mostWaiting` wait, or the IDE does not take its answers, nothing is read.
// - What cannot be framed ends the connection, never the replay.
// - An IDE that comes back begins anew: the connection is the session.
import type { Readable, Writable } from "node:stream";
import { decodeDap, encodeDap, isRequest, isResponse } from "../../protocol/dap.ts";
import type { DapMessage, DebugProtocol } from "../../protocol/dap.ts";
import { FrameReader } from "../../protocol/frame-reader.ts";
import type { Frame } from "../../protocol/frame.ts";
import type { PydevdReplay } from "../../protocol/replay-pydevd.ts";
import { Pace } from "./pace.ts";

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

/** A replay that speaks DAP: all hits in one session, or one of several. */
export interface DapPlayer {
  /** Epoch milliseconds of the current stop. */
  readonly at: number | undefined;
  handle(request: DebugProtocol.Request): Promise<readonly DapMessage[]>;
  answered?(response: DebugProtocol.Response): readonly DapMessage[];
  show(place: number): Promise<readonly DapMessage[]>;
  terminated(): readonly DapMessage[];
}

/** What stands behind a wire. */
interface Player {
  readonly wire: "dap" | "pydevd";
  readonly handle: (frame: Frame) => Promise<readonly Uint8Array[]>;
  /** Whether the IDE has left with this message. */
  readonly isLast: (frame: Frame) => boolean;
  readonly show: (place: number) => Promise<readonly Uint8Array[]>;
  readonly terminated: () => readonly Uint8Array[];
}

/** `times`: how many times as fast as it was the way from a hit to the next is; absent: at once. */
export function serveDap(connection: Connection, replay: DapPlayer, times?: number): Served {
  const { readable, writable } = connection;
  const pace =
    times === undefined
      ? undefined
      : new Pace(times, (messages) => {
          for (const message of messages) if (writable.writable) writable.write(encodeDap(message));
        });
  readable.once("close", () => pace?.end());
  return serve(connection, {
    wire: "dap",
    handle: async (frame) => {
      const message = decodeDap(frame);
      if (message !== undefined && isResponse(message)) return (replay.answered?.(message) ?? []).map(encodeDap);
      if (message === undefined || !isRequest(message)) return [];
      const from = replay.at;
      const messages = await replay.handle(message);
      return (pace?.now(message, messages, from, replay.at) ?? messages).map(encodeDap);
    },
    isLast: (frame) => requestOf(frame)?.command === "disconnect",
    show: async (place) => {
      const shown = await replay.show(place);
      return (shown.length === 0 ? shown : [...(pace?.end() ?? []), ...shown]).map(encodeDap);
    },
    terminated: () => replay.terminated().map(encodeDap),
  });
}

export function servePydevd(connection: Connection, replay: PydevdReplay): Served {
  return serve(connection, {
    wire: "pydevd",
    handle: (frame) => replay.handle(frame),
    isLast: () => false,
    show: (place) => replay.show(place),
    terminated: () => replay.terminated(),
  });
}

function serve({ readable, writable, finish }: Connection, player: Player): Served {
  const reader = new FrameReader(player.wire);
  let waiting = 0;
  let turn: Promise<void> = Promise.resolve();
  const write = async (messages: readonly Uint8Array[]): Promise<void> => {
    for (const message of messages) {
      if (!writable.writable) return;
      if (!writable.write(message)) await takenOrClosed(writable);
    }
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
    await write(await player.handle(frame));
    if (player.isLast(frame)) finish();
  };
  readable.on("data", (chunk: Buffer) => {
    for (const frame of reader.push(chunk)) void inTurn(() => answer(frame));
    if (reader.failure !== undefined) readable.destroy();
  });
  readable.on("error", () => undefined);
  readable.on("end", () => void inTurn(async () => finish()));
  return {
    show: (place) => inTurn(async () => await write(await player.show(place))),
    ended: new Promise((resolve) => {
      readable.once("close", () => resolve());
    }),
    end: () => {
      for (const message of player.terminated()) if (writable.writable) writable.write(message);
      finish();
    },
  };
}

function requestOf(frame: Frame): DebugProtocol.Request | undefined {
  const message = decodeDap(frame);
  return message !== undefined && isRequest(message) ? message : undefined;
}

function takenOrClosed(writable: Writable): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      writable.off("drain", done).off("close", done);
      resolve();
    };
    writable.on("drain", done).on("close", done);
  });
}
