// debugtap up [SERVICE…]: opens the services of debugtap.yml and keeps them until Ctrl-C.
import { Command } from "commander";
import { loadConfig } from "../config.ts";
import { keepSecretsOption, withSecrets } from "./keep-secrets.ts";
import type { SecretFlags } from "./keep-secrets.ts";
import { runRelay } from "./run.ts";
import { boardPortOf, selectServices } from "./services.ts";

interface UpFlags {
  readonly config?: string;
  /** False: --no-board. */
  readonly board?: string | boolean;
  readonly json?: true;
}

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
    .option("--board <port>", "port of the page, 0: any; default: `board.port` of the file, else 5700")
    .option("--no-board", "serve no page")
    .option("--json", "one event a line as JSON")
    .addHelpText(
      "after",
      `
Examples:
  $ debugtap up                      # all services of ./debugtap.yml
  $ debugtap up cinder-api           # only this one
  $ debugtap up --board 5800         # the page at http://127.0.0.1:5800; \`debugtap open\` prints it with its token
  $ debugtap up --json | jq .        # events, for scripts`,
    )
    .action(async (names: string[], options: SecretFlags & UpFlags) => {
      const config = withSecrets(selectServices(await loadConfig(options.config), names), options);
      const port = boardPortOf(options.board ?? true, config.board.port);
      await runRelay({ config, json: options.json === true, ...(port === undefined ? {} : { board: { port } }) });
    });
}
