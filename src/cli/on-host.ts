// Commands on a host by a connection of their own, for verbs that need no relay: init, inject, eject, restart, logs, paths.
import type { HostConfig } from "../config.ts";
import { tunnelTo } from "../reach.ts";
import { followLocal, type Followed } from "../transport/follow.ts";
import { runLocal } from "../transport/local-exec.ts";
import type { Run } from "../transport/process-lookup.ts";
import { openTunnel } from "../transport/ssh-tunnel.ts";
import { promptOnTerminal } from "./prompt.ts";

/** Runs a script there for as long as it is read; see transport/follow.ts. */
export type Follow = (script: string) => Promise<Followed>;

/** Passphrases are asked for on the terminal. Rejects as `work`, and with DT_SSH_*, DT_HOSTKEY_*. */
export async function onHost<T>(host: HostConfig, work: (run: Run, follow: Follow) => Promise<T>): Promise<T> {
  const target = tunnelTo(host);
  if (target === undefined) return await work(runLocal, async (script) => await Promise.resolve(followLocal(script)));
  const prompt = promptOnTerminal();
  const tunnel = await openTunnel(target, prompt === undefined ? {} : { prompt });
  try {
    return await work(
      async (command, how) => await tunnel.exec(command, how),
      async (script) => await tunnel.follow(script),
    );
  } finally {
    await tunnel.close();
  }
}
