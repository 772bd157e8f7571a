// One forwarded connection: an SSH channel as a Duplex that tells the truth about its end.
//
// Rules
// - A channel of ssh2 looks cleanly ended when the SSH connection is lost, never says `error`, and its `destroy` is not a
//   stream's. Here a lost tunnel is an `error` and no `end` follows.
// - Half-close passes both ways: `end` sends EOF, the far side's EOF is our `end`; the stream closes when both have ended
//   or when the far side has closed the channel. What is written after that has nobody to read it and is dropped.
// - `destroy` closes the channel at once, unsent bytes or not, so that the far peer does not wait.
// - Reading stops the channel at 64 KB; SSH's window then stops the far side (2 MB in flight, at most about 4 MB here).
//   ssh2 does not mind how much its socket has queued, so writing waits for the socket through the WriteGate.
import { Duplex } from "node:stream";
import type { ClientChannel } from "ssh2";
import { ignore } from "./tcp.ts";

const readAhead = 64 * 1024;

/** Lets writers go on while the SSH socket has not too much queued. One for each SSH connection. */
export class WriteGate {
  readonly #socket: Duplex;
  readonly #limit: number;
  #waiting: (() => void)[] = [];

  constructor(socket: Duplex, limit = 1024 * 1024) {
    this.#socket = socket;
    this.#limit = limit;
    socket.on("drain", () => this.#release());
    socket.on("close", () => this.#release());
  }

  /** Calls `go` now or when the socket has drained. */
  pass(go: () => void): void {
    if (this.#socket.writableLength < this.#limit || this.#socket.destroyed) go();
    else this.#waiting.push(go);
  }

  #release(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const go of waiting) go();
  }
}

export class ForwardStream extends Duplex {
  readonly #channel: ClientChannel;
  readonly #gate: WriteGate;
  #paused = false;
  #channelClosed = false;
  /** Ends the write or the final that is under way, which a closed channel would leave for ever. */
  #pending: (() => void) | undefined;

  constructor(channel: ClientChannel, gate: WriteGate) {
    super({ allowHalfOpen: true, highWaterMark: readAhead });
    this.#channel = channel;
    this.#gate = gate;
    this.on("error", ignore);
    channel.on("error", ignore);
    channel.on("data", (chunk: Buffer) => {
      if (!this.destroyed && !this.push(chunk)) this.#pause();
    });
    channel.on("end", () => {
      if (!this.destroyed) this.push(null);
    });
    channel.on("close", () => this.#onChannelClose());
    channel.stderr.resume();
  }

  override _read(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#channel.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    if (this.#channelClosed) {
      done();
      return;
    }
    const written = this.#once(done);
    this.#channel.write(chunk, () => this.#gate.pass(written));
  }

  override _final(done: () => void): void {
    if (this.#channelClosed) done();
    else this.#channel.end(this.#once(done));
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    if (!this.#channelClosed) this.#channel.close();
    this.#channel.resume(); // what still comes in before the far side's close goes nowhere
    this.#pending = undefined;
    done(error);
  }

  #pause(): void {
    this.#paused = true;
    this.#channel.pause();
  }

  #once(done: () => void): () => void {
    const settle = (): void => {
      if (this.#pending !== settle) return;
      this.#pending = undefined;
      done();
    };
    this.#pending = settle;
    return settle;
  }

  /** ssh2 says `close` after all data and `end` were read from the channel, but not yet from here. */
  #onChannelClose(): void {
    this.#channelClosed = true;
    this.#pending?.();
    if (this.readableEnded) this.destroy();
    else this.once("end", () => this.destroy());
  }
}
