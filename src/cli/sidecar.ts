// debugtap sidecar: a relay beside services in a container, told what to do by its environment alone.
//
// Rules
// - The services are those of this network namespace: there is no SSH and no file.
// - IDEs attach, as with `up`; with DEBUGTAP_BREAKPOINTS it records by itself, as `record` does, until it is told to stop.
// - It never draws: one line an event, whether there is a terminal or not.
import { Command } from "commander";
import { DebugtapError } from "../../protocol/errors.ts";
import { readBreakpoints } from "../breakpoints/file.ts";
import type { Control } from "../control/server.ts";
import { record } from "../headless/recording.ts";
import { printError, printJson, printLine } from "./output.ts";
import { eventText, resultLines } from "./record-lines.ts";
import { controlOf } from "./relay-control.ts";
import { runRelay } from "./run.ts";
import { checkSidecar } from "./sidecar-check.ts";
import { readEnvironment, sidecarVariables, type Sidecar } from "./sidecar-environment.ts";
import { stopSignal } from "./stop-signal.ts";
import { version } from "./version.ts";

const readyWithin = 30_000;
/** How long a program may stand for what is taken at one hit; nobody waits at a debugger. */
const timeOfHit = 5000;

const examples = `
Environment:
${Object.entries(sidecarVariables)
  .map(([name, meaning]) => `  ${name.padEnd(21)} ${meaning}`)
  .join("\n")}

Examples:
  $ debugtap sidecar                                             # as the variables above say, until SIGTERM or Ctrl-C
  $ DEBUGTAP_SERVICES=api=dap:5678 debugtap sidecar              # your IDE attaches to 5711
  $ DEBUGTAP_SERVICES=api=dap:5678,worker=pydevd:5679 DEBUGTAP_EXPOSE="yes, beyond loopback" debugtap sidecar
  $ DEBUGTAP_SERVICES=api=dap:5678 DEBUGTAP_BREAKPOINTS=/etc/debugtap/breakpoints.yml DEBUGTAP_TRACE_DIR=/traces debugtap sidecar
  $ debugtap sidecar --check                                     # for HEALTHCHECK: exit 0 when all services are ready, else 1`;

export function sidecarCommand(): Command {
  return new Command("sidecar")
    .summary("relay the services of a container or pod, set up by environment variables alone")
    .description(
      "Runs beside services in their network namespace: a container of `network_mode: service:api`, or of the same pod.\n" +
        "Ends in order on SIGTERM, as process 1 too; needs no file that can be written but those of DEBUGTAP_TRACE_DIR and /tmp.",
    )
    .option("--check", "ask the sidecar that runs here whether it is well")
    .option("--json", "with --check: its services as JSON; else as DEBUGTAP_LOG=json")
    .addHelpText("after", examples)
    .action(async ({ check, json = false }: { check?: true; json?: boolean }) => {
      if (check === true) await checkSidecar(json);
      else await start(json ? { ...process.env, DEBUGTAP_LOG: "json" } : process.env);
    });
}

/** Errors come in the form that the log has. */
async function start(env: NodeJS.ProcessEnv): Promise<void> {
  try {
    const sidecar = readEnvironment(env);
    const { config, board, json, breakpoints } = sidecar;
    if (breakpoints !== undefined) await recordAlone(sidecar, breakpoints);
    else await runRelay({ config, json, plain: true, ...(board === undefined ? {} : { board }) });
  } catch (thrown) {
    printError(thrown, { json: env["DEBUGTAP_LOG"] === "json" });
  }
}

/** Until SIGTERM; exit codes are those of `record`. */
async function recordAlone({ config, json }: Sidecar, file: string): Promise<void> {
  const specs = (await readBreakpoints(file)).filter(({ disabled }) => disabled !== true);
  if (specs.length === 0)
    throw new DebugtapError("DT_ENVIRONMENT", `DEBUGTAP_BREAKPOINTS is ${file}, which has no breakpoint`, {
      fix: `debugtap record --help   # what a breakpoint is`,
    });
  const stop = stopSignal();
  const told = new AbortController();
  let control: Control | undefined;
  const result = await record({
    config: {
      ...config,
      services: config.services.filter(({ wire }) => wire !== "raw"),
      record: { ...config.record, capture: true, time: timeOfHit },
    },
    version: version(),
    specs,
    settle: 0,
    readyWithin,
    capture: true,
    stop: AbortSignal.any([stop, told.signal]),
    started: async (relay) => {
      const opening = controlOf(
        relay,
        () => relay.view(),
        () => told.abort(),
      );
      control = await opening.catch((thrown: unknown) => tellOnly(thrown, json));
    },
    on: (event) => {
      if (json) printJson({ at: Date.now(), ...event });
      else for (const text of eventText(event, false)) printLine(text);
    },
    onOutput: () => undefined,
  });
  await control?.close();
  const { error, ...summary } = result;
  if (json) printJson({ type: "result", ...summary });
  else for (const text of resultLines(result, false)) printLine(text);
  if (error !== undefined) printError(error, { json });
}

/** It goes on without: `sidecar --check` then says that it is not well. */
function tellOnly(thrown: unknown, json: boolean): undefined {
  printError(thrown, { json });
  process.exitCode = 0;
}
