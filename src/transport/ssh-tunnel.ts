// One SSH connection to a VM and the forwards on it, by ssh2.
//
// Rules
// - A command runs right after the login, before any forward: only a session makes sshd turn off Nagle on its side. It also
//   brings the facts that reconnecting needs: which sshd process is ours, and since when.
// - When the connection is lost every live stream gets an `error` before ssh2 can end it cleanly.
// - `closed` settles once: undefined if we closed it, the reason otherwise.
// - At most four commands at once: sshd allows ten sessions, and forwards do not count.
import type { Duplex } from "node:stream";
import type { Client, ClientChannel } from "ssh2";
import { DebugtapError } from "../../protocol/errors.ts";
import { reset } from "../duplex.ts";
import type { Dial, Listen, Listener, Peer } from "../duplex.ts";
import { corkPerTurn } from "./cork.ts";
import { ForwardStream, WriteGate } from "./forward.ts";
import type { SshdProcess } from "./evict.ts";
import type { OtherRelay } from "./remote-port.ts";
import { SftpFiles } from "./remote-files.ts";
import type { RemoteFiles } from "./remote-files.ts";
import { followCommand, type Followed } from "./follow.ts";
import { ExecQueue, refused } from "./remote-exec.ts";
import type { ExecOptions, ExecResult } from "./remote-exec.ts";
import { resolveSshTarget } from "./ssh-config.ts";
import type { SshTarget } from "./ssh-config.ts";
import { connectSsh } from "./ssh-connect.ts";
import type { CountedStream, SshConnectOptions } from "./ssh-connect.ts";
import { hostPort, ignore } from "./tcp.ts";
import { firstCommand } from "./evict.ts";
import { TunnelErrors } from "./tunnel-errors.ts";
import type { ForwardAddress, SupervisedTunnel, Tunnel, TunnelTarget } from "./tunnel.ts";
import { parseFacts } from "./vm-facts.ts";
import type { VmFacts } from "./vm-facts.ts";

const closeTimeoutMs = 1000;
const factsTimeoutMs = 5000;

/** Rejects with DT_SSH_*, DT_HOSTKEY_*. */
export async function openTunnel(target: TunnelTarget, options: SshConnectOptions = {}): Promise<Tunnel> {
  const tunnel = await connectTunnel(target.name, await resolveSshTarget(target), options);
  try {
    await tunnel.learnFacts();
    return tunnel;
  } catch (error) {
    await tunnel.close();
    throw error;
  }
}

/** Without facts, so without a session: run a command before anything else. Rejects with DT_SSH_*, DT_HOSTKEY_*. */
export async function connectTunnel(
  name: string,
  target: SshTarget,
  options: SshConnectOptions,
): Promise<SupervisedTunnel> {
  const { client, socket } = await connectSsh(target, options);
  return new SshTunnel(new TunnelErrors(name, target), client, socket);
}

class SshTunnel implements SupervisedTunnel {
  readonly files: RemoteFiles;
  readonly closed: Promise<DebugtapError | undefined>;
  readonly #errors: TunnelErrors;
  readonly #client: Client;
  readonly #socket: CountedStream;
  readonly #gate: WriteGate;
  readonly #commands: ExecQueue;
  readonly #streams = new Set<ForwardStream>();
  /** By the `host:port` that sshd names in each connection. */
  readonly #listeners = new Map<string, (stream: Duplex, peer: Peer) => void>();
  #facts: VmFacts = parseFacts("");
  #closing = false;
  #farSideEnded = false;
  #abandoned: string | undefined;
  #lost: DebugtapError | undefined;

