// Which recorded file a path of the IDE means, and which file and text an IDE is shown for a recorded one.
//
// Rules
// - A path means the recorded file that it is, or whose place here it is; else those that share the longest end with it, whole names only.
// - The IDE's own name of a file is given back to it.
// - A file that is here with the recorded text is shown as it is here. One that is missing, or has another text, is shown as it was recorded,
//   and the latter is said.
import type { SnapshotFrame } from "./hit.ts";
import type { Recording } from "./replay-recording.ts";

/** Files of this machine. */
export interface LocalFiles {
  /** Where a file of the debuggee would be here. */
  readonly toLocal: (path: string) => string;
  /** SHA-256 of its text; undefined where there is no such file. */
  readonly sha256: (path: string) => string | undefined;
}

/** DAP's Source. */
export interface ShownSource {
  readonly name: string;
  readonly path: string;
  readonly sourceReference?: number;
  readonly origin?: string;
}

export class ReplayFiles {
  readonly #recording: Pick<Recording, "files" | "text">;
  readonly #local: LocalFiles;
  /** What the IDE calls a recorded file. */
  readonly #names = new Map<string, string>();
  readonly #references = new Map<string, number>();
  readonly #texts: string[] = [];
  readonly #told = new Set<string>();

  constructor(recording: Pick<Recording, "files" | "text">, local: LocalFiles) {
    this.#recording = recording;
    this.#local = local;
  }

  /** Recorded files that a path of the IDE means. */
  find(path: string): readonly string[] {
    const found = this.#matching(path);
    for (const each of found) this.#names.set(each, path);
    return found;
  }

  /** `warning`: to be told once, that the local file is another. */
  source({ path, source, noSource }: SnapshotFrame): { readonly source?: ShownSource; readonly warning?: string } {
    if (path === undefined) return {};
    const local = this.#names.get(path) ?? this.#local.toLocal(path);
    const name = local.slice(Math.max(local.lastIndexOf("/"), local.lastIndexOf("\\")) + 1);
    const here = this.#local.sha256(local);
    if (source === undefined || this.#recording.text(source) === undefined) {
      const why = noSource ?? "its text was not recorded";
      return { source: { name, path: local, ...(here === undefined ? { origin: why } : {}) } };
    }
    if (here === source) return { source: { name, path: local } };
    const sourceReference = this.#reference(source);
    if (here === undefined)
      return { source: { name, path: local, sourceReference, origin: "text from the recording" } };
    const warning = `${local} differs from what was recorded: the recorded text is shown`;
    const isNew = !this.#told.has(local);
    this.#told.add(local);
    return {
      source: { name: `${name} (as recorded: the local file differs)`, path: local, sourceReference, origin: warning },
      ...(isNew ? { warning } : {}),
    };
  }

  /** By a reference that was issued. */
  text(reference: number): string | undefined {
    const sha256 = this.#texts[reference - 1];
    return sha256 === undefined ? undefined : this.#recording.text(sha256);
  }

  #reference(sha256: string): number {
    const known = this.#references.get(sha256);
    if (known !== undefined) return known;
    this.#texts.push(sha256);
    this.#references.set(sha256, this.#texts.length);
    return this.#texts.length;
  }

  #matching(path: string): readonly string[] {
    const wanted = segments(path);
    let best: string[] = [];
    let most = 0;
    for (const file of this.#recording.files.keys()) {
      if (file === path || this.#local.toLocal(file) === path) return [file];
      const shared = sharedEnd(wanted, segments(file));
      if (shared > most) [best, most] = [[file], shared];
      else if (shared === most && shared > 0) best.push(file);
    }
    return best;
  }
}

/** The text of a recorded file, as it was at the first stop in it. */
export async function recordedText({ files, hit, text }: Recording, file: string): Promise<string | undefined> {
  for (const [place] of files.get(file)?.values() ?? []) {
    const frame = place === undefined ? undefined : (await hit(place))?.snapshot.frames[0];
    if (frame?.source !== undefined) return text(frame.source);
  }
  return undefined;
}

function segments(path: string): readonly string[] {
  return path.replace(/^file:\/\//, "").split(/[\\/]/);
}

function sharedEnd(a: readonly string[], b: readonly string[]): number {
  let shared = 0;
  while (shared < Math.min(a.length, b.length) && a.at(-1 - shared) === b.at(-1 - shared)) shared++;
  return shared;
}
