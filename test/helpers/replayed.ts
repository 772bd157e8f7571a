// Recordings in memory, made of hits, and clients that speak to a replay of them as an IDE does.
import type { DapMessage, DebugProtocol } from "../../protocol/dap.ts";
import { frameOf } from "../../protocol/frame.ts";
import type { Hit, SnapshotFrame, SnapshotVariable } from "../../protocol/hit.ts";
import { parsePydevdXml } from "../../protocol/pydevd-xml.ts";
import { decodePydevd, encodePydevd } from "../../protocol/pydevd.ts";
import type { PydevdMessage } from "../../protocol/pydevd.ts";
import { DapReplay } from "../../protocol/replay-dap.ts";
import type { LocalFiles } from "../../protocol/replay-files.ts";
import { PydevdReplay } from "../../protocol/replay-pydevd.ts";
import { nothingAsked, type Asked, type Recording } from "../../protocol/replay-recording.ts";

/** What a test says of a hit; the rest is made up. */
export interface HitFacts {
  readonly session?: string;
  readonly thread?: string;
  readonly reason?: string;
  readonly text?: string;
  readonly request?: string;
  /** Of the innermost frame. */
  readonly name?: string;
  readonly path?: string;
  readonly line?: number;
  readonly source?: string;
  readonly locals?: readonly SnapshotVariable[];
  /** In place of the innermost frame's values. */
  readonly frame?: Partial<SnapshotFrame>;
  /** Names of the frames around it. */
  readonly callers?: readonly string[];
  readonly cut?: Hit["snapshot"]["cut"];
}

export const start = Date.UTC(2026, 10, 29);

