// `debugtap retry`: running relays try their links that are down now, and see whether the others are still there.
import { Command } from "commander";
import { askToRetry, findRelays } from "../control/client.ts";
import { printJson, printLine } from "./output.ts";
import { notRunning } from "./ps.ts";

const examples = `
Examples:
  $ debugtap retry      after what was wrong was mended, for example by ssh-add
  $ debugtap ps         whether it helped

--json prints one line: {"retrying":[PID,…]}.`;

export function retryCommand(): Command {
  return new Command("retry")
    .description("try links that are down now, also those that wait until something changes")
    .option("--json", "print the ids of the relays that were asked as JSON")
    .addHelpText("after", examples)
    .action(async ({ json }: { json?: true }) => {
      const relays = await findRelays();
      if (relays.length === 0) throw notRunning();
      const answered = await Promise.all(relays.map(async (relay) => ((await askToRetry(relay)) ? [relay.pid] : [])));
      const retrying = answered.flat();
      if (json) printJson({ retrying });
      else for (const pid of retrying) printLine(`debugtap ${pid} tries again`);
    });
}
