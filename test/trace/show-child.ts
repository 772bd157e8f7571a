// Runs the two verbs as main does, so that these tests do not depend on the other verbs.
import { Command } from "commander";
import { exportCommand } from "../../src/cli/export.ts";
import { guardOutput, printError } from "../../src/cli/output.ts";
import { showCommand } from "../../src/cli/show.ts";

guardOutput();
const program = new Command("debugtap").addCommand(showCommand()).addCommand(exportCommand());
try {
  await program.parseAsync();
} catch (thrown) {
  printError(thrown, { json: true });
}
