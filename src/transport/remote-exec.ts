// Commands on the VM: short ones, whose output is a few lines. At most four at once; the others wait their turn.
import type { Client, ClientChannel } from "ssh2";
import { DebugtapError } from "../../protocol/errors.ts";
import { ignore } from "./tcp.ts";

const atOnce = 4;
const defaultTimeoutMs = 10_000;
const outputLimit = 1024 * 1024;

export interface ExecOptions {
  readonly timeoutMs?: number;
  /** What the command reads from its standard input; default nothing. */
  readonly input?: Buffer;
}

export interface ExecResult {
  /** Undefined if a signal ended it. */
  readonly code: number | undefined;
  /** At most the first 1 MB, as stderr. */
  readonly stdout: string;
  readonly stderr: string;
}

export class ExecQueue {
  readonly #client: Client;
  readonly #lost: () => DebugtapError | undefined;
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(client: Client, lost: () => DebugtapError | undefined) {
    this.#client = client;
    this.#lost = lost;
  }

  async run(command: string, options: ExecOptions): Promise<ExecResult> {
    while (this.#running >= atOnce) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#running++;
    try {
      return await this.#exec(command, options);
    } finally {
      this.#running--;
      this.#waiting.shift()?.();
    }
  }

  async #exec(command: string, { timeoutMs = defaultTimeoutMs, input }: ExecOptions): Promise<ExecResult> {
    return await new Promise((resolve, reject) => {
      let channel: ClientChannel | undefined;
      const fail = (error: DebugtapError): void => {
        clearTimeout(timer);
        channel?.close();
        reject(error);
      };
      const timer = setTimeout(() => {
        fail(
          new DebugtapError("DT_SSH_TIMEOUT", `a command on the VM did not end in ${timeoutMs} ms`, { why: command }),
        );
      }, timeoutMs);
      try {
        this.#client.exec(command, (error, opened) => {
          if (error) {
            fail(this.#lost() ?? refused(command, error));
            return;
          }
          channel = opened;
          let code: number | null | undefined;
          const stdout = collect(opened);
          const stderr = collect(opened.stderr);
          opened.on("error", ignore).on("exit", (status: number | null) => (code = status));
          opened.on("close", () => {
            const lost = code === undefined ? this.#lost() : undefined;
            if (lost !== undefined) fail(lost);
            clearTimeout(timer);
            resolve({ code: code ?? undefined, stdout: stdout(), stderr: stderr() });
          });
          opened.end(input);
        });
      } catch (error) {
        fail(this.#lost() ?? refused(command, error)); // ssh2 throws at a connection that has ended
      }
    });
  }
}

/** Keeps the first 1 MB of a stream and gives it as text. */
export function collect(stream: NodeJS.ReadableStream): () => string {
  const chunks: Buffer[] = [];
  let size = 0;
  stream.on("data", (chunk: Buffer) => {
    if (size < outputLimit) chunks.push(chunk.subarray(0, outputLimit - size));
    size += chunk.length;
  });
  return () => Buffer.concat(chunks).toString("utf8");
}

export function refused(command: string, cause: unknown): DebugtapError {
  return new DebugtapError("DT_SSH_PROTOCOL", "the VM does not run commands for this login", {
    why: `${cause instanceof Error ? cause.message : String(cause)} (${command})`,
    cause,
  });
}
