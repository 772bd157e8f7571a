// The values of a recorded stop as a debug adapter gives them: frames, scopes and variables by ids.
//
// Rules
// - Ids are issued as they are asked for, from one counter: the same requests in the same order get the same ids. Asking twice gives the same.
// - Each visit of a stop has ids of its own (IDEs cache by id); those of the last `keptVisits` are still answered, from the stop they were
//   issued at: a recorded value does not change.
// - What was not recorded is said by a line of its own, in place of a guess or of an error, at which IDEs ask again or pop up.
// - A value's evaluateName gives that value: it has none where it cannot be written, or where another scope's comes first.
import type { Cut, Hit, SnapshotFrame, SnapshotVariable } from "./hit.ts";
import { contentAt, contentOf } from "./replay-opened.ts";
import type { Content } from "./replay-opened.ts";
import { indexOf, unquoted } from "./value-path.ts";
import { isReserved } from "./where-parse.ts";

/** DAP's Variable, as far as a recording has it. */
export interface ShownVariable {
  readonly name: string;
  readonly value: string;
  readonly type?: string;
  readonly evaluateName?: string;
  readonly variablesReference: number;
  readonly presentationHint?: { readonly kind: "virtual"; readonly attributes: readonly ["readOnly"] };
}

export interface ShownScope {
  readonly name: string;
  readonly presentationHint?: "locals";
  readonly variablesReference: number;
  readonly expensive: false;
}

interface FrameAt {
  readonly kind: "frame";
  readonly place: number;
  readonly hit: Hit;
  readonly index: number;
}

/** What can be opened: a scope, or a value with children. */
interface Container extends Content {
  readonly kind: "container";
  readonly place: number;
  readonly frame: number;
  /** The scope's name, then those of the values. */
  readonly path: readonly string[];
  /** What evaluates to it; a scope has none. */
  readonly expression?: string;
  /** Names that mean a variable of another scope. */
  readonly hidden?: ReadonlySet<string>;
}

const keptVisits = 20;
const mostIds = 2 ** 31 - 1;

export class ReplayValues {
  readonly #entries = new Map<number, FrameAt | Container>();
  /** Of this visit, by what they are of. */
  readonly #ids = new Map<string, number>();
  /** Ids of each visit. */
  readonly #visits: number[][] = [[]];
  #next = 1;

  /** The replay has moved: what is asked for from now on has new ids. */
  visit(): void {
    this.#ids.clear();
    this.#visits.push([]);
    if (this.#visits.length <= keptVisits) return;
    for (const id of this.#visits.shift() ?? []) this.#entries.delete(id);
  }

  /** Id of a frame of a stop. */
  frameId(place: number, hit: Hit, index: number): number {
    return this.#issue(`frame ${place} ${index}`, { kind: "frame", place, hit, index });
  }

  /** Undefined for an id that was not issued, or long ago. */
  frame(id: number): FrameAt | undefined {
    const found = this.#entries.get(id);
    return found?.kind === "frame" ? found : undefined;
  }

  /** `frame`: that of the stop, as far as it is known. */
  scopes({ place, index }: FrameAt, { scopes = [], cut }: SnapshotFrame): readonly ShownScope[] {
    const unknown = { name: "Locals", ...(cut === undefined ? {} : { cut }) };
    const hidden = new Set<string>();
    return (scopes.length > 0 ? scopes : [unknown]).map((scope: { name: string } & Content) => {
      const { name, variables = [] } = scope;
      const variablesReference = this.#container({
        ...scope,
        kind: "container",
        place,
        frame: index,
        path: [name],
        hidden: new Set(hidden),
      });
      for (const each of variables) hidden.add(each.name);
      return {
        name,
        ...(/^locals?$/i.test(name) ? { presentationHint: "locals" as const } : {}),
        variablesReference,
        expensive: false,
      };
    });
  }

