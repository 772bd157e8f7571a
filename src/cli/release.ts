// `debugtap release SERVICE[#N]`: lets debuggees that wait for an IDE run on without one.
import { Command } from "commander";
import { DebugtapError } from "../../protocol/errors.ts";
import { askToRelease, findRelays } from "../control/client.ts";
import { printJson, printLine } from "./output.ts";
import { notRunning } from "./ps.ts";

const examples = `
Examples:
  $ debugtap release cinder-api       every session of cinder-api that waits
  $ debugtap release cinder-api#2     only this one

A released debuggee runs on with its debugger connected and no breakpoint set.
--json prints one line: {"released":[NAME,…]}.`;

export function releaseCommand(): Command {
  return new Command("release")
    .description("let debuggees that wait for an IDE run on without one")
    .argument("<name>", "a service, or a session of it as `debugtap ps` prints it: cinder-api#2")
    .option("--json", "print the names of the released sessions as JSON")
    .addHelpText("after", examples)
    .action(async (name: string, { json }: { json?: true }) => {
      const relays = await findRelays();
      if (relays.length === 0) throw notRunning();
      const answers = await Promise.all(relays.map((relay) => askToRelease(relay, name).catch(() => [])));
      const released = answers.flat();
      if (released.length === 0) throw nothingWaits(name);
      if (json) printJson({ released });
      else for (const session of released) printLine(`${session} runs on`);
    });
}

function nothingWaits(name: string): DebugtapError {
  return new DebugtapError("DT_NOT_HELD", `no debuggee waits under the name ${name}`, {
    why: "it runs already, it has ended, or no service and no session has this name",
    fix: "debugtap ps",
  });
}
