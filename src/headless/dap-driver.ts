// One DAP session driven without an IDE: attaches, sets breakpoints, lets the program run on from every stop.
//
//   initialize → attach → `initialized` → setBreakpoints… → configurationDone → threads; adapters differ in when they answer attach
//
// Rules
// - A stop is let go at once: the relay holds that request until the stop is captured.
// - A child that announces itself (debugpyAttach, startDebugging) waits before its first line of user code: it is told on at once.
// - Children that ran before announce themselves as well: debugpy's adapter answers configurationDone, then tells of them, and only then takes
//   the next request. So the answer to `threads`, which every adapter has, is the sign that all have been told.
// - Nothing that the adapter says makes it throw.
import { decodeDap, encodeDap, isEvent, isRequest, isResponse, type DebugProtocol } from "../../protocol/dap.ts";
import { FrameReader } from "../../protocol/frame-reader.ts";
import { elements, isObject, member } from "../../protocol/json.ts";
import type { DriverEvents } from "./driver.ts";
import { sourceBreakpoint, type Placed } from "../../protocol/placed.ts";

export interface DapDriverOptions extends DriverEvents {
  readonly send: (bytes: Uint8Array) => void;
  /** Arguments of `attach`. */
  readonly attach: Readonly<Record<string, unknown>>;
  readonly placed: readonly Placed[];
  /** A child session is to be attached to with these arguments. */
  readonly child: (attach: Readonly<Record<string, unknown>>) => void;
}

export class DapDriver {
  readonly #options: DapDriverOptions;
  readonly #frames = new FrameReader("dap");
  readonly #answers = new Map<number, (response: DebugProtocol.Response) => void>();
  /** By the adapter's id. */
  readonly #ids = new Map<number, Placed>();
  #placed: readonly Placed[];
  #capabilities: unknown;
  #configured = false;
  /** `threads` was answered. */
  #hasTold = false;
  /** Requests for breakpoints that are not answered. */
  #setting = 0;
  #over = false;
  #seq = 0;

  constructor(options: DapDriverOptions) {
    this.#options = options;
    this.#placed = options.placed;
  }

  get isSettled(): boolean {
    return this.#hasTold && this.#setting === 0;
  }

