// Sessions of the wire pydevd that pass as they are, since what is said in them is not pydevd's commands: DAP over pydevd, and a debuggee
// that was sent to another port.
//
// Rules
// - The first frame of either side shows that a session is DAP (settrace(protocol="dap")), or a 503 of the native client's. It is so for
//   ever: one client, no asks. Only a stop while no client is there is still resumed.
// - After PyCharm's port dance (99) the client closes on purpose, and the debuggee is to be closed with it.
import { decodeDap } from "./dap.ts";
import type { ExchangeOutput } from "./exchange.ts";
import { frameBody, type Frame } from "./frame.ts";
import { member } from "./json.ts";
import type { PydevdClient, PydevdClients } from "./pydevd-clients.ts";
import type { PydevdHandshake } from "./pydevd-handshake.ts";
import type { PydevdHead } from "./pydevd-head.ts";
import type { PydevdUpstream } from "./pydevd-upstream.ts";

const openingBrace = 123;

export interface PydevdPassedOnParts {
  readonly clients: PydevdClients;
  readonly handshake: PydevdHandshake;
  readonly upstream: PydevdUpstream;
  readonly output: Pick<ExchangeOutput, "toClient" | "toDebuggee" | "close">;
}

export class PydevdPassedOn {
  readonly #parts: PydevdPassedOnParts;
  /** Undefined before the first frame. */
  #isDap: boolean | undefined;
  #dispatched = false;

  constructor(parts: PydevdPassedOnParts) {
    this.#parts = parts;
  }

  /** This session is one of these. */
  get passesAll(): boolean {
    return this.#isDap === true || this.#dispatched;
  }

  /** The debuggee was sent to another port. */
  get dispatched(): boolean {
    return this.#dispatched;
  }

  /** From now on the session is DAP. */
  becomeDap(): void {
    this.#isDap = true;
    this.#parts.upstream.end("the session is DAP over pydevd");
  }

  /** Takes a client's 99. */
  dispatch(client: PydevdClient, frame: Frame, head: PydevdHead): void {
    const { handshake, upstream } = this.#parts;
    this.#dispatched = true;
    upstream.end("the debuggee was sent to another port");
    handshake.run(upstream.forward(client, frame, head));
  }

  /** Takes a client's frame, if the session is DAP. */
  fromClient(client: PydevdClient, frame: Frame): boolean {
    if (!this.#showsDap(frame)) return false;
    const { clients, handshake, output } = this.#parts;
    if (client !== clients.driver) output.close(client.id);
    else {
      if (!handshake.running && member(decodeDap(frame), "command") === "configurationDone") handshake.run();
      output.toDebuggee(frame.bytes);
    }
    return true;
  }

  /** Takes a frame of the debuggee, if the session is DAP. */
  fromDebuggee(frame: Frame): boolean {
    if (!this.#showsDap(frame)) return false;
    const { clients, handshake, output } = this.#parts;
    const client = clients.driver;
    if (client !== undefined) output.toClient(client.id, frame.bytes);
    else if (handshake.running && member(decodeDap(frame), "event") === "stopped") this.#resumeAll();
    return true;
  }

  /** A client has left. */
  left(): void {
    if (!this.#dispatched && this.#parts.clients.size === 0) this.#resumeAll();
  }

  #showsDap(frame: Frame): boolean {
    if (this.#isDap === undefined) {
      if (frame.kind === "header" && frameBody(frame)[0] === openingBrace) this.becomeDap();
      else this.#isDap = false;
    }
    return this.#isDap === true;
  }

  #resumeAll(): void {
    this.#parts.upstream.send(106, "*");
  }
}
