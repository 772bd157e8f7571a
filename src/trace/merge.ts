// A whole trace as one sealed MCAP file.
import { metadataNames } from "./format.ts";
import type { BlockMark } from "./format.ts";
import type { Trace } from "./reader.ts";
import { SealedWriter } from "./seal.ts";
import { Tally } from "./tally.ts";

/** Writes the records of `sessions`, or of all, to an open and empty file. It is a segment too: `000001.mcap` of a trace of its own. */
export async function writeMcap(trace: Trace, fd: number, sessions?: ReadonlySet<number>): Promise<void> {
  const writer = new SealedWriter(fd);
  const tally = new Tally();
  const marks: BlockMark[] = [];
  await writer.start(trace.manifest?.version ?? "0", 1);
  for await (const record of trace.records()) {
    const session = record.kind === "other" ? undefined : record.session;
    const id = typeof session === "object" ? session.id : session;
    if (sessions !== undefined && id !== undefined && !sessions.has(id)) continue;
    tally.add(record);
    await writer.add(record.stored);
    if (writer.chunks > marks.length) marks.push(tally.block());
  }
  marks.push(tally.block());
  await writer.json(metadataNames.sessions, tally.segment());
  await writer.json(metadataNames.frames, marks);
  await writer.end("000001.mcap");
}
