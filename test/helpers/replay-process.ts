// `debugtap replay` as a child process, its events as they come.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Test } from "tap";
import { program } from "./relay-process.ts";

export interface ReplayProcess {
  /** The next event of that type. */
  next(type: string): Promise<Record<string, unknown>>;
  type(line: string): void;
  /** By a signal; the exit code. */
  end(signal: NodeJS.Signals): Promise<number | null>;
}

export function startReplay(t: Test, ...args: string[]): ReplayProcess {
  const replay = spawn(process.execPath, [program, "replay", ...args, "--json"], {
    env: { ...process.env, NODE_OPTIONS: "" },
    stdio: ["pipe", "pipe", "pipe"],
  });
  t.teardown(() => replay.kill("SIGKILL"));
  const events: Record<string, unknown>[] = [];
  let wake = (): void => undefined;
  let stderr = "";
  replay.stderr.on("data", (text: Buffer) => (stderr += text.toString()));
  createInterface({ input: replay.stdout }).on("line", (line) => {
    events.push(JSON.parse(line) as Record<string, unknown>);
    wake();
  });
  const ended = once(replay, "close") as Promise<[number | null]>;
  void ended.then(() => wake());
  return {
    next: async (type) => {
      for (;;) {
        const at = events.findIndex((event) => event["type"] === type);
        if (at >= 0) return events.splice(at, 1)[0] ?? {};
        if (replay.exitCode !== null) throw new Error(`the replay ended without ${type}\n${stderr}`);
        await new Promise<void>((resolve) => (wake = resolve));
      }
    },
    type: (line) => void replay.stdin.write(`${line}\n`),
    end: async (signal) => {
      replay.kill(signal);
      return (await ended)[0];
    },
  };
}
