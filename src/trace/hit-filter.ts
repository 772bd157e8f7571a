// Which hits are asked for: the same of a row, and of columns.
//
// Rules
// - A file is meant by the end of its path, `api/volumes.py`, whichever way its slashes lean; a function by its name, `create`, with or
//   without what is before its last dot; a request by the beginning of a correlated value.
import type { SessionFacts } from "../observer.ts";
import type { Columns, NumberColumn } from "./hit-columns.ts";
import type { HitRow } from "./hit-row.ts";

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

/** What a hit must be but for its words, by its place; nothing where all are meant. */
export function columnChecks(
  columns: Columns,
  filter: HitFilter,
  factsOf: (session: number) => SessionFacts | undefined,
): ((place: number) => boolean)[] {
  const checks: ((place: number) => boolean)[] = [];
  const { line, trigger, since, until } = filter;
  const { service, session, request, ...ofTexts } = rowTests(filter);
  if (since !== undefined) checks.push((place) => (columns.at[place] ?? 0) >= since);
  if (until !== undefined) checks.push((place) => (columns.at[place] ?? 0) <= until);
  // Each session and each text is looked at once.
  const check = (name: NumberColumn, test: (value: number) => boolean): void => {
    const [column, is] = [columns.numbers(name), once(test)];
    checks.push((place) => is(column[place] ?? 0));
  };
  if (line !== undefined) check("line", (value) => value === line);
  if (trigger !== undefined) check("trigger", (value) => value === trigger);
  if (service !== undefined) check("session", (id) => service(factsOf(id)?.service ?? ""));
  if (session !== undefined) check("session", (id) => session(factsOf(id)?.name ?? ""));
  for (const name of ["file", "function", "reason"] as const) {
    const test = ofTexts[name];
    if (test !== undefined) check(name, (text) => test(columns.text(text)));
  }
  if (request !== undefined) {
    const [first, others] = [columns.numbers("request"), columns.numbers("others")];
    const isFirst = once((text) => request(columns.text(text)));
    const isOther = once((text) => {
      const parts = columns.text(text).split("\0");
      return parts.some((part, i) => i % 2 === 1 && request(part));
    });
    checks.push((place) => isFirst(first[place] ?? 0) || isOther(others[place] ?? 0));
  }
  return checks;
}

function once(test: (value: number) => boolean): (value: number) => boolean {
  const known: (boolean | undefined)[] = [];
  return (value) => (known[value] ??= test(value));
}
