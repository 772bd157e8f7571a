// A hit: one stop of one thread, with what could be seen of it. Stored in traces and shown by every view of them.
//
// Rules
// - Wire ids (frameId, variablesReference) are no part of it: they mean nothing after the stop.
// - What a limit left out is marked where it would stand: nothing is cut silently, and what is not there was not there.

export interface Hit {
  /** Counts the hits of a session, from 1. */
  readonly number: number;
  /** `cinder-api#2` */
  readonly session: string;
  readonly service: string;
  /** Epoch milliseconds at which the relay saw the stop. */
  readonly at: number;
  readonly thread: { readonly id: string | number; readonly name?: string };
  /** DAP's words: breakpoint, step, exception, pause, entry, … */
  readonly reason: string;
  /** What the debuggee says of it: the exception, a log message. */
  readonly text?: string;
  /** The debuggee's process, where it is known. */
  readonly process?: string;
  /** The breakpoint that it belongs to, as it was written; only where debugtap set it itself. */
  readonly breakpoint?: string;
  /** Id of the {@link Trigger} that ran, or had run last, when the thread stopped. */
  readonly trigger?: number;
  /** What the `correlate` expressions gave: expression and value as text. */
  readonly correlated?: Readonly<Record<string, string>>;
  /** Of these the debuggee was asked in vain: expression, and what it said. */
  readonly uncorrelated?: Readonly<Record<string, string>>;
  readonly snapshot: Snapshot;
}

export interface Snapshot {
  /** Innermost first. */
  readonly frames: readonly SnapshotFrame[];
  readonly cut?: Cut;
  /** Milliseconds from the stop to the last answer. */
  readonly took: number;
}

export interface SnapshotFrame {
  readonly name: string;
  /** As the debuggee says it. */
  readonly path?: string;
  /** From 1. */
  readonly line?: number;
  readonly column?: number;
  /** Of the text of its source: `sources/<sha256>` in the trace. A reader puts it in, since the text is fetched after the capture. */
  readonly source?: string;
  /** Why there is no text. */
  readonly noSource?: string;
  /** Absent: its values were not asked for. */
  readonly scopes?: readonly SnapshotScope[];
  readonly cut?: Cut;
}

export interface SnapshotScope {
  readonly name: string;
  readonly variables: readonly SnapshotVariable[];
  readonly cut?: Cut;
}

export interface SnapshotVariable {
  readonly name: string;
  readonly type?: string;
  /** As the debuggee prints it. */
  readonly value: string;
  /** Absent: it has none, or `cut` says why they are not here. */
  readonly children?: readonly SnapshotVariable[];
  /** Its `repr` failed. */
  readonly failed?: true;
  readonly cut?: Cut;
}

/** Which limit left something out here, and how much where that is known. `gone`: the debuggee did not answer, or ran on. */
export interface Cut {
  readonly by: "frames" | "depth" | "items" | "string" | "bytes" | "time" | "gone";
  /** How many there are in all: frames, items, characters. */
  readonly of?: number;
}

export interface CaptureLimits {
  /** Frames of a stack. */
  readonly frames: number;
  /** Innermost frames whose values are captured. */
  readonly locals: number;
  /** Levels of values: 1 = the variables themselves. */
  readonly depth: number;
  /** Children of one value, variables of one scope. */
  readonly items: number;
  /** Characters of one value. */
  readonly string: number;
  /** Bytes of a snapshot, as JSON. */
  readonly bytes: number;
  /** Milliseconds for all of it. */
  readonly time: number;
}

export const captureLimits: CaptureLimits = {
  frames: 20,
  locals: 5,
  depth: 3,
  items: 50,
  string: 1024,
  bytes: 256 * 1024,
  time: 500,
};

/** Of breakpoints that are `deep`. A record of a trace holds 512 KiB: a snapshot of more bytes would be stored without its values. */
export const deepLimits: CaptureLimits = {
  frames: 100,
  locals: 20,
  depth: 6,
  items: 500,
  string: 16 * 1024,
  bytes: 448 * 1024,
  time: 5000,
};

/** Of each limit the higher one. */
export function deeper(limits: CaptureLimits): CaptureLimits {
  const most = (name: keyof CaptureLimits): number => Math.max(limits[name], deepLimits[name]);
  return {
    frames: most("frames"),
    locals: most("locals"),
    depth: most("depth"),
    items: most("items"),
    string: most("string"),
    bytes: most("bytes"),
    time: most("time"),
  };
}
