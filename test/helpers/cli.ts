// Command lines run one after the other in one process, each as if it were alone: a start costs a second on a busy machine.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

export interface CliRun {
  readonly stdout: string;
  readonly stderr: string;
  readonly status: number;
}

const script = `
  import { createInterface } from "node:readline";
  import { main } from ${JSON.stringify(new URL("../../src/cli/main.js", import.meta.url).href)};
  const streams = ["stdout", "stderr"].map((name) => [name, process[name], process[name].write]);
  for await (const line of createInterface(process.stdin)) {
    const run = { stdout: "", stderr: "" };
    for (const [name, stream] of streams) stream.write = (text) => (run[name] += text, true);
    process.exitCode = 0;
    await main(JSON.parse(line));
    for (const [, stream, write] of streams) stream.removeAllListeners("error").write = write;
    process.stdout.write(JSON.stringify({ ...run, status: process.exitCode }) + "\\n");
    process.exitCode = 0;
  }`;

/** The program; it ends with the test. */
export function startCli(
  t: { teardown(action: () => void): void },
  more: NodeJS.ProcessEnv = {},
): (...words: string[]) => Promise<CliRun> {
  const env = { ...process.env, NO_COLOR: "1", NODE_OPTIONS: "", ...more };
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
    env,
    stdio: ["pipe", "pipe", "inherit"],
  });
  t.teardown(() => child.kill("SIGKILL"));
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  return async (...words) => {
    child.stdin.write(`${JSON.stringify(words)}\n`);
    const run: CliRun = JSON.parse(String((await lines.next()).value));
    return run;
  };
}
