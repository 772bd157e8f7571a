// What a login depends on, on this machine: when none of it changes, an attempt that failed for good would fail again.
//
// Watched by looking, not by inotify: files may come and go, and lie on network drives. The agent's keys count as well,
// because `ssh-add` is what a locked key asks for.
import { stat } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { agentKeys } from "./ssh-auth.ts";
import type { SshTarget } from "./ssh-config.ts";

/** A text that changes when one of the settings does. */
export async function settingsFingerprint(
  configFile: string | undefined,
  target: SshTarget | undefined,
): Promise<string> {
  const configs = configFile === undefined ? [join(homedir(), ".ssh/config"), "/etc/ssh/ssh_config"] : [configFile];
  const files = [
    ...configs,
    ...(target?.identityFiles.flatMap((file) => [file, `${file}.pub`]) ?? []),
    ...(target?.userKnownHostsFiles ?? []),
    ...(target?.globalKnownHostsFiles ?? []),
  ];
  const [keys, ...stats] = await Promise.all([
    agentKeys(target?.identityAgent),
    ...files.map(async (file) => {
      const found = await stat(file).catch(() => undefined);
      return found === undefined ? "-" : `${found.mtimeMs}/${found.size}/${found.ino}`;
    }),
  ]);
  return [...keys, ...stats].join(" ");
}
