// Where the board of a running debugtap is, with its token: `<pid>.board` beside the control sockets, for this user's eyes only.
//
// Rules
// - The file is made anew with mode 0600, never written over: who had the name before has not this token.
// - A file whose process is gone is removed by whoever looks.
import { randomBytes } from "node:crypto";
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseJson, member } from "../../protocol/json.ts";
import { defaultSocketDir, ensureSocketDir, isAlive } from "./socket-dir.ts";

/** A board that can be opened. */
export interface FoundBoard {
  readonly pid: number;
  /** With the token: `http://127.0.0.1:5700/?token=…`. */
  readonly address: string;
  /** It shows files only. */
  readonly files: boolean;
}

/** 256 bits. */
export function newToken(): string {
  return randomBytes(32).toString("base64url");
}

/** Says where this process's board is; gives the path. Rejects with DT_CONTROL_SOCKET, or what the file system says. */
export async function writeBoardFile(
  board: Omit<FoundBoard, "pid">,
  dir: string = defaultSocketDir(),
): Promise<string> {
  await ensureSocketDir(dir);
  const path = join(dir, `${process.pid}.board`);
  await rm(path, { force: true });
  await writeFile(path, `${JSON.stringify(board)}\n`, { mode: 0o600, flag: "wx" });
  return path;
}

/** The boards of this user, by process id. */
export async function findBoards(dir: string = defaultSocketDir()): Promise<FoundBoard[]> {
  const names = await readdir(dir).catch(() => []);
  const found: FoundBoard[] = [];
  for (const name of names) {
    const pid = Number(/^(\d+)\.board$/.exec(name)?.[1]);
    if (!Number.isSafeInteger(pid)) continue;
    const path = join(dir, name);
    if (!isAlive(pid)) await rm(path, { force: true });
    else {
      const said = parseJson(await readFile(path).catch(() => new Uint8Array(0)));
      const address = member(said, "address");
      if (typeof address === "string") found.push({ pid, address, files: member(said, "files") === true });
    }
  }
  return found.sort((a, b) => a.pid - b.pid);
}