  /** Undefined for an id that was not issued, or long ago. `frameAt`: a frame of a stop with what clients opened. */
  async variables(
    reference: number,
    frameAt: (place: number, index: number) => Promise<SnapshotFrame | undefined>,
  ): Promise<readonly ShownVariable[] | undefined> {
    const found = this.#entries.get(reference);
    if (found?.kind !== "container") return undefined;
    const isWhole = found.variables !== undefined && found.cut === undefined;
    const frame = isWhole ? undefined : await frameAt(found.place, found.frame);
    const content = (frame && contentAt(frame, found.path)) ?? found;
    const shown = content.variables?.map((variable) => this.#shown(found, variable)) ?? [];
    const note = noteOf(content);
    return note === undefined ? shown : [...shown, virtual(note)];
  }

  /** The reference of a value that an expression gave; 0 where it has no children. */
  reference(
    place: number,
    frame: number,
    path: readonly string[],
    variable: SnapshotVariable,
    expression?: string,
  ): number {
    if (!isOpen(variable)) return 0;
    return this.#container({
      ...contentOf(variable),
      kind: "container",
      place,
      frame,
      path,
      ...(expression === undefined ? {} : { expression }),
    });
  }

  #shown(parent: Container, variable: SnapshotVariable): ShownVariable {
    const { name, type } = variable;
    const isOfScope = parent.hidden !== undefined;
    const expression = isOfScope ? variableName(parent.hidden, name) : childOf(parent.expression, name);
    return {
      name,
      value: shownValue(variable),
      ...(type === undefined || type === "" ? {} : { type }),
      ...(expression === undefined ? {} : { evaluateName: expression }),
      variablesReference: this.reference(parent.place, parent.frame, [...parent.path, name], variable, expression),
    };
  }

  #container(container: Container): number {
    const { place, frame, path } = container;
    return this.#issue(`values ${place} ${frame} ${JSON.stringify(path)}`, container);
  }

  #issue(key: string, entry: FrameAt | Container): number {
    const known = this.#ids.get(key);
    if (known !== undefined) return known;
    const id = this.#next;
    this.#next = id === mostIds ? 1 : id + 1;
    this.#ids.set(key, id);
    this.#entries.set(id, entry);
    this.#visits.at(-1)?.push(id);
    return id;
  }
}

/** A value's text; one that was cut says so. */
export function shownValue({ value, cut }: SnapshotVariable): string {
  if (cut?.by === "gone" && value === "") return "not recorded: the debuggee did not answer";
  if (cut?.by !== "string") return value;
  const of = cut.of === undefined ? "" : ` of ${cut.of}`;
  return `${value}… (${value.length}${of} characters recorded)`;
}

export function isOpen({ children, cut }: SnapshotVariable): boolean {
  return (children !== undefined && children.length > 0) || (cut !== undefined && cut.by !== "string");
}

/** What is said of the children of a scope or value that are not there; undefined: all are. */
export function noteOf({ variables, cut }: Content): string | undefined {
  if (cut === undefined) return variables === undefined ? "not recorded: no client asked for these values" : undefined;
  const count = variables?.length ?? 0;
  const why = reasons[cut.by];
  if (count === 0) return `not recorded${cut.of === undefined ? "" : ` (${cut.of} items)`}${why}`;
  return cut.of === undefined ? `others not recorded${why}` : `${count} of ${cut.of} recorded${why}`;
}

const reasons: Readonly<Record<Cut["by"], string>> = {
  frames: "",
  items: "",
  string: "",
  depth: ": deeper than record.depth",
  time: ": record.time was over",
  bytes: ": record.bytes was reached",
  gone: ": the debuggee did not answer",
};

/** A line among variables that is none. */
function virtual(value: string): ShownVariable {
  return { name: "…", value, variablesReference: 0, presentationHint: { kind: "virtual", attributes: ["readOnly"] } };
}

function variableName(hidden: ReadonlySet<string>, name: string): string | undefined {
  return hidden.has(name) || isReserved(name) ? undefined : nameOf(name);
}

function nameOf(name: string): string | undefined {
  return /^[\p{ID_Start}_$][\p{ID_Continue}$]*$/u.test(name) ? name : undefined;
}

/** `volume['size']`, `items[3]`, `context.user`. */
function childOf(parent: string | undefined, name: string): string | undefined {
  if (parent === undefined) return undefined;
  const index = indexOf(name);
  if (index !== undefined) return `${parent}[${index}]`;
  if (isLiteral(name)) return `${parent}[${name}]`;
  return nameOf(name) === undefined ? undefined : `${parent}.${name}`;
}

function isLiteral(name: string): boolean {
  return unquoted(name) !== undefined && /^(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")$/s.test(name);
}

/** Frames that are to be shown, and what is said of those that were not recorded. */
export function stackOf({ snapshot }: Hit): { readonly frames: readonly SnapshotFrame[]; readonly more?: string } {
  const { frames, cut } = snapshot;
  if (cut === undefined) return { frames };
  const missing = cut.of === undefined ? undefined : cut.of - frames.length;
  if (frames.length === 0)
    return { frames, more: `no frame was recorded${cut.by === "gone" ? ": the debuggee ran on" : ""}` };
  if (missing !== undefined && missing <= 0) return { frames };
  return { frames, more: `${missing === undefined ? "more" : missing} frame${missing === 1 ? "" : "s"} not recorded` };
}
