// Which recorded file a path of the IDE means, and which file and text an IDE is shown for a recorded one.
//
// Rules
// - A path means the recorded file that it is, or whose place here it is; else those that share the longest end with it, whole names only.
// - The IDE's own name of a file is given back to it; of several the one that fits best, of these the last.
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
  /** What the IDE calls a recorded file, and how many names of its path that shares. */
  readonly #names = new Map<string, { readonly path: string; readonly shared: number }>();
  readonly #references = new Map<string, number>();
  readonly #texts: string[] = [];
  readonly #told = new Set<string>();

  constructor(recording: Pick<Recording, "files" | "text">, local: LocalFiles) {
    this.#recording = recording;
    this.#local = local;
  }

  /** Recorded files that a path of the IDE means. */
  find(path: string): readonly string[] {
    const { files, shared } = this.#matching(path);
    for (const file of files)
      if (shared >= (this.#names.get(file)?.shared ?? 0)) this.#names.set(file, { path, shared });
    return files;
  }

  /** `warning`: to be told once, that the local file is another. */
  source({ path, source, noSource }: SnapshotFrame): { readonly source?: ShownSource; readonly warning?: string } {
    if (path === undefined) return {};
    const local = this.#names.get(path)?.path ?? this.#local.toLocal(path);
    const name = local.slice(Math.max(local.lastIndexOf("/"), local.lastIndexOf("\\")) + 1);
    const here = this.#local.sha256(local);
    if (here !== undefined && here === source) return { source: { name, path: local } };
    if (source === undefined || this.#recording.text(source) === undefined) {
      const why = noSource ?? "its text was not recorded";
      return { source: { name, path: local, ...(here === undefined ? { origin: why } : {}) } };
    }
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

  #matching(path: string): { readonly files: readonly string[]; readonly shared: number } {
    const wanted = segments(path);
    let [files, most]: [string[], number] = [[], 0];
    for (const file of this.#recording.files.keys()) {
      if (file === path || this.#local.toLocal(file) === path) return { files: [file], shared: Infinity };
      const shared = sharedEnd(wanted, segments(file));
      if (shared > most) [files, most] = [[file], shared];
      else if (shared === most && shared > 0) files.push(file);
    }
    return { files, shared: most };
  }
}

/** A recorded file as it was at the first stop in it, where that can be read. */
export async function recordedFile(
  { files, hit }: Pick<Recording, "files" | "hit">,
  file: string,
): Promise<SnapshotFrame> {
  for (const [place] of files.get(file)?.values() ?? []) {
    const frame = place === undefined ? undefined : (await hit(place))?.snapshot.frames[0];
    if (frame?.source !== undefined || frame?.noSource !== undefined) return frame;
  }
  return { name: "", path: file };
}

function segments(path: string): readonly string[] {
  return path
    .replace(/^file:\/\//, "")
    .split(/[\\/]/)
    .filter((name) => name !== "");
}

function sharedEnd(a: readonly string[], b: readonly string[]): number {
  let shared = 0;
  while (shared < Math.min(a.length, b.length) && a.at(-1 - shared) === b.at(-1 - shared)) shared++;
  return shared;
}
