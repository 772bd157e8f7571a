// Commands on this machine, as ExecQueue runs them on a VM: short ones, whose output is a few lines.
//
// Rules
// - What takes too long is ended with all that it started, which else would hold the output open.
import { spawn } from "node:child_process";
import { collect } from "./remote-exec.ts";
import type { ExecOptions, ExecResult } from "./remote-exec.ts";
import { ignore } from "./tcp.ts";

const defaultTimeoutMs = 10_000;

/** Never rejects: a command that cannot be run, or did not end in time, has no code. */
export async function runLocal(command: string, options: ExecOptions = {}): Promise<ExecResult> {
  return await new Promise((resolve) => {
    const child = spawn("sh", ["-c", command], { stdio: ["pipe", "pipe", "pipe"], detached: true });
    const stop = (): void => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
      } catch {
        // it has just ended
      }
    };
    const timer = setTimeout(stop, options.timeoutMs ?? defaultTimeoutMs);
    const stdout = collect(child.stdout);
    const stderr = collect(child.stderr);
    child.on("error", ignore);
    child.stdin.on("error", ignore).end(options.input); // a command may end before it has read all
    child.on("close", (code) => {
      clearTimeout(timer);
      resolve({ code: code === null || code < 0 ? undefined : code, stdout: stdout(), stderr: stderr() });
    });
  });
}
