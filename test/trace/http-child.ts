// A process that records a call that has begun, and waits to be killed.
import { TraceWriter } from "../../src/trace/index.ts";

const writer = await TraceWriter.open({ dir: process.argv[2] ?? "", facts: { version: "0" } });
writer.http({
  id: 1,
  through: "api",
  method: "POST",
  url: "/waits",
  version: "HTTP/1.1",
  headers: [],
  at: Date.now(),
  ids: [],
});
await writer.flush();
process.stdout.write("flushed\n");
setInterval(() => undefined, 1000);
