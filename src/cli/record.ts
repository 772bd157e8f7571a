// debugtap record: breakpoints in all services, every hit captured, no IDE.
import { Command, Option } from "commander";
import { DebugtapError } from "../../protocol/errors.ts";
import { formatSpec, parseSpec, type BreakpointSpec } from "../../protocol/breakpoint-spec.ts";
import { readBreakpoints } from "../breakpoints/file.ts";
import { record } from "../headless/recording.ts";
import { keepSecretsOption, withSecrets } from "./keep-secrets.ts";
import type { SecretFlags } from "./keep-secrets.ts";
import { printError, printJson, printLine } from "./output.ts";
import { hasColor } from "./paint.ts";
import { promptOnTerminal } from "./prompt.ts";
import { eventText, resultLines } from "./record-lines.ts";
import { servicesOf, time, type ServiceFlags } from "./record-services.ts";
import { stopSignal } from "./stop-signal.ts";
import { version } from "./version.ts";

interface Flags extends SecretFlags, ServiceFlags {
  readonly at?: readonly string[];
  readonly require?: readonly string[];
  readonly deep?: readonly string[];
  readonly breakpoints?: readonly string[];
  readonly output?: string;
  readonly for?: string;
  readonly hits?: string;
  readonly settle: string;
  readonly ready: string;
  readonly time: string;
  readonly capture: boolean;
  readonly json?: true;
}

const examples = `
Examples:
  $ debugtap record --at cinder/volume/api.py:240 --at 'cinder.volume.manager:VolumeManager.create_volume'
  $ debugtap record --at 'app.py:/total =/ if total > 100' --for 30s
  $ debugtap record --deep app.py:12 --at app.py:20      far more of the values at the first: 100 frames, 6 levels
  $ debugtap record --breakpoints .idea/workspace.xml --for 5m
  $ debugtap record --require app.py:12 -- curl -sS http://127.0.0.1:8776/v3/volumes
  $ debugtap record --attach 127.0.0.1:5678 --wire dap --at app.py:12 --hits 10 -o trace
  $ debugtap hits latest                              what was hit

A breakpoint is PATH:LINE, PATH:/TEXT/ or MODULE:FUNCTION, with \`hits >= N\`, \`log "x={x}"\`, \`max N\`, \`rate N/s\`, \`deep\`, \`in SERVICE\` and
\`if EXPR\` in any order, but \`in\` right behind EXPR is Python's. It is set in every service, in every process and in their children.

Exit codes: 0 done, 1 a required breakpoint was never hit, 2 usage, 3 a connection, 4 a service could not be driven.`;

const many = (value: string, before: readonly string[] = []): string[] => [...before, value];

export function recordCommand(): Command {
  return new Command("record")
    .summary("record breakpoint hits of all services, with no IDE")
    .description(
      "Drives the services of debugtap.yml itself: sets breakpoints, records stack and values at each hit, lets the program run on.\n" +
        "With a command behind `--` it runs that, and ends when its hits have settled; else it ends by --for, --hits or Ctrl-C.",
    )
    .argument("[command...]", "behind `--`: what sets it off, such as a curl")
    .option("--at <spec>", "a breakpoint; may be given several times", many)
    .option("--require <spec>", "as --at, and it must be hit", many)
    .option("--deep <spec>", "as --at, and more is taken at its hits; the clause `deep` says the same", many)
    .option(
      "--breakpoints <file>",
      "breakpoints of a file: debugtap's own YAML, PyCharm's .idea/workspace.xml, VS Code's state.vscdb or an export of an extension",
      many,
    )
    .option("--service <name>", "only this service; may be given several times", many)
    .option(
      "-c, --config <file>",
      "configuration file; default: the nearest debugtap.yml in this directory and above it",
    )
    .option(
      "--attach <[host:]port>",
      "one service without a file: where it listens (dap), or the port that it dials (pydevd)",
    )
    .addOption(new Option("--wire <wire>", "what the service of --attach speaks").choices(["dap", "pydevd"]))
    .option("-o, --output <dir>", "directory of the trace; default: a new one where traces are kept")
    .option("--for <time>", "end after this time: 30s, 5m")
    .option("--hits <n>", "end after so many hits")
    .option("--settle <time>", "how long nothing must be hit after the command has ended", "2s")
    .option("--ready <time>", "how long services may take to be driven", "30s")
    .option(
      "--time <time>",
      "how long a program may stand for what is taken at one hit; nobody waits at a debugger",
      "5s",
    )
    .option("--no-capture", "only count hits: no stack, no values")
    .addOption(keepSecretsOption())
    .option("--json", "one event a line as JSON; the command's output goes to stderr")
    .addHelpText("after", examples)
    .action(async (command: string[], flags: Flags) => await run(command, flags));
}

async function run(command: readonly string[], flags: Flags): Promise<void> {
  const specs = await specsOf(flags);
  const read = withSecrets(await servicesOf(flags, "record"), flags);
  const config = {
    ...read,
    services: read.services.filter(({ wire }) => wire !== "raw"),
    record: { ...read.record, enabled: true, capture: true, time: time("--time", flags.time) },
  };
  const json = flags.json === true;
  const color = hasColor(process.stdout);
  const prompt = promptOnTerminal();
  const result = await record({
    config,
    version: version(),
    specs,
    ...(flags.output === undefined ? {} : { traceDir: flags.output }),
    ...(command.length === 0 ? {} : { command }),
    ...(flags.for === undefined ? {} : { duration: time("--for", flags.for) }),
    ...(flags.hits === undefined ? {} : { hits: count("--hits", flags.hits) }),
    settle: time("--settle", flags.settle),
    readyWithin: time("--ready", flags.ready),
    capture: flags.capture,
    stop: stopSignal(),
    on: (event) => {
      if (json) printJson({ at: Date.now(), ...event });
      else for (const text of eventText(event, color)) printLine(text);
    },
    onOutput: (stream, bytes) => (stream === "stderr" || json ? process.stderr : process.stdout).write(bytes),
    ...(prompt === undefined ? {} : { prompt }),
  });
  const { error, ...told } = result;
  if (json) printJson({ type: "result", ...told });
  else for (const text of resultLines(result, color)) printLine(text);
  if (error !== undefined) printError(error, { json });
}

async function specsOf({ at = [], require = [], deep = [], breakpoints = [] }: Flags): Promise<BreakpointSpec[]> {
  const files = await Promise.all(breakpoints.map((file) => readBreakpoints(file)));
  const specs = [
    ...files.flat(),
    ...at.map((text) => parseSpec(text)),
    ...require.map((text) => ({ ...parseSpec(text), required: true })),
    ...deep.map((text) => deepSpec(text)),
  ];
  const wanted = specs.filter(({ disabled }) => disabled !== true);
  if (wanted.length > 0) return wanted;
  throw new DebugtapError("DT_USAGE", "there is no breakpoint to record", {
    why: "what is recorded are hits of breakpoints",
    fix: "debugtap record --at app/api.py:240",
  });
}

/** Its name says that it is deep: who reads the trace is to know. */
function deepSpec(text: string): BreakpointSpec {
  const spec = parseSpec(text);
  return spec.deep === true ? spec : parseSpec(formatSpec({ ...spec, deep: true }));
}

function count(flag: string, text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new DebugtapError("DT_USAGE", `${flag} ${text} is no number of hits`, { fix: `${flag} 10` });
}
