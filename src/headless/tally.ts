// The breakpoints of a recording: whose a stop is, what it is worth, how often each was hit.
//
// Rules
// - A stop is a breakpoint's when it is at its line, or at the line that the debuggee moved it to, of a file whose path ends like its
//   own: the two sides may name a file differently. Of several the one whose path agrees longest.
// - Over `rate` a hit has its stack, and no values. At `max` the breakpoint is taken away; what was on its way by then still counts.
// - A breakpoint that is deep is captured within higher limits; the other ones of its service as ever.
// - Where nothing is captured, and only one breakpoint could have been hit, no stack is asked for.
import type { BreakpointSpec } from "../../protocol/breakpoint-spec.ts";
import { deeper, type CaptureLimits, type Hit, type SnapshotFrame } from "../../protocol/hit.ts";
import type { LogHit, StopPolicy } from "../capturer.ts";
import type { Observer } from "../observer.ts";
import type { Bound } from "./driver.ts";
import type { Placed } from "../../protocol/placed.ts";

export interface BreakpointTally {
  readonly spec: BreakpointSpec;
  readonly hits: number;
  /** Those with values. */
  readonly captured: number;
  /** Milliseconds that threads were stopped by it, all together. */
  readonly stopped: number;
  /** Services in which the debuggee has it. */
  readonly bound: readonly string[];
  /** By service: why it is not there. */
  readonly unbound: Readonly<Record<string, string>>;
}

export interface TallyOptions {
  readonly specs: readonly BreakpointSpec[];
  readonly capture: boolean;
  readonly now: () => number;
  /** It has had its `max`. */
  readonly spent: (spec: number) => void;
}

interface Entry {
  readonly spec: BreakpointSpec;
  /** Hits that a stack was seen of; `max` counts these. */
  placed: number;
  hits: number;
  captured: number;
  stopped: number;
  /** When values may be taken again. */
  nextValues: number;
  readonly bound: Set<string>;
  readonly unbound: Map<string, string>;
}

export class Tally implements StopPolicy, Observer {
  readonly name = "tally";
  trigger: number | undefined;
  readonly #options: TallyOptions;
  readonly #entries: Entry[];
  readonly #placed = new Map<string, Placed[]>();
  /** By session and thread: what it last stopped at. */
  readonly #last = new Map<string, Entry>();
  #hits = 0;

