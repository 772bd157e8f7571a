// `debugtap logs SERVICE…`: follows the logs of services on their hosts: journal, screen tab, container, or a command of its own.
//
// Rules
// - Nothing stays on a host: see transport/follow.ts.
// - A line from there cannot move the cursor; of several services each line has its service's name.
import { createInterface } from "node:readline";
import { Command } from "commander";
import { DebugtapError } from "../../protocol/errors.ts";
import { logScript } from "../restart/log-script.ts";
import { onHost, type Follow } from "./on-host.ts";
import { printJson, printLine } from "./output.ts";
import { cleanLine, hasColor, painter } from "./paint.ts";
import { runServices, type RunService } from "./run-services.ts";
import { stopSignal } from "./stop-signal.ts";

const examples = `
Examples:
  $ debugtap logs cinder-api
  $ debugtap logs cinder-api cinder-volume          # both, each line with its service's name
  $ debugtap logs cinder-api --lines 200 --no-follow
  $ debugtap logs cinder-api --json | jq -r .line

Where the log is, is \`run:\` of the service in debugtap.yml. --json prints a line each: {"service":…,"line":…}.`;

interface Options {
  readonly config?: string;
  readonly lines: string;
  readonly follow: boolean;
  readonly json?: true;
}

/** One line of one service. */
type Print = (line: string) => void;

export function logsCommand(): Command {
  return new Command("logs")
    .summary("follow the logs of services on their hosts")
    .description(
      "Follows the logs of services: the journal of a unit, a screen's tab, a container, or a command of its own.",
    )
    .argument("<service...>", "services of debugtap.yml")
    .option("-c, --config <file>", "configuration file; default: the nearest debugtap.yml")
    .option("-n, --lines <number>", "how many of the lines that are there are shown first", "20")
    .option("--no-follow", "show these, and end")
    .option("--json", "one JSON object a line")
    .addHelpText("after", examples)
    .action(async (services: string[], options: Options) => await logs(services, options));
}

async function logs(names: readonly string[], options: Options): Promise<void> {
  if (!/^\d{1,6}$/.test(options.lines))
    throw new DebugtapError("DT_USAGE", `--lines ${options.lines} is no number`, { fix: "--lines 20" });
  const { hosts } = await runServices(names, options.config);
  const scripts = new Map(
    hosts.flatMap(({ services }) =>
      services.map(
        (each) =>
          [
            each,
            logScript(each.service.name, each.how, { lines: Number(options.lines), follow: options.follow }),
          ] as const,
      ),
    ),
  );
  const signal = stopSignal();
  const print = printerOf([...new Set(names)], options.json === true);
  await Promise.all(
    hosts.map(
      async ({ host, services }) =>
        await onHost(host, async (_run, follow) => {
          await Promise.all(
            services.map(
              async (each) => await one(each, scripts.get(each) ?? "", follow, print(each.service.name), signal),
            ),
          );
        }),
    ),
  );
}

async function one(
  { service }: RunService,
  script: string,
  follow: Follow,
  print: Print,
  signal: AbortSignal,
): Promise<void> {
  if (signal.aborted) return;
  const followed = await follow(script);
  const { stdout, stderr, ended } = followed;
  const end = (): void => followed.end();
  signal.addEventListener("abort", end, { once: true });
  if (signal.aborted) end();
  const said: string[] = [];
  createInterface({ input: stdout }).on("line", print);
  createInterface({ input: stderr }).on("line", (line) => {
    said.push(cleanLine(line));
    if (said.length > 5) said.shift();
  });
  const code = await ended;
  signal.removeEventListener("abort", end);
  if (code === 0 || signal.aborted) return;
  throw new DebugtapError("DT_LOGS_FAILED", `the log of ${service.name} cannot be followed`, {
    why: said.join("; ") || `the command for it ended with ${code ?? "a signal"}`,
    fix: `debugtap restart ${service.name}`,
  });
}

function printerOf(names: readonly string[], json: boolean): (service: string) => Print {
  if (json) return (service) => (line) => printJson({ service, line });
  if (names.length === 1) return () => (line) => printLine(cleanLine(line));
  const paint = painter(hasColor(process.stdout));
  const colors = [paint.cyan, paint.yellow, paint.green, paint.magenta, paint.blue];
  const width = Math.max(...names.map((name) => name.length));
  return (service) => {
    const color = colors[names.indexOf(service) % colors.length] ?? paint.cyan;
    return (line) => printLine(`${color(service.padEnd(width))} ${paint.dim("|")} ${cleanLine(line)}`);
  };
}