  begin(): void {
    const who = { clientID: "debugtap", clientName: "debugtap record", adapterID: "debugpy" };
    const how = { pathFormat: "path", linesStartAt1: true, columnsStartAt1: true, supportsVariableType: true };
    this.#ask("initialize", { ...who, ...how, supportsStartDebuggingRequest: true }, (response) => {
      this.#capabilities = response.body;
      this.#ask("attach", this.#options.attach, () => undefined);
    });
  }

  push(chunk: Uint8Array): void {
    for (const frame of this.#frames.push(chunk)) {
      const message = decodeDap(frame);
      if (message === undefined || this.#over) continue;
      if (isResponse(message)) {
        const answered = this.#answers.get(message.request_seq);
        this.#answers.delete(message.request_seq);
        answered?.(message);
      } else if (isEvent(message)) this.#event(message);
      else if (isRequest(message)) this.#reverse(message);
    }
    if (this.#frames.failure !== undefined) this.#fail(this.#frames.failure.message);
  }

  /** The connection has ended. */
  end(): void {
    if (this.#over) return;
    this.#over = true;
    this.#options.ended(undefined);
  }

  /** These breakpoints in place of those before. */
  place(placed: readonly Placed[]): void {
    const before = this.#placed;
    this.#placed = placed;
    if (!this.#configured) return;
    for (const path of new Set([...before, ...placed].map((each) => each.path))) {
      const same = (all: readonly Placed[]): string => JSON.stringify(all.filter((each) => each.path === path));
      if (same(before) !== same(placed)) this.#setBreakpoints(path);
    }
  }

  /** Takes its leave; the program runs on. */
  leave(): void {
    this.#ask("disconnect", { terminateDebuggee: false }, () => undefined);
  }

  #event({ event, body }: DebugProtocol.Event): void {
    if (event === "initialized") this.#configure();
    else if (event === "stopped") {
      const threadId: unknown = member(body, "threadId");
      this.#ask("continue", { threadId: typeof threadId === "number" ? threadId : 0 }, () => undefined);
    } else if (event === "debugpyAttach" && isObject(body)) this.#options.child(body);
    else if (event === "breakpoint") this.#changed(member(body, "breakpoint"));
    else if (event === "terminated") this.#over = true;
    if (event === "terminated") this.#options.ended(undefined);
  }

  #reverse({ seq, command, arguments: given }: DebugProtocol.Request): void {
    const configuration: unknown = member(given, "configuration");
    const isChild = command === "startDebugging" && isObject(configuration);
    const answer = { seq: ++this.#seq, type: "response", request_seq: seq, command, success: isChild } as const;
    const refusal = isChild ? {} : { message: "debugtap record has no terminal" };
    this.#options.send(encodeDap({ ...answer, ...refusal }));
    if (isChild) this.#options.child(configuration);
  }

  #configure(): void {
    this.#configured = true;
    for (const path of new Set(this.#placed.map((each) => each.path))) this.#setBreakpoints(path);
    if (elements(this.#capabilities, "exceptionBreakpointFilters").length > 0)
      this.#ask("setExceptionBreakpoints", { filters: [] }, () => undefined);
    const ready = (): void => {
      this.#options.attached();
      const told = (): void => {
        this.#hasTold = true;
        this.#settle();
      };
      this.#ask("threads", {}, told, told);
    };
    if (member(this.#capabilities, "supportsConfigurationDoneRequest") === true)
      this.#ask("configurationDone", {}, ready);
    else ready();
  }

  #setBreakpoints(path: string): void {
    const here = this.#placed.filter((each) => each.path === path);
    const given = { source: { path }, breakpoints: here.map((each) => sourceBreakpoint(each)), sourceModified: false };
    const done = (): void => {
      this.#setting--;
      this.#settle();
    };
    const told = (response: DebugProtocol.Response): void => {
      const found = elements(response.body, "breakpoints");
      for (const [i, each] of here.entries()) this.#bound(each, found[i]);
      done();
    };
    const refused = (why: string): void => {
      for (const each of here) this.#options.bound(each, { verified: false, why });
      done();
    };
    this.#setting++;
    this.#ask("setBreakpoints", given, told, refused);
  }

  #settle(): void {
    if (this.isSettled) this.#options.settled();
  }

  #changed(breakpoint: unknown): void {
    const id = member(breakpoint, "id");
    const placed = typeof id === "number" ? this.#ids.get(id) : undefined;
    if (placed !== undefined) this.#bound(placed, breakpoint);
  }

  #bound(placed: Placed, breakpoint: unknown): void {
    const [id, line, message] = ["id", "line", "message"].map((key) => member(breakpoint, key));
    if (typeof id === "number") this.#ids.set(id, placed);
    this.#options.bound(placed, {
      verified: member(breakpoint, "verified") === true,
      ...(typeof line === "number" ? { line } : {}),
      ...(typeof message === "string" ? { why: message } : {}),
    });
  }

  #ask(
    command: string,
    given: unknown,
    answered: (response: DebugProtocol.Response) => void,
    refused?: (why: string) => void,
  ): void {
    const seq = ++this.#seq;
    this.#answers.set(seq, (response) => {
      if (response.success) return answered(response);
      const why = reasonOf(response);
      if (refused !== undefined) refused(why);
      else if (command === "initialize" || command === "attach" || command === "configurationDone")
        this.#fail(`${command}: ${why}`);
    });
    this.#options.send(encodeDap({ seq, type: "request", command, arguments: given }));
  }

  #fail(why: string): void {
    if (this.#over) return;
    this.#over = true;
    this.#options.ended(why);
  }
}

function reasonOf({ message, body }: DebugProtocol.Response): string {
  const format: unknown = member(body, "error", "format");
  return typeof format === "string" && format !== "" ? format : (message ?? "no reason was given");
}
