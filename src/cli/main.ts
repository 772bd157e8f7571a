// The command line: the verbs in their groups, and one place where whatever goes wrong is printed.
//
// Rules
// - A verb is a file with one function that makes its Command; adding it is one line in `verbs`.
// - A verb throws a DebugtapError and prints nothing about it. Only the verb that is asked for is loaded, all for the help:
//   `ps` does not wait for an SSH client.
// - Exit codes are those of the error table; 2 is a command line that cannot be understood.
import { Command, CommanderError } from "commander";
import { DebugtapError } from "../../protocol/errors.ts";
import { keepCollectionsSmall } from "./collector.ts";
import { guardOutput, printError } from "./output.ts";
import { version } from "./version.ts";

type Verb = readonly [name: string, group: string, load: () => Promise<Command>];

const running = "Run:";
const reading = "Read what was recorded:";

const verbs: readonly Verb[] = [
  ["demo", running, async () => (await import("./demo.ts")).demoCommand()],
  ["up", running, () => forwarding(async () => (await import("./up.ts")).upCommand())],
  ["relay", running, () => forwarding(async () => (await import("./relay.ts")).relayCommand())],
  ["sidecar", running, () => forwarding(async () => (await import("./sidecar.ts")).sidecarCommand())],
  ["record", running, () => forwarding(async () => (await import("./record.ts")).recordCommand())],
  ["again", running, () => forwarding(async () => (await import("./again.ts")).againCommand())],
  ["ps", running, async () => (await import("./ps.ts")).psCommand()],
  ["release", running, async () => (await import("./release.ts")).releaseCommand()],
  ["drive", running, async () => (await import("./drive.ts")).driveCommand()],
  ["init", running, async () => (await import("./init.ts")).initCommand()],
  ["inject", running, async () => (await import("./inject.ts")).injectCommand()],
  ["eject", running, async () => (await import("./eject.ts")).ejectCommand()],
  ["restart", running, async () => (await import("./restart.ts")).restartCommand()],
  ["logs", running, async () => (await import("./logs.ts")).logsCommand()],
  ["paths", running, async () => (await import("./paths.ts")).pathsCommand()],
  ["doctor", running, async () => (await import("./doctor.ts")).doctorCommand()],
  ["retry", running, async () => (await import("./retry.ts")).retryCommand()],
  ["down", running, async () => (await import("./down.ts")).downCommand()],
  ["open", reading, async () => (await import("./open.ts")).openCommand()],
  ["hits", reading, async () => (await import("./hits.ts")).hitsCommand()],
  ["show", reading, async () => (await import("./show.ts")).showCommand()],
  ["replay", reading, async () => (await import("./replay.ts")).replayCommand()],
  ["diff", reading, async () => (await import("./diff.ts")).diffCommand()],
  ["check", reading, async () => (await import("./check.ts")).checkCommand()],
  ["export", reading, async () => (await import("./export.ts")).exportCommand()],
];

function forwarding(load: () => Promise<Command>): Promise<Command> {
  keepCollectionsSmall();
  return load();
}

const examples = `
Examples:
  $ debugtap demo                    three real services, three breakpoints, 30 seconds
  $ debugtap up                      open every service of the nearest debugtap.yml
  $ debugtap relay --wire dap --listen 5711 --to 5678
  $ debugtap ps                      what runs, from another terminal
  $ debugtap open                    the page of what runs; with a trace, that of the trace
  $ debugtap show latest             what was recorded

Exit codes: 0 done, 1 failed, 2 usage or configuration, 3 a connection, 4 a service.`;

/** Runs one command line (without node and script); never rejects, sets `process.exitCode`. */
export async function main(words: readonly string[]): Promise<void> {
  guardOutput();
  const program = await makeProgram(words[0]);
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

/** With the one verb that is asked for, or with all. */
async function makeProgram(asked: string | undefined): Promise<Command> {
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
  const only = verbs.filter(([name]) => name === asked);
  for (const [, group, load] of only.length > 0 ? only : verbs) {
    const command = await load();
    program.addCommand(command.copyInheritedSettings(program).helpGroup(group));
  }
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
