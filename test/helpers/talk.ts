// One session through a running relay: a client here and a debuggee on the VM send each other numbered messages of their wire,
// and keep all that they sent and got.
import { setTimeout as pause } from "node:timers/promises";
import type net from "node:net";
import { contentLengthFrame } from "../../protocol/frame.ts";
import type { Side } from "../../protocol/frame.ts";
import { peerEnd } from "./peer-end.ts";
import { connect, type Port } from "./sockets.ts";

export type TalkWire = "pydevd" | "dap";

/** A service with the peers that a test plays: pydevd dials on the VM and the IDE listens here, dap the other way round. */
export interface Route {
  readonly wire: TalkWire;
  /** Where who listens does: the IDE of pydevd, the adapter of dap. */
  readonly peer: Port;
  /** Where who connects does: the port on the VM (pydevd), the relay's here (dap). */
  readonly dials: number;
}

/** ms between two messages */
const pace = 10;

export class Talker {
  readonly sent: Buffer[] = [];
  readonly got: Buffer[] = [];
  /** How the other side went, as seen from here. */
  readonly gone: Promise<"end" | "reset">;
  readonly #socket: net.Socket;
  readonly #message: (n: number) => Uint8Array;
  #count = 0;
  #said = 0;
  #heard = 0;
  #left = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(socket: net.Socket, message: (n: number) => Uint8Array) {
    this.#socket = socket;
    this.#message = message;
    socket.on("data", (chunk: Buffer) => {
      this.got.push(chunk);
      this.#heard += chunk.length;
    });
    this.gone = peerEnd(socket).then((how) => {
      clearInterval(this.#timer);
      this.#left = true;
      return how;
    });
  }

  say(): void {
    if (this.#socket.writableNeedDrain || !this.#socket.writable) return;
    const bytes = Buffer.from(this.#message(this.#count++));
    this.sent.push(bytes);
    this.#said += bytes.length;
    this.#socket.write(bytes);
  }

  /** A message every 10 ms, as far as they are taken. */
  start(): void {
    this.#timer = setInterval(() => this.say(), pace);
  }

  /** As many messages as fast as they are taken. */
  flood(bytes: number): void {
    const enough = this.#said + bytes;
    const go = (): void => {
      while (this.#said < enough && this.#socket.writable && !this.#socket.writableNeedDrain) this.say();
      if (this.#said >= enough) this.#socket.off("drain", go);
    };
    this.#socket.on("drain", go);
    go();
  }

  /** The last message, and a clean end. */
  end(): void {
    clearInterval(this.#timer);
    this.#socket.end();
  }

  destroy(): void {
    clearInterval(this.#timer);
    this.#socket.destroy();
  }

  /** Resolves when so many more bytes came. Rejects when the other side leaves before. */
  async hears(more: number): Promise<void> {
    const enough = this.#heard + more;
    while (this.#heard < enough) {
      if (this.#left) throw new Error(`the other side left after ${this.#heard} bytes`);
      await pause(pace);
    }
  }
}

export type Talk = Readonly<Record<Side, Talker>>;

/** Connects, and resolves when each has heard the other. */
export async function openTalk({ wire, peer, dials }: Route): Promise<Talk> {
  const near = await connect(dials);
  const connector = new Talker(near, messages(wire, wire === "dap" ? "client" : "debuggee"));
  if (wire === "dap") connector.say(); // the adapter is dialled at the client's first byte
  const acceptor = new Talker(await peer.next(), messages(wire, wire === "dap" ? "debuggee" : "client"));
  connector.start();
  acceptor.start();
  await Promise.all([connector.hears(1000), acceptor.hears(1000)]);
  return wire === "dap" ? { client: connector, debuggee: acceptor } : { client: acceptor, debuggee: connector };
}

/** Where what one side got is not what the other said, for a person. */
export function difference({ client, debuggee }: Talk): string {
  return [
    [client, debuggee],
    [debuggee, client],
  ]
    .map(([from, to]) => {
      const [sent, got] = [Buffer.concat(from?.sent ?? []), Buffer.concat(to?.got ?? [])];
      const at = sent.findIndex((byte, i) => byte !== got[i]);
      return at === -1 && sent.length === got.length
        ? "equal"
        : `${got.length} of ${sent.length}, at ${at}: ${sent.toString("latin1", at - 40, at + 60)} | ${got.toString("latin1", at - 40, at + 60)}`;
    })
    .join("; ");
}

/** True when what one side got is how the other's words begin; `whole`: and end. */
export function faithful({ client, debuggee }: Talk, whole: boolean): boolean {
  return [
    [client, debuggee],
    [debuggee, client],
  ].every(([from, to]) => {
    const sent = Buffer.concat(from?.sent ?? []);
    const got = Buffer.concat(to?.got ?? []);
    return sent.subarray(0, got.length).equals(got) && (!whole || sent.length === got.length);
  });
}

function messages(wire: TalkWire, side: Side): (n: number) => Uint8Array {
  const text = (n: number): string => `${side} ${n} ${"x".repeat((n * 37) % 900)}`;
  if (wire === "dap")
    return (n) =>
      contentLengthFrame(Buffer.from(JSON.stringify({ seq: n, type: "event", event: "output", body: text(n) })));
  // The first word of an IDE that matters: run.
  return (n) => Buffer.from(n === 0 && side === "client" ? "101\t1\t\n" : `149\t${n}\t${text(n)}\n`);
}
