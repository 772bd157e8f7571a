// Files on a Host, read only: by SFTP on a VM (on the connection for commands, never on the debug lane), else of this machine.
//
// Rules
// - What is asked for is bounded by the caller; nothing is written, and no program is started there but sshd's own SFTP server.
// - Requests may be made many at a time: they stand one behind the other on the connection and cost one round trip together.
// - One SFTP channel a connection, opened at the first request; one that has ended is opened again.
// - A file that is not there is undefined. Every other failure says which file and why: DT_FILE_UNREADABLE.
import type { FileHandle } from "node:fs/promises";
import { open, realpath, stat } from "node:fs/promises";
import type { Client, SFTPWrapper } from "ssh2";
import { DebugtapError } from "../../protocol/errors.ts";
import { ignore } from "./tcp.ts";

export interface FileFacts {
  /** Bytes. */
  readonly size: number;
  /** Of the last change, epoch seconds. */
  readonly mtime: number;
  readonly isFile: boolean;
}

export interface FileContent extends FileFacts {
  readonly bytes: Uint8Array;
}

/** Paths are absolute. All reject with DT_FILE_UNREADABLE, and as `HostLink.exec` where there is a connection. */
export interface RemoteFiles {
  /** Follows symlinks. Undefined: there is no such file. */
  stat(path: string): Promise<FileFacts | undefined>;
  /** The whole file, with the facts of the very file that was read. A file of more than `limit` bytes is refused unread. */
  read(path: string, limit: number): Promise<FileContent | undefined>;
  /** The path without symlinks. Undefined: there is no such file. */
  realPath(path: string): Promise<string | undefined>;
}

export const localFiles: RemoteFiles = {
  stat: async (path) => await orMissing(path, async () => factsOf(await stat(path))),
  realPath: async (path) => await orMissing(path, async () => await realpath(path)),
  read: async (path, limit) =>
    await orMissing(path, async () => {
      const handle = await open(path, "r");
      try {
        const facts = factsOf(await handle.stat());
        checkReadable(path, facts, limit);
        return { ...facts, bytes: await readAll(handle, facts.size) };
      } finally {
        await handle.close();
      }
    }),
};

async function readAll(handle: FileHandle, size: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(size);
  let length = 0;
  for (let got = -1; got !== 0 && length < size; length += got) {
    got = (await handle.read(bytes, length, size - length, length)).bytesRead;
  }
  return bytes.subarray(0, length);
}

/** SFTP's own limit of one answer is at least 32 KB. */
const pieceBytes = 32 * 1024;
const piecesAtOnce = 16;

export class SftpFiles implements RemoteFiles {
  readonly #client: Client;
  readonly #lost: () => DebugtapError | undefined;
  #channel: Promise<SFTPWrapper> | undefined;

  constructor(client: Client, lost: () => DebugtapError | undefined) {
    this.#client = client;
    this.#lost = lost;
  }

  async stat(path: string): Promise<FileFacts | undefined> {
    const stats = await this.#ask<Stats>(path, (sftp, answered) => sftp.stat(path, answered));
    return stats === undefined ? undefined : factsOf(stats);
  }

  async realPath(path: string): Promise<string | undefined> {
    return await this.#ask<string>(path, (sftp, answered) => sftp.realpath(path, answered));
  }

  async read(path: string, limit: number): Promise<FileContent | undefined> {
    const handle = await this.#ask<Buffer>(path, (sftp, answered) => sftp.open(path, "r", answered));
    if (handle === undefined) return undefined;
    try {
      const stats = await this.#ask<Stats>(path, (sftp, answered) => sftp.fstat(handle, answered));
      if (stats === undefined) return undefined;
      const facts = factsOf(stats);
      checkReadable(path, facts, limit);
      return { ...facts, bytes: await this.#pieces(path, handle, facts.size) };
    } finally {
      void this.#ask(path, (sftp, answered) => sftp.close(handle, (error) => answered(error ?? undefined))).catch(
        ignore,
      );
    }
  }

