// `debugtap ps`: what the running relays of this user do.
import { Command } from "commander";
import type { RelayView } from "../../protocol/control.ts";
import { DebugtapError } from "../../protocol/errors.ts";
import { findRelays, type FoundRelay } from "../control/client.ts";
import { renderBoard } from "./board.ts";
import { printJson, printLine } from "./output.ts";
import { hasColor } from "./paint.ts";

const examples = `
Examples:
  $ debugtap ps
  $ debugtap ps --json | jq '.[].sessions[] | select(.state == "held") | .name'

--json prints one line: a list with the view of each relay.`;

export function psCommand(): Command {
  return new Command("ps")
    .description("list running relays with their services and sessions")
    .option("--json", "print the views of the relays as JSON")
    .addHelpText("after", examples)
    .action(async ({ json }: { json?: true }) => {
      const found = await findRelays();
      if (found.length === 0) throw notRunning();
      const views = found.flatMap(({ view }) => (view === undefined ? [] : [view]));
      const silent = found.filter(({ view }) => view === undefined);
      if (json) printJson(views);
      else printLine(text(views, silent));
      if (views.length === 0) throw doesNotAnswer(silent);
    });
}

/** The error when there is no relay to ask. */
export function notRunning(): DebugtapError {
  return new DebugtapError("DT_RELAY_NOT_RUNNING", "no debugtap is running for this user", { fix: "debugtap up" });
}

function doesNotAnswer(silent: readonly FoundRelay[]): DebugtapError {
  const pids = silent.map(({ pid }) => pid).join(", ");
  return new DebugtapError("DT_RELAY_NOT_RUNNING", `debugtap ${pids} does not answer`, {
    why: "the process is stopped or busy, or another program has its id now",
    fix: `ps -p ${pids}`,
  });
}

function text(views: readonly RelayView[], silent: readonly FoundRelay[]): string {
  const options = { width: process.stdout.columns ?? 120, color: hasColor(process.stdout), now: Date.now() };
  const boards = views.map((view) => renderBoard(view, options).join("\n"));
  return [...boards, ...silent.map(({ pid }) => `debugtap ${pid} does not answer`)].join("\n\n");
}
