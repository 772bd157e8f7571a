// `debugtap replay` as a child process, its events as they come.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Test } from "tap";
import { program } from "./relay-process.ts";

const env = { ...process.env, NODE_OPTIONS: "" };

export interface ReplayProcess {
  /** The next event of that type. */
  next(type: string): Promise<Record<string, unknown>>;
  type(line: string): void;
  /** Resolves when it has ended, with its exit code. */
  readonly ended: Promise<number | null>;
  stderr(): string;
  /** By a signal; the exit code. */
  end(signal: NodeJS.Signals): Promise<number | null>;
}

export function startReplay(t: Test, ...args: string[]): ReplayProcess {
  const replay = spawn(process.execPath, [program, "replay", ...args, "--json"], {
    env,
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
  const ended = (async () => {
    const [code] = (await once(replay, "close")) as [number | null];
    wake();
    return code;
  })();
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
    ended,
    stderr: () => stderr,
    end: (signal) => {
      replay.kill(signal);
      return ended;
    },
  };
}
