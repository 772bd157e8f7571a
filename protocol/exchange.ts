// The messages of a session with one debuggee and any number of clients: what both wires' exchanges have in common.
//
// Rules
// - Sans-io: whole frames go in, whole frames come out through the `ExchangeOutput`, in the same call, in the order in which they
//   are to be sent. Time, deadlines and sockets are the caller's.
// - A frame that needs no change goes on as the very bytes that came.
// - Nothing that comes in makes a call throw.
// - While `transparent` is true only frames with a name in `names` need to be shown; all others pass from the sole client to the
//   debuggee and back as they are. So a session costs nothing while nothing is done with it.
// - The relay's own requests (`ask`) are those of one more client, which nobody else hears of.
import type { Frame, Side } from "./frame.ts";

/** Chosen by the caller, not used twice in a session. */
export type ClientId = number;

export interface ExchangeOutput {
  /** One whole frame. */
  toClient(client: ClientId, bytes: Uint8Array): void;
  /** One whole frame. */
  toDebuggee(bytes: Uint8Array): void;
  /** A thread stopped; called when the stop has been passed on to the clients. */
  stopped(stop: Stop): void;
  /** A client's breakpoints in this source file, as it names it, have been passed on. */
  breakpoints?(path: string): void;
  /** This client is to be disconnected once it has what was sent to it. */
  close(client: ClientId): void;
}

/** One stop of a thread, as the debuggee told it. */
export interface Stop {
  /** Counts the stops of the session, from 1. */
  readonly number: number;
  /** As on the wire: a number (DAP), `pid_1_id_2` (pydevd). */
  readonly thread: string | number;
  /** Where the debuggee has said it. */
  readonly threadName?: string;
  /** DAP's words: breakpoint, step, exception, pause, entry, goto, function breakpoint, data breakpoint, … */
  readonly reason: string;
  /** The frame that told it. */
  readonly frame: Frame;
}

/** A request of the relay's own, in the terms of its wire. */
export type Ask =
  | { readonly wire: "dap"; readonly command: string; readonly arguments?: unknown }
  /** `text` is what follows the seq, as in the frame. */
  | { readonly wire: "pydevd"; readonly id: number; readonly text: string };

/** What came for it. */
export type Answer =
  | { readonly wire: "dap"; readonly success: boolean; readonly body?: unknown; readonly message?: string }
  /** `id` may differ from the one asked (901 is an error); `text` is percent-decoded where the framing quotes. */
  | { readonly wire: "pydevd"; readonly id: number; readonly text: string }
  /** The debuggee or the session went, or the asker gave up. */
  | { readonly wire: "none"; readonly why: string };

export interface Exchange {
  /** Names of messages, by the side that sends them: DAP commands and events, pydevd ids as text. */
  readonly names: Readonly<Record<Side, ReadonlySet<string>>>;
  readonly transparent: boolean;
  readonly clients: readonly ClientId[];
  /** The stop that the debuggee stands at, the latest where several threads do; undefined while it runs. */
  readonly stop: Stop | undefined;
  join(client: ClientId): void;
  /** The client is gone. */
  leave(client: ClientId): void;
  fromClient(client: ClientId, frame: Frame): void;
  fromDebuggee(frame: Frame): void;
  /** Sends a request of the relay's own; `answered` is called once, also when none can come any more. Returns what gives it up. */
  ask(ask: Ask, answered: (answer: Answer) => void): () => void;
  /**
   * From now on, what would let a stopped thread run (execution requests, disconnect) waits until `release`; other requests go
   * on at once. May be called again while held; one `release` ends it.
   */
  hold(): void;
  release(): void;
  /**
   * What the clients with breakpoints in this file are to be told of it, now and with each that they set; undefined takes it
   * back. `path` as they name it.
   */
  remark(path: string, text: string | undefined): void;
  /** The debuggee is gone: asks are answered with `none`. */
  end(why: string): void;
}
