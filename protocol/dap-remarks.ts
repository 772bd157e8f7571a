// Remarks on source files, said on the messages of the breakpoints in them.
//
// Rules
// - Nothing waits for a remark: one that is known stands in the answer to setBreakpoints, one that is found out later comes by a
//   `breakpoint` event with reason `changed`, to each client that has breakpoints in the file.
// - A message of the adapter's own stays, the remark stands behind it. A remark that is taken back leaves the adapter's.
// - Files are called as the client calls them.
import { decodeDap, encodeDap, isEvent, isResponse, type DebugProtocol } from "./dap.ts";
import { event } from "./dap-reply.ts";
import type { ClientId } from "./exchange.ts";
import { frameOf } from "./frame.ts";
import { asObject, elements, isObject, member } from "./json.ts";
import { isCalled } from "./peek.ts";

const mostFiles = 4096;
const watched = new Set(["setBreakpoints", "breakpoint"]);

interface Told {
  /** Files of the requests under way. */
  readonly asked: Map<number, string>;
  /** By file: what the adapter said of each breakpoint. */
  readonly breakpoints: Map<string, readonly unknown[]>;
}

export class SourceRemarks {
  readonly #toClient: (client: ClientId, bytes: Uint8Array) => void;
  readonly #clients = new Map<ClientId, Told>();
  readonly #texts = new Map<string, string>();

  constructor(toClient: (client: ClientId, bytes: Uint8Array) => void) {
    this.#toClient = toClient;
  }

  /** Sees a request that goes to the debuggee; the file that it sets breakpoints in, if it does. */
  request(client: ClientId, request: DebugProtocol.Request): string | undefined {
    if (request.command !== "setBreakpoints") return undefined;
    const source = member(request.arguments, "source");
    const path = member(source, "path");
    if (typeof path !== "string" || Number(member(source, "sourceReference") ?? 0) > 0) return undefined;
    const told = this.#clients.get(client) ?? { asked: new Map(), breakpoints: new Map() };
    this.#clients.set(client, told);
    if (told.asked.size < mostFiles) told.asked.set(request.seq, path);
    const sets = elements(request.arguments, "breakpoints").length + elements(request.arguments, "lines").length;
    return sets === 0 ? undefined : path;
  }

  leave(client: ClientId): void {
    this.#clients.delete(client);
  }

  /** Sends a message on to a client, with the remarks on it. */
  pass(client: ClientId, bytes: Uint8Array): void {
    const told = this.#clients.get(client);
    this.#toClient(client, told === undefined ? bytes : (this.#remarked(told, bytes) ?? bytes));
  }

  /** From now on this is to be said of the file; undefined: nothing. */
  set(path: string, text: string | undefined): void {
    if (this.#texts.get(path) === text) return;
    if (text === undefined) this.#texts.delete(path);
    else if (this.#texts.size < mostFiles) this.#texts.set(path, text);
    for (const [client, { asked, breakpoints }] of this.#clients) {
      if ([...asked.values()].includes(path)) continue; // its answer will carry it
      for (const breakpoint of breakpoints.get(path) ?? []) {
        if (member(breakpoint, "id") === undefined) continue;
        this.#toClient(client, event("breakpoint", { reason: "changed", breakpoint: withRemark(breakpoint, text) }));
      }
    }
  }

  #remarked(told: Told, bytes: Uint8Array): Uint8Array | undefined {
    if (told.asked.size === 0 && this.#texts.size === 0) return undefined;
    const frame = frameOf("header", bytes);
    if (!isCalled(frame, watched)) return undefined;
    const message = decodeDap(frame);
    if (message === undefined) return undefined;
    if (isResponse(message)) return this.#answer(told, message);
    return isEvent(message) && message.event === "breakpoint" ? this.#changed(told, message) : undefined;
  }

  #answer(told: Told, response: DebugProtocol.Response): Uint8Array | undefined {
    const path = told.asked.get(response.request_seq);
    told.asked.delete(response.request_seq);
    if (path === undefined || !response.success) return undefined;
    const breakpoints = elements(response.body, "breakpoints");
    told.breakpoints.delete(path);
    if (breakpoints.length > 0 && told.breakpoints.size < mostFiles) told.breakpoints.set(path, breakpoints);
    const text = this.#texts.get(path);
    if (text === undefined || !isObject(response.body)) return undefined;
    const remarked = breakpoints.map((breakpoint) => withRemark(breakpoint, text));
    return encodeDap({ ...response, body: { ...response.body, breakpoints: remarked } });
  }

  #changed(told: Told, message: DebugProtocol.Event): Uint8Array | undefined {
    const breakpoint = member(message.body, "breakpoint");
    const id = member(breakpoint, "id");
    if (id === undefined || !isObject(message.body)) return undefined;
    for (const [path, breakpoints] of told.breakpoints) {
      const at = breakpoints.findIndex((each) => member(each, "id") === id);
      if (at === -1) continue;
      const known = { ...asObject(breakpoints[at]), ...asObject(breakpoint) };
      told.breakpoints.set(path, breakpoints.with(at, known));
      const text = this.#texts.get(path);
      if (text === undefined) return undefined;
      return encodeDap({ ...message, body: { ...message.body, breakpoint: withRemark(breakpoint, text) } });
    }
    return undefined;
  }
}

function withRemark(breakpoint: unknown, text: string | undefined): unknown {
  if (!isObject(breakpoint) || text === undefined) return breakpoint;
  const own = breakpoint["message"];
  return { ...breakpoint, message: typeof own === "string" && own !== "" ? `${own}; ${text}` : text };
}
