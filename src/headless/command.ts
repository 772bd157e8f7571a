// The command that sets off what is recorded: runs it, passes its output on, and keeps the end of that for the trace.
import { spawn } from "node:child_process";
import { mostOutput, type Trigger } from "../../protocol/trigger.ts";

/** A command that does not end when it is asked to is killed, ms. */
const killAfter = 5000;

export interface CommandOptions {
  readonly id: number;
  readonly argv: readonly string[];
  readonly signal: AbortSignal;
  readonly onOutput: (stream: "stdout" | "stderr", bytes: Uint8Array) => void;
}

/** Runs it to its end, or until the signal. One that cannot be started has no exit code, and says why on `stderr`. */
export async function runCommand({ id, argv, signal, onOutput }: CommandOptions): Promise<Trigger> {
  const at = Date.now();
  const [program = "", ...words] = argv;
  const child = spawn(program, words, { stdio: ["inherit", "pipe", "pipe"] });
  const kept = { stdout: new Tail(), stderr: new Tail() };
  for (const name of ["stdout", "stderr"] as const) {
    child[name].on("data", (chunk: Buffer) => {
      kept[name].add(chunk.toString("latin1"));
      onOutput(name, chunk);
    });
  }
  let timer: NodeJS.Timeout | undefined;
  const stop = (): void => {
    child.kill("SIGTERM");
    timer = setTimeout(() => child.kill("SIGKILL"), killAfter);
  };
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();
  let failed: string | undefined;
  const { code, by } = await new Promise<{ code?: number | null; by?: string | null }>((resolve) => {
    child.once("close", (exit, ended) => resolve({ code: exit, by: ended }));
    child.once("error", (error) => {
      failed = error.message;
      resolve({});
    });
  });
  signal.removeEventListener("abort", stop);
  clearTimeout(timer);
  const [stdout, stderr] = [kept.stdout.text, failed ?? kept.stderr.text];
  return {
    id,
    argv,
    at,
    ended: Date.now(),
    ...(typeof code === "number" ? { exit: code } : {}),
    ...(typeof by === "string" ? { signal: by } : {}),
    ...(stdout === "" ? {} : { stdout }),
    ...(stderr === "" ? {} : { stderr }),
    ...(kept.stdout.cut || kept.stderr.cut ? { cut: true } : {}),
  };
}

/** The last characters of an output. */
class Tail {
  #text = "";
  cut = false;

  add(bytes: string): void {
    this.#text += bytes;
    if (this.#text.length <= mostOutput) return;
    this.#text = this.#text.slice(-mostOutput);
    this.cut = true;
  }

  get text(): string {
    return Buffer.from(this.#text, "latin1").toString("utf8");
  }
}
