// Compares a directory of `source:` with what the host has, by hashes; what differs is compared again, line by line.
import { readFile, stat } from "node:fs/promises";
import { createHash } from "node:crypto";
import { join } from "node:path";
import type { HostConfig } from "../config.ts";
import { asDebugtapError } from "../../protocol/errors.ts";
import { shellQuote } from "../../protocol/shell.ts";
import type { SourcePair } from "../config-write.ts";
import type { Run } from "../transport/process-lookup.ts";
import { localFiles, type RemoteFiles } from "../transport/remote-files.ts";
import { sourceComparer } from "../transport/source-compare.ts";
import { walkSources } from "../transport/source-walk.ts";
import type { SourceLook } from "./facts.ts";

/** Files of unequal hash that are read on both sides. */
const mostRead = 50;
/** As source-walk.ts hashes. */
const mostBytes = 1024 * 1024;

export async function lookAtSource(
  run: Run,
  host: HostConfig,
  there: RemoteFiles,
  { local, remote }: SourcePair,
): Promise<SourceLook> {
  const hereExists = (await stat(local).catch(() => undefined)) !== undefined;
  const nothing = { local, remote, hereExists, thereExists: true, both: 0, differ: [] };
  try {
    const { code } = await run(`exec sh -c ${shellQuote(`[ -d ${shellQuote(remote)} ]`)}`, {});
    if (code !== 0) return { ...nothing, thereExists: false };
    if (!hereExists || (host.ssh === undefined && local === remote)) return nothing;
    const { files } = await walkSources(run, host.name, { pids: [], words: [host.name], dirs: [remote] });
    const compare = sourceComparer(localFiles, there);
    const differ: { file: string; lines: number }[] = [];
    let [both, read] = [0, 0];
    for (const { path, sha256 } of files) {
      if (!path.startsWith(`${remote.replace(/\/$/, "")}/`)) continue;
      const file = path.slice(remote.replace(/\/$/, "").length + 1);
      const own = join(local, file);
      const bytes = await readFile(own).catch(() => undefined);
      if (bytes === undefined || bytes.length === 0) continue;
      both++;
      if (
        createHash("sha256").update(bytes.subarray(0, mostBytes)).digest("hex").startsWith(sha256) ||
        ++read > mostRead
      )
        continue;
      const difference = await compare({ local: own, remote: path });
      if (difference !== undefined) differ.push({ file, lines: difference.changedLines });
    }
    return { ...nothing, both, differ };
  } catch (error) {
    return { ...nothing, error: asDebugtapError(error) };
  }
}
