// `debugtap record` as a child process, its events as they come.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Test } from "tap";
import type { Hit } from "../../protocol/hit.ts";
import type { Trigger } from "../../protocol/trigger.ts";
import type { RecordingEvent } from "../../src/headless/recording.ts";
import type { BreakpointTally } from "../../src/headless/tally.ts";
import { python, type Running } from "./processes.ts";
import { program } from "./relay-process.ts";

interface Result {
  readonly type: "result";
  readonly trace: string;
  readonly hits: number;
  readonly breakpoints: readonly BreakpointTally[];
  readonly trigger?: Trigger;
}
type Said =
  | RecordingEvent
  | Result
  | { readonly type?: undefined; readonly error: { code: string; why?: string; fix?: string } };

export interface Recorder {
  readonly said: Said[];
  /** The first that is accepted, past or to come; rejects when the program ends without it. */
  until(accepts: (said: Said) => boolean): Promise<Said>;
  readonly exit: Promise<number | null>;
  stop(signal?: NodeJS.Signals): void;
  stderr(): string;
  readonly hits: readonly Hit[];
  readonly result: Result;
  readonly error: { code: string; why?: string; fix?: string } | undefined;
  /** The bound port of the service is open: its debuggee may come. */
  listening(): Promise<unknown>;
}

export function record(t: Test, args: readonly string[], command: readonly string[] = []): Recorder {
  const state = mkdtempSync(join(tmpdir(), "debugtap-test-"));
  const behind = command.length === 0 ? [] : ["--", ...command];
  const child = spawn(process.execPath, [program, "record", "--json", ...args, ...behind], {
    env: { ...process.env, NODE_OPTIONS: "", XDG_STATE_HOME: state },
    stdio: ["ignore", "pipe", "pipe"],
  });
  t.teardown(async () => {
    child.kill("SIGKILL");
    await exit;
    rmSync(state, { recursive: true, force: true });
  });
  const said: Said[] = [];
  const watchers = new Set<() => void>();
  let stderr = "";
  let ended = false;
  child.stderr.on("data", (text: Buffer) => (stderr += text.toString()));
  const wake = (): void => {
    for (const watcher of watchers) watcher();
  };
  createInterface({ input: child.stdout }).on("line", (line) => {
    said.push(JSON.parse(line) as Said);
    wake();
  });
  const exit = once(child, "close").then(([code]) => {
    ended = true;
    wake();
    return code as number | null;
  });
  const until = (accepts: (said: Said) => boolean): Promise<Said> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const found = said.find((each) => accepts(each));
        if (found === undefined && !ended) return;
        watchers.delete(look);
        if (found === undefined) reject(new Error(`record ended\n${stderr}\n${JSON.stringify(said.slice(-5))}`));
        else resolve(found);
      };
      watchers.add(look);
      look();
    });
  return {
    said,
    until,
    exit,
    stop: (signal = "SIGINT") => child.kill(signal),
    stderr: () => stderr,
    get hits() {
      return said.flatMap((each) => (each.type === "hit" ? [each.hit] : []));
    },
    get result() {
      return said.find((each) => each.type === "result") as Result;
    },
    get error() {
      return said.find(
        (each): each is Extract<Said, { error: unknown }> & { type?: undefined } => each.type === undefined,
      )?.error;
    },
    listening: () =>
      until(
        (each) => each.type === "relay" && each.event.type === "service" && each.event.service.state === "listening",
      ),
  };
}

export function start(t: Test, name: string, ...args: string[]): Running {
  const running = python(name, ...args);
  t.teardown(() => running.child.kill("SIGKILL"));
  return running;
}
