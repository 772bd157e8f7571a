// A child process of the bench, and what the kernel says of it.
import { spawn, type ChildProcessByStdio } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import type { Readable, Writable } from "node:stream";

const outputLimit = 16 * 1024;
const stopWithinMs = 5000;

export class Program {
  readonly pid: number;
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #line: string;
  #output = "";

  constructor(command: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    this.#line = [command, ...args].join(" ");
    this.#child = spawn(command, args, { stdio: ["pipe", "pipe", "pipe"], env: { ...process.env, ...env } });
    this.pid = this.#child.pid ?? 0;
    this.#child.on("error", (error) => this.#keep(error.message));
    this.#child.stdin.on("error", () => undefined);
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream.setEncoding("utf8").on("data", (text: string) => this.#keep(text));
  }

  /** Throws when it has ended, with what it said. */
  check(): void {
    const { exitCode, signalCode, pid } = this.#child;
    if (exitCode === null && signalCode === null && pid !== undefined) return;
    throw new Error(`this ended: ${this.#line}\n${this.#output}`);
  }

  /** The first line of its output. */
  async firstLine(): Promise<string> {
    while (!this.#output.includes("\n")) {
      this.check();
      await Promise.race([once(this.#child.stdout, "data"), once(this.#child, "close")]);
    }
    return this.#output.slice(0, this.#output.indexOf("\n"));
  }

  async stop(): Promise<void> {
    if (this.#child.pid === undefined || this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, "exit");
    this.#child.stdin.end();
    this.#child.kill("SIGTERM");
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), stopWithinMs);
    await exited;
    clearTimeout(timer);
  }

  #keep(text: string): void {
    this.#output = (this.#output + text).slice(-outputLimit);
  }
}

/** CPU that the main thread of a process has used, microseconds; 0 for no process. */
export function cpuOfMainThread(pid: number | undefined): number {
  if (pid === undefined) return 0;
  return Number(readFileSync(`/proc/${pid}/task/${pid}/schedstat`, "utf8").split(" ")[0]) / 1000;
}

/** CPU that all threads of a process have used, those that still run, microseconds. */
export function cpuOfProcess(pid: number): number {
  const ofThread = (thread: string): number => {
    const text = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8");
    return Number(text.split(" ")[0]) / 1000;
  };
  return readdirSync(`/proc/${pid}/task`).reduce((sum, thread) => sum + ofThread(thread), 0);
}

/** Resident memory of a process, MB. */
export function residentMemory(pid: number): number {
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return (Number(kilobytes) * 1024) / 1e6;
}
