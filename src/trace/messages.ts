// What the forwarding thread and the recorder's worker say to each other.
import type { SegmentEntry } from "./format.ts";

export interface WorkerOptions {
  readonly dir: string;
  readonly id: string;
  readonly version: string;
  readonly command?: readonly string[];
  readonly config?: string;
  /** Epoch milliseconds of the forwarding thread's performance.now() zero: the one wall anchor of the trace. */
  readonly timeOrigin: number;
  readonly started: number;
  /** Bytes after which a live segment is sealed. */
  readonly segmentBytes: number;
}

/** `skew`: milliseconds that the wall clock is ahead of the anchor now. */
export interface BatchMessage {
  readonly type: "batch";
  readonly buffer: ArrayBuffer;
  readonly length: number;
  readonly skew: number;
}

export type ToWorker = BatchMessage | { readonly type: "flush"; readonly id: number } | { readonly type: "close" };

/** What a recording came to. */
export interface TraceSummary {
  readonly dir: string;
  readonly sessions: number;
  /** Records and bytes of them that are on the disk, the relay's own included. */
  readonly records: number;
  readonly bytes: number;
  /** What gap records say is missing, and what could not even be said because the disk refused it. */
  readonly lostChunks: number;
  readonly lostBytes: number;
  readonly segments: readonly SegmentEntry[];
}

/** `written`, `durable`: records that survive a killed process, and a loss of power. */
export type FromWorker =
  | { readonly type: "ready" }
  | { readonly type: "refused"; readonly why: string }
  | { readonly type: "back"; readonly buffers: readonly ArrayBuffer[]; readonly written: number }
  | { readonly type: "durable"; readonly durable: number }
  | { readonly type: "failed"; readonly why: string; readonly sealing: boolean }
  | { readonly type: "resumed" }
  | { readonly type: "flushed"; readonly id: number; readonly why?: string }
  | { readonly type: "closed"; readonly summary: TraceSummary };
