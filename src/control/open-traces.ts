// The traces that a board has open, by their ids: the one that is recorded (`live`), and directories that were opened.
//
// Rules
// - A trace is a snapshot of its files: that of the live one is taken anew when something has come, at most every 200 ms, and more rarely
//   where taking it takes long. Who asks for a hit that is not in it yet waits for the next.
// - A snapshot is closed when nobody reads it any more.
// - Only directories of this user, by absolute paths; the sixteen that were asked for last are kept open.
import { realpathSync, readdirSync, statSync } from "node:fs";
import { lstat } from "node:fs/promises";
import { basename, isAbsolute, join, normalize } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { TraceInfo } from "../../protocol/api.ts";
import { DebugtapError } from "../../protocol/errors.ts";
import type { HitIndex, Trace } from "../trace/index.ts";

const mostOpen = 16;
const refreshEvery = 200;
/** So much of the time at most goes into taking snapshots. */
const partOfTime = 5;
/** So often a hit is waited for that is not there yet. */
const mostWaits = 5;
/** A trace of more messages is not read through for how long its hits stood. */
const mostRead = 2_000_000;

export const liveId = "live";

/** A snapshot of one trace. */
export interface OpenTrace {
  readonly id: string;
  readonly trace: Trace;
  readonly index: HitIndex;
  /** Epoch milliseconds at which a hit's thread ran on, by its number. */
  readonly endOf: (number: number) => number | undefined;
}

interface Snapshot extends OpenTrace {
  /** performance.now() of its taking, and ms that it took. */
  readonly at: number;
  readonly took: number;
  readonly files: string;
  users: number;
  /** Closed as soon as nobody reads it. */
  old: boolean;
}

/** A directory, and what is known of it now. */
interface Entry {
  readonly dir: string;
  snapshot: Promise<Snapshot>;
}

export interface OpenTracesOptions {
  /** The directory that is written now. */
  readonly live: () => string | undefined;
  /** When a hit of that ran on, as it was seen. */
  readonly liveEndOf: (number: number) => number | undefined;
}

export class OpenTraces {
  readonly #options: OpenTracesOptions;
  /** The ones that were asked for last at the end. */
  readonly #opened = new Map<string, Entry>();
  #live: Entry | undefined;
  #closed = false;

  constructor(options: OpenTracesOptions) {
    this.#options = options;
  }

