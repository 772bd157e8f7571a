// `debugtap drive SERVICE[#N]`: lets another IDE of a session let the program run, where `clients: { drive: ask }` says that one does.
import { Command } from "commander";
import { DebugtapError } from "../../protocol/errors.ts";
import { askToDrive, findRelays } from "../control/client.ts";
import { printJson, printLine } from "./output.ts";
import { clean } from "./paint.ts";
import { notRunning } from "./ps.ts";

const examples = `
Examples:
  $ debugtap drive cinder-volume               the IDE that does not drive yet, in every session of cinder-volume
  $ debugtap drive cinder-volume#1 --client 2  the second that came
  $ debugtap drive cinder-volume --client nvim by its name, or a part of that

In the debug console of the IDE itself \`debugtap drive\` does the same.
--json prints one line: {"driving":[{"session":NAME,"client":{"id":N,"name":NAME,"drives":true}},…]}.`;

export function driveCommand(): Command {
  return new Command("drive")
    .description("let another IDE of a session drive it")
    .argument("<name>", "a service, or a session of it as `debugtap ps` prints it: cinder-volume#1")
    .option("--client <who>", "the IDE by its number or name, as `debugtap ps` prints them", "")
    .option("--json", "print who drives which session as JSON")
    .addHelpText("after", examples)
    .action(async (name: string, { client, json }: { client: string; json?: true }) => {
      const relays = await findRelays();
      if (relays.length === 0) throw notRunning();
      const nothing = { driving: [] };
      const answers = await Promise.all(relays.map((relay) => askToDrive(relay, name, client).catch(() => nothing)));
      const driving = answers.flatMap((answer) => answer.driving);
      if (driving.length === 0) throw notHanded(name, answers);
      if (json) printJson({ driving });
      else for (const { session, client } of driving) printLine(`${clean(client.name)} drives ${session}`);
    });
}

function notHanded(name: string, answers: readonly Awaited<ReturnType<typeof askToDrive>>[]): DebugtapError {
  const [refused] = answers.flatMap((answer) => answer.refused ?? []);
  if (refused === undefined) {
    return new DebugtapError("DT_DRIVE", `there is no session ${name}`, {
      why: "it has ended, or no service has this name",
      fix: "debugtap ps",
    });
  }
  const { what, why, fix } = refused;
  return new DebugtapError("DT_DRIVE", what, {
    ...(why === undefined ? {} : { why }),
    ...(fix === undefined ? {} : { fix }),
  });
}
