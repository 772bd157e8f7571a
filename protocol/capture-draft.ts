// A snapshot while it is being made: what came so far, what is still to be asked, and what room is left.
//
// Rules
// - Questions go out one at a time. Those of one frame go level by level, and before all of the next frame: what a time
//   budget leaves out is what stands farthest from the stop.
// - Whatever a limit leaves out is marked on the thing that lacks it. A thing has one mark: that of missing children goes
//   before that of a cut value, which is seen by the `…` at its end.
// - The bytes of everything are counted before it is put in, with those of a mark that it may get.
import type { Answer, Ask } from "./exchange.ts";
import type { CaptureLimits, Cut, Snapshot, SnapshotFrame, SnapshotVariable } from "./hit.ts";

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** What a mark can stand on. */
export interface Marked {
  cut?: Cut;
}

export interface DraftVariable extends Mutable<Omit<SnapshotVariable, "children">> {
  children?: DraftVariable[];
}

export interface DraftScope extends Marked {
  name: string;
  variables: DraftVariable[];
}

export interface DraftFrame extends Mutable<Omit<SnapshotFrame, "scopes">> {
  scopes?: DraftScope[];
}

export interface Question {
  readonly ask: Ask;
  /** What lacks something as long as there is no answer. */
  readonly at: Marked | DraftVariable;
  /** False: it need not be asked any more. Absent: it asks for a part of the snapshot. */
  readonly needed?: () => boolean;
  /** Puts in what the answer says; false when it says nothing of use. */
  take(answer: Answer): boolean;
}

/** A variable as the debuggee told it, of any length. */
export interface FoundVariable {
  readonly name: string;
  readonly type: string | undefined;
  readonly value: string;
  readonly failed?: boolean;
  /** The debuggee itself has cut the value. */
  readonly shortened?: boolean;
  /** What asks for its children, or why they cannot be asked for. Absent: it has none. */
  readonly children?: Cut | ((variable: DraftVariable, level: number) => readonly Question[]);
}

/** Room for what is around the frames, and for a mark that a thing may get when it is in already. */
const around = 120;
const mark = 64;

const encoder = new TextEncoder();

/** What the frame that a thread stopped in is worth; it has no path where no stack was asked for. */
export type Refine = (top: DraftFrame, limits: CaptureLimits) => CaptureLimits;

export class Draft implements Marked {
  limits: CaptureLimits;
  readonly frames: DraftFrame[] = [];
  /** Of sources that only the debuggee has the text of: its number for it, by the path that frames say. */
  readonly sources = new Map<string, number>();
  cut?: Cut;
  #text: string | undefined;
  readonly #refine: Refine | undefined;
  #room: number;
  #full = false;
  /** Of the frame that is being asked about, and of those behind it. */
  #now: Question[] = [];
  #later: Question[] = [];

  constructor(limits: CaptureLimits, refine?: Refine) {
    this.limits = limits;
    this.#refine = refine;
    this.#room = limits.bytes - around;
  }

  /** What the debuggee says of the stop, cut to the limit of a value. */
  get text(): string | undefined {
    return this.#text;
  }

  set text(text: string | undefined) {
    this.#text = text === undefined || text === "" ? undefined : clip(text, this.limits.string);
  }

  ask(question: Question): void {
    this.#now.push(question);
  }

  /** To be asked when nothing is left to ask about what came before. */
  askLater(question: Question): void {
    this.#later.push(question);
  }

