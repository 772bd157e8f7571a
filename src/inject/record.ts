// What was injected where, written down on this machine: `$XDG_STATE_HOME/debugtap/injected.json`, mode 0600.
//
// Rules
// - It is how `eject --all` and `doctor` know where to look. What is true stands on the host, in its manifest.
// - It names files, and has no text of theirs.
// - A record that cannot be read counts as empty: the hosts of debugtap.yml are still known.
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { z } from "zod";
import type { HostConfig } from "../config.ts";

const entrySchema = z.object({
  id: z.string().regex(/^[0-9a-f]{10}$/),
  /** debugtap.yml, absolute. */
  config: z.string(),
  /** Its name there, and how it is reached; without `ssh`: this machine. */
  host: z.object({ name: z.string(), ssh: z.string().exactOptional(), sshConfig: z.string().exactOptional() }),
  /** On the host. */
  folder: z.string(),
  /** Directories that were made for it there, the outermost first. */
  made: z.array(z.object({ path: z.string(), sudo: z.boolean() })),
  services: z.array(z.string()),
  files: z.array(z.object({ path: z.string(), sudo: z.boolean() })),
  reload: z.array(z.enum(["system", "user"])),
});

export type Injected = z.infer<typeof entrySchema>;

function recordFile(): string {
  const state = process.env["XDG_STATE_HOME"];
  return join(state === undefined || state === "" ? join(homedir(), ".local/state") : state, "debugtap/injected.json");
}

export async function readInjected(): Promise<Injected[]> {
  try {
    return z.array(entrySchema).parse(JSON.parse(await readFile(recordFile(), "utf8")));
  } catch {
    return [];
  }
}

export function isOf(entry: Injected, id: string, host: HostConfig): boolean {
  return entry.id === id && entry.host.name === host.name && entry.host.ssh === host.ssh;
}

/** In place of what was known of that host; undefined: nothing is there any more. */
export async function writeInjected(id: string, host: HostConfig, entry: Injected | undefined): Promise<void> {
  const before = await readInjected();
  const others = before.filter((each) => !isOf(each, id, host));
  if (entry === undefined && others.length === before.length) return;
  const file = recordFile();
  const next = `${file}.${process.pid}.new`;
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  await writeFile(next, `${JSON.stringify(entry === undefined ? others : [...others, entry], undefined, 1)}\n`, {
    mode: 0o600,
  });
  await rename(next, file);
}
