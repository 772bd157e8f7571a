// Whether the files that breakpoints are set in are those that run on the host, for one session.
//
// Rules
// - Looked at after the breakpoints were passed on; nothing waits for it.
// - One look at a time for each file, and a bounded number in all: a file that is set again meanwhile is looked at once more.
// - What cannot be compared is told once for each file, and is no difference.
import { asDebugtapError } from "../protocol/errors.ts";
import { plainPath, type PathMap } from "../protocol/path-map.ts";
import { describeDifference, type DifferingSource, type SourceDifference } from "../protocol/source-difference.ts";

/** Undefined: the same, or one of them is not there. Rejects when one of them cannot be read. */
export type CompareSource = (paths: {
  readonly local: string;
  readonly remote: string;
}) => Promise<SourceDifference | undefined>;

export interface SourceCheckOptions {
  readonly map: PathMap;
  readonly compare: CompareSource;
  /** `path` as the IDE names it; undefined: they are the same by now. */
  readonly differs: (path: string, text: string | undefined) => void;
  readonly failed: (text: string) => void;
}

const mostLooks = 256;
const mostShown = 100;

export class SourceCheck {
  readonly #options: SourceCheckOptions;
  /** Files under way, and whether they are to be looked at again. */
  readonly #looks = new Map<string, boolean>();
  readonly #differing = new Map<string, DifferingSource>();
  readonly #failed = new Set<string>();

  constructor(options: SourceCheckOptions) {
    this.#options = options;
  }

  get differing(): readonly DifferingSource[] {
    return [...this.#differing.values()];
  }

  /** A breakpoint is set in this file. */
  breakpoints(path: string): void {
    if (this.#looks.has(path)) this.#looks.set(path, true);
    else if (this.#looks.size < mostLooks) void this.#look(path);
  }

  async #look(path: string): Promise<void> {
    const local = plainPath(path);
    if (local === undefined) return;
    const remote = this.#options.map.toRemote(local) ?? local;
    do {
      this.#looks.set(path, false);
      try {
        this.#found(path, remote, await this.#options.compare({ local, remote }));
      } catch (thrown) {
        this.#couldNot(path, asDebugtapError(thrown).format());
      }
    } while (this.#looks.get(path) === true);
    this.#looks.delete(path);
  }

  #found(path: string, remote: string, difference: SourceDifference | undefined): void {
    this.#failed.delete(path);
    if (difference === undefined) {
      if (this.#differing.delete(path)) this.#options.differs(path, undefined);
      return;
    }
    const before = this.#differing.get(path);
    const differing = { local: path, remote, ...difference };
    const text = describeDifference(differing);
    if (before !== undefined && describeDifference(before) === text) return;
    if (before === undefined && this.#differing.size >= mostShown) return;
    this.#differing.set(path, differing);
    this.#options.differs(path, text);
  }

  #couldNot(path: string, why: string): void {
    if (this.#failed.has(path) || this.#failed.size >= mostShown) return;
    this.#failed.add(path);
    this.#options.failed(`${path} was not compared with the host's: ${why}`);
  }
}