  /** The live one first, then those that were opened, the latest first. */
  async list(): Promise<TraceInfo[]> {
    const infos: TraceInfo[] = [];
    const ids = [...(this.#options.live() === undefined ? [] : [liveId]), ...[...this.#opened.keys()].toReversed()];
    for (const id of ids) {
      const info = await this.use(id, (open) => infoOf(open)).catch(() => undefined);
      if (info !== undefined) infos.push(info);
    }
    return infos;
  }

  /** Opens a directory; once more, it is the same. Throws DT_BOARD_REQUEST, DT_BOARD_REFUSED, or as `openTrace`. */
  async open(dir: string): Promise<TraceInfo> {
    const path = await ownDirectory(dir);
    if (path === real(this.#options.live())) return await this.use(liveId, (open) => infoOf(open));
    const known = [...this.#opened].find(([, entry]) => entry.dir === path)?.[0];
    const id = known ?? this.#freeId(basename(path));
    if (known === undefined) {
      const entry = { dir: path, snapshot: take(id, path, undefined) };
      this.#opened.set(id, entry);
      await entry.snapshot.catch((error: unknown) => {
        this.#opened.delete(id);
        throw error;
      });
      for (const [oldest, each] of this.#opened) {
        if (this.#opened.size <= mostOpen) break;
        this.#opened.delete(oldest);
        void retire(each);
      }
    }
    return await this.use(id, (open) => infoOf(open));
  }

  /** Reads a trace. `hit`: a number that is wanted of it. Throws DT_BOARD_MISSING. */
  async use<Result>(id: string, read: (open: OpenTrace) => Result | Promise<Result>, hit = 0): Promise<Result> {
    const snapshot = id === liveId ? await this.#liveSnapshot(hit) : await this.#openedSnapshot(id);
    snapshot.users++;
    try {
      return await read(snapshot);
    } finally {
      snapshot.users--;
      if (snapshot.old && snapshot.users === 0) close(snapshot);
    }
  }

  /** The directory of a trace. Throws DT_BOARD_MISSING. */
  dirOf(id: string): string {
    const dir = id === liveId ? this.#options.live() : this.#opened.get(id)?.dir;
    if (dir === undefined) throw noTrace(id);
    return dir;
  }

  async close(): Promise<void> {
    this.#closed = true;
    const entries = [...this.#opened.values(), ...(this.#live === undefined ? [] : [this.#live])];
    this.#opened.clear();
    this.#live = undefined;
    await Promise.all(entries.map((entry) => retire(entry)));
  }

  async #openedSnapshot(id: string): Promise<Snapshot> {
    const entry = this.#opened.get(id);
    if (entry === undefined) throw noTrace(id);
    this.#opened.delete(id);
    this.#opened.set(id, entry);
    return await entry.snapshot;
  }

  async #liveSnapshot(hit: number): Promise<Snapshot> {
    for (let waits = 0; ; waits++) {
      const snapshot = await this.#takeLive();
      if (snapshot.index.size >= hit || waits === mostWaits) return snapshot;
      await pause(refreshEvery);
    }
  }

  async #takeLive(): Promise<Snapshot> {
    const dir = this.#options.live();
    if (dir === undefined || this.#closed) throw noTrace(liveId);
    const known = this.#live;
    if (known?.dir === dir) {
      const { at, took, files, old } = await known.snapshot;
      const isFresh = performance.now() - at < Math.max(refreshEvery, took * partOfTime) || files === filesOf(dir);
      // Somebody else has taken one meanwhile.
      if (this.#live !== known) return await this.#takeLive();
      if (isFresh && !old) return await known.snapshot;
    }
    const entry = { dir, snapshot: take(liveId, dir, this.#options.liveEndOf) };
    this.#live = entry;
    if (known !== undefined) void retire(known);
    return await entry.snapshot.catch((error: unknown) => {
      if (this.#live === entry) this.#live = undefined;
      throw error;
    });
  }

  #freeId(name: string): string {
    const taken = (id: string): boolean => id === liveId || this.#opened.has(id);
    if (!taken(name)) return name;
    for (let n = 2; ; n++) if (!taken(`${name}-${n}`)) return `${name}-${n}`;
  }
}

async function take(id: string, dir: string, liveEndOf: OpenTrace["endOf"] | undefined): Promise<Snapshot> {
  const { endsOfHits, HitIndex, openTrace } = await import("../trace/index.ts");
  const files = filesOf(dir);
  const at = performance.now();
  const trace = await openTrace(dir);
  try {
    const index = await HitIndex.open(trace);
    const ends =
      liveEndOf === undefined && trace.count() <= mostRead ? await endsOfHits(trace, index) : new Float64Array(0);
    const endOf = (number: number): number | undefined => {
      const end = ends[number - index.first];
      return end === undefined || Number.isNaN(end) ? undefined : end;
    };
    const took = performance.now() - at;
    return { id, trace, index, endOf: liveEndOf ?? endOf, at, took, files, users: 0, old: false };
  } catch (error) {
    trace.close();
    throw error;
  }
}

async function retire({ snapshot }: Entry): Promise<void> {
  const taken = await snapshot.catch(() => undefined);
  if (taken === undefined) return;
  taken.old = true;
  if (taken.users === 0) close(taken);
}

function close({ index, trace }: Snapshot): void {
  index.close();
  trace.close();
}

function infoOf({ id, trace }: OpenTrace): TraceInfo {
  return {
    id,
    dir: trace.dir,
    started: trace.started,
    live: id === liveId,
    hits: trace.hitCount(),
    sessions: trace.sessions().length,
    bytes: sizesIn(trace.dir).reduce((sum, [, size]) => sum + size, 0),
  };
}

/** What changes when a trace grows. */
function filesOf(dir: string): string {
  return sizesIn(dir).join(" ");
}

/** The segments of a trace with their sizes. */
function sizesIn(dir: string): (readonly [file: string, bytes: number])[] {
  try {
    const names = readdirSync(dir).filter((name) => /\.(?:live|mcap)$/.test(name));
    return names.map((name) => [name, statSync(join(dir, name), { throwIfNoEntry: false })?.size ?? 0] as const);
  } catch {
    return [];
  }
}

/** Its real path. */
async function ownDirectory(dir: string): Promise<string> {
  if (!isAbsolute(dir) || dir.includes("\0") || normalize(`${dir}/`) !== `${dir.replace(/\/+$/, "")}/`)
    throw new DebugtapError("DT_BOARD_REQUEST", `${dir} is no absolute path`, {
      why: "it begins with / and has no `.` or `..` in it",
      fix: "realpath DIR",
    });
  const path = real(dir);
  const stats = path === undefined ? undefined : await lstat(path).catch(() => undefined);
  if (path === undefined || stats?.isDirectory() !== true)
    throw new DebugtapError("DT_TRACE_MISSING", `there is no trace at ${dir}`, { fix: "debugtap show latest" });
  if (stats.uid !== (process.getuid?.() ?? stats.uid))
    throw new DebugtapError("DT_BOARD_REFUSED", `${dir} is not this user's`, { fix: `cp -r ${dir} ~/` });
  return path;
}

function real(dir: string | undefined): string | undefined {
  try {
    return dir === undefined ? undefined : realpathSync(dir);
  } catch {
    return undefined;
  }
}

function noTrace(id: string): DebugtapError {
  return new DebugtapError("DT_BOARD_MISSING", `no trace ${id} is open`, {
    why: id === liveId ? "nothing is recorded now" : "it was not opened, or others were since",
    fix: "GET /api/traces",
  });
}