  constructor(errors: TunnelErrors, client: Client, socket: CountedStream) {
    this.#errors = errors;
    this.#client = client;
    this.#socket = socket;
    this.#gate = new WriteGate(socket);
    this.#commands = new ExecQueue(client, () => this.#lost);
    this.files = new SftpFiles(client, () => this.#lost);
    corkPerTurn(socket);
    let cause: Error | undefined;
    client.on("error", (error) => (cause ??= error));
    client.once("end", () => {
      this.#farSideEnded = true;
      socket.destroy(); // what we may still have to say, nobody would read
    });
    client.on("tcp connection", ({ destIP, destPort, srcIP, srcPort }, accept, reject) => {
      const onStream = this.#listeners.get(hostPort(destIP, destPort));
      if (onStream === undefined) reject();
      else onStream(this.#adopt(accept()), { address: srcIP, port: srcPort });
    });
    this.closed = new Promise((resolve) => {
      const onClose = (): void => {
        this.#lost = this.#linkLost(cause);
        // Now, in this very event: the next thing ssh2 does is to end every channel as if all were well.
        for (const stream of this.#streams) stream.destroy(this.#lost);
        this.#listeners.clear();
        resolve(this.#closing ? undefined : this.#lost);
      };
      if (socket.closed) onClose();
      else client.once("close", onClose);
    });
  }

  get facts(): VmFacts {
    return this.#facts;
  }

  get lost(): DebugtapError | undefined {
    return this.#lost;
  }

  get received(): number {
    return this.#socket.bytesRead;
  }

  get written(): number {
    return this.#socket.bytesWritten;
  }

  /** A login that may not run commands still forwards, without facts. */
  async learnFacts(evict: readonly SshdProcess[] = []): Promise<void> {
    // Until this command runs, sshd keeps each small packet back until the one before it is acknowledged, which our side does
    // 40 ms late unless it has something to say. So it says something.
    const acknowledge = (): void => this.#send(ignore, () => this.#client.unforwardIn("127.0.0.1", 1));
    this.#socket.on("data", acknowledge);
    const answer = await this.exec(firstCommand(evict), { timeoutMs: factsTimeoutMs }).catch(ignore);
    this.#socket.off("data", acknowledge);
    if (this.#lost !== undefined) throw this.#lost;
    this.#facts = parseFacts(answer?.stdout ?? "");
  }

  ping(answered: (rttMs: number) => void): void {
    const sent = performance.now();
    this.#send(ignore, () =>
      // Nobody forwards port 1 to us: sshd says that it cannot cancel that, and does not log it as an error.
      this.#client.unforwardIn("127.0.0.1", 1, () => {
        if (this.#lost === undefined) answered(performance.now() - sent);
      }),
    );
  }

  dial(to: ForwardAddress): Dial {
    return async (signal) =>
      await new Promise((resolve, reject) => {
        const stop = (): void => reject(this.#errors.dial(to, "no longer wanted"));
        const opened = (error: (Error & { reason?: unknown }) | undefined, channel: ClientChannel): void => {
          signal.removeEventListener("abort", stop);
          if (error) reject(this.#lost ?? this.#errors.refusal(to, error));
          else if (signal.aborted) channel.close();
          else resolve(this.#adopt(channel));
        };
        if (signal.aborted) stop();
        else {
          signal.addEventListener("abort", stop, { once: true });
          this.#send(reject, () => this.#client.forwardOut("127.0.0.1", 0, to.host, to.port, opened));
        }
      });
  }

  listen(at: ForwardAddress): Listen {
    return async (onStream) => {
      const listener = await this.bind(at, onStream);
      if (listener === undefined) throw await this.explainPort(at);
      return listener;
    };
  }

  async bind(at: ForwardAddress, onStream: (stream: Duplex, peer: Peer) => void): Promise<Listener | undefined> {
    const port = await new Promise<number | undefined>((resolve, reject) => {
      const answered = (error: Error | undefined, bound: number): void => {
        if (this.#lost !== undefined) reject(this.#lost);
        else if (error) resolve(undefined);
        else {
          // Here and not after the await: the first connection may be in the same packet as this answer.
          this.#listeners.set(hostPort(at.host, bound), onStream);
          resolve(bound);
        }
      };
      this.#send(reject, () => this.#client.forwardIn(at.host, at.port, answered));
    });
    return port === undefined ? undefined : this.#listener(at.host, port);
  }

  async exec(command: string, options: ExecOptions = {}): Promise<ExecResult> {
    return await this.#commands.run(command, options);
  }

  async follow(script: string): Promise<Followed> {
    return await new Promise((resolve, reject) => {
      const command = followCommand(script);
      this.#send(reject, () =>
        this.#client.exec(command, (error, channel) => {
          if (error) {
            reject(this.#lost ?? refused(command, error));
            return;
          }
          let code: number | null | undefined;
          channel.on("exit", (status: number | null) => (code = status));
          const ended = new Promise<number | undefined>((over, lost) => {
            channel.on("error", ignore).on("close", () => {
              const reason = code === undefined && !this.#closing ? this.#lost : undefined;
              if (reason === undefined) over(code ?? undefined);
              else lost(reason);
            });
          });
          resolve({ stdout: channel, stderr: channel.stderr, ended, end: () => channel.end() });
        }),
      );
    });
  }

  async close(): Promise<boolean> {
    if (this.#lost !== undefined) return this.#farSideEnded;
    this.#closing = true;
    this.#client.end();
    const timer = setTimeout(() => this.#socket.destroy(), closeTimeoutMs);
    await this.closed;
    clearTimeout(timer);
    return this.#farSideEnded;
  }

  abandon(why: string): void {
    this.#abandoned ??= why;
    reset(this.#socket);
  }

  #adopt(channel: ClientChannel): ForwardStream {
    const stream = new ForwardStream(channel, this.#gate);
    this.#streams.add(stream);
    stream.once("close", () => this.#streams.delete(stream));
    return stream;
  }

  /** ssh2 throws at a connection that has ended. */
  #send(reject: (error: DebugtapError) => void, call: () => unknown): void {
    try {
      call();
    } catch {
      reject(this.#lost ?? this.#linkLost(undefined));
    }
  }

  #listener(host: string, port: number): Listener {
    const address = hostPort(host, port);
    const close = async (): Promise<void> => {
      if (!this.#listeners.delete(address)) return;
      await new Promise<void>((resolve) => {
        this.#send(
          () => resolve(),
          () => this.#client.unforwardIn(host, port, () => resolve()),
        );
      });
    };
    return { address, port, close };
  }

  async explainPort(at: ForwardAddress, others: readonly OtherRelay[] = []): Promise<DebugtapError> {
    const ask = async (command: string): Promise<string> => {
      const answer = await this.exec(command).catch(ignore);
      return answer?.stdout ?? "";
    };
    return await this.#errors.port(at, { facts: this.#facts, others, ask });
  }

  #linkLost(cause: Error | undefined): DebugtapError {
    const why = this.#closing ? "debugtap closed it" : this.#abandoned;
    return this.#errors.linkLost(why, cause);
  }
}