export function hitOf(facts: HitFacts, place: number): Hit {
  const { session = "api#1", thread = "MainThread", reason = "breakpoint", text, request, cut } = facts;
  const { name = "create", path = "/opt/app/app.py", line = 12, source, locals = [], callers = [] } = facts;
  const top = {
    name,
    path,
    line,
    ...(source === undefined ? {} : { source }),
    scopes: [{ name: "Locals", variables: locals }],
    ...facts.frame,
  };
  const frames = [top, ...callers.map((caller, i) => ({ name: caller, path: "/opt/app/wsgi.py", line: 40 + i }))];
  return {
    number: place + 1,
    session,
    service: session.replace(/#.*/, ""),
    at: start + 1800 * place,
    thread: { id: thread, name: thread },
    reason,
    ...(text === undefined ? {} : { text }),
    ...(request === undefined ? {} : { correlated: { "context.request_id": request } }),
    snapshot: { frames: reason === "log" ? [] : frames, ...(cut === undefined ? {} : { cut }), took: 1 },
  };
}

export interface Known {
  /** What clients asked, by place. */
  readonly asked?: Readonly<Record<number, Partial<Asked>>>;
  /** Texts of sources by their hash. */
  readonly texts?: Readonly<Record<string, string>>;
  /** Places of hits that cannot be read. */
  readonly unreadable?: readonly number[];
  /** Of all hits of the trace, those at these places are played. */
  readonly played?: readonly number[];
}

export function recordingOf(facts: readonly HitFacts[], known: Known = {}): Recording {
  const all = facts.map(hitOf);
  const numbers = known.played ?? [...all.keys()];
  const hits = numbers.flatMap((place) => all[place] ?? []);
  const files = new Map<string, Map<number, number[]>>();
  const functions = new Map<string, number[]>();
  const threads: number[][] = [];
  const names: string[] = [];
  for (const [place, { session, thread, reason, snapshot }] of hits.entries()) {
    const name = `${session} · ${thread.name}`;
    if (!names.includes(name)) threads[names.push(name) - 1] = [];
    threads[names.indexOf(name)]?.push(place);
    const [top] = snapshot.frames;
    if (reason === "log" || top === undefined) continue;
    functions.set(top.name, [...(functions.get(top.name) ?? []), place]);
    if (top.path === undefined || top.line === undefined) continue;
    const lines = files.get(top.path) ?? new Map<number, number[]>();
    files.set(top.path, lines.set(top.line, [...(lines.get(top.line) ?? []), place]));
  }
  const at = (place: number): Hit => {
    const hit = hits[place];
    if (hit === undefined) throw new RangeError(`there is no place ${place}`);
    return hit;
  };
  return {
    count: hits.length,
    total: all.length,
    stop: (place) => {
      const { number, session, service, thread, reason, at: time, correlated, snapshot } = at(place);
      const [top] = snapshot.frames;
      const request = Object.values(correlated ?? {})[0];
      return {
        number,
        session,
        service,
        thread: String(thread.id),
        threadName: thread.name ?? "",
        reason,
        at: time,
        ...(top === undefined ? {} : { function: top.name }),
        ...(top?.path === undefined ? {} : { file: top.path }),
        ...(top?.line === undefined ? {} : { line: top.line }),
        ...(request === undefined ? {} : { request }),
      };
    },
    isLog: (place) => at(place).reason === "log",
    isException: (place) => at(place).reason === "exception",
    depth: (place) => at(place).snapshot.frames.length,
    placeOf: (number) => {
      const place = hits.findIndex((hit) => hit.number === number);
      return place === -1 ? undefined : place;
    },
    hit: async (place) => (known.unreadable?.includes(place) === true ? undefined : at(place)),
    asked: async (place) => ({ ...nothingAsked, ...known.asked?.[place] }),
    files,
    functions,
    threads,
    threadName: (thread) => names[thread] ?? "",
    threadOf: (place) => threads.findIndex((places) => places.includes(place)),
    text: (sha256) => known.texts?.[sha256],
  };
}

/** Files here by path, as hashes of their texts. */
export function filesHere(here: Readonly<Record<string, string>> = {}): LocalFiles {
  return { toLocal: (path) => path.replace(/^\/opt\//, "/home/me/"), sha256: (path) => here[path] };
}

export interface Said {
  readonly response: DebugProtocol.Response;
  readonly body: any;
  /** Of the `stopped` event, if there is one. */
  readonly stopped: DebugProtocol.StoppedEvent["body"] | undefined;
  readonly output: readonly string[];
  readonly events: readonly string[];
}

/** A DAP client of a replay. */
export class DapClient {
  readonly replay: DapReplay;
  /** All that it was told. */
  readonly told: DapMessage[] = [];
  #seq = 1;

  constructor(recording: Recording, local: LocalFiles = filesHere(), from?: number) {
    this.replay = new DapReplay(recording, local, from);
  }

  async ask(command: string, args?: unknown): Promise<Said> {
    return this.#said(
      await this.replay.handle({
        seq: this.#seq++,
        type: "request",
        command,
        ...(args === undefined ? {} : { arguments: args }),
      }),
    );
  }

  async show(place: number): Promise<Said> {
    return this.#said(await this.replay.show(place));
  }

  /** Up to the first stop. */
  async begin(breakpoints?: { readonly path: string; readonly lines: readonly number[] }): Promise<Said> {
    await this.ask("initialize", { adapterID: "debugtap" });
    await this.ask("attach", {});
    if (breakpoints !== undefined) await this.setLines(breakpoints.path, breakpoints.lines);
    return this.ask("configurationDone");
  }

  setLines(path: string, lines: readonly number[]): Promise<Said> {
    return this.ask("setBreakpoints", { source: { path }, breakpoints: lines.map((line) => ({ line })) });
  }

  async stack(threadId: unknown = 1, more: object = {}): Promise<DebugProtocol.StackFrame[]> {
    return (await this.ask("stackTrace", { threadId, ...more })).body.stackFrames;
  }

  async scopes(frameId: number): Promise<DebugProtocol.Scope[]> {
    return (await this.ask("scopes", { frameId })).body.scopes;
  }

  async variables(variablesReference: number, more: object = {}): Promise<DebugProtocol.Variable[]> {
    return (await this.ask("variables", { variablesReference, ...more })).body.variables;
  }

  /** Of the first scope of the innermost frame. */
  async locals(threadId = 1): Promise<DebugProtocol.Variable[]> {
    const [top] = await this.stack(threadId);
    const [scope] = await this.scopes(top?.id ?? 0);
    return this.variables(scope?.variablesReference ?? 0);
  }

  #said(messages: readonly DapMessage[]): Said {
    this.told.push(...messages);
    const events = messages.filter((each) => each.type === "event") as DebugProtocol.Event[];
    const response = messages.find((each) => each.type === "response") as DebugProtocol.Response;
    return {
      response,
      body: response?.body,
      stopped: events.find(({ event }) => event === "stopped")?.body,
      output: events.filter(({ event }) => event === "output").map(({ body }) => body.output),
      events: events.map(({ event }) => event),
    };
  }
}

/** A pydevd client of a replay: what it is told are messages as they stand on the wire. */
export class PydevdClient {
  readonly replay: PydevdReplay;
  #seq = 1;

  constructor(recording: Recording, local: LocalFiles = filesHere(), from?: number) {
    this.replay = new PydevdReplay(recording, local, from);
  }

  async ask(id: number, ...fields: readonly (string | number)[]): Promise<PydevdMessage[]> {
    const bytes = encodePydevd(id, this.#seq, fields.join("\t"), { side: "client" });
    this.#seq += 2;
    return decoded(await this.replay.handle(frameOf("line", bytes)));
  }

  async show(place: number): Promise<PydevdMessage[]> {
    return decoded(await this.replay.show(place));
  }

  /** Up to the first stop. */
  async begin(): Promise<PydevdMessage[]> {
    await this.ask(501, "1.1", "UNIX", "ID");
    return this.ask(101, "");
  }
}

export function decoded(messages: readonly Uint8Array[]): PydevdMessage[] {
  return messages.map((bytes) => {
    const message = decodePydevd(frameOf("line", bytes), "debuggee");
    if (message === undefined) throw new Error(`this is no message: ${Buffer.from(bytes).toString()}`);
    return message;
  });
}

/** The stop in messages: its thread with its frames. */
export function stopIn(messages: readonly PydevdMessage[]) {
  const stop = messages.find(({ id }) => id === 105);
  return stop === undefined ? undefined : parsePydevdXml(stop.text)?.threads[0];
}

/** What the console is told. */
export function consoleIn(messages: readonly PydevdMessage[]): string {
  return messages
    .filter(({ id }) => id === 116)
    .flatMap(({ text }) => parsePydevdXml(text)?.output ?? [])
    .map(({ text }) => text)
    .join("");
}
