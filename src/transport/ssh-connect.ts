// From an SshTarget to an authenticated connection, or to the one error that says why not.
//
// Rules
// - The socket is ours, with noDelay: ssh2's own has Nagle on, which costs 44 ms in every fifth large round trip.
// - One deadline covers connecting, the handshake and authentication; it stands still while a person is asked.
// - The ciphers are ordered for speed: AES-GCM is both the fastest and the least CPU with and without ssh2's native part.
// - ssh2 reports one failure in several ways (`error`, then `close`, in its own words). The first cause is kept.
import { connect } from "node:net";
import type { Duplex } from "node:stream";
import type { Algorithms, Client as ClientType } from "ssh2";
import { DebugtapError, asDebugtapError } from "../../protocol/errors.ts";
import { KnownHosts } from "./known-hosts.ts";
import { ProxyStream, openProxy } from "./proxy.ts";
import { SshAuth, askOnce } from "./ssh-auth.ts";
import type { Prompt } from "./ssh-auth.ts";
import { Client } from "./ssh2.ts";
import { sshLine } from "./ssh-config.ts";
import type { SshTarget } from "./ssh-config.ts";
import { errnoOf, hostPort, ignore } from "./tcp.ts";

const defaultTimeoutMs = 8000;
const keepAliveMs = 5000;
const barredWhy =
  "it closed the connection before it said anything: it is overloaded, or bars this address for a while";

/** A socket, or what stands for one, that counts its bytes. */
export interface CountedStream extends Duplex {
  readonly bytesRead: number;
  readonly bytesWritten: number;
}

export interface SshConnection {
  readonly client: ClientType;
  readonly socket: CountedStream;
}

export interface SshConnectOptions {
  readonly signal?: AbortSignal;
  readonly prompt?: Prompt;
  /** For connecting and authenticating together; else ConnectTimeout, else 8 s. */
  readonly timeoutMs?: number;
  /** Told by what the server let us in: a key file, or the agent. */
  readonly authenticated?: (by: string) => void;
}

/** Rejects with DT_SSH_*, DT_HOSTKEY_*. */
export async function connectSsh(target: SshTarget, options: SshConnectOptions = {}): Promise<SshConnection> {
  const knownHosts = await KnownHosts.load(target);
  const timeoutMs = options.timeoutMs ?? target.connectTimeoutMs ?? defaultTimeoutMs;
  const deadline = new Deadline(timeoutMs);
  const auth = new SshAuth(
    target,
    options.prompt === undefined ? undefined : deadline.pausing(askOnce(options.prompt)),
  );
  if (options.signal?.aborted === true) throw stoppedError(target);
  const proxy = openProxy(target, options.prompt !== undefined);
  const socket = proxy ?? openSocket(target);
  const client = new Client();
  client.on("error", ignore);
  socket.on("error", ignore);
  const attempt = new Attempt(target, auth, proxy);

  return await new Promise<SshConnection>((resolve, reject) => {
    const fail = (error: DebugtapError): void => {
      settle();
      socket.destroy();
      reject(error);
    };
    const onAbort = (): void => fail(stoppedError(target));
    const onError = (error: Error & { level?: string }): void => {
      // A key that the agent would not use is not the end; ssh2 goes on with the next.
      if (error.level !== "agent") fail(attempt.explain(error));
    };
    const onClose = (): void => fail(attempt.explain(undefined));
    const onReady = (): void => {
      settle();
      options.authenticated?.(auth.last);
      resolve({ client, socket });
    };
    const settle = (): void => {
      deadline.stop();
      options.signal?.removeEventListener("abort", onAbort);
      client.off("error", onError).off("close", onClose).off("ready", onReady);
    };
    options.signal?.addEventListener("abort", onAbort, { once: true });
    deadline.start(() => fail(timeoutError(target, timeoutMs)));
    client.on("error", onError).on("close", onClose).on("ready", onReady);
    try {
      client.connect({
        sock: socket,
        username: target.user,
        readyTimeout: 0,
        authHandler: auth.next,
        algorithms: algorithms(knownHosts),
        hostVerifier: (key: Buffer, accept: (yes: boolean) => void) => {
          knownHosts.verify(key).then(
            () => accept(true),
            (error: unknown) => {
              attempt.refused = asDebugtapError(error);
              accept(false);
            },
          );
        },
      });
      socket.once("data", (chunk: Buffer) => (attempt.firstBytes = chunk.subarray(0, 60)));
    } catch (error) {
      fail(attempt.explain(error instanceof Error ? error : new Error(String(error))));
    }
  });
}

function openSocket(target: SshTarget): CountedStream {
  return connect({
    host: target.hostname,
    port: target.port,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: keepAliveMs,
  });
}

