// debugtap up [SERVICE…]: opens the services of debugtap.yml and keeps them until Ctrl-C.
import { Command } from "commander";
import { loadConfig } from "../config.ts";
import { keepSecretsOption, withSecrets } from "./keep-secrets.ts";
import type { SecretFlags } from "./keep-secrets.ts";
import { runRelay } from "./run.ts";
import { selectServices } from "./services.ts";

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
    .addOption(keepSecretsOption())
    .option("--json", "one event a line as JSON")
    .addHelpText(
      "after",
      `
Examples:
  $ debugtap up                      # all services of ./debugtap.yml
  $ debugtap up cinder-api           # only this one
  $ debugtap up --json | jq .        # events, for scripts`,
    )
    .action(async (names: string[], options: SecretFlags & { config?: string; json?: true }) => {
      const config = withSecrets(selectServices(await loadConfig(options.config), names), options);
      await runRelay({ config, json: options.json === true });
    });
}
