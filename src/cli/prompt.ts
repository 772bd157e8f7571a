// Asks a question on the terminal; what is secret is not shown. Undefined where there is no terminal to ask on.
import { createInterface } from "node:readline/promises";
import { Writable } from "node:stream";

export type Prompt = (question: string, options: { secret: boolean }) => Promise<string | undefined>;

/** The prompt of this terminal. An empty answer, or Ctrl-D, is undefined. */
export function promptOnTerminal(): Prompt | undefined {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return undefined;
  return async (question, { secret }) => {
    process.stderr.write(question);
    const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
    const input = createInterface({ input: process.stdin, output: secret ? silent : process.stderr, terminal: true });
    try {
      const answer = await new Promise<string>((resolve) => {
        input.once("line", resolve);
        input.once("close", () => resolve(""));
      });
      return answer === "" ? undefined : answer;
    } finally {
      input.close();
      if (secret) process.stderr.write("\n");
    }
  };
}
