// Keeps with a trace the text of every file that a hit stands in, as it was then: so the trace is complete without the machine.
//
// Rules
// - After the hit, never before or beside it: files are read on the host's connection for commands, and no session waits for that.
// - One batch of stats at a time for a host; what comes meanwhile goes with the next. A file whose size and time are those known is not
//   read again. So a breakpoint in a loop costs a stat of each of its files every quarter of a second.
// - A file that cannot be read is told once, with the reason.
// - Bounded: files that wait, files that are known, bytes of one file. What is over a bound comes with a later hit.
import { asDebugtapError } from "../../protocol/errors.ts";
import type { Hit } from "../../protocol/hit.ts";
import type { FoundSource, Observer, SessionFacts } from "../observer.ts";
import { mostSource } from "../trace/sources.ts";
import type { SourceFacts } from "../trace/index.ts";

const mostWaiting = 1000;
const mostKnown = 10_000;
const atOnce = 64;
const pause = 250;

interface Facts {
  readonly size: number;
  readonly mtime: number;
}

/** As src/transport's RemoteFiles. */
export interface Files {
  stat(path: string): Promise<Facts | undefined>;
  read(path: string, limit: number): Promise<(Facts & { readonly bytes: Uint8Array }) | undefined>;
}

export interface SourcesOptions {
  /** Takes a text, or why there is none; false: not now. */
  readonly store: (session: number, about: SourceFacts, bytes?: Uint8Array) => boolean;
  /** The files of the machine that the session's debuggee runs on; undefined where they cannot be had. */
  readonly files: (session: SessionFacts) => Files | undefined;
  /** What that machine calls a file that a frame says. */
  readonly there: (session: SessionFacts, path: string) => string;
  readonly after: (ms: number, run: () => void) => () => void;
}

export class Sources implements Observer {
  readonly name = "sources";
  readonly #options: SourcesOptions;
  readonly #sessions = new Map<number, SessionFacts>();
  readonly #hosts = new Map<string, HostSources>();

  constructor(options: SourcesOptions) {
    this.#options = options;
  }

  sessionOpened(session: SessionFacts): void {
    this.#sessions.set(session.id, session);
  }

  sessionClosed(session: number): void {
    this.#sessions.delete(session);
  }

  hit(id: number, hit: Hit): void {
    const session = this.#sessions.get(id);
    const files = session === undefined ? undefined : this.#options.files(session);
    if (session?.host === undefined || files === undefined) return;
    let host = this.#hosts.get(session.host);
    if (host === undefined) this.#hosts.set(session.host, (host = new HostSources(session.host, files, this.#options)));
    for (const { path } of hit.snapshot.frames) {
      const there = path === undefined ? undefined : absolute(this.#options.there(session, path));
      if (path !== undefined && there !== undefined) host.want({ session: id, path, there, since: hit.at });
    }
  }

  /** What the debuggee itself gave: it says so of files that are not there, or that it calls by another name. */
  source(id: number, { path, since, text }: FoundSource): void {
    const bytes = new TextEncoder().encode(text);
    if (bytes.length <= mostSource) this.#options.store(id, { path, since, size: bytes.length }, bytes);
    else this.#options.store(id, { path, since, size: bytes.length, why: tooLarge(bytes.length) });
  }

  /** Resolves when what hits asked for is stored, or `within` ms later. */
  async settle(within: number): Promise<void> {
    let cancel = (): void => {};
    const late = new Promise<void>((resolve) => (cancel = this.#options.after(within, resolve)));
    await Promise.race([late, Promise.all(Array.from(this.#hosts.values(), (host) => host.settle()))]);
    cancel();
  }
}

interface Wanted {
  readonly session: number;
  readonly path: string;
  readonly there: string;
  readonly since: number;
}

/** The files of one host: those that wait to be looked at, and how those that were looked at were. */
class HostSources {
  readonly #host: string;
  readonly #files: Files;
  readonly #options: SourcesOptions;
  readonly #waiting = new Map<string, Wanted>();
  /** By path: size, time and reason, as text. */
  readonly #known = new Map<string, string>();
  #working: Promise<void> | undefined;
  #hurry = (): void => {};
  #settling = false;

  constructor(host: string, files: Files, options: SourcesOptions) {
    this.#host = host;
    this.#files = files;
    this.#options = options;
  }

  want(wanted: Wanted): void {
    if (this.#waiting.size >= mostWaiting || this.#waiting.has(wanted.path)) return;
    this.#waiting.set(wanted.path, wanted);
    this.#working ??= this.#work();
  }

  async settle(): Promise<void> {
    this.#settling = true;
    this.#hurry();
    await this.#working;
  }

  /** Never rejects. */
  async #work(): Promise<void> {
    // Not in the turn in which a session told its hit.
    await this.#pause(0);
    while (this.#waiting.size > 0) {
      const batch = [...this.#waiting.values()].slice(0, atOnce);
      for (const { path } of batch) this.#waiting.delete(path);
      const facts = await Promise.all(batch.map(({ there }) => this.#stat(there)));
      for (const [i, wanted] of batch.entries()) await this.#look(wanted, facts[i] ?? "it is not there");
      await this.#pause(pause);
    }
    this.#working = undefined;
  }

  async #stat(path: string): Promise<Facts | string> {
    try {
      return (await this.#files.stat(path)) ?? "there is no such file";
    } catch (thrown) {
      return reason(thrown);
    }
  }

  async #look(wanted: Wanted, facts: Facts | string): Promise<void> {
    const { session, path, there, since } = wanted;
    const about = { host: this.#host, path, since };
    const looks = typeof facts === "string" ? facts : `${facts.size} ${facts.mtime}`;
    if (this.#known.get(path) === looks) return;
    this.#learn(path, looks);
    if (typeof facts === "string") this.#stored(path, this.#options.store(session, { ...about, why: facts }));
    else {
      const { size, mtime } = facts;
      const found = size > mostSource ? tooLarge(size) : await this.#read(there);
      const stored =
        typeof found === "string"
          ? this.#options.store(session, { ...about, size, mtime, why: found })
          : this.#options.store(session, { ...about, size: found.size, mtime: found.mtime }, found.bytes);
      this.#stored(path, stored);
    }
  }

  async #read(path: string): Promise<(Facts & { readonly bytes: Uint8Array }) | string> {
    try {
      return (await this.#files.read(path, mostSource)) ?? "there is no such file";
    } catch (thrown) {
      return reason(thrown);
    }
  }

  #learn(path: string, looks: string): void {
    if (this.#known.size >= mostKnown) this.#known.clear();
    this.#known.set(path, looks);
  }

  /** What was not taken comes again with the next hit. */
  #stored(path: string, stored: boolean): void {
    if (!stored) this.#known.delete(path);
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#options.after(this.#settling ? 0 : ms, resolve);
      this.#hurry = () => {
        cancel();
        resolve();
      };
    });
  }
}

/** The path of a POSIX file, also of its URI; undefined for what is no file (`<string>`). */
function absolute(path: string): string | undefined {
  if (path.startsWith("/")) return path;
  if (!path.startsWith("file:///")) return undefined;
  try {
    return decodeURIComponent(path.slice("file://".length));
  } catch {
    return undefined;
  }
}

function tooLarge(size: number): string {
  return `it has ${size} bytes, more than ${mostSource}`;
}

function reason(thrown: unknown): string {
  const { message, why } = asDebugtapError(thrown);
  return why ?? message;
}