  constructor(options: TallyOptions) {
    this.#options = options;
    this.#entries = options.specs.map((spec) => ({
      spec,
      placed: 0,
      hits: 0,
      captured: 0,
      stopped: 0,
      nextValues: 0,
      bound: new Set<string>(),
      unbound: new Map<string, string>(),
    }));
  }

  /** Hits of all breakpoints. */
  get hits(): number {
    return this.#hits;
  }

  get logs(): boolean {
    return this.#entries.some(({ spec }) => spec.log !== undefined);
  }

  get breakpoints(): readonly BreakpointTally[] {
    return this.#entries.map(({ spec, hits, captured, stopped, bound, unbound }) => ({
      spec,
      hits,
      captured,
      stopped,
      bound: [...bound],
      unbound: Object.fromEntries([...unbound].filter(([service]) => !bound.has(service))),
    }));
  }

  /** The breakpoints of a service stand here. */
  setPlaces(service: string, placed: readonly Placed[]): void {
    this.#placed.set(service, [...placed]);
  }

  bound(service: string, placed: Placed, { verified, line, why }: Bound): void {
    const entry = this.#entries[placed.spec];
    if (entry === undefined) return;
    if (verified) entry.bound.add(service);
    else entry.unbound.set(service, why ?? "the debuggee did not say why");
    const here = this.#placed.get(service) ?? [];
    if (verified && line !== undefined && !here.some((each) => each.spec === placed.spec && each.line === line))
      here.push({ ...placed, line });
  }

  /** It cannot be set in this service. */
  unplaced(service: string, spec: number, why: string): void {
    this.#entries[spec]?.unbound.set(service, why);
  }

  frames(service: string, usual: CaptureLimits): number {
    if (!this.#options.capture) return this.#only(service) === undefined ? 1 : 0;
    const isDeep = this.#placed.get(service)?.some(({ spec }) => this.#entries[spec]?.spec.deep === true);
    return (isDeep === true ? deeper(usual) : usual).frames;
  }

  place(
    service: string,
    top: Pick<SnapshotFrame, "path" | "line">,
    usual: CaptureLimits,
  ): { readonly breakpoint?: string; readonly limits: CaptureLimits } {
    const { capture } = this.#options;
    const limits = capture ? usual : { ...usual, frames: this.frames(service, usual), locals: 0 };
    const found = top.path === undefined ? this.#only(service) : this.#at(service, top.path, top.line);
    const entry = found === undefined ? undefined : this.#entries[found.spec];
    if (entry === undefined || found === undefined) return { limits };
    const { spec } = entry;
    entry.placed++;
    if (spec.max !== undefined && entry.placed === spec.max) this.#options.spent(found.spec);
    const isOver = spec.rate !== undefined && !this.#takesValues(entry, spec.rate);
    const wanted = capture && spec.deep === true ? deeper(limits) : limits;
    return { breakpoint: spec.text, limits: isOver ? { ...wanted, locals: 0 } : wanted };
  }

  logged(service: string, { mark, text }: { readonly mark: number; readonly text: string }): LogHit | undefined {
    const entry = this.#entries[mark];
    const placed = this.#placed.get(service)?.find(({ spec }) => spec === mark);
    if (entry === undefined || placed === undefined) return undefined;
    entry.placed++;
    if (entry.placed === entry.spec.max) this.#options.spent(mark);
    return {
      thread: { id: 0 },
      reason: "log",
      text,
      breakpoint: entry.spec.text,
      ...(this.trigger === undefined ? {} : { trigger: this.trigger }),
      snapshot: { frames: [{ name: "", path: placed.path, line: placed.line }], took: 0 },
    };
  }

  hit(session: number, hit: Hit): void {
    const entry = this.#entries.find(({ spec }) => spec.text === hit.breakpoint);
    if (entry === undefined) return;
    this.#hits++;
    entry.hits++;
    if (hit.snapshot.frames[0]?.scopes !== undefined) entry.captured++;
    if (hit.reason !== "log") this.#last.set(`${session} ${hit.thread.id}`, entry);
  }

  resumed(session: number, thread: string, stoppedFor: number): void {
    const key = `${session} ${thread}`;
    const entry = this.#last.get(key);
    if (entry !== undefined) entry.stopped += stoppedFor;
    this.#last.delete(key);
  }

  /** A bucket of one: evenly spaced, never more than `rate` a second. */
  #takesValues(entry: Entry, rate: number): boolean {
    const now = this.#options.now();
    if (now < entry.nextValues) return false;
    entry.nextValues = now + 1000 / rate;
    return true;
  }

  /** The only breakpoint that can stop this service. */
  #only(service: string): Placed | undefined {
    const stopping = (this.#placed.get(service) ?? []).filter(({ log }) => log === undefined);
    const [first] = stopping;
    return stopping.every(({ spec }) => spec === first?.spec) ? first : undefined;
  }

  #at(service: string, path: string, line: number | undefined): Placed | undefined {
    let best: Placed | undefined;
    let longest = 0;
    for (const placed of this.#placed.get(service) ?? []) {
      if (placed.line !== line || placed.log !== undefined) continue;
      const length = sameEnd(placed.path, path);
      if (length > longest) [best, longest] = [placed, length];
    }
    return best;
  }
}

/** How many names at their ends two paths have in common. */
export function sameEnd(one: string, other: string): number {
  const [a, b] = [one, other].map((path) => path.split(/[\\/]/).toReversed());
  let count = 0;
  while (count < (a?.length ?? 0) && a?.[count] !== undefined && a[count] === b?.[count]) count++;
  return count;
}
