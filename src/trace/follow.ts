// Reads on in a trace that is being written: new commits of the live segment, across sealing and into the segments after it.
//
// Rules
// - Where segments are dropped before they were read, it goes on with the first that is left, and counts on as the whole trace does.
// - An open live file stays readable after it was sealed and removed: it is read to its end before the next segment is looked for.
// - It ends when the manifest says that the trace ended, or by the signal.
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { segmentName } from "./format.ts";
import type { TraceRecord } from "./format.ts";
import { LiveTail } from "./live-file.ts";
import { readManifest } from "./locate.ts";
import { openTrace } from "./reader.ts";
import type { Trace, TraceMessage } from "./reader.ts";
import { chunksReadable, openSealed } from "./sealed-file.ts";
import type { Segment } from "./segment.ts";

const pollEvery = 50;

export interface FollowQuery {
  readonly session?: number;
  /** First ordinal wanted, as in MessageQuery. */
  readonly from?: number;
  readonly signal?: AbortSignal;
}

/** The messages of a trace from `from` on, then those that come, as they come. */
export async function* follow(trace: Trace, query: FollowQuery = {}): AsyncGenerator<TraceMessage> {
  const { session, from = 1, signal } = query;
  yield* trace.messages({ from, ...(session === undefined ? {} : { session }) });
  let tally = trace.tallyAtEnd();
  let again: Trace | undefined;
  let wide = trace.count();
  try {
    for await (const record of laterRecords(trace, signal)) {
      if ("dropped" in record) {
        again?.close();
        again = await openTrace(trace.dir);
        ({ tally, wide } = again.countingFrom(record.dropped));
        continue;
      }
      for (const message of "lost" in record ? tally.damage(record.lost) : tally.add(record)) {
        wide++;
        const shown = trace.message(message);
        const ordinal = session === undefined ? wide : shown.ordinal;
        if (ordinal >= from && (session === undefined || shown.session.id === session)) yield shown;
      }
    }
  } finally {
    again?.close();
  }
}

/** The records behind those that an open trace has, as they come. */
export async function* laterRecords(trace: Trace, signal?: AbortSignal): ReturnType<typeof newRecords> {
  await chunksReadable;
  let seen = 0n;
  for (const segment of trace.segments) {
    const last = segment.blocks.length - 1;
    const record = last < 0 ? undefined : segment.read(last).records.at(-1);
    if (record !== undefined) seen = record.stored.logTime;
  }
  const start =
    trace.segments.findLast((segment) => !segment.sealed)?.number ?? (trace.segments.at(-1)?.number ?? 0) + 1;
  yield* newRecords(trace.dir, start, seen, signal);
}

/**
 * Records behind `seen`, from segment `number` on, as they are committed. `lost`: some are missing here. `dropped`: all before this segment
 * that did not come yet; there were so many `hits` before it.
 */
async function* newRecords(
  dir: string,
  first: number,
  seen: bigint,
  signal?: AbortSignal,
): AsyncGenerator<TraceRecord | { readonly lost: number } | { readonly dropped: number; readonly hits: number }> {
  let lost = false;
  let number = first;
  let tail: LiveTail | undefined;
  const stopped = () => signal?.aborted === true;
  try {
    while (!stopped()) {
      const over = isOver(dir, number);
      const live = join(dir, `${segmentName(number)}.live`);
      tail ??= existsSync(live) ? new LiveTail(live) : undefined;
      if (tail === undefined) {
        const file = `${segmentName(number)}.mcap`;
        const segment = existsSync(join(dir, file)) ? await openIfThere(dir, number, file) : undefined;
        if (segment !== undefined) {
          for (const record of recordsOf(segment)) if (record.stored.logTime > seen) yield record;
          number++;
          continue;
        }
        const dropped = readManifest(dir)?.dropped;
        if (dropped !== undefined && dropped.through >= number) {
          number = dropped.through + 1;
          yield { dropped: number, hits: dropped.hits };
          continue;
        }
      } else {
        for (let block = tail.next(); block !== undefined && !stopped(); block = tail.next()) {
          for (const record of block.records) {
            const isNew = record.stored.logTime > seen;
            // Damage that stands among what was seen is known already.
            if (lost && isNew) yield { lost: record.time };
            lost = false;
            if (!isNew) continue;
            seen = record.stored.logTime;
            yield record;
          }
          lost ||= block.damaged !== undefined;
        }
      }
      // `over` was asked before the file was read to its end, so nothing can have come in between.
      if (over === "trace" && tail === undefined) return;
      if (tail !== undefined && (over !== undefined || replaced(live, tail))) {
        if (tail.scanner.committed > 0) number++;
        tail.file.close();
        tail = undefined;
        continue;
      }
      await pause(pollEvery, undefined, signal === undefined ? {} : { signal }).catch(() => undefined);
    }
  } finally {
    tail?.file.close();
  }
}

/** Whether a segment will get nothing more: it was sealed, a later one was begun, or the trace ended. */
function isOver(dir: string, number: number): "segment" | "trace" | undefined {
  const [name, next] = [segmentName(number), segmentName(number + 1)];
  if ([`${name}.mcap`, `${next}.live`, `${next}.mcap`].some((file) => existsSync(join(dir, file)))) return "segment";
  return readManifest(dir)?.ended === undefined ? undefined : "trace";
}

/** A file that was begun anew under the same name, because nothing could be committed to the first. */
function replaced(path: string, tail: LiveTail): boolean {
  if (tail.scanner.committed > 0) return false;
  return statSync(path, { throwIfNoEntry: false })?.ino !== tail.file.inode;
}

/** Of a sealed segment; undefined when it was dropped meanwhile. */
async function openIfThere(dir: string, number: number, file: string): Promise<Segment | undefined> {
  try {
    return await openSealed(join(dir, file), number, file);
  } catch (error) {
    if (existsSync(join(dir, file))) throw error;
    return undefined;
  }
}

function* recordsOf(segment: Segment): Generator<TraceRecord> {
  try {
    for (let block = 0; block < segment.blocks.length; block++) yield* segment.read(block).records;
  } finally {
    segment.close();
  }
}
