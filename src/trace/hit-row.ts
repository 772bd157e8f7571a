// One hit as lists show it, and which hits are asked for.
//
// Rules
// - A file is meant by the end of its path, `api/volumes.py`, whichever way its slashes lean; a function by its name, `create`, with or
//   without what is before its last dot; a request by the beginning of a correlated value.
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

/** All that is named must be so. */
export interface HitFilter {
  readonly service?: string;
  readonly session?: string;
  readonly file?: string;
  readonly line?: number;
  readonly fn?: string;
  readonly reason?: string;
  readonly request?: string;
  readonly trigger?: number;
  /** Epoch milliseconds, both inclusive. */
  readonly since?: number;
  readonly until?: number;
  /** Pieces of words as hit-words.ts cuts them. */
  readonly words?: readonly string[];
}

/** What a text of a row must be like; one that is not there is "". */
export type RowTests = Partial<
  Record<"service" | "session" | "file" | "function" | "reason" | "request", (text: string) => boolean>
>;

export function rowTests({ service, session, file, fn, reason, request }: HitFilter): RowTests {
  return {
    ...(service === undefined ? {} : { service: (text) => text === service }),
    ...(session === undefined ? {} : { session: (text) => text === session }),
    ...(file === undefined ? {} : { file: fileTest(file) }),
    ...(fn === undefined ? {} : { function: (text) => text === fn || text.endsWith(`.${fn}`) }),
    ...(reason === undefined ? {} : { reason: (text) => text === reason }),
    ...(request === undefined ? {} : { request: (text) => text.startsWith(request) }),
  };
}

function fileTest(wanted: string): (path: string) => boolean {
  const end = wanted.replaceAll("\\", "/").replace(/^(?:\.?\/)+/, "");
  return (path) => {
    const slashed = path.replaceAll("\\", "/");
    return slashed === end || slashed.endsWith(`/${end}`);
  };
}

/** Whether a hit is asked for, by all but its words. */
export function isWanted(row: HitRow, filter: HitFilter, tests: RowTests): boolean {
  const { line, trigger, since = -Infinity, until = Infinity } = filter;
  return (
    row.at >= since &&
    row.at <= until &&
    (line === undefined || row.line === line) &&
    (trigger === undefined || row.trigger === trigger) &&
    tests.service?.(row.service) !== false &&
    tests.session?.(row.session) !== false &&
    tests.file?.(row.file ?? "") !== false &&
    tests.function?.(row.function ?? "") !== false &&
    tests.reason?.(row.reason) !== false &&
    (tests.request === undefined || row.correlated.some((text, i) => i % 2 === 1 && tests.request?.(text)))
  );
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
