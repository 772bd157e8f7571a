// Who holds a TCP port on this machine, for the message of DT_PORT_IN_USE.
//
// Rules
// - Linux only: /proc/net/tcp{,6} gives the socket's inode, /proc/PID/fd/* links name it. Elsewhere, or without the right
//   to look, the answer is undefined: it is only ever part of an explanation.
//
//   sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode …      (state 0A = listening, port in hex)
import { readFile, readdir, readlink } from "node:fs/promises";

export interface PortOwner {
  readonly pid: number;
  readonly name: string;
}

/** The process that listens on `port` of any local address. */
export async function portOwner(port: number): Promise<PortOwner | undefined> {
  const inodes = new Set([...(await listening("/proc/net/tcp", port)), ...(await listening("/proc/net/tcp6", port))]);
  if (inodes.size === 0) return undefined;
  for (const pid of await list("/proc")) {
    if (!/^\d+$/.test(pid)) continue;
    for (const fd of await list(`/proc/${pid}/fd`)) {
      const link = await readlink(`/proc/${pid}/fd/${fd}`).catch(() => "");
      const inode = /^socket:\[(\d+)\]$/.exec(link)?.[1];
      if (inode !== undefined && inodes.has(inode)) return { pid: Number(pid), name: await nameOf(pid) };
    }
  }
  return undefined;
}

async function listening(file: string, port: number): Promise<string[]> {
  const text = await readFile(file, "utf8").catch(() => "");
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  return text.split("\n").flatMap((line) => {
    const [, local, , state, , , , , , inode] = line.trim().split(/\s+/);
    return local?.endsWith(suffix) === true && state === "0A" && inode !== undefined ? [inode] : [];
  });
}

async function nameOf(pid: string): Promise<string> {
  const comm = await readFile(`/proc/${pid}/comm`, "utf8").catch(() => "");
  return comm.trim() || "?";
}

async function list(dir: string): Promise<string[]> {
  return await readdir(dir).catch(() => []);
}
