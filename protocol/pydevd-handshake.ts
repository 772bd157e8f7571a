// How far a pydevd debuggee is:  501 VERSION with its answer, then 101 RUN, which has none.
//
//   501   version [TAB OS [TAB breakpoints_by]]     answer: the build; `@@BUILD_NUMBER@@` upstream, another one at PyCharm's
// Rules
// - A debuggee that wants a token (205) first refuses a 101 with 901, under its number; it then does not run.
import type { Frame } from "./frame.ts";
import type { Grammar } from "./pydevd-breakpoints.ts";
import type { Flavour } from "./pydevd-commands.ts";
import type { PydevdHead } from "./pydevd-head.ts";
import { decodePydevd } from "./pydevd.ts";

/** What a 501 sets in the debuggee. */
export interface PydevdVersion {
  /** Whose paths it speaks: UNIX, WINDOWS. */
  readonly os: string;
  /** How it reads 111. */
  readonly grammar: Grammar;
}

export function parseVersion(text: string): PydevdVersion {
  const [, os = "UNIX", by = "LINE"] = text.split("\t");
  return { os: os.trim(), grammar: by.trim() === "ID" ? "ID" : "LINE" };
}

export function formatVersion({ os, grammar }: PydevdVersion): string {
  return `1.1\t${os}\t${grammar}`;
}

export class PydevdHandshake {
  /** Of the last 501 that it was sent. */
  version: PydevdVersion | undefined;
  #build: string | undefined;
  #running = false;
  /** Of the 101 of which nothing is known yet. */
  #runSeq: number | undefined;

  /** Text of its answer to 501. */
  get build(): string | undefined {
    return this.#build;
  }

  get running(): boolean {
    return this.#running;
  }

  get flavour(): Flavour {
    return this.#build === undefined || this.#build.startsWith("@@") ? "UP" : "PC";
  }

  /** It was sent 101, under this number. */
  run(seq?: number): void {
    this.#running = true;
    this.#runSeq = seq;
  }

  /** Takes a message of the debuggee. */
  see({ id, seq }: PydevdHead, frame: Frame): void {
    if (id === 501) this.#build = decodePydevd(frame, "debuggee")?.text;
    else if (id === 901 && seq === this.#runSeq) this.#running = false;
    // The first thread proves that it runs; the number may be used anew.
    else if (id === 103 || id === 105) this.#runSeq = undefined;
  }
}
