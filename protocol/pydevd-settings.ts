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
import type { PydevdHead } from "./pydevd-head.ts";
import { setBreakText, type Placed } from "./placed.ts";
import type { PydevdUpstream } from "./pydevd-upstream.ts";
import { commandText } from "./pydevd.ts";

const setBreak = 111;
const removeBreak = 112;
const setVersion = 501;

export class PydevdSettings {
  /** The relay's own: said by the next `sayOwn`. */
  own: readonly Placed[] = [];
  readonly #handshake: PydevdHandshake;
  readonly #upstream: PydevdUpstream;
  /** A client has set a breakpoint in this file, and it has been sent on. */
  readonly #set: (client: PydevdClient, file: string) => void;
  readonly #breakpoints = new PydevdBreakpoints();
  readonly #exceptions = new PydevdExceptions();
  /** By what it says: the id and file of each of the relay's own that was said. */
  readonly #said = new Map<string, { readonly id: number; readonly path: string }>();
  #ownId = 0;

  constructor(handshake: PydevdHandshake, upstream: PydevdUpstream, set: (client: PydevdClient, file: string) => void) {
    this.#handshake = handshake;
    this.#upstream = upstream;
    this.#set = set;
  }

  /** Takes a client's command; false when it sets nothing. */
  take(client: PydevdClient, frame: Frame, head: PydevdHead): boolean {
    const { id } = head;
    if (id === setBreak || id === removeBreak) {
      const grammar = client.version?.grammar ?? this.#handshake.version?.grammar ?? "LINE";
      for (const step of this.#breakpointSteps(client, id, commandText(frame), grammar)) {
        if (step !== "pass") this.#step(step);
        else {
          if (id === setBreak) this.#speak(grammar);
          this.#upstream.forward(client, frame, head);
        }
      }
      const file = id === setBreak ? parseSetBreak(commandText(frame), grammar)?.file : undefined;
      if (file !== undefined) this.#set(client, file);
      return true;
    }
    if (!isExceptionCommand(id)) return false;
    this.#upstream.forward(client, frame, head);
    for (const step of this.#exceptions.see(client.id, id, commandText(frame))) this.#upstream.send(step.id, step.text);
    return true;
  }

  /** Takes away what this client has set, and nothing of the others'. */
  leave(client: ClientId): void {
    for (const step of this.#breakpoints.leave(client)) this.#step(step);
    for (const { id, text } of this.#exceptions.leave(client)) this.#upstream.send(id, text);
  }

  /** Says which are the relay's own by now, as far as that is new. Nothing before the debuggee knows how to read them (501). */
  sayOwn(): void {
    if (this.#handshake.version === undefined) return;
    const wanted = new Map(this.own.map((each) => [wordsOf(each), each]));
    for (const [words, each] of wanted) {
      const id = ++this.#ownId;
      const breakpoint = parseSetBreak(setBreakText(id, each), "ID");
      if (this.#said.has(words) || breakpoint === undefined) continue;
      this.#said.set(words, { id, path: each.path });
      for (const step of this.#breakpoints.set("relay", false, breakpoint)) this.#step(step);
    }
    for (const [words, { id, path }] of this.#said) {
      if (wanted.has(words)) continue;
      this.#said.delete(words);
      for (const step of this.#breakpoints.remove("relay", false, "python-line", path, String(id))) this.#step(step);
    }
  }

  /** This one of the relay's own has been sent. */
  hasOwn(placed: Placed): boolean {
    return this.#said.has(wordsOf(placed));
  }

  /** The clients that have breakpoints in the file. */
  clientsIn(file: string): readonly ClientId[] {
    return this.#breakpoints.clientsIn(file);
  }

  setVersion(version: PydevdVersion): void {
    this.#handshake.version = version;
    this.#upstream.send(setVersion, formatVersion(version));
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
    this.#upstream.send(step.id, step.text);
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