function algorithms(knownHosts: KnownHosts): Algorithms {
  // Patterns, because ssh2 throws at the name of a cipher that this build of OpenSSL lacks.
  const cipher = { remove: /./, append: [/^aes\d+-gcm@/, /^chacha20-/, /^aes256-ctr$/, /^aes\d+-ctr$/], prepend: [] };
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- ssh2's types list every name as a literal
  return { cipher, serverHostKey: knownHosts.algorithms() } as unknown as Algorithms;
}

/** What is known of one attempt to connect, to explain its failure. */
class Attempt {
  readonly #target: SshTarget;
  readonly #auth: SshAuth;
  readonly #proxy: ProxyStream | undefined;
  firstBytes: Buffer | undefined;
  refused: DebugtapError | undefined;

  constructor(target: SshTarget, auth: SshAuth, proxy: ProxyStream | undefined) {
    this.#target = target;
    this.#auth = auth;
    this.#proxy = proxy;
  }

  explain(error: (Error & { level?: string }) | undefined): DebugtapError {
    if (this.refused !== undefined) return this.refused;
    const { destination, hostname, port } = this.#target;
    const address = hostPort(hostname, port);
    const cause = error === undefined ? {} : { cause: error };
    const message = error?.message ?? "the connection was closed";
    const cut = message.includes("Too many authentication failures");
    if (error?.level === "client-authentication" || cut) return this.#auth.failure({ cut });
    // What OpenSSH says in place of a banner: MaxStartups, and PerSourcePenalties since 9.8.
    if (/^(Exceeded MaxStartups|Not allowed at this time)/.test(this.firstBytes?.toString("latin1") ?? "")) {
      return this.#unreachable(address, undefined, message);
    }
    const isSsh = this.firstBytes?.toString("latin1").startsWith("SSH-") === true;
    if (this.firstBytes === undefined) {
      const said = this.#proxy?.said() ?? "";
      const through = this.#target.proxyJump ?? this.#target.proxyCommand;
      if (through !== undefined) {
        return new DebugtapError("DT_SSH_UNREACHABLE", `${destination} cannot be reached through ${through}`, {
          why: said || message,
          fix: sshLine(this.#target, "true"),
          ...cause,
        });
      }
      return this.#unreachable(address, error, message);
    }
    return new DebugtapError("DT_SSH_PROTOCOL", `${address} does not speak SSH as debugtap does`, {
      why: isSsh ? message : `it answered ${JSON.stringify(this.firstBytes.toString("latin1"))}`,
      fix: sshLine(this.#target, "true"),
      ...cause,
    });
  }

  #unreachable(address: string, error: Error | undefined, message: string): DebugtapError {
    const errno = errnoOf(error);
    if (errno === "ETIMEDOUT") return timeoutError(this.#target, undefined);
    const why =
      errno === "ECONNREFUSED"
        ? "nothing listens there"
        : errno === "ENOTFOUND" || errno === "EAI_AGAIN"
          ? `there is no host ${this.#target.hostname}`
          : errno === undefined || errno === "ECONNRESET"
            ? barredWhy
            : message;
    return new DebugtapError("DT_SSH_UNREACHABLE", `the SSH server ${address} cannot be reached`, {
      why,
      fix: sshLine(this.#target, "true"),
      ...(error === undefined ? {} : { cause: error }),
    });
  }
}

/** Whether the server hung up before its banner: every further try may prolong that. */
export function isBarred(error: DebugtapError): boolean {
  return error.why === barredWhy;
}

function stoppedError(target: SshTarget): DebugtapError {
  return new DebugtapError("DT_SSH_UNREACHABLE", `connecting to ${target.destination} was stopped`);
}

function timeoutError(target: SshTarget, timeoutMs: number | undefined): DebugtapError {
  return new DebugtapError("DT_SSH_TIMEOUT", `${hostPort(target.hostname, target.port)} did not answer in time`, {
    why: timeoutMs === undefined ? "its address answers nothing" : `not connected and authenticated in ${timeoutMs} ms`,
    fix: sshLine(target, "true"),
  });
}

/** A timer that stands still while a person is asked. */
class Deadline {
  #leftMs: number;
  #since = 0;
  #timer: NodeJS.Timeout | undefined;
  #expire: (() => void) | undefined;

  constructor(ms: number) {
    this.#leftMs = ms;
  }

  start(expire: () => void): void {
    this.#expire = expire;
    this.#since = performance.now();
    this.#timer = setTimeout(expire, this.#leftMs);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#expire = undefined;
  }

  pausing(prompt: Prompt): Prompt {
    return async (question, options) => {
      clearTimeout(this.#timer);
      this.#leftMs -= performance.now() - this.#since;
      try {
        return await prompt(question, options);
      } finally {
        if (this.#expire !== undefined) this.start(this.#expire);
      }
    };
  }
}
