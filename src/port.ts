// An open port, and whose the streams are that come to it: of one service, or of several that share it and are told apart by
// the process at the far end (dispatch.ts).
import type { Duplex } from "node:stream";
import { DebugtapError } from "../protocol/errors.ts";
import type { Dispatcher } from "./dispatch.ts";
import type { Listen, Listener, Peer } from "./duplex.ts";
import { describeProcess } from "./process.ts";
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

  constructor(options: PortOptions) {
    this.#options = options;
  }

  get services(): readonly Service[] {
    return this.#options.services;
  }

  /** Rejects with the DebugtapError of `listen`. */
  async open(): Promise<void> {
    this.#listener = await this.#options.listen((stream, peer) => {
      const { services, dispatcher } = this.#options;
      const [only] = services;
      if (only !== undefined && (dispatcher === undefined || dispatcher.immediate)) this.#accept(only, stream, peer);
      else void this.#dispatch(stream, peer);
    });
  }

  /** Closes the port; sessions go on. */
  async close(): Promise<void> {
    await this.#listener?.close();
    this.#listener = undefined;
  }

  /** Of a debuggee that was accepted unasked, who it is is found out behind its first bytes. */
  #accept(service: Service, stream: Duplex, peer: Peer): void {
    const session = service.accept(stream, peer);
    void this.#options.dispatcher?.identify(peer).then((process) => {
      if (process !== undefined) session.label(describeProcess(process));
    });
  }

  async #dispatch(stream: Duplex, peer: Peer): Promise<void> {
    const { services, dispatcher, unmatched } = this.#options;
    // Its errors are nobody's until it has a session.
    stream.on("error", () => undefined);
    const found = await dispatcher?.dispatch(stream, peer);
    if (stream.destroyed) return;
    const service = services.find(({ plan }) => plan.name === found?.service);
    (service ?? unmatched(noMatch(found?.process && describeProcess(found.process), services))).accept(
      stream,
      peer,
      found?.process,
    );
  }
}

function noMatch(process: string | undefined, services: readonly Service[]): DebugtapError {
  const names = services.map(({ plan }) => plan.name).join(", ");
  return new DebugtapError("DT_UNMATCHED", `${process ?? "an unknown process"} is none of ${names}`, {
    why: process === undefined ? "its process could not be found on the host" : "no `match` of theirs holds for it",
    fix: "add a service whose `match` holds for it, or: debugtap release unmatched",
  });
}
