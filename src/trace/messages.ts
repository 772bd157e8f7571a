// What the forwarding thread and the recorder's worker say to each other beside the records, which go through shared memory.
import type { Missed } from "../../protocol/control.ts";
import type { SecretRules } from "../../protocol/redact.ts";
import type { PackedRecord } from "./batch.ts";
import type { Dropped, DropReason, SegmentEntry, SourceVersion } from "./format.ts";
import type { Limits } from "./retention.ts";
import type { SlotMemory } from "./slots.ts";

export interface SecretOptions {
  /** Of the markers. */
  readonly key: Uint8Array;
  readonly rules: SecretRules;
}

export interface WorkerOptions {
  readonly dir: string;
  readonly id: string;
  readonly version: string;
  readonly command?: readonly string[];
  readonly config?: string;
  /** Epoch milliseconds of the forwarding thread's performance.now() zero: the one wall anchor of the trace. */
  readonly timeOrigin: number;
  /** The same moment by process.hrtime.bigint(), which all threads share. */
  readonly hrtimeOrigin: bigint;
  readonly started: number;
  /** Bytes after which a live segment is sealed. */
  readonly segmentBytes: number;
  readonly keep: Limits;
  readonly memory: SlotMemory;
  /** Absent: secrets are recorded as they are. */
  readonly secrets?: SecretOptions;
}

/** A file as it was found; `why` where its text could not be had. */
export type SourceFacts = Omit<SourceVersion, "sha256">;

/** Before a flush or a close is answered, all records are taken that were handed over before it. `rest`: what found no room. */
export type ToWorker =
  | { readonly type: "wake" }
  | { readonly type: "flush"; readonly id: number }
  | { readonly type: "source"; readonly session: number; readonly about: SourceFacts; readonly bytes?: Uint8Array }
  | { readonly type: "close"; readonly rest: readonly PackedRecord[] };

/** What a recording came to. */
export interface TraceSummary {
  readonly dir: string;
  readonly sessions: number;
  /** Records and bytes of them that are on the disk, the relay's own included. */
  readonly records: number;
  readonly bytes: number;
  /** What gap records say is missing, and what could not even be said because the disk refused it. */
  readonly missed: Missed;
  readonly segments: readonly SegmentEntry[];
  readonly dropped?: Dropped;
}

export type FromWorker =
  | { readonly type: "ready" }
  | { readonly type: "refused"; readonly why: string }
  | { readonly type: "failed"; readonly why: string; readonly sealing: boolean }
  | { readonly type: "resumed" }
  | { readonly type: "dropped"; readonly by: DropReason }
  | { readonly type: "source"; readonly bytes: number }
  | { readonly type: "flushed"; readonly id: number; readonly why?: string }
  | { readonly type: "closed"; readonly summary: TraceSummary };
