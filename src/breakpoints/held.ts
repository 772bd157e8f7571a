// The breakpoints that debugtap holds itself while it relays: set in every live session and in those that open later, beside the IDEs'.
//
// Rules
// - The set is replaced as a whole. What is wrong with one of it is found before anything is done; a SPEC that stays keeps its hits.
// - A service's place is looked for at once, when a session opens, and again when it is known which process that is. A session has at
//   once what is known by then, so that a child stops at its first lines.
// - Paths are as an IDE names them, where `source` maps them: two names of one file would be two lists in the debuggee, of which the
//   second replaces the first.
// - Of several SPECs at one line of a service the first holds.
// - Clauses that take a breakpoint away or keep it from stopping (`max`, `rate`, `log`) are a recording's: an IDE may stand at the line too.
import { asDebugtapError, DebugtapError } from "../../protocol/errors.ts";
import type { BreakpointView } from "../../protocol/api.ts";
import { parseSpec, type BreakpointSpec } from "../../protocol/breakpoint-spec.ts";
import type { OwnState } from "../../protocol/exchange.ts";
import { deeper, type CaptureLimits, type Hit, type SnapshotFrame } from "../../protocol/hit.ts";
import { PathMap } from "../../protocol/path-map.ts";
import type { Placed } from "../../protocol/placed.ts";
import type { StopPolicy } from "../capturer.ts";
import type { ServiceConfig } from "../config.ts";
import { Places, type ServiceFiles } from "../headless/places.ts";
import { sameEnd } from "../headless/tally.ts";
import type { Observer } from "../observer.ts";
import { pause } from "../pause.ts";
import type { Session } from "../session.ts";

const mostSpecs = 500;
/** How long debuggees and files are waited for before it is said what became of a set, ms. */
const settleWithin = 1000;
const lookEvery = 20;
const refused = ["max", "rate", "log", "required", "disabled"] as const;

type HeldSession = Pick<Session, "facts" | "process" | "setOwn" | "stateOf" | "ownSettled">;

export interface HeldOptions {
  readonly services: readonly ServiceConfig[];
  readonly sessions: (service: string) => readonly HeldSession[];
  readonly files: (service: ServiceConfig) => ServiceFiles;
  readonly cwd: string;
}

export class HeldBreakpoints implements StopPolicy, Observer {
  readonly name = "breakpoints";
  readonly trigger = undefined;
  readonly logs = false;
  readonly #options: HeldOptions;
  /** Those that can be debugged. */
  readonly #services: ReadonlyMap<string, ServiceConfig>;
  #specs: readonly BreakpointSpec[] = [];
  #places: Places | undefined;
  readonly #placed = new Map<string, readonly Placed[]>();
  /** By service: why a SPEC, by its number, is not in it. */
  readonly #unplaced = new Map<string, Map<number, string>>();
  readonly #hits = new Map<string, number>();
  /** By session: the process for which places were looked for. */
  readonly #looked = new WeakMap<HeldSession, string | undefined>();
  #setting: Promise<unknown> = Promise.resolve();

