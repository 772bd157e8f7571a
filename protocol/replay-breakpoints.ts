// Which stops of a recording the breakpoints of a client mean, and what is said of each breakpoint.
//
// Rules
// - A breakpoint means the stops at its line, or in its function; one without any is not verified, and names the nearest line that has some.
// - None set: every stop is meant. Exceptions are meant unless their filter was switched off.
import type { ReplayFiles } from "./replay-files.ts";
import type { Recording, StopsByLine } from "./replay-recording.ts";
import { firstAfter } from "./replay-walk.ts";

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
  /** By the IDE's path, and for functions. */
  readonly #sets = new Map<string, readonly (readonly number[])[]>();
  #next = 1;
  exceptions = true;

  constructor(recording: Recording, files: ReplayFiles) {
    this.#recording = recording;
    this.#files = files;
  }

  /** Whether the breakpoints mean the stop at a place. */
  isMeant(place: number): boolean {
    if ([...this.#sets.values()].every((set) => set.length === 0)) return true;
    if (this.exceptions && this.#recording.stop(place).reason === "exception") return true;
    for (const set of this.#sets.values()) for (const places of set) if (includes(places, place)) return true;
    return false;
  }

  /** Those of a file, in place of what it had. */
  setLines(path: string, lines: readonly number[]): readonly ShownBreakpoint[] {
    const files = this.#files.find(path).flatMap((file) => this.#recording.files.get(file) ?? []);
    const found = lines.map((line) => files.flatMap((stops) => stops.get(line) ?? []).sort((a, b) => a - b));
    this.#sets.set(`file ${path}`, found);
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
      return known.flatMap(([, places]) => places).sort((a, b) => a - b);
    });
    this.#sets.set("functions", found);
    return found.map((places) => ({
      id: this.#next++,
      verified: places.length > 0,
      message: places.length > 0 ? countText(places.length) : "never stopped in it in this recording",
    }));
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

function includes(places: readonly number[], place: number): boolean {
  return places[firstAfter(places, place) - 1] === place;
}
