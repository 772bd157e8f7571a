// debugtap relay: the smallest run. One service, no SSH, no file.
import { Command, Option } from "commander";
import { parseConfig } from "../config.ts";
import { keepSecretsOption, withSecrets } from "./keep-secrets.ts";
import type { SecretFlags } from "./keep-secrets.ts";
import { runRelay } from "./run.ts";
import { boardPortOf, endpoint } from "./services.ts";

interface RelayFlags extends SecretFlags {
  readonly wire: "dap" | "pydevd" | "raw";
  readonly listen: string;
  readonly to: string;
  readonly name: string;
  readonly hold?: string;
  readonly expose?: true;
  readonly trace?: string;
  readonly record: boolean;
  readonly board?: string;
  readonly json?: true;
}

export function relayCommand(): Command {
  return new Command("relay")
    .summary("relay one service between two ports, without SSH and without a file")
    .description(
      "Relays one service. For dap and raw, the IDE attaches to --listen and the service listens at --to.\n" +
        "For pydevd, the service dials --listen and the IDE (PyCharm's debug server) listens at --to.",
    )
    .addOption(
      new Option("--wire <wire>", "what the service speaks").choices(["dap", "pydevd", "raw"]).makeOptionMandatory(),
    )
    .requiredOption("--listen <[host:]port>", "where one side comes to")
    .requiredOption("--to <[host:]port>", "where the other side is")
    .option("--name <name>", "name of the service, as in the sessions' names", "service")
    .option(
      "--hold <time>",
      "pydevd: how long a debuggee waits while no IDE listens, before it runs: never (default), 30s, forever",
    )
    .option("--expose", "allow --listen on an address that other machines reach; whoever reaches it can run code")
    .option("--trace <dir>", "record to this directory; default: a new one under ~/.local/state/debugtap/traces")
    .option("--no-record", "record nothing")
    .option("--board <port>", "serve the page at this port, 0: any; default: no page")
    .addOption(keepSecretsOption())
    .option("--json", "one event a line as JSON")
    .addHelpText(
      "after",
      `
Examples:
  $ debugtap relay --wire dap --listen 5713 --to 5678        # VS Code attaches to 5713, debugpy listens on 5678
  $ debugtap relay --wire pydevd --listen 5678 --to 5711     # settrace(port=5678), PyCharm's debug server on 5711
  $ debugtap relay --wire raw --listen 4444 --to vm:4444     # pdb over a socket`,
    )
    .action(async (flags: RelayFlags) => {
      const listen = endpoint("--listen", flags.listen, "relay");
      const to = endpoint("--to", flags.to, "relay");
      const boardPort = boardPortOf(flags.board ?? false, 0);
      const comes = flags.wire === "pydevd";
      const service = {
        wire: flags.wire,
        ...(comes ? { dials: listen.port, address: listen.host } : { listens: to.port, address: to.host }),
        ide: comes ? to.port : listen.port,
        bind: comes ? to.host : listen.host,
        ...(flags.hold === undefined ? {} : { hold: flags.hold }),
        ...(flags.expose === undefined ? {} : { expose: "yes, beyond loopback" }),
      };
      // The same checks and defaults as a file has.
      const text = JSON.stringify({ services: { [flags.name]: service }, record: { enabled: flags.record } });
      const { file: _, ...config } = parseConfig(text, "the command line");
      await runRelay({
        config: withSecrets(config, flags),
        json: flags.json === true,
        ...(boardPort === undefined ? {} : { board: { port: boardPort } }),
        ...(flags.trace === undefined ? {} : { traceDir: flags.trace }),
      });
    });
}
