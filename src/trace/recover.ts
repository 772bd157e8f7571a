// Brings a trace whose writer died into the state that a closed one has: every segment sealed, no leftovers.
import { rmSync } from "node:fs";
import { join } from "node:path";
import { DebugtapError } from "../../protocol/errors.ts";
import { replaceFile } from "./files.ts";
import { format } from "./format.ts";
import type { Manifest, SegmentEntry } from "./format.ts";
import { listSegments, readManifest } from "./locate.ts";
import { processLives } from "./process-lives.ts";
import { openTrace } from "./reader.ts";
import { sidecars } from "./retention.ts";
import { sealSegment } from "./seal.ts";
import { chunksReadable } from "./sealed-file.ts";

/** Seals what is not sealed. Rejects with DT_USAGE while the writer lives, and with DT_TRACE_MISSING or DT_TRACE_NEWER. */
export async function recoverTrace(dir: string): Promise<readonly SegmentEntry[]> {
  const manifest = readManifest(dir);
  if (
    manifest?.ended === undefined &&
    manifest?.pid !== undefined &&
    manifest.pid !== process.pid &&
    processLives(manifest.pid)
  )
    throw new DebugtapError("DT_USAGE", `the trace ${dir} is being written by process ${manifest.pid}`, {
      fix: "debugtap down",
    });
  await chunksReadable;
  const sealed: SegmentEntry[] = [];
  const through = manifest?.dropped?.through ?? 0;
  for (const { number, live, sealed: done } of listSegments(dir)) {
    if (number <= through) {
      // Dropped by the writer, which died before it was removed.
      const left = [live, done].flatMap((file) => file ?? []);
      for (const file of [...left, ...sidecars(number)]) rmSync(join(dir, file), { force: true });
      continue;
    }
    if (live === undefined) continue;
    const trace = await openTrace(dir);
    try {
      const usesLive = trace.segments.some((segment) => segment.number === number && !segment.sealed);
      if (done !== undefined && !usesLive) rmSync(join(dir, live));
      else {
        const tally = trace.tallyBefore(number);
        sealed.push(await sealSegment({ dir, number, version: manifest?.version ?? "0", tally }));
      }
    } finally {
      trace.close();
    }
  }
  saveManifest(dir, manifest, sealed);
  return sealed;
}

function saveManifest(dir: string, manifest: Manifest | undefined, sealed: readonly SegmentEntry[]): void {
  const files = new Set(sealed.map(({ file }) => file));
  const segments = [...(manifest?.segments ?? []).filter(({ file }) => !files.has(file)), ...sealed];
  segments.sort((a, b) => (a.file < b.file ? -1 : 1));
  const [first, last] = [segments[0]?.first ?? 0, segments.at(-1)?.last ?? 0];
  const base = manifest ?? { format, version: "0", id: "", started: first, pid: 0 };
  replaceFile(join(dir, "manifest.json"), `${JSON.stringify({ ...base, ended: last, segments }, undefined, 2)}\n`);
}
