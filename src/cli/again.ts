// debugtap again: what set off recorded hits is sent again, and which of them come again.
import { existsSync } from "node:fs";
import { Command, Option } from "commander";
import { DebugtapError } from "../../protocol/errors.ts";
import { commandLine, shellQuote } from "../../protocol/shell.ts";
import { sendAgain, type AgainEvent } from "../again/again.ts";
import { planAgain, type AgainPlan } from "../again/plan.ts";
import { takeSecrets, withVariables } from "../again/secrets.ts";
import type { Config } from "../config.ts";
import { findTrace, HitIndex, openTrace, type Trace } from "../trace/index.ts";
import { againJson, againLines, sentJson, sentLines } from "./again-lines.ts";
import { hitNumber } from "./hit-number.ts";
import { printError, printJson, printLine } from "./output.ts";
import { hasColor } from "./paint.ts";
import { promptOnTerminal } from "./prompt.ts";
import { eventText } from "./record-lines.ts";
import { servicesOf, time } from "./record-services.ts";
import { selectServices } from "./services.ts";
import { tellIndexing, tellProblems } from "./trace-lines.ts";
import { stopSignal } from "./stop-signal.ts";
import { version } from "./version.ts";

interface Flags {
  readonly config?: string;
  readonly attach?: string;
  readonly wire?: "dap" | "pydevd";
  readonly yes?: true;
  readonly output?: string;
  readonly ready: string;
  readonly settle: string;
  readonly json?: true;
}

const examples = `
Examples:
  $ debugtap again latest                              the command of \`debugtap record … -- CMD\`
  $ debugtap again latest 42 --yes                     what set off hit 42, though it may change something
  $ DEBUGTAP_SECRET_X_AUTH_TOKEN=… debugtap again latest --yes
  $ debugtap again ./trace --json -o ./second && echo the bug is still there

What is sent is the command that the trace has, or the HTTP request of a session of wire \`raw\`. Only a plain GET is sent without --yes.
Secrets are not in the trace: each comes from a variable, which the error names. pydevd services dial when they start: restart them when it
is told to, as with \`record\`. docs/again.md has the rest.

Exit codes: 0 all hits recur in order, 1 not all, 2 usage, --yes or a secret is missing, 3 a connection, 4 a service could not be driven.`;

export function againCommand(): Command {
  return new Command("again")
    .summary("send again what set off recorded hits: do they recur?")
    .description(
      "Sends the recorded command or HTTP request again, with the breakpoints that were in force then and no IDE, into a new trace,\n" +
        "and says which hits come again: at the same places, in the same order.",
    )
    .argument("<trace>", "directory of the trace, or `latest`")
    .argument("[hit]", "what set off this one: 42, or cinder-api#1:3")
    .option("-c, --config <file>", "configuration file; default: that of the recording, else the nearest debugtap.yml")
    .option("--attach <[host:]port>", "one service without a file, as in `record`")
    .addOption(new Option("--wire <wire>", "what the service of --attach speaks").choices(["dap", "pydevd"]))
    .option("--yes", "send it though it may change something")
    .option("-o, --output <dir>", "directory of the new trace; default: a new one where traces are kept")
    .option("--ready <time>", "how long services may take to be driven", "30s")
    .option("--settle <time>", "how long nothing must be hit at the end", "2s")
    .option("--json", "one event a line as JSON; a command's output goes to stderr")
    .addHelpText("after", examples)
    .action(async (name: string, hit: string | undefined, flags: Flags) => await run(name, hit, flags));
}

async function run(name: string, hit: string | undefined, flags: Flags): Promise<void> {
  const json = flags.json === true;
  const trace = await openTrace(findTrace(name));
  let plan: AgainPlan;
  try {
    plan = await planAgain(trace, hit === undefined ? undefined : await numberOf(trace, hit));
    tellProblems(trace);
  } finally {
    trace.close();
  }
  if (json) printJson(sentJson(plan));
  else for (const line of sentLines(plan)) printLine(line);
  const again = commandLine(["debugtap", "again", name, ...(hit === undefined ? [] : [hit]), ...optionWords(flags)]);
  if (!plan.safe && flags.yes !== true)
    throw new DebugtapError("DT_UNSAFE", "this may change something, so it was not sent", {
      why: "only a GET or HEAD without data, by curl, wget or HTTP, is known to change nothing",
      fix: `${withVariables(plan.secrets)}${again} --yes`,
    });
  const secrets = takeSecrets(plan.secrets, process.env, `${again}${flags.yes === true ? " --yes" : ""}`);
  const prompt = promptOnTerminal();
  const color = hasColor(process.stdout);
  const result = await sendAgain({
    plan,
    secrets,
    config: await configFor(plan, trace, flags),
    version: version(),
    ...(flags.output === undefined ? {} : { traceDir: flags.output }),
    settle: time("--settle", flags.settle),
    readyWithin: time("--ready", flags.ready),
    stop: stopSignal(),
    on: (event) => {
      if (json) printJson({ at: Date.now(), ...event });
      else for (const line of lineOf(event, color)) printLine(line);
    },
    onOutput: (stream, bytes) => (stream === "stderr" || json ? process.stderr : process.stdout).write(bytes),
    ...(prompt === undefined ? {} : { prompt }),
  });
  if (json) printJson(againJson(result));
  else for (const line of againLines(result)) printLine(line);
  if (result.error !== undefined) printError(result.error, { json });
}

async function numberOf(trace: Trace, hit: string): Promise<number> {
  const index = await HitIndex.open(trace, tellIndexing());
  try {
    return hitNumber(index, hit, trace.dir);
  } finally {
    index.close();
  }
}

/** The services that were debugged, and the one or the trigger that the request goes to. A hit may take as long as in `record`, 5 s. */
async function configFor({ services, sent }: AgainPlan, { manifest, dir }: Trace, flags: Flags): Promise<Config> {
  const recorded = manifest?.config;
  if (recorded === undefined && flags.config === undefined && flags.attach === undefined)
    throw new DebugtapError("DT_USAGE", `the trace does not say where ${services.join(", ")} can be reached`, {
      why: "it was recorded without a configuration file, by --attach or `debugtap relay`",
      fix: `debugtap again ${shellQuote(dir)} --attach 5678 --wire dap    # or --config debugtap.yml`,
    });
  const file = flags.config ?? (recorded !== undefined && existsSync(recorded) ? recorded : undefined);
  const read = await servicesOf({ ...flags, ...(file === undefined ? {} : { config: file }) }, "again latest");
  const names = [...services, ...(sent.kind === "http" ? [sent.trigger ?? sent.service ?? ""] : [])];
  const { services: chosen, ...rest } = selectServices(read, names);
  return { ...rest, services: chosen, record: { ...rest.record, time: 5000 } };
}

function optionWords({ config, attach, wire, output }: Flags): string[] {
  return Object.entries({ "--config": config, "--attach": attach, "--wire": wire, "-o": output }).flatMap(
    ([option, value]) => (value === undefined ? [] : [option, value]),
  );
}

function lineOf(event: AgainEvent, color: boolean): string[] {
  if (event.type !== "answer") return eventText(event, color);
  const { answer } = event;
  return [answer === undefined ? "no whole answer came" : `answer: ${answer.status} ${answer.reason}`];
}
