// The values of a recorded stop as a debug adapter gives them: frames, scopes and variables by ids.
//
// Rules
// - Ids are issued as they are asked for, from one counter: the same requests in the same order get the same ids. Asking twice gives the same.
// - Each visit of a stop has ids of its own (IDEs cache by id); those of the last `keptVisits` are still answered, from the stop they were
//   issued at: a recorded value does not change.
// - What was not recorded is said by a line of its own, in place of a guess or of an error, at which IDEs ask again or pop up.
// - What clients opened by hand stands in for what the capture left out.
import { cutText } from "./hit-summary.ts";
import type { Cut, Hit, SnapshotFrame, SnapshotVariable } from "./hit.ts";
import type { Asked } from "./replay-recording.ts";
import { indexOf, unquoted } from "./value-path.ts";

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
interface Container {
  readonly kind: "container";
  readonly place: number;
  readonly frame: number;
  readonly path: readonly string[];
  readonly variables?: readonly SnapshotVariable[];
  readonly cut?: Cut;
  /** What evaluates to it; a scope has none. */
  readonly expression?: string;
}

const keptVisits = 20;
const mostIds = 2 ** 31 - 1;

export class ReplayValues {
  readonly #entries = new Map<number, FrameAt | Container>();
  readonly #ids = new Map<string, number>();
  readonly #visits: { readonly ids: number[]; readonly keys: string[] }[] = [];
  #next = 1;

  /** The replay has moved: what is asked for from now on has new ids. */
  visit(): void {
    this.#ids.clear();
    this.#visits.push({ ids: [], keys: [] });
    if (this.#visits.length <= keptVisits) return;
    for (const id of this.#visits.shift()?.ids ?? []) this.#entries.delete(id);
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

  scopes({ place, hit, index }: FrameAt, asked: Asked): readonly ShownScope[] {
    const frame = hit.snapshot.frames[index];
    const recorded = frame?.scopes?.map(({ name, variables, cut }) => ({ name, variables, cut })) ?? [];
    const opened = asked.values.filter(({ frame: of, path }) => of === index && path.length === 1);
    const more = opened
      .filter(({ path: [name] }) => !recorded.some((scope) => scope.name === name))
      .map(({ path: [name = ""], variables }) => ({ name, variables, cut: undefined }));
    const all = [...recorded, ...more];
    const shown = all.length > 0 ? all : [{ name: "Locals", variables: undefined, cut: frame?.cut }];
    return shown.map(({ name, variables, cut }) => ({
      name,
      ...(/^locals?$/i.test(name) ? { presentationHint: "locals" as const } : {}),
      variablesReference: this.#container({
        kind: "container",
        place,
        frame: index,
        path: [name],
        ...(variables === undefined ? {} : { variables }),
        ...(cut === undefined ? {} : { cut }),
      }),
      expensive: false,
    }));
  }

  /** Undefined for an id that was not issued, or long ago. `askedAt`: what clients asked at a place. */
  async variables(
    reference: number,
    askedAt: (place: number) => Promise<Asked>,
  ): Promise<readonly ShownVariable[] | undefined> {
    const found = this.#entries.get(reference);
    if (found?.kind !== "container") return undefined;
    const isWhole = found.variables !== undefined && found.cut === undefined;
    const { variables, note } = contentOf(found, isWhole ? undefined : await askedAt(found.place));
    const shown = variables.map((variable) => this.#shown(found, variable));
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
    const { children, cut } = variable;
    return this.#container({
      kind: "container",
      place,
      frame,
      path,
      ...(children === undefined ? {} : { variables: children }),
      ...(cut === undefined || cut.by === "string" ? {} : { cut }),
      ...(expression === undefined ? {} : { expression }),
    });
  }

  #shown(parent: Container, variable: SnapshotVariable): ShownVariable {
    const { name, type } = variable;
    const expression = parent.path.length === 1 ? nameOf(name) : childOf(parent.expression, name);
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
    if (this.#visits.length === 0) this.visit();
    this.#visits.at(-1)?.ids.push(id);
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

/** The children of a scope or value, and what is said of those that are not there. What clients opened stands in for what was cut. */
export function contentOf(
  { frame, path, variables: recorded, cut }: Pick<Container, "frame" | "path" | "variables" | "cut">,
  asked: Asked | undefined,
): { readonly variables: readonly SnapshotVariable[]; readonly note?: string } {
  const opened = asked?.values.find((each) => each.frame === frame && isSame(each.path, path))?.variables;
  const variables = recorded ?? [];
  if (opened !== undefined && opened.length > variables.length) return { variables: opened };
  if (cut === undefined && recorded !== undefined) return { variables };
  const note =
    variables.length > 0 && cut !== undefined
      ? `${cutText(cut, variables.length).replace(/^… /, "")} recorded`
      : `not recorded${whyNot(cut)}`;
  return { variables, note };
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name, i) => name === b[i]);
}

/** A line among variables that is none. */
function virtual(value: string): ShownVariable {
  return { name: "…", value, variablesReference: 0, presentationHint: { kind: "virtual", attributes: ["readOnly"] } };
}

function whyNot(cut: Cut | undefined): string {
  if (cut === undefined) return ": no client asked for these values";
  const count = cut.of === undefined ? "" : ` (${cut.of} items)`;
  switch (cut.by) {
    case "depth":
      return `${count}: deeper than record.depth`;
    case "time":
      return `${count}: record.time was over`;
    case "bytes":
      return `${count}: record.bytes was reached`;
    case "gone":
      return `${count}: the debuggee did not answer`;
    default:
      return count;
  }
}

function nameOf(name: string): string | undefined {
  return /^[\p{ID_Start}_$][\p{ID_Continue}$]*$/u.test(name) ? name : undefined;
}

/** `volume['size']`, `items[3]`, `context.user`. */
function childOf(parent: string | undefined, name: string): string | undefined {
  if (parent === undefined) return undefined;
  const index = indexOf(name);
  if (index !== undefined) return `${parent}[${index}]`;
  if (unquoted(name) !== undefined) return `${parent}[${name}]`;
  return nameOf(name) === undefined ? undefined : `${parent}.${name}`;
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
