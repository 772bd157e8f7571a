// How every verb writes: text or JSON lines to stdout, errors by their format, and a quiet end when the reader leaves.
import { asDebugtapError } from "../../protocol/errors.ts";

let onClosed: () => void = () => process.exit();

/** Called once by main: `debugtap show … | head` ends quietly when head has enough. */
export function guardOutput(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE") throw error;
      onClosed();
    });
  }
}

/** What to do when the reader of stdout is gone, in place of ending at once: `up` stops its relay in order first. */
export function whenOutputCloses(action: () => void): void {
  onClosed = action;
}

/** One line, or several, of text to stdout. */
export function printLine(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** One value as one line of JSON to stdout. */
export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

/** Prints what was thrown, as text to stderr or as JSON to stdout, and sets the exit code that its code has. */
export function printError(thrown: unknown, { json }: { json: boolean }): void {
  const error = asDebugtapError(thrown);
  process.exitCode = error.exit;
  if (json) printJson({ error });
  else process.stderr.write(`${error.format()}\n`);
}
