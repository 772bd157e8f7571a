// A process that records until it is killed; says on stdout how many messages were acknowledged: `flushed N`.
import { TraceWriter } from "../../src/trace/index.ts";
import { factsOf, frameText } from "./recording.ts";

const writer = await TraceWriter.open({ dir: process.argv[2] ?? "", facts: { version: "0" } });
writer.session(factsOf(1, "dap"));
for (let sent = 0; ;) {
  for (let i = 0; i < 500; i++) writer.chunk(1, "client", Buffer.from(frameText("dap", sent++)));
  await writer.flush();
  process.stdout.write(`flushed ${sent}\n`);
  // Some that are not waited for, so that the kill meets a batch on its way.
  for (let i = 0; i < 500; i++) writer.chunk(1, "client", Buffer.from(frameText("dap", sent++)));
}