  /** A file that was cut meanwhile ends where it ends now. */
  async #pieces(path: string, handle: Buffer, size: number): Promise<Uint8Array> {
    const bytes = Buffer.alloc(size);
    for (let from = 0; from < size; from += pieceBytes * piecesAtOnce) {
      const pieces = Array.from({ length: piecesAtOnce }, (_, index) => from + index * pieceBytes);
      const read = pieces.map(async (at) => {
        const length = Math.min(pieceBytes, size - at);
        if (length <= 0) return 0;
        return await this.#piece(path, handle, bytes, at, length);
      });
      const total = (await Promise.all(read)).reduce((sum, count) => sum + count, 0);
      if (total < Math.min(pieceBytes * piecesAtOnce, size - from)) return bytes.subarray(0, from + total);
    }
    return bytes;
  }

  async #piece(path: string, handle: Buffer, bytes: Buffer, at: number, length: number): Promise<number> {
    const got = await this.#ask<number>(path, (sftp, answered) =>
      sftp.read(handle, bytes, at, length, at, (error, count) =>
        isEof(error) ? answered(undefined, 0) : answered(error, count),
      ),
    );
    return got ?? 0;
  }

  async #ask<T>(
    path: string,
    call: (sftp: SFTPWrapper, answered: (error: Error | undefined, value?: T) => void) => void,
  ): Promise<T | undefined> {
    const sftp = await this.#opened();
    return await new Promise<T | undefined>((resolve, reject) => {
      // A channel that ends leaves its requests without an answer.
      const closed = (): void => reject(this.#lost() ?? unreadable(path, new Error("the SFTP channel was closed")));
      sftp.once("close", closed);
      const answered = (error: Error | undefined, value?: T): void => {
        sftp.off("close", closed);
        if (error === undefined || error === null) resolve(value);
        else if (isMissing(error)) resolve(undefined);
        else reject(this.#lost() ?? unreadable(path, error));
      };
      try {
        call(sftp, answered);
      } catch (error) {
        answered(error instanceof Error ? error : new Error(String(error)));
      }
    });
  }

  #opened(): Promise<SFTPWrapper> {
    this.#channel ??= new Promise((resolve, reject) => {
      const failed = (error: unknown): void => {
        this.#channel = undefined;
        reject(this.#lost() ?? noSftp(error));
      };
      try {
        this.#client.sftp((error, sftp) => {
          if (error) return failed(error);
          sftp.setMaxListeners(0); // each request under way waits for the end of the channel
          sftp.on("error", ignore).once("close", () => (this.#channel = undefined));
          return resolve(sftp);
        });
      } catch (error) {
        failed(error); // ssh2 throws at a connection that has ended
      }
    });
    return this.#channel;
  }
}

/** What Node's and ssh2's have in common; the latter's time is in seconds. */
interface Stats {
  readonly size: number;
  readonly mtime: number | Date;
  isFile(): boolean;
}

function factsOf(stats: Stats): FileFacts {
  const { size, mtime } = stats;
  return { size, mtime: typeof mtime === "number" ? mtime : mtime.getTime() / 1000, isFile: stats.isFile() };
}

function checkReadable(path: string, { isFile, size }: FileFacts, limit: number): void {
  if (!isFile) throw unreadable(path, new Error("it is no regular file"));
  if (size > limit) throw unreadable(path, new Error(`it has ${size} bytes, more than ${limit}`));
}

async function orMissing<T>(path: string, look: () => Promise<T>): Promise<T | undefined> {
  try {
    return await look();
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error instanceof DebugtapError ? error : unreadable(path, error);
  }
}

/** SSH_FX_NO_SUCH_FILE, and this machine's. */
function isMissing(error: unknown): boolean {
  const code: unknown = Reflect.get(Object(error), "code");
  return code === 2 || code === "ENOENT" || code === "ENOTDIR";
}

/** SSH_FX_EOF */
function isEof(error: Error | undefined): boolean {
  return error !== undefined && Reflect.get(error, "code") === 1;
}

function unreadable(path: string, cause: unknown): DebugtapError {
  return new DebugtapError("DT_FILE_UNREADABLE", `${path} cannot be read`, {
    why: cause instanceof Error ? cause.message : String(cause),
    cause,
  });
}

function noSftp(cause: unknown): DebugtapError {
  return new DebugtapError(
    "DT_FILE_UNREADABLE",
    "files of the VM cannot be read: its sshd has no SFTP for this login",
    {
      why: cause instanceof Error ? cause.message : String(cause),
      fix: "echo 'Subsystem sftp internal-sftp' | sudo tee -a /etc/ssh/sshd_config && sudo systemctl reload ssh",
      cause,
    },
  );
}
