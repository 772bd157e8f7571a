// `debugtap doctor [HOST|SERVICE…]`: everything between the IDE and the services, in order, each line ok or what is wrong and its fix.
//
// Rules
// - Nothing is changed, here or there; no debug port is connected to. A running relay is asked what it holds, and is not needed.
// - What was found goes to stdout, what goes on to stderr. Hosts are looked at side by side and told in the file's order.
import { resolve } from "node:path";
import { Command } from "commander";
import { DebugtapError } from "../../protocol/errors.ts";
import type { Config, HostConfig } from "../config.ts";
import { examine } from "../doctor/examine.ts";
import { exitOf } from "../doctor/finding.ts";
import { lookHere } from "../doctor/here.ts";
import { lookThere, type Wanted } from "../doctor/there.ts";
import { suggest } from "../suggest.ts";
import { findingLines } from "./doctor-lines.ts";
import { printJson, printLine } from "./output.ts";
import { clean, hasColor, painter } from "./paint.ts";
import { promptOnTerminal } from "./prompt.ts";

const examples = `
Examples:
  $ debugtap doctor                        # all hosts and services of debugtap.yml
  $ debugtap doctor devstack               # one host and its services
  $ debugtap doctor cinder-api             # one service and its host
  $ debugtap doctor stack@192.168.56.101   # a host that no debugtap.yml has: the way to it, and what was left there
  $ debugtap doctor --json | jq -r '.findings[] | select(.status == "wrong") | .fix'

Exit codes: 0 nothing is wrong (there may be notes), 3 only the way to a host is, 4 something else is.
--json prints one line: {findings: [{code, subject, status: ok|note|wrong|unseen, what, why?, fix?}]}.
The codes are in docs/doctor.md. Nothing is changed; a fix is a line to paste here.`;

interface Options {
  readonly config?: string;
  readonly sshConfig?: string;
  readonly json?: true;
}

export function doctorCommand(): Command {
  return new Command("doctor")
    .summary("check everything between IDE and services")
    .description(
      "Checks everything between the IDE and the services, in order: each line is ok, or what is wrong, why, and a fix.",
    )
    .argument("[name...]", "hosts or services of debugtap.yml, or `[user@]host[:port]`; default: all of debugtap.yml")
    .option("-c, --config <file>", "configuration file; default: the nearest debugtap.yml")
    .option("-F, --ssh-config <file>", "another SSH configuration file, for a host that is not in debugtap.yml")
    .option("--json", "one line of JSON")
    .addHelpText("after", examples)
    .action(async (names: readonly string[], options: Options) => await doctor(names, options));
}

async function doctor(names: readonly string[], options: Options): Promise<void> {
  say("looking at this machine");
  const here = await lookHere(options.config);
  // Names are of the file: without it a name can only be a host's.
  if (here.configError !== undefined && here.configError.code !== "DT_CONFIG_MISSING" && names.length > 0)
    throw here.configError;
  const wanted = wantedOf(names, here.config, options.sshConfig);
  const prompt = promptOnTerminal();
  const hosts = await Promise.all(
    wanted.map(async (each) => await lookThere(each, { say, ...(prompt === undefined ? {} : { prompt }) })),
  );
  const findings = examine(here, hosts);
  process.exitCode = exitOf(findings);
  if (options.json === true) return printJson({ findings });
  for (const line of findingLines(findings, painter(hasColor(process.stdout)))) printLine(line);
}

/** Hosts in the order of the file, each with the services that are asked for. Throws DT_USAGE for a name that can be none. */
function wantedOf(names: readonly string[], config: Config | undefined, sshConfig: string | undefined): Wanted[] {
  const { hosts = [], services = [] } = config ?? {};
  const isAsked = ({ name, ssh }: HostConfig): boolean =>
    names.length === 0 || names.some((each) => each === name || each === ssh);
  const known = hosts.flatMap((host) => {
    const own = services.filter((service) => service.host === host.name);
    const asked = isAsked(host) ? own : own.filter(({ name }) => names.includes(name));
    return isAsked(host) || asked.length > 0 ? [{ host, services: asked }] : [];
  });
  const others = names.filter(
    (name) =>
      !services.some((service) => service.name === name) &&
      !hosts.some((host) => host.name === name || host.ssh === name),
  );
  return [
    ...known,
    ...others.map((name) => ({ host: strangerOf(name, sshConfig, [...hosts, ...services]), services: [] })),
  ];
}

function strangerOf(
  name: string,
  sshConfig: string | undefined,
  known: readonly { readonly name: string }[],
): HostConfig {
  if (name === "local") return { name, source: [] };
  const meant = suggest(
    name,
    known.map((each) => each.name),
  );
  if (/\s/.test(name) || name.startsWith("-") || name === "" || (meant !== undefined && !/[@.:]/.test(name))) {
    throw new DebugtapError("DT_USAGE", `\`${name}\` is no host and no service of debugtap.yml`, {
      fix: `debugtap doctor ${meant ?? "user@host"}`,
    });
  }
  return { name, ssh: name, ...(sshConfig === undefined ? {} : { sshConfig: resolve(sshConfig) }), source: [] };
}

/** Progress, for whoever waits. */
function say(text: string): void {
  process.stderr.write(`${clean(text)}\n`);
}
