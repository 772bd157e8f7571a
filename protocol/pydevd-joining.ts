// How a client comes into a session that may be open already: its 501 (version), 503 (framing) and 101 (run).
//
// Rules
// - Until the debuggee runs the clients' own commands open it; its 101 is the driver's, who may not have set all its breakpoints
//   yet when another sends one.
// - A client that joins a running debuggee is handed the live session: its 501 is answered from what the debuggee has said, its
//   101 is swallowed and answered with the threads that are known (103), then with the stops (105).
// - A debuggee that nobody else tells to run is told so by the relay: it would block in settrace for ever.
// - The relay's own breakpoints are set before it runs.
import type { Frame } from "./frame.ts";
import type { PydevdClient, PydevdClients } from "./pydevd-clients.ts";
import { parseVersion, type PydevdHandshake } from "./pydevd-handshake.ts";
import type { PydevdHead } from "./pydevd-head.ts";
import type { PydevdLeaving } from "./pydevd-leaving.ts";
import type { PydevdPassedOn } from "./pydevd-passed-on.ts";
import type { PydevdSettings } from "./pydevd-settings.ts";
import type { PydevdThreads } from "./pydevd-threads.ts";
import type { PydevdUpstream } from "./pydevd-upstream.ts";
import { commandText } from "./pydevd.ts";

export interface PydevdJoiningParts {
  readonly clients: PydevdClients;
  readonly handshake: PydevdHandshake;
  readonly threads: PydevdThreads;
  readonly upstream: PydevdUpstream;
  readonly settings: PydevdSettings;
  readonly passedOn: PydevdPassedOn;
  readonly leaving: PydevdLeaving;
}

export class PydevdJoining {
  readonly #parts: PydevdJoiningParts;

  constructor(parts: PydevdJoiningParts) {
    this.#parts = parts;
  }

  /** Takes a client's command; false when it is none of these. */
  take(client: PydevdClient, frame: Frame, head: PydevdHead): boolean {
    if (head.id === 101) this.#runBy(client, frame, head);
    else if (head.id === 501) this.#versionBy(client, frame, head);
    else if (head.id === 503) this.#protocolBy(client, frame, head);
    else return false;
    return true;
  }

  /** No client is there: the relay opens the debuggee itself. */
  open(): void {
    this.#parts.settings.setVersion({ os: "UNIX", grammar: "ID" });
    this.#run(() => this.#parts.upstream.send(101, ""));
  }

  /** A client has left: the one that drives now may have wanted the debuggee to run all along. */
  left(): void {
    const { clients, handshake, upstream } = this.#parts;
    if (!handshake.running && clients.driver?.isReady === true) this.#run(() => upstream.send(101, ""));
  }

  #runBy(client: PydevdClient, frame: Frame, head: PydevdHead): void {
    const { clients, handshake, threads, upstream, leaving } = this.#parts;
    const isAgain = client.isReady;
    client.isReady = true;
    if (!handshake.running) {
      if (client === clients.driver) this.#run(() => upstream.forward(client, frame, head));
    } else if (isAgain) upstream.forward(client, frame, head);
    else {
      leaving.replaced();
      for (const text of threads.announcements) clients.say(client, 103, undefined, text);
      for (const told of threads.retold) clients.pass(client, told);
    }
  }

  /** `send` sends a 101. */
  #run(send: () => number): void {
    const { handshake, settings, upstream } = this.#parts;
    settings.sayOwn();
    handshake.run(send());
    upstream.askDue();
  }

  #versionBy(client: PydevdClient, frame: Frame, head: PydevdHead): void {
    const { clients, handshake, settings, upstream } = this.#parts;
    const isAgain = client.version !== undefined;
    const version = parseVersion(commandText(frame));
    client.version = version;
    const { build } = handshake;
    if (!handshake.running || build === undefined || isAgain) {
      upstream.forward(client, frame, head);
      handshake.version = version;
      upstream.askDue();
      return;
    }
    const known = handshake.version;
    const isOther = version.os !== known?.os || version.grammar !== known.grammar;
    if (isOther && client === clients.driver) settings.setVersion(version);
    clients.say(client, 501, head.seq, build);
  }

  #protocolBy(client: PydevdClient, frame: Frame, head: PydevdHead): void {
    const { clients, upstream, passedOn } = this.#parts;
    const protocol = commandText(frame).trim();
    if (client.isNative) {
      upstream.forward(client, frame, head);
      if (protocol === "http_json" || protocol === "json") passedOn.becomeDap();
    } else if (protocol === "http" || protocol === "quoted-line") {
      client.framing = protocol === "http" ? "header" : "line";
      clients.say(client, 503, head.seq, "");
    } else clients.say(client, 901, head.seq, `debugtap: ${protocol} cannot be had: the session has its framing`);
  }
}
