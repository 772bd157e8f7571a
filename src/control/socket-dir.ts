// Where running relays can be found: one Unix socket each, `<pid>.sock`, in a directory that only this user can enter.
//
// Rules
// - The directory is $XDG_RUNTIME_DIR/debugtap, or debugtap-<uid> in the temporary directory; it must be ours and mode 0700,
//   for whoever could put a socket there could answer in our place.
// - A socket whose process is gone is removed by whoever comes next.
import { readFileSync } from "node:fs";
import { lstat, mkdir, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DebugtapError } from "../../protocol/errors.ts";

export interface RelaySocket {
  readonly pid: number;
  readonly path: string;
}

export function defaultSocketDir(): string {
  const runtime = process.env["XDG_RUNTIME_DIR"];
  return runtime === undefined || runtime === ""
    ? join(tmpdir(), `debugtap-${process.getuid?.() ?? 0}`)
    : join(runtime, "debugtap");
}

/** Longer paths of sockets are cut by the system, without a word. */
const longestPath = process.platform === "darwin" ? 103 : 107;

/** Throws DT_CONTROL_SOCKET if the path is too long for a socket. */
export function socketPath(dir: string, pid: number): string {
  const path = join(dir, `${pid}.sock`);
  if (Buffer.byteLength(path) <= longestPath) return path;
  const why = `the path of a socket has at most ${longestPath} bytes`;
  throw new DebugtapError("DT_CONTROL_SOCKET", `cannot listen on ${path}`, {
    why,
    fix: "export XDG_RUNTIME_DIR=$HOME/.cache",
  });
}

/** Makes the directory if it is missing. Throws DT_CONTROL_SOCKET when it cannot be trusted. */
export async function ensureSocketDir(dir: string): Promise<void> {
  try {
    await mkdir(dir, { recursive: true, mode: 0o700 });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new DebugtapError("DT_CONTROL_SOCKET", `${dir} cannot be made`, {
      why,
      fix: "export XDG_RUNTIME_DIR=$HOME/.cache",
      cause,
    });
  }
  await checkSocketDir(dir);
}

/** The sockets of processes that live; those of dead ones are removed. Empty if there is no directory. */
export async function relaySockets(dir: string): Promise<RelaySocket[]> {
  const names = await readdir(dir).catch(() => undefined);
  if (names === undefined) return [];
  await checkSocketDir(dir);
  const sockets: RelaySocket[] = [];
  for (const name of names) {
    const pid = Number(/^(\d{1,10})\.sock$/.exec(name)?.[1]);
    if (Number.isNaN(pid)) continue;
    const path = join(dir, name);
    if (isAlive(pid)) sockets.push({ pid, path });
    else await rm(path, { force: true }).catch(() => undefined);
  }
  return sockets.sort((a, b) => a.pid - b.pid);
}

/** Whether a process with this id runs, ours or not. One that ended and was not yet collected by its parent does not. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
  return !isZombie(pid);
}

/** By /proc, where there is one: in containers nobody may collect. `4242 (node) Z 1 …` */
function isZombie(pid: number): boolean {
  try {
    return /^\d+ \(.*\) Z /s.test(readFileSync(`/proc/${pid}/stat`, "latin1"));
  } catch {
    return false;
  }
}

async function checkSocketDir(dir: string): Promise<void> {
  const { mode, uid, isDirectory } = await lstat(dir).then((stats) => ({
    mode: stats.mode,
    uid: stats.uid,
    isDirectory: stats.isDirectory(),
  }));
  const own = process.getuid?.() ?? uid;
  const why = !isDirectory
    ? "it is no directory"
    : uid !== own
      ? `it belongs to user ${uid}`
      : (mode & 0o077) !== 0
        ? `its mode is ${(mode & 0o777).toString(8)}, so others can enter it`
        : undefined;
  if (why === undefined) return;
  const fix = isDirectory && uid === own ? `chmod 700 ${dir}` : "export XDG_RUNTIME_DIR=$HOME/.cache";
  throw new DebugtapError("DT_CONTROL_SOCKET", `${dir} cannot be trusted`, { why, fix });
}
