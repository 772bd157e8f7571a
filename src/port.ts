// An open port, and whose the streams are that come to it: of one service, or of several that share it and are told apart by
// the process at the far end (dispatch.ts).
import type { Duplex } from "node:stream";
import { DebugtapError } from "../protocol/errors.ts";
import type { Dispatcher } from "./dispatch.ts";
import type { Listen, Listener, Peer } from "./duplex.ts";
import { describeProcess, suggestMatch, type ProcessFacts } from "./process.ts";
import type { Service } from "./service.ts";

export interface PortOptions {
  readonly listen: Listen;
  readonly services: readonly Service[];
  /** Absent where the IDE comes: it has named the service by the port. */
  readonly dispatcher: Dispatcher | undefined;
  /** Makes the service that takes what matches none; its sessions wait, with their facts in view. */
  readonly unmatched: (why: DebugtapError) => Service;
}

export class Port {
  readonly #options: PortOptions;
  #listener: Listener | undefined;
  #closed = false;

  constructor(options: PortOptions) {
    this.#options = options;
  }

  get names(): readonly string[] {
    return this.#options.services.map(({ plan }) => plan.name);
  }

  /** It has its listener, whose forward on the VM may be lost for now: the link brings that back. */
  get isOpen(): boolean {
    return this.#listener !== undefined;
  }

  /** Rejects with the DebugtapError of `listen`. */
  async open(): Promise<void> {
    const listener = await this.#options.listen((stream, peer) => {
      const { services, dispatcher } = this.#options;
      const [only] = services;
      if (only !== undefined && (dispatcher === undefined || dispatcher.immediate)) this.#accept(only, stream, peer);
      else void this.#dispatch(stream, peer);
    });
    if (this.#closed) await listener.close();
    else this.#listener = listener;
  }

  /** Takes a stream that came another way, as if it had come to the port: of an IDE, to a service by its name. False for another's. */
  attach(name: string, stream: Duplex, peer: Peer): boolean {
    const service = this.#options.services.find(({ plan }) => plan.name === name && plan.comes === "client");
    service?.accept(stream, peer);
    return service !== undefined;
  }

  /** Closes the port; sessions go on. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#listener?.close();
    this.#listener = undefined;
  }

  /** Of a debuggee that was accepted unasked, who it is is found out behind its first bytes. */
  #accept(service: Service, stream: Duplex, peer: Peer): void {
    const session = service.accept(stream, peer);
    const { dispatcher } = this.#options;
    if (dispatcher !== undefined) service.plan.labeller.name(session, () => dispatcher.identify(peer));
  }

  async #dispatch(stream: Duplex, peer: Peer): Promise<void> {
    const { services, dispatcher, unmatched } = this.#options;
    // Its errors are nobody's until it has a session.
    stream.on("error", () => undefined);
    const found = await dispatcher?.dispatch(stream, peer);
    if (stream.destroyed) return;
    const service = services.find(({ plan }) => plan.name === found?.service);
    (service ?? unmatched(noMatch(found?.process, services))).accept(stream, peer, found?.process);
  }
}

/** What the sessions of a debuggee that is none of these wait for. */
function noMatch(process: ProcessFacts | undefined, services: readonly Service[]): DebugtapError {
  const names = services.map(({ plan }) => plan.name).join(", ");
  if (process === undefined) {
    return new DebugtapError("DT_PROCESS_UNKNOWN", `it is not known which of ${names} it is`, {
      why: "its process could not be found on the host",
      fix: "debugtap release unmatched",
    });
  }
  return new DebugtapError("DT_PROCESS_UNMATCHED", `${describeProcess(process)} is none of ${names}`, {
    why: "no `match` of theirs holds for it",
    fix: `add a service with ${suggestMatch(process) ?? "another port"}, or: debugtap release unmatched`,
  });
}
