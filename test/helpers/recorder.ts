// `debugtap record` and `debugtap again` as child processes, its events as they come.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Test } from "tap";
import type { Hit } from "../../protocol/hit.ts";
import type { Trigger } from "../../protocol/trigger.ts";
import type { AgainEvent } from "../../src/again/again.ts";
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
export interface Recurred {
  readonly type: "result";
  readonly trace: string;
  readonly recorded: number;
  readonly recurring: readonly (readonly [recorded: number, now: number])[];
  readonly differing: readonly object[];
  readonly missing: readonly object[];
  readonly extra: readonly object[];
}
type Said<R> =
  | AgainEvent
  | R
  | { readonly type: "plan" }
  | { readonly type?: undefined; readonly error: { code: string; why?: string; fix?: string } };

export interface Recorder<R = Result> {
  readonly said: Said<R>[];
  /** The first that is accepted, past or to come; rejects when the program ends without it. */
  until(accepts: (said: Said<R>) => boolean): Promise<Said<R>>;
  readonly exit: Promise<number | null>;
  stop(signal?: NodeJS.Signals): void;
  stderr(): string;
  readonly hits: readonly Hit[];
  readonly result: R;
  readonly error: { code: string; why?: string; fix?: string } | undefined;
  /** The bound port of the service is open: its debuggee may come. */
  listening(): Promise<unknown>;
}

export function record(t: Test, args: readonly string[], command: readonly string[] = []): Recorder {
  return runVerb<Result>(t, ["record", "--json", ...args, ...(command.length === 0 ? [] : ["--", ...command])], {});
}

export function again(t: Test, args: readonly string[], env: NodeJS.ProcessEnv = {}): Recorder<Recurred> {
  return runVerb<Recurred>(t, ["again", "--json", ...args], env);
}

function runVerb<R extends { readonly type: "result" }>(
  t: Test,
  words: readonly string[],
  env: NodeJS.ProcessEnv,
): Recorder<R> {
  const state = mkdtempSync(join(tmpdir(), "debugtap-test-"));
  const child = spawn(process.execPath, [program, ...words], {
    env: { ...process.env, NODE_OPTIONS: "", XDG_STATE_HOME: state, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  t.teardown(async () => {
    child.kill("SIGKILL");
    await exit;
    rmSync(state, { recursive: true, force: true });
  });
  const said: Said<R>[] = [];
  const watchers = new Set<() => void>();
  let stderr = "";
  let ended = false;
  child.stderr.on("data", (text: Buffer) => (stderr += text.toString()));
  const wake = (): void => {
    for (const watcher of watchers) watcher();
  };
  createInterface({ input: child.stdout }).on("line", (line) => {
    said.push(JSON.parse(line) as Said<R>);
    wake();
  });
  const exit = once(child, "close").then(([code]) => {
    ended = true;
    wake();
    return code as number | null;
  });
  const until = (accepts: (said: Said<R>) => boolean): Promise<Said<R>> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const found = said.find((each) => accepts(each));
        if (found === undefined && !ended) return;
        watchers.delete(look);
        if (found === undefined) reject(new Error(`${words[0]} ended\n${stderr}\n${JSON.stringify(said.slice(-5))}`));
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
      return said.find((each) => each.type === "result") as R;
    },
    get error() {
      return said.find(
        (each): each is Extract<Said<R>, { error: unknown }> & { type?: undefined } => each.type === undefined,
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
