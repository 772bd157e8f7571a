// Runs a relay in the foreground until it is told to stop: what `up` and `relay` share.
//
// Rules
// - On a terminal the board is drawn live; otherwise one plain line an event; with --json one event a line.
// - Ctrl-C, SIGTERM, `debugtap down` and a reader of stdout that has left all stop it in order: waiting debuggees are released,
//   the trace is completed. A second signal ends it at once.
// - A defect of ours is told, and the sessions go on. So is a board that cannot be had.
// - The board's token is shown on a terminal alone: what goes to a file or a pipe has its address without it.
import { EventEmitter, once } from "node:events";
import { asDebugtapError } from "../../protocol/errors.ts";
import type { RelayEvent, RelayView } from "../../protocol/control.ts";
import type { Config } from "../config.ts";
import { Board } from "../control/board-server.ts";
import { shownRelay } from "../control/shown.ts";
import { Relay } from "../relay.ts";
import { Collector, keepCollectionsSmall } from "./collector.ts";
import { eventLine } from "./event-line.ts";
import { LiveBoard } from "./live-board.ts";
import { printJson, printLine, whenOutputCloses } from "./output.ts";
import { hasColor } from "./paint.ts";
import { promptOnTerminal } from "./prompt.ts";
import { controlOf } from "./relay-control.ts";
import { version } from "./version.ts";

export interface RunOptions {
  readonly config: Config;
  /** The trace's own directory; absent = a new one where the configuration says. */
  readonly traceDir?: string;
  readonly json: boolean;
  /** One line an event on a terminal too. */
  readonly plain?: true;
  /** Absent: there is none. */
  readonly board?: BoardPlace;
}

/** Where the board is to be. */
interface BoardPlace {
  /** 0: any. */
  readonly port: number;
  /** Address; absent: 127.0.0.1. */
  readonly bind?: string;
  /** Absent: a new one. */
  readonly token?: string;
}

/** Resolves when the relay has stopped; rejects with the error that kept it from starting. */
export async function runRelay({ config, traceDir, json, plain, board: place }: RunOptions): Promise<void> {
  const page = new Board();
  const view = (board = page.at?.url): RelayView => ({ ...relay.view(), ...(board === undefined ? {} : { board }) });
  const board =
    process.stdout.isTTY && !json && plain !== true
      ? new LiveBoard({ view: () => view(page.at?.address), terminal: process.stdout, color: hasColor(process.stdout) })
      : undefined;
  const tell = (event: RelayEvent): void => {
    page.event(event);
    // Its writer is a thread.
    if (event.type === "trace" && event.state === "open") keepCollectionsSmall();
    if (json) printJson(event);
    else if (board === undefined) printEvent(event, printLine);
    else {
      // What must not be missed stays above the board.
      if (isLoud(event)) printEvent(event, (text) => board.print(text));
      board.refresh();
    }
  };
  const tellError = (thrown: unknown): void =>
    tell({ at: Date.now(), type: "error", error: asDebugtapError(thrown).toJSON() });
  const prompt = promptOnTerminal();
  const relay = new Relay({
    config,
    version: version(),
    onEvent: tell,
    observers: [new Collector(), ...(place === undefined ? [] : [page.hits])],
    ...(traceDir === undefined ? {} : { traceDir }),
    ...(prompt === undefined ? {} : { prompt }),
  });
  const stop = stopRequest();
  process.on("uncaughtException", tellError);
  process.on("unhandledRejection", tellError);
  try {
    await Promise.race([relay.start(), stop.requested]);
    keepCollectionsSmall();
    board?.start();
    const control = await controlOf(relay, view, stop.request).catch(tellError);
    if (place !== undefined) await openPage(page, relay, config, place).then(tell, tellError);
    await stop.requested;
    await control?.close();
    await page.close();
  } finally {
    board?.stop();
    await relay.stop();
  }
}

async function openPage(page: Board, relay: Relay, config: Config, place: BoardPlace): Promise<RelayEvent> {
  const sources = config.services.flatMap(({ source }) => source);
  const opened = await page.open({ ...place, shown: shownRelay(relay, sources), threadMade: keepCollectionsSmall });
  const { port } = place;
  const taken = port !== 0 && opened.port !== port ? { taken: port } : {};
  return { at: Date.now(), type: "board", url: opened.url, ...taken };
}

function isLoud(event: RelayEvent): boolean {
  if (event.type === "board") return event.taken !== undefined;
  return event.type === "error" || event.type === "trace" || (event.type === "note" && event.kind === "opaque");
}

/** What was last said of each host, service and session: a change that says nothing new is not printed. */
const said = new Map<string, string>();

function printEvent(event: RelayEvent, write: (text: string) => void): void {
  const line = eventLine(event);
  if (line === undefined) return;
  const [time = ""] = line.split(" ", 1);
  const text = line.slice(time.length);
  const about = "session" in event && typeof event.session !== "string" ? event.session.name : undefined;
  const named = "trigger" in event ? event.trigger.name : undefined;
  const subject =
    about ?? named ?? ("service" in event ? event.service.name : "host" in event ? event.host.name : undefined);
  if (subject !== undefined) {
    const key = `${event.type} ${subject}`;
    if (said.get(key) === text) return;
    if (event.type === "session" && event.session.state === "closed") said.delete(key);
    else said.set(key, text);
  }
  write(line);
}

/** Everything that asks this process to stop. */
function stopRequest(): { readonly requested: Promise<void>; readonly request: () => void } {
  const stop = new EventEmitter();
  const requested = once(stop, "request").then(() => undefined);
  const request = (): unknown => stop.emit("request");
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
