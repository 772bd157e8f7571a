// `debugtap open`: the page of a trace with nothing else running, or where that of a running debugtap is.
//
// Rules
// - The address with its token is printed where it was asked for: for traces on a terminal, for what runs anywhere. With --json traces
//   have it in the file that the event names.
import { Command } from "commander";
import { once } from "node:events";
import { resolve } from "node:path";
import { reasonIn } from "../../protocol/api-check.ts";
import { DebugtapError } from "../../protocol/errors.ts";
import { findBoards } from "../control/board-file.ts";
import { Board } from "../control/board-server.ts";
import { shownFiles } from "../control/shown.ts";
import { boardPort } from "../config.ts";
import { printJson, printLine, whenOutputCloses } from "./output.ts";
import { boardPortOf } from "./services.ts";
import { version } from "./version.ts";

interface Options {
  readonly board?: string;
  readonly json?: true;
}

const examples = `
Examples:
  $ debugtap open                        the address of the page of a running \`debugtap up\`, with its token
  $ xdg-open "$(debugtap open)"
  $ debugtap open latest                 the page of the newest trace; Ctrl-C ends it
  $ debugtap open latest run/before      two, to compare them

--json prints one line: without a trace {"pid":N,"address":URL} for each page that runs, else {"type":"board","url":URL,"file":FILE}, where
FILE has the address with its token and is yours alone.`;

export function openCommand(): Command {
  return new Command("open")
    .summary("show a trace in a page, or say where the page of what runs is")
    .description(
      "With traces: serves a page and an API that show them, with nothing else running, until Ctrl-C.\n" +
        "Without: prints where the page of a running debugtap is.",
    )
    .argument("[trace...]", "directories of traces, or `latest`")
    .option("--board <port>", "port of the page, 0: any; default: 5700, or the next one up that is free")
    .option("--json", "print as JSON, one line each")
    .addHelpText("after", examples)
    .action(async (traces: string[], options: Options) => {
      if (traces.length === 0) await tellRunning(options);
      else await showTraces(traces, options);
    });
}

async function tellRunning({ json }: Options): Promise<void> {
  const boards = (await findBoards()).filter(({ files }) => !files);
  if (boards.length === 0)
    throw new DebugtapError("DT_RELAY_NOT_RUNNING", "no debugtap with a page is running for this user", {
      why: "none runs, or it was started with --no-board",
      fix: "debugtap up",
    });
  for (const { pid, address } of boards) {
    if (json) printJson({ pid, address });
    else printLine(address);
  }
}

async function showTraces(names: readonly string[], { board: wanted, json }: Options): Promise<void> {
  const port = boardPortOf(wanted ?? true, boardPort) ?? boardPort;
  const { findTrace } = await import("../trace/index.ts");
  const page = new Board();
  const stopped = stop();
  try {
    const dirs = names.map((name) => findTrace(name));
    const shown = shownFiles({ pid: process.pid, started: Date.now(), version: version() });
    const { url, address, file } = await page.open({ port, shown, files: true, keepsAlive: true });
    // The first named is listed first.
    for (const dir of dirs.toReversed()) await show(page, resolve(dir));
    if (json) printJson({ type: "board", url, file });
    else if (process.stdout.isTTY) printLine(`${address}\nCtrl-C ends it.`);
    else printLine(`${url}  (its token is in ${file})`);
    await stopped;
  } finally {
    await page.close();
  }
}

/** Throws why a trace cannot be opened. */
async function show(page: Board, dir: string): Promise<void> {
  const { status, body } = await page.show(dir);
  const reason = status === 200 ? undefined : reasonIn(JSON.parse(body));
  if (reason !== undefined) throw new DebugtapError(reason.code, reason.what, reason);
}

/** Resolves at Ctrl-C, SIGTERM, or when nobody reads stdout any more. */
async function stop(): Promise<void> {
  const closed = new Promise<void>((resolve) => whenOutputCloses(resolve));
  await Promise.race([once(process, "SIGINT"), once(process, "SIGTERM"), closed]);
}
