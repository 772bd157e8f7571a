// `debugtap down`: asks running relays to stop and waits until they are gone. Their debuggees run on.
import { setTimeout as pause } from "node:timers/promises";
import { Command } from "commander";
import { DebugtapError } from "../../protocol/errors.ts";
import { askToStop, findRelays, isAlive, type FoundRelay } from "../control/client.ts";
import { printJson, printLine } from "./output.ts";
import { notRunning } from "./ps.ts";

const lookEvery = 50;

const examples = `
Examples:
  $ debugtap down            stop every relay of this user
  $ debugtap down 4242       stop the one with this process id

--json prints one line: {"stopped":[PID,…]}.`;

export function downCommand(): Command {
  return new Command("down")
    .description("stop running relays in order; what they debug runs on")
    .argument("[pid...]", "process ids, as `debugtap ps` prints them; default: all")
    .option("--within <seconds>", "how long to wait for each", "15")
    .option("--json", "print the ids of the stopped relays as JSON")
    .addHelpText("after", examples)
    .action(async (pids: string[], { json, within }: { json?: true; within: string }) => {
      const seconds = Number(within);
      if (!(seconds > 0 && seconds <= 3600))
        throw new DebugtapError("DT_USAGE", `\`${within}\` is no number of seconds`, { fix: "--within 15" });
      const found = choose(await findRelays(), pids);
      const stopped = await Promise.all(found.map((relay) => stop(relay, seconds * 1000)));
      if (json) printJson({ stopped });
      else printLine(`stopped ${stopped.map((pid) => `debugtap ${pid}`).join(", ")}`);
    });
}

function choose(found: readonly FoundRelay[], pids: readonly string[]): readonly FoundRelay[] {
  if (found.length === 0) throw notRunning();
  if (pids.length === 0) return found;
  return pids.map((pid) => {
    const relay = found.find((one) => String(one.pid) === pid);
    if (relay !== undefined) return relay;
    const running = found.map((one) => one.pid).join(", ");
    throw new DebugtapError("DT_RELAY_NOT_RUNNING", `no debugtap runs with the process id ${pid}`, {
      why: `running: ${running}`,
      fix: `debugtap down ${running.replaceAll(",", "")}`,
    });
  });
}

async function stop(relay: FoundRelay, within: number): Promise<number> {
  const deadline = Date.now() + within;
  const answered = await askToStop(relay);
  while (isAlive(relay.pid)) {
    if (Date.now() >= deadline || !answered)
      throw new DebugtapError("DT_STOP_TIMEOUT", `debugtap ${relay.pid} still runs`, {
        why: answered ? `it was asked to stop ${within / 1000} s ago` : "it does not answer",
        fix: `kill ${relay.pid}`,
      });
    await pause(lookEvery);
  }
  return relay.pid;
}
