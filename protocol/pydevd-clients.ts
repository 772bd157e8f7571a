// The clients of one pydevd debuggee: which of them is native, who drives, and how and what each is told.
//
// Rules
// - The first client ever is native: it gets the debuggee's messages as they come. A further one gets them in the framing that it
//   asked for (503): the debuggee has only one for all.
// - Events are for all, but those of threads not for a client that has yet to send 101 to a running debuggee: what it has missed
//   is told at its 101. An answer under a number that is not ours is the native client's.
// - The oldest client drives, unless another one was named, or all may.
import type { ClientId } from "./exchange.ts";
import type { Frame } from "./frame.ts";
import { pydevdHead, withSeq, type PydevdHead } from "./pydevd-head.ts";
import type { PydevdVersion } from "./pydevd-handshake.ts";
import { decodePydevd, encodePydevd, type PydevdFraming } from "./pydevd.ts";

export interface PydevdClient {
  readonly id: ClientId;
  readonly isNative: boolean;
  /** It has sent 101. */
  isReady: boolean;
  /** Of its 501. */
  version: PydevdVersion | undefined;
  framing: PydevdFraming;
}

const threadEvents: ReadonlySet<number> = new Set([103, 104, 105, 106, 136, 138, 139, 142, 157, 158]);
const otherEvents: ReadonlySet<number> = new Set([116, 129, 130, 145, 147, 149, 150, 203, 204]);

// Numbers of messages of our own: even as the debuggee's are, and far from these.
const firstEventSeq = 1_000_000_002;
const lastEventSeq = 2_000_000_000;

export class PydevdClients {
  readonly #toClient: (client: ClientId, bytes: Uint8Array) => void;
  readonly #mayAllDrive: boolean;
  readonly #clients = new Map<ClientId, PydevdClient>();
  #hadOne = false;
  #driver: PydevdClient | undefined;
  /** How the debuggee writes. */
  #framing: PydevdFraming = "line";
  #eventSeq = firstEventSeq;

  constructor(toClient: (client: ClientId, bytes: Uint8Array) => void, mayAllDrive: boolean) {
    this.#toClient = toClient;
    this.#mayAllDrive = mayAllDrive;
  }

  get ids(): readonly ClientId[] {
    return [...this.#clients.keys()];
  }

  get size(): number {
    return this.#clients.size;
  }

  /** The one that drives; the first among equals where all may. */
  get driver(): PydevdClient | undefined {
    return this.#driver;
  }

  /** It may let threads run, and pause them. */
  drives(client: PydevdClient): boolean {
    return this.#mayAllDrive || client === this.#driver;
  }

  /** The only one there is. */
  get sole(): PydevdClient | undefined {
    return this.#clients.size === 1 ? this.#driver : undefined;
  }

  get(id: ClientId): PydevdClient | undefined {
    return this.#clients.get(id);
  }

  join(id: ClientId): void {
    const client: PydevdClient = {
      id,
      isNative: !this.#hadOne,
      isReady: false,
      version: undefined,
      framing: "line",
    };
    this.#hadOne = true;
    this.#clients.set(id, client);
    this.#driver ??= client;
  }

  /** False when there was no such client. */
  leave(id: ClientId): boolean {
    const wasThere = this.#clients.delete(id);
    if (this.#driver?.id === id) [this.#driver] = this.#clients.values();
    return wasThere;
  }

  drive(id: ClientId): void {
    this.#driver = this.#clients.get(id) ?? this.#driver;
  }

  /** Passes on a message of the debuggee that answers none of our numbers. */
  tell(frame: Frame, head: PydevdHead | undefined, isRunning: boolean): void {
    this.#framing = frame.kind;
    const isOfThread = head !== undefined && threadEvents.has(head.id);
    const isEvent = head === undefined || isOfThread || otherEvents.has(head.id) || head.seq % 2 === 0;
    for (const client of this.#clients.values()) {
      const isFor = isEvent ? client.isReady || !isRunning || !isOfThread : client.isNative;
      if (isFor) this.pass(client, frame);
    }
  }

  /** Passes a message of the debuggee on to one client, under another number where one is given. */
  pass(client: PydevdClient, frame: Frame, seq?: number): void {
    if (client.isNative || client.framing === frame.kind) {
      const head = seq === undefined ? undefined : pydevdHead(frame);
      this.#toClient(client.id, head === undefined || seq === undefined ? frame.bytes : withSeq(frame, head, seq));
      return;
    }
    const message = decodePydevd(frame, "debuggee");
    if (message === undefined) this.#toClient(client.id, frame.bytes);
    else this.say(client, message.id, seq ?? message.seq, message.text);
  }

  /** A message of our own, as the debuggee would write it; without a number it is an event. */
  say(client: PydevdClient, id: number, seq: number | undefined, text: string): void {
    const framing = client.isNative ? this.#framing : client.framing;
    this.#toClient(client.id, encodePydevd(id, seq ?? this.#nextEventSeq(), text, { side: "debuggee", framing }));
  }

  #nextEventSeq(): number {
    const seq = this.#eventSeq;
    this.#eventSeq = seq >= lastEventSeq ? firstEventSeq : seq + 2;
    return seq;
  }
}
