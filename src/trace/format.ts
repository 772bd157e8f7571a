// The names and shapes of docs/trace-format.md, which is the specification. Nothing here touches a file.
import type { Side, Wire } from "../../protocol/frame.ts";
import type { Hit } from "../../protocol/hit.ts";
import type { HttpCall } from "../../protocol/http.ts";
import { isObject } from "../../protocol/json.ts";
import type { Trigger } from "../../protocol/trigger.ts";
import type { SessionEnd, SessionFacts, SessionNote } from "../observer.ts";

export const format = 2;
export const profile = "debugtap";

export const topics = {
  session: "/relay/session",
  note: "/relay/note",
  hit: "/relay/hit",
  gap: "/relay/gap",
  source: "/relay/source",
  trigger: "/relay/trigger",
  http: "/relay/http",
  commit: "/relay/commit",
} as const;

export const metadataNames = { segment: "debugtap", sessions: "debugtap/sessions", frames: "debugtap/frames" } as const;

export const sides = ["client", "debuggee"] as const satisfies readonly Side[];

/** `000001` for 1. */
export function segmentName(number: number): string {
  return String(number).padStart(6, "0");
}

/** Topic of the bytes that one side of a session sends. */
export function sideTopic(facts: SessionFacts, side: Side): string {
  return `/${encodeURIComponent(facts.service)}/${facts.ordinal}/${side}`;
}

/** So much of one side's bytes is missing at this point of the trace. */
export interface Gap {
  readonly session: number;
  readonly side: Side;
  readonly chunks: number;
  readonly bytes: number;
}

/** So many hits of a session could not be stored. */
export interface MissedHits {
  readonly session: number;
  readonly hits: number;
}

/** What a file's text was: from `since` on, until another says otherwise. Exactly one of `sha256` and `why` is there. */
export interface SourceVersion {
  /** As a frame says it. */
  readonly path: string;
  /** For all sessions of this Host; absent: for this record's session only. */
  readonly host?: string;
  /** Epoch milliseconds: `at` of the hit that it was read for. */
  readonly since: number;
  readonly sha256?: string;
  /** Bytes, and epoch seconds of the last change. */
  readonly size?: number;
  readonly mtime?: number;
  /** Why its text is not here. */
  readonly why?: string;
}

/** `ok`: in step with the messages; `lost`: until a chunk begins like one; `opaque`: for good. Stored as 0, 1, 2. */
export type FollowState = "ok" | "lost" | "opaque";
export const followStates: readonly FollowState[] = ["ok", "lost", "opaque"];

/** Where one side of a session stands: totals since its start. */
export interface SideTotals {
  chunks: number;
  bytes: number;
  /** Messages that have ended. */
  frames: number;
  /** Stream offset where the message in progress starts; equal to `bytes` when there is none. */
  start: number;
  state: FollowState;
  lostChunks: number;
  lostBytes: number;
}

/** One session as a segment's summary tells it. Times are epoch milliseconds. */
export interface SessionTotals {
  facts: SessionFacts;
  first: number;
  last: number;
  end?: SessionEnd;
  notes: number;
  hits: number;
  /** Hits that could not be stored. */
  missedHits?: number;
  client: SideTotals;
  debuggee: SideTotals;
  /** Stream offset at which a message ends that was in progress when this segment began; absent where it does not end in it. */
  next?: Readonly<Partial<Record<Side, number>>>;
}

/** One side as it stood before a block: messages, bytes, start of the message in progress, index of its state. */
export type SideMark = readonly [frames: number, bytes: number, start: number, state: number];

/** What a block of records (one MCAP chunk) holds, as it stood before the block. */
export interface BlockMark {
  /** Messages of the whole trace. */
  readonly frames: number;
  readonly sessions: Readonly<Record<string, readonly [client: SideMark, debuggee: SideMark]>>;
}

export interface SegmentEntry {
  readonly file: string;
  readonly first: number;
  readonly last: number;
  readonly messages: number;
  readonly bytes: number;
  readonly sha256: string;
  /** Wire messages that end in it, and hits in it; absent in older traces. */
  readonly frames?: number;
  readonly hits?: number;
}

export type DropReason = "max_size" | "max_age";

/** The oldest segments, which are not there any more: sums over all of them, and where the recording stood behind them. */
export interface Dropped {
  /** Number of the last one: what is here of it, or of one before it, is a leftover. */
  readonly through: number;
  readonly by: readonly DropReason[];
  readonly segments: number;
  /** Epoch milliseconds of the first and the last record. */
  readonly first: number;
  readonly last: number;
  /** Records; wire messages; hits. */
  readonly messages: number;
  readonly frames: number;
  readonly hits: number;
  /** Of the files. */
  readonly bytes: number;
  /** How many sessions ended in them, and where the others stood. */
  readonly ended: number;
  readonly sessions: readonly SessionTotals[];
}

