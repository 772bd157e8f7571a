// The processes of a demo, and waiting for what they say.
//
// Rules
// - Waiting is looking: `until` looks again after every line that any process prints, so nothing sleeps and nothing is missed.
// - A process that ends while nobody stopped it ends the wait with an error that shows the last lines of its log.
// - Each process has a process group of its own, so that Ctrl-C reaches the demo alone and everything is ended in order.
// - `close` undoes everything, last first; a process that does not end in time is killed.
// - What is started or made is told to a watcher (survivor.ts), which ends and removes it when the demo is killed.
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { rm } from "node:fs/promises";
import { createInterface } from "node:readline";
import { asDebugtapError, DebugtapError } from "../../protocol/errors.ts";
import { Survivor } from "./survivor.ts";

const logLines = 400;
const tailLines = 15;
const graceMs = 5_000;

export interface Launch {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Every line of stdout; stderr goes to the log. */
  readonly onLine?: (line: string) => void;
  /** What asks it to end: a signal, or the end of its stdin. */
  readonly end: "SIGINT" | "SIGTERM" | "stdin";
}

export class Child {
  readonly name: string;
  readonly #process: ChildProcess;
  readonly #end: Launch["end"];
  readonly #log: string[] = [];
  readonly #closed: Promise<void>;
  #ending = false;
  #ended: string | undefined;

  constructor(launch: Launch, changed: () => void) {
    this.name = launch.name;
    this.#end = launch.end;
    this.#process = spawn(launch.command, launch.args, { stdio: ["pipe", "pipe", "pipe"], detached: true });
    this.#process.stdin?.on("error", () => undefined); // it ended first
    this.#follow(this.#process.stdout, (line) => {
      this.#hear(line, launch.onLine);
      changed();
    });
    this.#follow(this.#process.stderr, (line) => {
      this.#note(line);
      changed();
    });
    this.#closed = new Promise((resolve) => {
      const over = (how: string): void => {
        this.#ended ??= how;
        changed();
        resolve();
      };
      this.#process.once("error", (error) => over(`could not be started: ${error.message}`));
      this.#process.once("close", (code, signal) => over(`ended with ${signal ?? `exit code ${code}`}`));
    });
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  /** Resolves when it has ended. */
  get closed(): Promise<void> {
    return this.#closed;
  }

  /** True once a line of its log holds `text`. */
  said(text: string): boolean {
    return this.#log.some((line) => line.includes(text));
  }

  /** The last lines of its log. */
  tail(): string {
    return this.#log.length === 0 ? "(it has logged nothing)" : this.#log.slice(-tailLines).join("\n");
  }

  /** How it ended, when it was not asked to. */
  get fell(): string | undefined {
    return this.#ending ? undefined : this.#ended;
  }

  /** Resolves when it has ended by itself, as it was to do. Rejects as `until`. */
  async finished(stage: Stage): Promise<void> {
    this.#ending = true;
    await stage.until(`${this.name} had ended`, () => this.#ended);
  }

  async stop(): Promise<void> {
    this.#ending = true;
    if (this.#ended === undefined) {
      this.#process.stdin?.end();
      if (this.#end !== "stdin") this.#process.kill(this.#end);
    }
    const killer = setTimeout(() => this.#process.kill("SIGKILL"), graceMs);
    await this.#closed;
    clearTimeout(killer);
  }

  /** A line that cannot be read goes to the log; it must not end the demo with processes still running. */
  #hear(line: string, onLine: Launch["onLine"]): void {
    try {
      if (onLine === undefined) this.#note(line);
      else onLine(line);
    } catch {
      this.#note(`unreadable: ${line}`);
    }
  }

  #note(line: string): void {
    this.#log.push(line);
    if (this.#log.length > logLines) this.#log.shift();
  }

  #follow(stream: ChildProcess["stdout"], onLine: (line: string) => void): void {
    if (stream !== null) createInterface({ input: stream }).on("line", onLine);
  }
}

