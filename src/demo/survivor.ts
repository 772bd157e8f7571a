// The demo's end of the pipe to the watcher (watcher.ts), which outlives a demo that is killed.
import { spawn, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";

const program = fileURLToPath(new URL("./watcher.js", import.meta.url));

export class Survivor {
  readonly #process: ChildProcess;
  readonly #closed: Promise<void>;

  /** Its group is its own, so that what ends the demo's group leaves it. */
  constructor() {
    this.#process = spawn(process.execPath, [program], { stdio: ["pipe", "ignore", "ignore"], detached: true });
    this.#process.stdin?.on("error", () => undefined); // without it the demo goes on all the same
    this.#closed = new Promise((resolve) => {
      this.#process.once("close", () => resolve()).once("error", () => resolve());
    });
  }

  /** To be ended (a pid, with all below it) or removed (a directory) if the demo dies; until the returned function is called. */
  add(kind: "pid" | "dir", what: number | string): () => void {
    this.#process.stdin?.write(`+${kind} ${what}\n`);
    return () => void this.#process.stdin?.write(`-${kind} ${what}\n`);
  }

  /** Ends whatever has not been taken off. */
  async close(): Promise<void> {
    this.#process.stdin?.end();
    await this.#closed;
  }
}
