// `debugtap restart SERVICE…`: restarts services as they are run on their hosts, and waits until each is back with the debugger in it.
//
// Rules
// - Those of one host one after the other, in the order given; hosts at once. What fails does not keep the others from it.
// - What is done and waited for is said on stderr; stdout has what came of it.
import { resolve } from "node:path";
import { Command } from "commander";
import { asDebugtapError, type DebugtapError } from "../../protocol/errors.ts";
import { findRelays } from "../control/client.ts";
import { debugtapId } from "../inject/folder.ts";
import type { Came, CameProcess } from "../restart/came.ts";
import { restartService } from "../restart/restart.ts";
import { onHost } from "./on-host.ts";
import { printError, printJson, printLine } from "./output.ts";
import { clean } from "./paint.ts";
import { time } from "./record-services.ts";
import { runServices, type RunHost, type RunService } from "./run-services.ts";
import { stopSignal } from "./stop-signal.ts";

const examples = `
Examples:
  $ debugtap restart cinder-api                     # after \`debugtap inject\`, or after a change of its code
  $ debugtap restart cinder-api cinder-volume       # one after the other, where they have one host
  $ debugtap restart cinder-api --timeout 3m
  $ debugtap restart cinder-api --force             # a screen tab whose program does not end by Ctrl-C is killed

How it is restarted is \`run:\` of the service in debugtap.yml: a systemd unit, a tab of GNU screen, a compose service, or a command.
--json prints one line: {services: [{service, ok, took, processes: [{pid, program, state?, debugger?, forked?, error?}], before,
session?, error?}]}; \`before\` is how many processes there were, \`took\` is in milliseconds.`;

export interface RestartOptions {
  readonly config?: string;
  readonly timeout: string;
  readonly wait: boolean;
  readonly force?: true;
  readonly json?: true;
}

/** That one may take. */
export const defaultTimeout = "60s";

interface Outcome {
  readonly service: RunService;
  readonly took: number;
  readonly came?: Came;
  readonly error?: DebugtapError;
}

export function restartCommand(): Command {
  return new Command("restart")
    .summary("restart services on their hosts, and wait until they are debugged")
    .description(
      "Restarts services as they are run on their hosts, and waits until each is up with the debugger in it.",
    )
    .argument("<service...>", "services of debugtap.yml")
    .option("-c, --config <file>", "configuration file; default: the nearest debugtap.yml")
    .option("--timeout <time>", "how long one may take", defaultTimeout)
    .option("--no-wait", "do not wait until it is back")
    .option("--force", "kill what does not end by Ctrl-C in a screen tab")
    .option("--json", "one line of JSON")
    .addHelpText("after", examples)
    .action(async (services: string[], options: RestartOptions) => await restart(services, options));
}

/** Says what came of it, and sets the exit code. Throws DT_USAGE, and as loadConfig. */
export async function restart(names: readonly string[], options: RestartOptions): Promise<void> {
  const timeoutMs = time("--timeout", options.timeout);
  const { hosts, file } = await runServices(names, options.config);
  const signal = stopSignal();
  const id = debugtapId(resolve(file));
  const all = await Promise.all(hosts.map(async (host) => await ofHost(host, options, timeoutMs, id, signal)));
  const outcomes = all
    .flat()
    .sort((a, b) => names.indexOf(a.service.service.name) - names.indexOf(b.service.service.name));
  if (options.json === true) printJson({ services: outcomes.map(jsonOf) });
  else for (const outcome of outcomes) print(outcome, options.wait);
  const failed = outcomes.find(({ error }) => error !== undefined);
  if (failed?.error !== undefined) process.exitCode = failed.error.exit;
  else if (signal.aborted) process.exitCode = 130;
}

async function ofHost(
  { host, services }: RunHost,
  { wait, force }: RestartOptions,
  timeoutMs: number,
  id: string,
  signal: AbortSignal,
): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  try {
    await onHost(host, async (run) => {
      for (const service of services) {
        if (signal.aborted) return;
        const begun = performance.now();
        const took = (): number => Math.round(performance.now() - begun);
        try {
          const came = await restartService(run, service.service, service.how, {
            host,
            id,
            timeoutMs,
            wait,
            force: force === true,
            relays: async () => (await findRelays()).flatMap(({ view }) => (view === undefined ? [] : [view])),
            say: (text) => process.stderr.write(`${clean(text)}\n`),
            signal,
          });
          outcomes.push({ service, took: took(), ...(came === undefined ? {} : { came }) });
        } catch (thrown) {
          outcomes.push({ service, took: took(), error: asDebugtapError(thrown) });
        }
      }
    });
  } catch (thrown) {
    const error = asDebugtapError(thrown);
    for (const service of services.slice(outcomes.length)) outcomes.push({ service, took: 0, error });
  }
  return outcomes;
}

function jsonOf({ service, took, came, error }: Outcome): object {
  const { processes = [], before, session } = came ?? {};
  return {
    service: service.service.name,
    ok: error === undefined,
    took,
    processes,
    ...(before === undefined ? {} : { before }),
    ...(session === undefined ? {} : { session }),
    ...(error === undefined ? {} : { error }),
  };
}

function print({ service: { service }, took, came, error }: Outcome, wait: boolean): void {
  const name = service.name;
  if (error !== undefined) {
    printError(error, { json: false });
    return;
  }
  if (came === undefined) {
    printLine(wait ? `${name}: restarted; it was not waited for to the end` : `${name}: restarted`);
    return;
  }
  const { processes, before, session } = came;
  const count = processes.length < before ? `, ${processes.length} of ${before} processes are back` : "";
  printLine(
    `${name}: back in ${(took / 1000).toFixed(1)} s${count}${session === undefined ? "" : `, session ${session}`}`,
  );
  for (const process of processes)
    printLine(
      clean(`pid ${process.pid}  ${process.program}  ${stateOf(process)}`)
        .replace(/^/, "  ")
        .trimEnd(),
    );
}

function stateOf({ state, debugger: name, forked, error }: CameProcess): string {
  if (state === undefined) return "";
  const word =
    state === "started" ? (name ?? "debugged") : state === "waiting" ? "waits for the import of its module" : state;
  return `${word}${forked === true ? ", forked" : ""}${error === undefined ? "" : `: ${error}`}`;
}