export class Stage {
  readonly signal: AbortSignal;
  readonly #children: Child[] = [];
  readonly #undo: (() => Promise<void>)[] = [];
  readonly #waiting = new Set<() => void>();
  #survivor: Survivor | undefined;

  /** `signal` ends every wait; its reason is what the wait is rejected with. */
  constructor(signal: AbortSignal) {
    this.signal = signal;
  }

  start(launch: Launch): Child {
    this.signal.throwIfAborted();
    const child = new Child(launch, () => this.#changed());
    this.#children.push(child);
    this.defer(() => child.stop());
    if (child.pid !== undefined) void child.closed.then(this.bequeath("pid", child.pid));
    return child;
  }

  /** To be ended or removed if the demo dies before the returned function is called. */
  bequeath(kind: "pid" | "dir", what: number | string): () => void {
    this.#survivor ??= new Survivor();
    return this.#survivor.add(kind, what);
  }

  /** A directory that {@link close}, or the watcher, removes. */
  deferRemoval(dir: string): void {
    const removed = this.bequeath("dir", dir);
    this.defer(async () => {
      await rm(dir, { recursive: true, force: true });
      removed();
    });
  }

  /** `undo` is run by {@link close}. */
  defer(undo: () => Promise<void>): void {
    this.#undo.push(undo);
  }

  /**
   * Resolves with the first value that `look` gives.
   * @throws DT_DEMO_FAILED when it takes too long or a process has ended, the signal's reason, and what `look` throws.
   */
  async until<T>(what: string, look: () => T | undefined, limitMs = 60_000): Promise<T> {
    return await new Promise<T>((resolve, reject) => {
      let late = false;
      const settle = (act: () => void): void => {
        clearTimeout(timer);
        this.#waiting.delete(again);
        this.signal.removeEventListener("abort", again);
        act();
      };
      const again = (): void => {
        try {
          this.signal.throwIfAborted();
          const found = look();
          if (found !== undefined) return settle(() => resolve(found));
          this.#check(what);
          if (late) throw new DebugtapError("DT_DEMO_FAILED", `waited ${limitMs / 1000} s in vain until ${what}`);
        } catch (error) {
          settle(() => reject(error instanceof Error ? error : asDebugtapError(error)));
        }
      };
      const timer = setTimeout(() => {
        late = true;
        again();
      }, limitMs);
      this.#waiting.add(again);
      this.signal.addEventListener("abort", again);
      again();
    });
  }

  /** Runs a program to its end and gives its stdout. @throws DT_DEMO_FAILED */
  async run(name: string, command: string, args: readonly string[], input?: Uint8Array): Promise<Buffer> {
    const child = spawn(command, args, { stdio: ["pipe", "pipe", "pipe"], signal: this.signal, detached: true });
    const stdout: Buffer[] = [];
    let stderr = "";
    child.stdout.on("data", (chunk: Buffer) => stdout.push(chunk));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    child.stdin.on("error", () => undefined);
    child.stdin.end(input);
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", resolve);
    }).catch((error: unknown) => {
      this.signal.throwIfAborted();
      throw new DebugtapError("DT_DEMO_FAILED", `${name} could not be run`, { why: String(error), cause: error });
    });
    if (code !== 0)
      throw new DebugtapError("DT_DEMO_FAILED", `${name} ended with exit code ${code}`, { why: stderr.trim() });
    return Buffer.concat(stdout);
  }

  /** Undoes everything, last first. What fails does not keep the rest from being undone. */
  async close(): Promise<void> {
    for (let undo = this.#undo.pop(); undo !== undefined; undo = this.#undo.pop()) await undo().catch(() => undefined);
    await this.#survivor?.close();
  }

  #changed(): void {
    for (const again of this.#waiting) again();
  }

  #check(what: string): void {
    const fallen = this.#children.find((child) => child.fell !== undefined);
    if (fallen === undefined) return;
    throw new DebugtapError("DT_DEMO_FAILED", `${fallen.name} ${fallen.fell} before ${what}`, { why: fallen.tail() });
  }
}
