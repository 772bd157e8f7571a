// The recorded bytes of a trace, read with @mcap/core's own reader: a second opinion beside src/trace/reader.ts.
import { McapStreamReader } from "@mcap/core";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import zstd from "@foxglove/wasm-zstd";
import type { Side } from "../../protocol/frame.ts";

/** `service#ordinal` to what each side said, as latin1. Reads sealed and open segments, whole or cut. */
export async function recordedBytes(dir: string): Promise<Map<string, Record<Side, string>>> {
  await zstd.isLoaded;
  const said = new Map<string, Record<Side, string>>();
  const names = readdirSync(dir);
  const segments = names.filter(
    (name) => name.endsWith(".mcap") || (name.endsWith(".live") && !names.includes(name.replace("live", "mcap"))),
  );
  for (const name of segments.sort()) {
    const topics = new Map<number, string>();
    const reader = new McapStreamReader({
      noMagicPrefix: false,
      decompressHandlers: { zstd: (bytes, size) => zstd.decompress(bytes, Number(size)) },
    });
    reader.append(readFileSync(join(dir, name)));
    for (let record = reader.nextRecord(); record !== undefined; record = reader.nextRecord()) {
      if (record.type === "Channel") topics.set(record.id, record.topic);
      if (record.type !== "Message") continue;
      const [, service, ordinal, side] = topics.get(record.channelId)?.split("/") ?? [];
      if (service === undefined || (side !== "client" && side !== "debuggee")) continue;
      const session = `${service}#${ordinal}`;
      const sides = said.get(session) ?? { client: "", debuggee: "" };
      sides[side] += Buffer.from(record.data).toString("latin1");
      said.set(session, sides);
    }
  }
  return said;
}
