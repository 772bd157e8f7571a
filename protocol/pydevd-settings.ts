// What the clients of one pydevd debuggee have set in it: line breakpoints and exceptions.
//
// Rules
// - How a 111 is read is one setting of the debuggee for all clients (501). Before one that it would read otherwise it is told so,
//   by a 501 of our own.
// - The relay's own breakpoints are those of one more client. 111 has no answer: one that was sent counts as set.
import type { ClientId } from "./exchange.ts";
import type { Frame } from "./frame.ts";
import { parseSetBreak, PydevdBreakpoints, type Grammar, type Step } from "./pydevd-breakpoints.ts";
import type { PydevdClient } from "./pydevd-clients.ts";
import { isExceptionCommand, PydevdExceptions } from "./pydevd-exceptions.ts";
import { formatVersion, type PydevdHandshake, type PydevdVersion } from "./pydevd-handshake.ts";
import { setBreakText, type Placed } from "./placed.ts";
import { decodePydevd } from "./pydevd.ts";

const setBreak = 111;
const removeBreak = 112;
const setVersion = 501;

export class PydevdSettings {
  /** Sends a command of our own, of which nobody wants the answer. */
  readonly #send: (id: number, text: string) => void;
  readonly #handshake: PydevdHandshake;
  /** A client has set a breakpoint in this file, and it has been sent on. */
  readonly #set: (client: PydevdClient, file: string) => void;
  readonly #breakpoints = new PydevdBreakpoints();
  readonly #exceptions = new PydevdExceptions();
  /** By what it says: the id and file of each of the relay's own. */
  readonly #own = new Map<string, { readonly id: number; readonly path: string }>();
  #ownId = 0;

  constructor(
    handshake: PydevdHandshake,
    send: (id: number, text: string) => void,
    set: (client: PydevdClient, file: string) => void,
  ) {
    this.#handshake = handshake;
    this.#send = send;
    this.#set = set;
  }

  /** Takes a client's command, with what sends it on as it is; false when it sets nothing. */
  take(client: PydevdClient, id: number, frame: Frame, forward: () => void): boolean {
    if (id === setBreak || id === removeBreak) {
      const grammar = client.version?.grammar ?? this.#handshake.version?.grammar ?? "LINE";
      for (const step of this.#breakpointSteps(client, id, textOf(frame), grammar)) {
        if (step !== "pass") this.#step(step);
        else {
          if (id === setBreak) this.#speak(grammar);
          forward();
        }
      }
      const file = id === setBreak ? parseSetBreak(textOf(frame), grammar)?.file : undefined;
      if (file !== undefined) this.#set(client, file);
      return true;
    }
    if (!isExceptionCommand(id)) return false;
    forward();
    for (const step of this.#exceptions.see(client.id, id, textOf(frame))) this.#send(step.id, step.text);
    return true;
  }

  /** Takes away what this client has set, and nothing of the others'. */
  leave(client: ClientId): void {
    for (const step of this.#breakpoints.leave(client)) this.#step(step);
    for (const { id, text } of this.#exceptions.leave(client)) this.#send(id, text);
  }

  /** These are the relay's own from now on. Nothing is done before the debuggee knows how to read them (501). */
  setOwn(placed: readonly Placed[]): void {
    if (this.#handshake.version === undefined) return;
    const wanted = new Map(placed.map((each) => [wordsOf(each), each]));
    for (const [words, each] of wanted) {
      const id = ++this.#ownId;
      const breakpoint = parseSetBreak(setBreakText(id, each), "ID");
      if (this.#own.has(words) || breakpoint === undefined) continue;
      this.#own.set(words, { id, path: each.path });
      for (const step of this.#breakpoints.set("relay", false, breakpoint)) this.#step(step);
    }
    for (const [words, { id, path }] of this.#own) {
      if (wanted.has(words)) continue;
      this.#own.delete(words);
      for (const step of this.#breakpoints.remove("relay", false, "python-line", path, String(id))) this.#step(step);
    }
  }

  /** This one of the relay's own has been sent. */
  hasOwn(placed: Placed): boolean {
    return this.#own.has(wordsOf(placed));
  }

  /** The clients that have breakpoints in the file. */
  clientsIn(file: string): readonly ClientId[] {
    return this.#breakpoints.clientsIn(file);
  }

  setVersion(version: PydevdVersion): void {
    this.#handshake.version = version;
    this.#send(setVersion, formatVersion(version));
  }

  #breakpointSteps(client: PydevdClient, id: number, text: string, grammar: Grammar): readonly Step[] {
    if (id === removeBreak) {
      const [type = "", file = "", breakpoint = ""] = text.split("\t");
      return this.#breakpoints.remove(client.id, client.isNative, type, file, breakpoint);
    }
    const breakpoint = parseSetBreak(text, grammar);
    return breakpoint === undefined ? ["pass"] : this.#breakpoints.set(client.id, client.isNative, breakpoint);
  }

  #step(step: Step): void {
    if (step === "pass") return;
    if (step.id === setBreak) this.#speak("ID");
    this.#send(step.id, step.text);
  }

  #speak(grammar: Grammar): void {
    const { version } = this.#handshake;
    if (version !== undefined && version.grammar !== grammar) this.setVersion({ os: version.os, grammar });
  }
}

/** All but its number: that changes with the set that it is in. */
function wordsOf(placed: Placed): string {
  return setBreakText(0, placed);
}

function textOf(frame: Frame): string {
  return decodePydevd(frame, "client")?.raw ?? "";
}
