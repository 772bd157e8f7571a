// What a replay plays: the stops of a recording in one order, each with what is known of it.
//
// Rules
// - A stop is known by its place in that order, from 0; its `number` is that of `debugtap hits`.
// - What lists say of all stops is here at once; a snapshot is read when its stop is looked at.
import type { Hit, SnapshotVariable } from "./hit.ts";

export interface Stop {
  /** Of the hit in the trace. */
  readonly number: number;
  /** `cinder-api#2` */
  readonly session: string;
  readonly service: string;
  /** Of the debuggee: unique in its session only. */
  readonly thread: string;
  readonly threadName: string;
  readonly reason: string;
  /** Epoch milliseconds. */
  readonly at: number;
  /** Of the innermost frame. */
  readonly function?: string;
  readonly file?: string;
  readonly line?: number;
  /** The first correlated value. */
  readonly request?: string;
}

/** Stops of a file by line: places in rising order. Log lines are no stops. */
export type StopsByLine = ReadonlyMap<number, readonly number[]>;

export interface Recording {
  /** How many stops there are. */
  readonly count: number;
  /** Hits of the whole trace; more than `count` where only some are played. */
  readonly total: number;
  readonly stop: (place: number) => Stop;
  /** Whether it is a log line, at which nothing stopped. */
  readonly isLog: (place: number) => boolean;
  readonly isException: (place: number) => boolean;
  /** Frames of its stack. */
  readonly depth: (place: number) => number;
  /** Of a hit by its number; undefined where it is not played. */
  readonly placeOf: (number: number) => number | undefined;
  /** Undefined where it cannot be read any more. */
  readonly hit: (place: number) => Promise<Hit | undefined>;
  /** What clients had asked of the debuggee while it stood there. */
  readonly asked: (place: number) => Promise<Asked>;
  /** By path, as the debuggee says it. */
  readonly files: ReadonlyMap<string, StopsByLine>;
  /** By function: places in rising order, without log lines. */
  readonly functions: ReadonlyMap<string, readonly number[]>;
  /** Threads, in the order of their first stops: places in rising order. */
  readonly threads: readonly (readonly number[])[];
  readonly threadName: (thread: number) => string;
  /** Which of `threads` a stop's is. */
  readonly threadOf: (place: number) => number;
  /** The text of a source by its SHA-256. */
  readonly text: (sha256: string) => string | undefined;
}

/** An expression, and what the debuggee said of it. */
export interface AskedExpression {
  readonly expression: string;
  /** Of the stack; absent: none was named. */
  readonly frame?: number;
  readonly value?: string;
  readonly type?: string;
  /** In place of a value. */
  readonly failure?: string;
}

/** Values that a client opened: the children of a scope, or of a value in it. */
export interface AskedValues {
  /** Of the stack. */
  readonly frame: number;
  /** The scope's name, then those of the values. */
  readonly path: readonly string[];
  readonly variables: readonly SnapshotVariable[];
}

export interface Asked {
  readonly values: readonly AskedValues[];
  readonly expressions: readonly AskedExpression[];
  readonly exception?: { readonly id: string; readonly description?: string; readonly stack?: string };
}

export const nothingAsked: Asked = { expressions: [], values: [] };
