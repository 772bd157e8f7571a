// Everything below a process, also what has left its group and its session, as sshd's children do.
import { readFileSync, readdirSync } from "node:fs";

/** Reads all of /proc, and meanwhile nothing else happens here: about 10 ms for 300 processes, more on a busy machine. */
export function descendants(root: number): number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const parent = parentOf(name);
    if (parent !== undefined) children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  const found: number[] = [];
  const queue = [root];
  for (let pid = queue.pop(); pid !== undefined; pid = queue.pop()) {
    const below = children.get(pid) ?? [];
    found.push(...below);
    queue.push(...below);
  }
  return found;
}

/** Ends it and everything below it. It is stopped first, so that it starts nothing meanwhile. */
export function killTree(root: number): void {
  signal(root, "SIGSTOP");
  for (const pid of descendants(root)) signal(pid, "SIGKILL");
  signal(root, "SIGKILL");
}

/** `pid (comm) state ppid …`: comm may hold spaces and parentheses, so count from the last `)`. */
function parentOf(pid: string): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
  } catch {
    return undefined; // it ended meanwhile
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // it ended meanwhile
  }
}
