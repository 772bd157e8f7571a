// debugtap up [SERVICE…]: opens the services of debugtap.yml and keeps them until Ctrl-C.
import { Command } from "commander";
import { DebugtapError } from "../../protocol/errors.ts";
import { loadConfig, type Config } from "../config.ts";
import { suggest } from "../suggest.ts";
import { runRelay } from "./run.ts";

export function upCommand(): Command {
  return new Command("up")
    .summary("open the services of debugtap.yml and keep them until Ctrl-C")
    .description(
      "Opens the services of debugtap.yml: tunnels to their hosts, a localhost port for each, a trace of all their sessions.\n" +
        "On a terminal a live table shows services, sessions and states; otherwise one line an event.",
    )
    .argument("[service...]", "only these services; default: all")
    .option(
      "-c, --config <file>",
      "configuration file; default: the nearest debugtap.yml in this directory and above it",
    )
    .option("--json", "one event a line as JSON")
    .addHelpText(
      "after",
      `
Examples:
  $ debugtap up                      # all services of ./debugtap.yml
  $ debugtap up cinder-api           # only this one
  $ debugtap up --json | jq .        # events, for scripts`,
    )
    .action(async (names: string[], options: { config?: string; json?: true }) => {
      const config = select(await loadConfig(options.config), names);
      await runRelay({ config, json: options.json === true });
    });
}

/** The configuration with only the named services; DT_SERVICE_UNKNOWN for a name that it does not have. */
function select(config: Config, names: readonly string[]): Config {
  const known = config.services.map((service) => service.name);
  for (const name of names) {
    if (known.includes(name)) continue;
    const meant = suggest(name, known);
    throw new DebugtapError(
      "DT_SERVICE_UNKNOWN",
      `there is no service ${name} in ${config.file ?? "the configuration"}`,
      {
        why: `its services are ${known.join(", ")}`,
        fix: meant === undefined ? "debugtap up" : `debugtap up ${meant}`,
      },
    );
  }
  if (names.length === 0) return config;
  return { ...config, services: config.services.filter((service) => names.includes(service.name)) };
}
