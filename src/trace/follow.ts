// Reads on in a trace that is being written: new commits of the live segment, across sealing and into the segments after it.
//
// Rules
// - An open live file stays readable after it was sealed and removed: it is read to its end before the next segment is looked for.
// - It ends when the manifest says that the trace ended, or by the signal.
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { segmentName } from "./format.ts";
import type { TraceRecord } from "./format.ts";
import { LiveTail } from "./live-file.ts";
import { readManifest } from "./locate.ts";
import type { Trace, TraceMessage } from "./reader.ts";
import { chunksReadable, openSealed } from "./sealed-file.ts";

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
  const tally = trace.tallyAtEnd();
  let wide = trace.count();
  for await (const record of laterRecords(trace, signal)) {
    for (const message of "lost" in record ? tally.damage(record.lost) : tally.add(record)) {
      wide++;
      const shown = trace.message(message);
      const ordinal = session === undefined ? wide : shown.ordinal;
      if (ordinal >= from && (session === undefined || shown.session.id === session)) yield shown;
    }
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

/** Records behind `seen`, from segment `number` on, as they are committed; `lost`: some are missing here. */
async function* newRecords(
  dir: string,
  first: number,
  seen: bigint,
  signal?: AbortSignal,
): AsyncGenerator<TraceRecord | { readonly lost: number }> {
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
        if (existsSync(join(dir, file))) {
          for await (const record of sealedRecords(dir, number, file)) if (record.stored.logTime > seen) yield record;
          number++;
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
      if (over !== undefined || replaced(live, tail)) {
        if (tail !== undefined && tail.scanner.committed > 0) number++;
        tail?.file.close();
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
function replaced(path: string, tail: LiveTail | undefined): boolean {
  if (tail === undefined || tail.scanner.committed > 0) return false;
  return statSync(path, { throwIfNoEntry: false })?.ino !== tail.file.inode;
}

async function* sealedRecords(dir: string, number: number, file: string): AsyncGenerator<TraceRecord> {
  const segment = await openSealed(join(dir, file), number, file);
  try {
    for (let block = 0; block < segment.blocks.length; block++) yield* segment.read(block).records;
  } finally {
    segment.close();
  }
}
