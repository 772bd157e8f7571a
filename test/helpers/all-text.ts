// All that a trace's directory says, for those that look for what must not be there.
import { McapStreamReader } from "@mcap/core";
import zstd from "@foxglove/wasm-zstd";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** All that a trace's directory says: its files as they are, and what the segments have in their records once they are unpacked. */
export async function allText(dir: string): Promise<string> {
  await zstd.isLoaded;
  let all = "";
  for (const file of readdirSync(dir, { recursive: true, withFileTypes: true })) {
    if (!file.isFile()) continue;
    const bytes = readFileSync(join(file.parentPath, file.name));
    all += `\n${file.name} ${bytes.toString()}`;
    if (!/\.(?:mcap|live)$/.test(file.name)) continue;
    const reader = new McapStreamReader({
      decompressHandlers: { zstd: (chunk, size) => zstd.decompress(chunk, Number(size)) },
    });
    reader.append(bytes);
    for (let record = reader.nextRecord(); record !== undefined; record = reader.nextRecord()) {
      if (record.type === "Message") all += Buffer.from(record.data).toString();
      if (record.type === "Channel" || record.type === "Metadata") all += JSON.stringify([...record.metadata]);
    }
  }
  return all;
}

/** As three layers of pydevd's quoting, undone. */
export function plain(text: string): string {
  let decoded = text;
  for (let i = 0; i < 3; i++)
    decoded = decoded.replaceAll(/(?:%[0-9A-Fa-f]{2})+/g, (run) =>
      Buffer.from(run.replaceAll("%", ""), "hex").toString(),
    );
  return decoded;
}
