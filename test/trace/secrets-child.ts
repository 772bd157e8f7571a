// A process that records secrets until it is killed; says `flushed N` on stdout.
import { TraceWriter } from "../../src/trace/index.ts";
import { secretFrames } from "./secret-frames.ts";
import { factsOf, wires } from "./recording.ts";

const writer = await TraceWriter.open({ dir: process.argv[2] ?? "", facts: { version: "0" } });
wires.forEach((wire, i) => writer.session(factsOf(i + 1, wire)));
for (let round = 0; ; round++) {
  for (const { session, side, bytes } of secretFrames(round))
    for (let at = 0; at < bytes.length; at += 37) writer.chunk(session, side, bytes.subarray(at, at + 37));
  await writer.flush();
  process.stdout.write(`flushed ${round}\n`);
}
