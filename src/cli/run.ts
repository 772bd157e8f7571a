// Runs a relay in the foreground until it is told to stop: what `up` and `relay` share.
//
// Rules
// - On a terminal the board is drawn live; otherwise one plain line an event; with --json one event a line.
// - Ctrl-C, SIGTERM, `debugtap down` and a reader of stdout that has left all stop it in order: waiting debuggees are released,
//   the trace is completed. A second signal ends it at once.
// - A defect of ours is told, and the sessions go on.
import { asDebugtapError } from "../../protocol/errors.ts";
import type { RelayEvent } from "../../protocol/control.ts";
import type { Config } from "../config.ts";
import { startControl } from "../control/server.ts";
import { Relay } from "../relay.ts";
import { eventLine } from "./event-line.ts";
import { LiveBoard } from "./live-board.ts";
import { printJson, printLine, whenOutputCloses } from "./output.ts";
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
  const terminal = process.stdout.isTTY && !json;
  const board: LiveBoard | undefined = terminal
    ? new LiveBoard({
        view: () => relay.view(),
        terminal: process.stdout,
        color: process.env["NO_COLOR"] === undefined,
      })
    : undefined;
  const prompt = promptOnTerminal();
  const relay = new Relay({
    config,
    version: version(),
    onEvent: (event) => {
      if (board === undefined) print(event, json);
      else board.refresh();
    },
    ...(traceDir === undefined ? {} : { traceDir }),
    ...(prompt === undefined ? {} : { prompt }),
  });
  const stop = stopRequest();
  const tell = (thrown: unknown): void => {
    const event: RelayEvent = { at: Date.now(), type: "error", error: asDebugtapError(thrown).toJSON() };
    if (board === undefined) print(event, json);
    else process.stderr.write(`${asDebugtapError(thrown).format()}\n`);
  };
  process.on("uncaughtException", tell);
  process.on("unhandledRejection", tell);
  try {
    await Promise.race([relay.start(), stop.requested]);
    board?.start();
    const control = await startControl({ view: () => relay.view(), stop: stop.request }).catch(tell);
    await stop.requested;
    await control?.close();
  } finally {
    board?.stop();
    await relay.stop();
  }
}

function print(event: RelayEvent, json: boolean): void {
  if (json) {
    printJson(event);
    return;
  }
  const line = eventLine(event);
  if (line !== undefined) printLine(line);
}

/** Everything that asks this process to stop. */
function stopRequest(): { requested: Promise<void>; request: () => void } {
  let request: () => void = () => undefined;
  const requested = new Promise<void>((resolve) => (request = resolve));
  let signals = 0;
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      signals += 1;
      if (signals > 1) process.exit(130);
      request();
    });
  }
  whenOutputCloses(request);
  return { requested, request };
}
