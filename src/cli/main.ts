// The command line: the verbs in their groups, and one place where whatever goes wrong is printed.
//
// Rules
// - A verb is a file with one function that makes its Command; adding it is one line in `verbs`.
// - A verb throws a DebugtapError and prints nothing about it; it imports what is heavy inside its action, so that `--help`
//   and `ps` stay quick.
// - Exit codes are those of the error table; 2 is a command line that cannot be understood.
import { Command, CommanderError } from "commander";
import { DebugtapError } from "../../protocol/errors.ts";
import { demoCommand } from "./demo.ts";
import { downCommand } from "./down.ts";
import { guardOutput, printError } from "./output.ts";
import { psCommand } from "./ps.ts";
import { relayCommand } from "./relay.ts";
import { upCommand } from "./up.ts";
import { version } from "./version.ts";

const running = "Run:";

const verbs: readonly (readonly [group: string, make: () => Command])[] = [
  [running, demoCommand],
  [running, upCommand],
  [running, relayCommand],
  [running, psCommand],
  [running, downCommand],
];

const examples = `
Examples:
  $ debugtap demo                    three real services, three breakpoints, 30 seconds
  $ debugtap up                      open every service of the nearest debugtap.yml
  $ debugtap relay --wire dap --listen 5711 --to 5678
  $ debugtap ps                      what runs, from another terminal
  $ debugtap show TRACE              what was recorded

Exit codes: 0 done, 1 failed, 2 usage or configuration, 3 a connection, 4 a service.`;

/** Runs one command line (without node and script); never rejects, sets `process.exitCode`. */
export async function main(words: readonly string[]): Promise<void> {
  guardOutput();
  const program = makeProgram();
  try {
    if (words.length === 0) {
      program.outputHelp();
      process.exitCode = 2;
    } else await program.parseAsync(words, { from: "user" });
  } catch (thrown) {
    if (thrown instanceof CommanderError && thrown.exitCode === 0) return;
    const end = words.indexOf("--");
    const json = words.slice(0, end < 0 ? undefined : end).includes("--json");
    printError(thrown instanceof CommanderError ? usageError(thrown, program, words) : thrown, { json });
  }
}

function makeProgram(): Command {
  const program = new Command("debugtap")
    .description(
      "A debug relay beside your IDE: services on VMs, each at its own localhost port, every session recorded.",
    )
    .version(version(), "-V, --version", "print the version")
    .helpOption("-h, --help", "print this help; `debugtap VERB --help` prints that of a verb")
    .helpCommand(false)
    .usage("VERB [options]")
    .addHelpText("after", examples)
    .exitOverride()
    .configureOutput({ writeErr: () => undefined });
  for (const [group, make] of verbs) program.addCommand(make().copyInheritedSettings(program).helpGroup(group));
  return program;
}

function usageError(error: CommanderError, program: Command, words: readonly string[]): DebugtapError {
  const [first = "", second = ""] = error.message.replace(/^error: /, "").split("\n");
  const meant = /\(Did you mean (?:one of )?([^,?]+)/.exec(second)?.[1];
  const verb = program.commands.find((command) => command.name() === words[0])?.name();
  const place = verb === undefined ? "debugtap" : `debugtap ${verb}`;
  return new DebugtapError("DT_USAGE", first, {
    ...(meant === undefined ? {} : { why: `did you mean \`${meant}\`?` }),
    fix: meant === undefined ? `${place} --help` : `${place} ${meant}`,
    cause: error,
  });
}