export interface Manifest {
  readonly format: number;
  readonly version: string;
  readonly id: string;
  /** Epoch milliseconds. */
  readonly started: number;
  /** The process that writes, or wrote, this trace. */
  readonly pid: number;
  /** Whether secrets were recorded as they are; absent in traces from before masking, where they were. */
  readonly secrets?: "masked" | "kept";
  readonly ended?: number;
  readonly command?: readonly string[];
  readonly config?: string;
  readonly dropped?: Dropped;
  readonly segments: readonly SegmentEntry[];
}

/** A channel as MCAP declares it. */
export interface ChannelDeclaration {
  readonly topic: string;
  readonly messageEncoding: string;
  readonly metadata: ReadonlyMap<string, string>;
}

/** One MCAP message of a trace as it stands in the file. `time` is `logTime` in epoch milliseconds. */
export interface StoredMessage {
  readonly channel: ChannelDeclaration;
  readonly sequence: number;
  readonly time: number;
  readonly logTime: bigint;
  readonly publishTime: bigint;
  readonly data: Uint8Array;
}

/** A message and what it says. `other`: a topic of a later debugtap, kept but not understood. */
export type TraceRecord = { readonly stored: StoredMessage; readonly time: number } & (
  | { readonly kind: "chunk"; readonly session: SessionFacts; readonly side: Side; readonly bytes: Uint8Array }
  | { readonly kind: "open"; readonly session: SessionFacts }
  | { readonly kind: "end"; readonly session: number; readonly end: SessionEnd }
  | { readonly kind: "note"; readonly session: number; readonly note: SessionNote }
  | { readonly kind: "hit"; readonly session: number; readonly hit: Hit }
  | { readonly kind: "gap"; readonly session: number; readonly gap: Gap }
  | { readonly kind: "missed"; readonly session: number; readonly hits: number }
  | { readonly kind: "source"; readonly session: number; readonly source: SourceVersion }
  /** Of no session: `session` is 0. */
  | { readonly kind: "trigger"; readonly session: number; readonly trigger: Trigger }
  /** As a trigger's. */
  | { readonly kind: "http"; readonly session: number; readonly http: HttpCall }
  | { readonly kind: "other" }
);

const wires: readonly string[] = ["dap", "pydevd", "raw"] satisfies Wire[];

/** Facts as they stand in a channel's metadata; undefined when they are not facts. */
export function parseFacts(value: unknown): SessionFacts | undefined {
  return isFacts(value) ? value : undefined;
}

function isFacts(value: unknown): value is SessionFacts {
  return (
    isObject(value) &&
    typeof value["id"] === "number" &&
    typeof value["ordinal"] === "number" &&
    typeof value["wire"] === "string" &&
    wires.includes(value["wire"]) &&
    ["service", "name", "debuggee", "client"].every((key) => typeof value[key] === "string")
  );
}

export function isEnd(value: unknown): value is SessionEnd {
  return isObject(value) && typeof value["by"] === "string" && typeof value["how"] === "string";
}

export function isNote(value: unknown): value is SessionNote {
  return isObject(value) && typeof value["kind"] === "string" && typeof value["detail"] === "string";
}

export function isGap(value: unknown): value is Gap {
  return (
    isObject(value) &&
    typeof value["session"] === "number" &&
    sides.some((side) => side === value["side"]) &&
    typeof value["chunks"] === "number" &&
    typeof value["bytes"] === "number"
  );
}

export function isMissedHits(value: unknown): value is MissedHits {
  return isObject(value) && typeof value["session"] === "number" && typeof value["hits"] === "number";
}

export function isSourceVersion(value: unknown): value is SourceVersion {
  return (
    isObject(value) &&
    typeof value["path"] === "string" &&
    typeof value["since"] === "number" &&
    ["host", "sha256", "why"].every((key) => value[key] === undefined || typeof value[key] === "string") &&
    ["size", "mtime"].every((key) => value[key] === undefined || typeof value[key] === "number")
  );
}

/** What a summary or a manifest says of a session; traces of versions before hits do not count them. */
export function isTotals(value: unknown): value is Omit<SessionTotals, "hits"> & { hits?: number } {
  return (
    isObject(value) &&
    parseFacts(value["facts"]) !== undefined &&
    isObject(value["client"]) &&
    isObject(value["debuggee"])
  );
}

export function isDropped(value: unknown): value is Dropped {
  const counts = ["through", "segments", "first", "last", "messages", "frames", "hits", "bytes", "ended"];
  return (
    isObject(value) &&
    counts.every((key) => typeof value[key] === "number") &&
    Array.isArray(value["by"]) &&
    Array.isArray(value["sessions"]) &&
    value["sessions"].every(isTotals)
  );
}

/** JSON from a file that may be damaged. */
export function parseText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
