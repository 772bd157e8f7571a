// Which of the services on one port of a host a stream belongs to, by the process at its far end.
//
//   one service without `match`   at once; who it is may be asked later, for the session's label
//   else                          the process is looked up: the first service in file order whose `match` holds,
//                                 else the service of its parent (a forked or started child), else none
// Rules
// - While it is decided the stream is not read and not answered: its debuggee waits, as it would for an IDE.
// - Never rejects. A lookup that fails or takes too long leaves the process unknown, and the stream unmatched.
// - A pid alone names no process for good: where start times are known they must agree. What is remembered is bounded, the
//   oldest is forgotten; a parent whose session is over still passes its service on.
import type { Duplex } from "node:stream";
import { asDebugtapError, DebugtapError } from "../protocol/errors.ts";
import type { ProcessMatch } from "./config.ts";
import type { Peer } from "./duplex.ts";
import { describeProcess, matches, suggestMatch } from "./process.ts";
import type { ProcessFacts } from "./process.ts";

export interface DispatcherOptions {
  /** In the order of the file. */
  readonly services: readonly { readonly name: string; readonly match?: ProcessMatch }[];
  readonly lookup: (peer: Peer) => Promise<ProcessFacts | undefined>;
  /** No service accepts the stream; it is still open. DT_PROCESS_UNMATCHED with facts, else DT_PROCESS_UNKNOWN or why not. */
  readonly unmatched?: (stream: Duplex, peer: Peer, facts: ProcessFacts | undefined, reason: DebugtapError) => void;
  /** How long a lookup may take, ms; default 2000. */
  readonly deadline?: number;
}

export interface Dispatched {
  readonly service: string | undefined;
  /** Undefined if nobody had to ask, or if it could not be found out. */
  readonly process: ProcessFacts | undefined;
}

const defaultDeadline = 2000;
const maxRemembered = 4096;

export class Dispatcher {
  readonly #options: DispatcherOptions;
  readonly #known = new Map<number, { readonly service: string; readonly started: number | undefined }>();

  constructor(options: DispatcherOptions) {
    this.#options = options;
  }

  /** True if {@link dispatch} answers without a lookup. */
  get immediate(): boolean {
    const { services } = this.#options;
    return services.length === 1 && services[0]?.match === undefined;
  }

  async dispatch(stream: Duplex, peer: Peer): Promise<Dispatched> {
    const { services, unmatched } = this.#options;
    if (this.immediate) return { service: services[0]?.name, process: undefined };
    const process = await this.#lookup(peer);
    if (process instanceof DebugtapError) {
      if (!stream.destroyed) unmatched?.(stream, peer, undefined, process);
      return { service: undefined, process: undefined };
    }
    const service = this.serviceOf(process);
    if (service === undefined && !stream.destroyed) unmatched?.(stream, peer, process, this.#unmatchedError(process));
    return { service, process };
  }

  /** The process at the far end of a stream that was accepted without asking; undefined if it cannot be found out. */
  async identify(peer: Peer): Promise<ProcessFacts | undefined> {
    const process = await this.#lookup(peer);
    return process instanceof DebugtapError ? undefined : process;
  }

  /** The service of a process, which its children then follow; undefined if it is none's. */
  serviceOf(process: ProcessFacts): string | undefined {
    const matching = this.#options.services.find(({ match }) => match === undefined || matches(match, process));
    const service = matching?.name ?? this.#inherited(process);
    if (service !== undefined && process.pid !== undefined) this.remember(process.pid, service, process.started);
    return service;
  }

  /** The children of `pid` follow it to `service`. Dispatch does it itself; this is for a pid that was learnt later. */
  remember(pid: number, service: string, started?: number): void {
    this.#known.delete(pid);
    this.#known.set(pid, { service, started });
    if (this.#known.size <= maxRemembered) return;
    for (const oldest of this.#known.keys()) {
      this.#known.delete(oldest);
      return;
    }
  }

  forget(pid: number): void {
    this.#known.delete(pid);
  }

  #inherited(process: ProcessFacts): string | undefined {
    const { pid, ppid, started, ancestors = [] } = process;
    const chain: { readonly pid: number; readonly started?: number }[] = [...ancestors];
    if (ppid !== undefined && ancestors.length === 0) chain.unshift({ pid: ppid });
    if (pid !== undefined) chain.unshift(started === undefined ? { pid } : { pid, started });
    for (const each of chain) {
      const known = this.#known.get(each.pid);
      const same = known?.started === undefined || each.started === undefined || known.started === each.started;
      if (known !== undefined && same) return known.service;
    }
    return undefined;
  }

  #unmatchedError(process: ProcessFacts): DebugtapError {
    const names = this.#options.services.map(({ name }) => name).join(", ");
    const fix = suggestMatch(process);
    return new DebugtapError("DT_PROCESS_UNMATCHED", `${describeProcess(process)} is no service of debugtap.yml`, {
      why: `it dialled the port of ${names}, and no \`match\` means it`,
      ...(fix === undefined ? {} : { fix }),
    });
  }

  async #lookup(peer: Peer): Promise<ProcessFacts | DebugtapError> {
    const { lookup, deadline = defaultDeadline } = this.#options;
    const unknown = (why: string): DebugtapError =>
      new DebugtapError("DT_PROCESS_UNKNOWN", `no process was found behind ${peer.address}:${peer.port}`, { why });
    return await new Promise((resolve) => {
      const timer = setTimeout(() => resolve(unknown(`its host did not tell in ${deadline} ms`)), deadline);
      const settle = (answer: ProcessFacts | DebugtapError): void => {
        clearTimeout(timer);
        resolve(answer);
      };
      // In a promise's chain, so that a lookup that throws is caught as one that rejects.
      Promise.resolve()
        .then(async () => await lookup(peer))
        .then(
          (process) => settle(process ?? unknown("it has gone, or it is not to be seen from its host")),
          (error: unknown) => settle(asDebugtapError(error)),
        );
    });
  }
}