  /** The next question; undefined when all is asked, or nothing more fits in. */
  next(): Question | undefined {
    if (this.#full) {
      // What is no part of the snapshot needs no room in it.
      const others = [...this.#now, ...this.#later].filter(({ needed }) => needed !== undefined);
      this.end("bytes");
      this.#later = others;
    }
    for (;;) {
      const question = this.#now.shift() ?? this.#later.shift();
      if (question?.needed === undefined || question.needed()) return question;
    }
  }

  /** Marks what is still to be asked. */
  end(by: Cut["by"], asked?: Question): void {
    const open = [...(asked === undefined ? [] : [asked]), ...this.#now, ...this.#later];
    for (const { at } of open) at.cut = { by };
    this.#now = [];
    this.#later = [];
  }

  /** The frames of the stack, of which there are `of`; `questions` gives those about one. */
  addFrames(
    found: readonly DraftFrame[],
    of: number | undefined,
    questions: (index: number) => readonly Question[],
  ): void {
    const [top] = found;
    if (top !== undefined) this.refine(top);
    for (const frame of found.slice(0, this.limits.frames)) {
      if (!this.#fits(frame, mark)) {
        this.cut = { by: "bytes", of: of ?? found.length };
        return;
      }
      const index = this.frames.push(frame) - 1;
      if (index < this.limits.locals) for (const question of questions(index)) this.askLater(question);
    }
    const all = Math.max(of ?? 0, found.length);
    if (all > this.frames.length) this.cut = { by: "frames", of: all };
    // A stack as long as was asked for, and no word of how long it is.
    else if (of === undefined && all > 0 && all === this.limits.frames) this.cut = { by: "frames" };
  }

  /** To be called once, when the frame that the thread stopped in is known, or will not be. */
  refine(top: DraftFrame): void {
    const before = this.limits.bytes;
    this.limits = this.#refine?.(top, this.limits) ?? this.limits;
    this.#room += this.limits.bytes - before;
  }

  /** A scope of a frame, still empty; undefined when there is no room. */
  addScope(frame: DraftFrame, name: string): DraftScope | undefined {
    const scope: DraftScope = { name: clip(name, this.limits.string), variables: [] };
    if (!this.#fits(scope, mark)) {
      frame.cut = { by: "bytes" };
      return undefined;
    }
    (frame.scopes ??= []).push(scope);
    return scope;
  }

  /** Variables of `at`, at this level (1: of a scope), of which there are `of`. */
  addVariables(at: Marked, into: DraftVariable[], level: number, found: readonly FoundVariable[], of: number): void {
    for (const each of found.slice(0, Math.max(0, this.limits.items - into.length))) {
      const variable = this.#variable(each);
      if (!this.#fits(variable, each.children === undefined ? 1 : mark)) {
        at.cut = { by: "bytes", of };
        return;
      }
      into.push(variable);
      this.#askChildren(variable, each.children, level);
    }
    if (of > into.length) at.cut = { by: "items", of };
    else if (at.cut?.by === "items") delete at.cut;
  }

  /** A copy, which holds nothing of what the debuggee sent beside it (a part of a string keeps the whole of it). */
  snapshot(): Omit<Snapshot, "took"> {
    const { frames, cut } = this;
    const copy: Omit<Snapshot, "took"> = JSON.parse(JSON.stringify(cut === undefined ? { frames } : { frames, cut }));
    return copy;
  }

  #variable({ name, type, value, failed, shortened }: FoundVariable): DraftVariable {
    const max = this.limits.string;
    const isLong = value.length > max;
    return {
      name: clip(name, max),
      ...(type === undefined || type === "" ? {} : { type: clip(type, max) }),
      value: clip(value, max),
      ...(failed === true ? { failed } : {}),
      ...(shortened === true
        ? { cut: { by: "string" } }
        : isLong
          ? { cut: { by: "string", of: value.length } }
          : name.length > max
            ? { cut: { by: "string" } }
            : {}),
    };
  }

  #askChildren(variable: DraftVariable, children: FoundVariable["children"], level: number): void {
    if (children === undefined) return;
    if (typeof children !== "function") variable.cut = children;
    else if (level >= this.limits.depth) variable.cut = { by: "depth" };
    else for (const question of children(variable, level + 1)) this.ask(question);
  }

  /** False, from then on, when this and `more` bytes do not fit. */
  #fits(thing: object, more: number): boolean {
    if (this.#full) return false;
    this.#room -= encoder.encode(JSON.stringify(thing)).length + more;
    this.#full = this.#room < 0;
    return !this.#full;
  }
}

/** At most `max` characters; what is left out is shown by an ellipsis, and no surrogate pair is parted. */
export function clip(text: string, max: number): string {
  if (text.length <= max) return text;
  return `${text.slice(0, Math.max(0, max - 1)).replace(/[\uD800-\uDBFF]$/, "")}…`;
}
