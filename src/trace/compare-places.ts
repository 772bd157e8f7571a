// Where a hit of either trace stands, in the terms of the second one: its file, and its line in the text that file had there.
//
// Rules
// - A line is translated only where both texts are in the traces and differ: protocol/compare-lines.ts says how.
// - Of a file that changed while it was recorded, the text of its first hit in the second trace is the one that lines are said in.
import { lineMap, type LineMap } from "../../protocol/compare-lines.ts";
import { pathMap } from "../../protocol/compare-paths.ts";
import type { SnapshotFrame } from "../../protocol/hit.ts";
import type { SessionFacts } from "../observer.ts";
import type { HitRow } from "./hit-row.ts";
import type { Trace, TraceHit } from "./reader.ts";
import type { SourceIndex } from "./source-index.ts";

type Side = "a" | "b";

/** One trace's texts. */
class Texts {
  readonly #trace: Trace;
  readonly #index: SourceIndex;
  /** By session, and path: texts that did not change. Null: that one did. */
  readonly #steady = new Map<number, Map<string, { readonly sha256?: string } | null>>();
  readonly #sessions: ReadonlyMap<string, SessionFacts>;

  constructor(trace: Trace, index: SourceIndex) {
    this.#trace = trace;
    this.#index = index;
    this.#sessions = new Map(trace.sessions().map(({ facts }) => [facts.name, facts]));
  }

  session(name: string): SessionFacts | undefined {
    return this.#sessions.get(name);
  }

  nameAt(session: SessionFacts, at: number, path: string): string | undefined {
    let ofSession = this.#steady.get(session.id);
    if (ofSession === undefined) this.#steady.set(session.id, (ofSession = new Map()));
    let known = ofSession.get(path);
    if (known === undefined) {
      const sha256 = this.#index.textAt(session, at, path);
      known = this.#index.isSteady(session, path) ? (sha256 === undefined ? {} : { sha256 }) : null;
      ofSession.set(path, known);
    }
    return known === null ? this.#index.textAt(session, at, path) : known.sha256;
  }

  text(sha256: string): string | undefined {
    return this.#trace.source(sha256);
  }
}

export class ComparedPlaces {
  readonly #texts: Readonly<Record<Side, Texts>>;
  /** By service. */
  readonly #files: ReadonlyMap<string, (path: string) => string>;
  /** By service and file of the second trace: the text that lines are said in. */
  readonly #canonical = new Map<string, string>();
  readonly #maps = new Map<string, LineMap | null>();
  #now: { readonly a: TraceHit; readonly b: TraceHit } | undefined;

  static async open(a: Trace, b: Trace, rowsA: readonly HitRow[], rowsB: readonly HitRow[]): Promise<ComparedPlaces> {
    const texts = { a: new Texts(a, await a.sourceIndex()), b: new Texts(b, await b.sourceIndex()) };
    return new ComparedPlaces(texts, rowsA, rowsB);
  }

  private constructor(texts: Readonly<Record<Side, Texts>>, rowsA: readonly HitRow[], rowsB: readonly HitRow[]) {
    this.#texts = texts;
    const [ours, theirs] = [filesOf(rowsA), filesOf(rowsB)];
    this.#files = new Map([...ours].map(([service, files]) => [service, pathMap(files, theirs.get(service) ?? [])]));
    for (const row of rowsB) {
      const key = `${row.service}\0${row.file ?? ""}`;
      if (this.#canonical.has(key)) continue;
      const sha256 = this.#textOf(row, "b");
      if (sha256 !== undefined) this.#canonical.set(key, sha256);
    }
  }

  /** The hits whose frames are asked for next. */
  at(a: TraceHit, b: TraceHit): void {
    this.#now = { a, b };
  }

  get service(): string {
    return this.#now?.a.session.service ?? "";
  }

  /** A path of the first trace as the second has it. */
  fileOf(service: string, path: string): string {
    return this.#files.get(service)?.(path) ?? path;
  }

  /** What hits at the same place have in common. */
  keyOf(row: HitRow, side: Side): string {
    const { service, function: fn = "", reason } = row;
    const file = row.file === undefined ? "" : side === "a" ? this.fileOf(service, row.file) : row.file;
    const to = this.#canonical.get(`${service}\0${file}`);
    const line = row.line === undefined ? 0 : this.#translated(row.line, fn, this.#textOf(row, side), to, side);
    return [service, file, fn, line, reason].join("\0");
  }

  /** The line of a frame of the first hit, as this frame of the second has it. */
  lineOf(a: SnapshotFrame, b: SnapshotFrame): number | undefined {
    if (a.line === undefined || a.path === undefined || b.path === undefined || this.#now === undefined) return a.line;
    const [ofA, ofB] = [this.#now.a, this.#now.b];
    const from = this.#texts.a.nameAt(ofA.session, ofA.hit.at, a.path);
    const to = this.#texts.b.nameAt(ofB.session, ofB.hit.at, b.path);
    return this.#translated(a.line, a.name, from, to, "a");
  }

  #textOf({ session, at, file }: HitRow, side: Side): string | undefined {
    const facts = this.#texts[side].session(session);
    return facts === undefined || file === undefined ? undefined : this.#texts[side].nameAt(facts, at, file);
  }

  #translated(line: number, fn: string, from: string | undefined, to: string | undefined, side: Side): number {
    if (from === undefined || to === undefined || from === to) return line;
    const key = `${from} ${to}`;
    let map = this.#maps.get(key);
    if (map === undefined) {
      const [text, other] = [this.#texts[side].text(from), this.#texts.b.text(to)];
      map = text === undefined || other === undefined ? null : lineMap(text, other);
      this.#maps.set(key, map);
    }
    return map?.(line, fn) ?? line;
  }
}

function filesOf(rows: readonly HitRow[]): Map<string, Set<string>> {
  const files = new Map<string, Set<string>>();
  for (const { service, file } of rows) {
    if (file === undefined) continue;
    const known = files.get(service);
    if (known === undefined) files.set(service, new Set([file]));
    else known.add(file);
  }
  return files;
}
