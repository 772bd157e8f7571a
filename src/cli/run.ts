// Runs a relay in the foreground until it is told to stop: what `up` and `relay` share.
//
// On a terminal the board is drawn live; otherwise one plain line an event; with --json one event a line. Ctrl-C stops in
// order (waiting debuggees are released, the trace is completed); a second Ctrl-C ends at once.
import { asDebugtapError } from "../../protocol/errors.ts";
import type { RelayEvent } from "../../protocol/control.ts";
import type { Config } from "../config.ts";
import { startControl } from "../control/server.ts";
import { Relay } from "../relay.ts";
import { eventLine, LiveBoard } from "./board.ts";
import { writeJson, writeLine } from "./output.ts";
import { promptOnTerminal } from "./prompt.ts";
import { version } from "./version.ts";

export interface RunOptions {
  readonly config: Config;
  /** The trace's own directory; absent = a new one where the configuration says. */
  readonly traceDir?: string;
  readonly json: boolean;
}

/** Resolves when the relay has stopped; rejects with the error that kept it from starting. */
export async function runRelay({ config, traceDir, json }: RunOptions): Promise<void> {
  const live = !json && process.stdout.isTTY;
  const tell = (event: RelayEvent): void => {
    if (json) writeJson(event);
    else if (!live) {
      const line = eventLine(event);
      if (line !== undefined) writeLine(line);
    }
  };
  const prompt = promptOnTerminal();
  const relay = new Relay({
    config,
    version,
    onEvent: tell,
    ...(traceDir === undefined ? {} : { traceDir }),
    ...(prompt === undefined ? {} : { prompt }),
  });
  const told = stopSignal();
  try {
    await Promise.race([relay.start(), told]);
    const control = await startControl({ view: () => relay.view(), stop: () => process.emit("SIGTERM") });
    const board = live ? new LiveBoard({ view: () => relay.view() }) : undefined;
    board?.start();
    await told;
    board?.stop();
    await control.close();
  } finally {
    await relay.stop();
  }
}

/** Resolves at the first SIGINT or SIGTERM; the second ends the process. */
function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    let count = 0;
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      process.on(signal, () => {
        count += 1;
        if (count > 1) process.exit(130);
        resolve();
      });
    }
  });
}

/** An error of the relay's own that nobody caught is told and does not end the sessions. */
export function surviveDefects(onDefect: (text: string) => void): void {
  process.on("uncaughtException", (thrown) => onDefect(asDebugtapError(thrown).format()));
  process.on("unhandledRejection", (thrown) => onDefect(asDebugtapError(thrown).format()));
}
