// One hit as lists show it.
import type { Hit } from "../../protocol/hit.ts";

export interface HitRow {
  /** Counts the hits of the trace from 1, in the order in which they were captured. */
  readonly number: number;
  /** `cinder-api#2`, and the hit's number there. */
  readonly session: string;
  readonly ordinal: number;
  readonly service: string;
  /** Epoch milliseconds of the stop. */
  readonly at: number;
  readonly thread: string;
  /** Of the debuggee: unique in its session only. */
  readonly threadId: string;
  readonly reason: string;
  /** Of the innermost frame. */
  readonly function?: string;
  readonly file?: string;
  readonly line?: number;
  /** Expression and value by turns. */
  readonly correlated: readonly string[];
  /** What the debuggee says of it, up to 200 characters. */
  readonly text?: string;
  readonly breakpoint?: string;
  readonly trigger?: number;
}

/** The row of a hit that has just been read. */
export function rowOf(number: number, hit: Hit): HitRow {
  const [top] = hit.snapshot.frames;
  return {
    number,
    session: hit.session,
    ordinal: hit.number,
    service: hit.service,
    at: hit.at,
    thread: hit.thread.name ?? String(hit.thread.id),
    threadId: String(hit.thread.id),
    reason: hit.reason,
    ...(top === undefined ? {} : { function: top.name }),
    ...(top?.path === undefined ? {} : { file: top.path }),
    ...(top?.line === undefined ? {} : { line: top.line }),
    correlated: Object.entries(hit.correlated ?? {}).flat(),
    ...(hit.text === undefined ? {} : { text: hit.text }),
    ...(hit.breakpoint === undefined ? {} : { breakpoint: hit.breakpoint }),
    ...(hit.trigger === undefined ? {} : { trigger: hit.trigger }),
  };
}
