// Which stops of a recording the breakpoints of a client mean, and what is said of each breakpoint.
//
// Rules
// - A breakpoint means the stops at its line, or in its function; one without any is not verified, and names the nearest line that has some.
// - None set: every stop is meant. Exceptions are meant unless their filter was switched off.
import type { ReplayFiles } from "./replay-files.ts";
import type { Recording, StopsByLine } from "./replay-recording.ts";

/** DAP's Breakpoint. */
export interface ShownBreakpoint {
  readonly id: number;
  readonly verified: boolean;
  readonly line?: number;
  readonly message: string;
}

/** The filter of exceptions that a client is offered. */
export const exceptionFilter = { filter: "recorded", label: "Recorded exceptions", default: true } as const;

export class ReplayBreakpoints {
  readonly #recording: Recording;
  readonly #files: ReplayFiles;
  /** Places by the IDE's path, and for functions. */
  readonly #sets = new Map<string, readonly (readonly number[])[]>();
  /** By place: 1 where a breakpoint means it. Undefined: none is set. */
  #marks: Uint8Array | undefined;
  #next = 1;
  exceptions = true;

  constructor(recording: Recording, files: ReplayFiles) {
    this.#recording = recording;
    this.#files = files;
  }

  /** Whether the breakpoints mean the stop at a place. Asked of each place on the way. */
  isMeant(place: number): boolean {
    if (this.#marks === undefined || this.#marks[place] === 1) return true;
    return this.exceptions && this.#recording.isException(place);
  }

  /** Those of a file, in place of what it had. */
  setLines(path: string, lines: readonly number[]): readonly ShownBreakpoint[] {
    const files = this.#files.find(path).flatMap((file) => this.#recording.files.get(file) ?? []);
    const found = lines.map((line) => files.flatMap((stops) => stops.get(line) ?? []));
    this.#set(`file ${path}`, found);
    return lines.map((line, i) => {
      const count = found[i]?.length ?? 0;
      const said =
        count > 0 ? { verified: true, message: countText(count) } : { verified: false, message: never(line, files) };
      return { id: this.#next++, line, ...said };
    });
  }

  setFunctions(names: readonly string[]): readonly ShownBreakpoint[] {
    const found = names.map((name) => {
      const known = [...this.#recording.functions].filter(([each]) => each === name || each.endsWith(`.${name}`));
      return known.flatMap(([, places]) => places);
    });
    this.#set("functions", found);
    return found.map((places) => ({
      id: this.#next++,
      verified: places.length > 0,
      message: places.length > 0 ? countText(places.length) : "never stopped in it in this recording",
    }));
  }

  #set(key: string, found: readonly (readonly number[])[]): void {
    if (found.length === 0) this.#sets.delete(key);
    else this.#sets.set(key, found);
    if (this.#sets.size === 0) {
      this.#marks = undefined;
      return;
    }
    const marks = new Uint8Array(this.#recording.count);
    for (const set of this.#sets.values()) for (const places of set) for (const place of places) marks[place] = 1;
    this.#marks = marks;
  }
}

function countText(count: number): string {
  return count === 1 ? "1 recorded hit" : `${count} recorded hits`;
}

function never(line: number, files: readonly StopsByLine[]): string {
  let nearest: { readonly line: number; readonly count: number } | undefined;
  for (const stops of files)
    for (const [other, places] of stops)
      if (nearest === undefined || distance(other, line) < distance(nearest.line, line))
        nearest = { line: other, count: places.length };
  const where =
    nearest === undefined
      ? "nor anywhere in this file"
      : `the nearest is line ${nearest.line} (${countText(nearest.count)})`;
  return `never stopped here in this recording; ${where}`;
}

function distance(a: number, b: number): number {
  return Math.abs(a - b);
}