  constructor(options: HeldOptions) {
    this.#options = options;
    this.#services = new Map(
      options.services.flatMap((service) => (service.wire === "raw" ? [] : [[service.name, service]])),
    );
  }

  /** These from now on, and no others. Rejects with DT_SPEC, or DT_BOARD_REFUSED for what is a recording's; then nothing was done. */
  set(texts: readonly string[]): Promise<readonly BreakpointView[]> {
    const set = this.#setting.then(() => this.#set(texts));
    this.#setting = set.catch(() => undefined);
    return set;
  }

  get views(): readonly BreakpointView[] {
    return this.#specs.map(({ text }, number) => {
      const state = this.#stateOf(number) ?? { state: "pending", why: "the debuggee has not answered yet" };
      const { state: word, why } = state;
      return { spec: text, state: word, ...(why === undefined ? {} : { why }), hits: this.#hits.get(text) ?? 0 };
    });
  }

  /** A session has opened, or something of it has changed. */
  session(session: HeldSession): void {
    const service = this.#services.get(session.facts.service);
    if (service === undefined || this.#places === undefined) return;
    const isNew = !this.#looked.has(session);
    const { process } = session;
    if (!isNew && this.#looked.get(session) === process) return;
    this.#looked.set(session, process);
    if (isNew) session.setOwn(this.#placed.get(service.name) ?? []);
    if (!this.#places.isComplete(service)) void this.#place(service);
  }

  frames(service: string, usual: CaptureLimits): number {
    const isDeep = this.#placed.get(service)?.some(({ spec }) => this.#specs[spec]?.deep === true);
    return (isDeep === true ? deeper(usual) : usual).frames;
  }

  place(
    service: string,
    top: Pick<SnapshotFrame, "path" | "line">,
    limits: CaptureLimits,
  ): { readonly breakpoint?: string; readonly limits: CaptureLimits } {
    const spec = this.#specs[this.#at(service, top)?.spec ?? -1];
    if (spec === undefined) return { limits };
    return { breakpoint: spec.text, limits: spec.deep === true ? deeper(limits) : limits };
  }

  logged(): undefined {
    return undefined;
  }

  hit(_session: number, { breakpoint }: Hit): void {
    const count = breakpoint === undefined ? undefined : this.#hits.get(breakpoint);
    if (breakpoint !== undefined && count !== undefined) this.#hits.set(breakpoint, count + 1);
  }

  async #set(texts: readonly string[]): Promise<readonly BreakpointView[]> {
    const specs = this.#read(texts);
    const { cwd, files } = this.#options;
    const counts = new Map(this.#hits);
    this.#hits.clear();
    for (const { text } of specs) this.#hits.set(text, counts.get(text) ?? 0);
    this.#specs = specs;
    this.#unplaced.clear();
    const places = new Places({
      specs,
      cwd,
      files,
      unplaced: (service, spec, why) => {
        if (this.#places === places) this.#whyNot(service).set(spec, why);
      },
    });
    this.#places = places;
    this.#placed.clear();
    const until = AbortSignal.timeout(settleWithin);
    const placing = Promise.all(Array.from(this.#services.values(), (service) => this.#place(service)));
    await Promise.race([placing, pause(settleWithin, until)]);
    while (!until.aborted && !this.#isSettled) await pause(lookEvery, until);
    return this.views;
  }

  #read(texts: readonly string[]): readonly BreakpointSpec[] {
    if (texts.length > mostSpecs) throw new DebugtapError("DT_SPEC", `more than ${mostSpecs} breakpoints`);
    const specs = new Map<string, BreakpointSpec>();
    for (const [i, text] of texts.entries()) {
      const spec = readOne(text, i);
      if (spec.service !== undefined && !this.#services.has(spec.service))
        throw new DebugtapError("DT_SPEC", `specs[${i}]: no service ${spec.service} that can be debugged`, {
          why: `there is ${[...this.#services.keys()].join(", ") || "none"}`,
        });
      const clause = refused.find((name) => spec[name] !== undefined);
      if (clause !== undefined)
        throw new DebugtapError("DT_BOARD_REFUSED", `specs[${i}]: \`${clause}\` is a recording's`, {
          why: "IDEs are attached to the same sessions: a breakpoint of debugtap's own stops there like theirs",
          fix: "debugtap record --at SPEC",
        });
      if (!specs.has(spec.text)) specs.set(spec.text, spec);
    }
    return [...specs.values()];
  }

  /** Looks for the places in a service, and sets what is found in its sessions. */
  async #place(service: ServiceConfig): Promise<void> {
    const places = this.#places;
    const found = (await places?.of(service)) ?? [];
    if (places !== this.#places) return;
    const map = new PathMap(service.source);
    const first = new Map<string, Placed>();
    for (const placed of found) {
      const here = { ...placed, path: map.toLocal(placed.path) ?? placed.path };
      const at = `${here.line} ${here.path}`;
      if (!first.has(at)) first.set(at, here);
      else this.#whyNot(service.name).set(here.spec, `another breakpoint stands at line ${here.line} already`);
    }
    const placed = [...first.values()];
    this.#placed.set(service.name, placed);
    for (const session of this.#options.sessions(service.name)) {
      this.#looked.set(session, session.process);
      session.setOwn(placed);
    }
  }

  /** The best that holds of a SPEC anywhere; undefined: an answer is on its way. */
  #stateOf(number: number): OwnState | undefined {
    const { service: only } = this.#specs[number] ?? {};
    const all: (OwnState | undefined)[] = [];
    for (const service of this.#services.keys()) {
      if (only !== undefined && only !== service) continue;
      const sessions = this.#options.sessions(service);
      const placed = (this.#placed.get(service) ?? []).filter(({ spec }) => spec === number);
      const why = this.#unplaced.get(service)?.get(number);
      if (sessions.length === 0)
        all.push({ state: "pending", why: why ?? `no session of ${service} is open; it is set in the next one` });
      else if (placed.length > 0)
        for (const session of sessions) all.push(...placed.map((each) => session.stateOf(each)));
      else all.push(why === undefined ? undefined : { state: "failed", why });
    }
    const bound = all.find((each) => each?.state === "bound");
    if (bound !== undefined) return { state: "bound" };
    if (all.includes(undefined)) return undefined;
    return all.find((each) => each?.state === "failed") ?? all[0] ?? { state: "pending", why: "there is no service" };
  }

  get #isSettled(): boolean {
    return [...this.#services.keys()].every((name) =>
      this.#options.sessions(name).every(({ ownSettled }) => ownSettled),
    );
  }

  #at(service: string, { path, line }: Pick<SnapshotFrame, "path" | "line">): Placed | undefined {
    let best: Placed | undefined;
    let longest = 0;
    for (const placed of this.#placed.get(service) ?? []) {
      const length = path === undefined ? 0 : sameEnd(placed.path, path);
      if (length > longest && this.#isAt(service, placed, line)) [best, longest] = [placed, length];
    }
    return best;
  }

  /** At its line, or at the one that a debuggee has moved it to. */
  #isAt(service: string, placed: Placed, line: number | undefined): boolean {
    if (placed.line === line) return true;
    return this.#options.sessions(service).some((session) => {
      const state = session.stateOf(placed);
      return line !== undefined && state?.line === line;
    });
  }

  #whyNot(service: string): Map<number, string> {
    const all = this.#unplaced.get(service) ?? new Map<number, string>();
    this.#unplaced.set(service, all);
    return all;
  }
}

function readOne(text: string, number: number): BreakpointSpec {
  try {
    return parseSpec(text);
  } catch (thrown) {
    const { code, message, why, fix } = asDebugtapError(thrown);
    const help = { ...(why === undefined ? {} : { why }), ...(fix === undefined ? {} : { fix }) };
    throw new DebugtapError(code, `specs[${number}]: ${message}`, help);
  }
}
