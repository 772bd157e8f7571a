// The process at the far end of a connection: on a VM through a command over SSH, on this machine the same command.
//
// Rules
// - The socket's holders may be several, where a fork inherited it: the oldest made the connection.
// - A socket of another user names no process unless we are root. Then the one Python of that user is it; of several, only
//   what they have in common is told, and no pid.
// - A process that was not found is undefined; a command that could not be run rejects with the DebugtapError of `run`.
import { randomBytes } from "node:crypto";
import { parseCgroup } from "../cgroup.ts";
import type { ProcessFacts } from "../process.ts";
import { connectionCommand, newlineMark, pidCommand } from "./process-script.ts";
import type { ExecOptions, ExecResult } from "./remote-exec.ts";

/** Runs a command of the host's shell; `exec` of a Tunnel, or `runLocal`. */
export type Run = (command: string, options: ExecOptions) => Promise<ExecResult>;

export interface LookupOptions {
  /** Environment variables to read; names that are no plain names are passed over. */
  readonly env?: readonly string[];
}

const timeoutMs = 2000;

/** Who connected from `srcPort` to `dstPort`, both ports on the host where `run` runs. */
export async function lookupProcess(
  run: Run,
  connection: { readonly srcPort: number; readonly dstPort: number },
  options: LookupOptions = {},
): Promise<ProcessFacts | undefined> {
  const { srcPort, dstPort } = connection;
  if (!isPort(srcPort) || !isPort(dstPort)) return undefined;
  const mark = newMark();
  const { stdout } = await run(connectionCommand(mark, srcPort, dstPort, options.env ?? []), { timeoutMs });
  return parseLookup(stdout, mark);
}

/** A process whose pid is known, from pydevd's thread id or DAP's `process` event. */
export async function lookupPid(run: Run, pid: number, options: LookupOptions = {}): Promise<ProcessFacts | undefined> {
  if (!Number.isSafeInteger(pid) || pid < 1) return undefined;
  const mark = newMark();
  const { stdout } = await run(pidCommand(mark, pid, options.env ?? []), { timeoutMs });
  return parseLookup(stdout, mark);
}

function newMark(): string {
  return `dt.${randomBytes(9).toString("hex")}`;
}

/** The facts in the output of one of the commands of process-script.ts; undefined when there are none. */
export function parseLookup(output: string, mark: string): ProcessFacts | undefined {
  const found: Map<string, string>[] = [];
  let socket: string | undefined;
  for (const part of output.split(`\n${mark} `).slice(1)) {
    const key = part.slice(0, part.indexOf("="));
    const value = part.slice(key.length + 1);
    if (key === "socket") socket = value;
    else if (key === "pid") found.push(new Map([[key, value]]));
    else found.at(-1)?.set(key, value);
  }
  const processes = found.flatMap((values) => processOf(values) ?? []);
  const [oldest] = processes.sort((a, b) => (a.started ?? 0) - (b.started ?? 0) || (a.pid ?? 0) - (b.pid ?? 0));
  if (socket === undefined || (processes.length === 1 && oldest !== undefined)) return oldest;
  return shared(socket, processes);
}

function processOf(values: ReadonlyMap<string, string>): ProcessFacts | undefined {
  const number = (key: string): number | undefined => integer(values.get(key));
  const pid = number("pid");
  if (pid === undefined) return undefined;
  const env = values.get("env");
  return known({
    pid,
    ppid: number("ppid"),
    argv: list(values.get("argv") ?? "", "\0"),
    cwd: path(values.get("cwd")),
    exe: path(values.get("exe")),
    ...parseCgroup(values.get("cgroup") ?? ""),
    user: userOf(values.get("passwd")),
    uid: number("uid"),
    env: env === undefined ? undefined : variables(env),
    started: number("started"),
    ancestors: [...(values.get("ancestors") ?? "").matchAll(/^(\d{1,10}):(\d{1,15})$/gm)].map(([, pid, started]) => ({
      pid: Number(pid),
      started: Number(started),
    })),
  });
}

/** What holds for each of the processes that could be at another user's socket: `UID NAME:x:UID:…`. */
function shared(socket: string, processes: readonly ProcessFacts[]): ProcessFacts {
  const [first, ...others] = processes;
  const common = <V>(of: (facts: ProcessFacts) => V): V | undefined =>
    first !== undefined && others.every((each) => JSON.stringify(of(each)) === JSON.stringify(of(first)))
      ? of(first)
      : undefined;
  return known({
    argv: common(({ argv }) => argv) ?? [],
    cgroup: common(({ cgroup }) => cgroup),
    unit: common(({ unit }) => unit),
    container: common(({ container }) => container),
    user: userOf(socket.slice(socket.indexOf(" ") + 1)),
    uid: integer(socket.slice(0, socket.indexOf(" "))),
  });
}

/** Without what is undefined. */
function known(facts: { readonly [K in keyof ProcessFacts]: ProcessFacts[K] | undefined }): ProcessFacts {
  const { argv = [], ...rest } = facts;
  return { argv, ...Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined)) };
}

function userOf(passwd: string | undefined): string | undefined {
  return /^(?:\d+ )?([^:\s]+):/.exec(passwd ?? "")?.[1];
}

/** Elements that each end with `end`; the last may have been cut off. */
function list(value: string, end: string): string[] {
  const text = value.endsWith(end) ? value.slice(0, -1) : value;
  return text === "" ? [] : text.split(end);
}

function variables(value: string): Record<string, string> {
  return Object.fromEntries(
    list(value, "\n").map((pair) => {
      const at = pair.indexOf("=");
      return [pair.slice(0, at), pair.slice(at + 1).replaceAll(newlineMark, "\n")];
    }),
  );
}

/** A link's target; the kernel marks one that was removed since. */
function path(value = ""): string | undefined {
  const target = value.replace(/\n$/, "").replace(/ \(deleted\)$/, "");
  return target === "" ? undefined : target;
}

function integer(text = ""): number | undefined {
  return /^\d{1,15}\n?$/.test(text) ? Number(text) : undefined;
}

function isPort(port: number): boolean {
  return Number.isSafeInteger(port) && port > 0 && port < 65_536;
}
