// Commands on a host by a connection of their own, for verbs that need no relay: init, inject, eject, restart, logs, doctor.
import type { HostConfig } from "../config.ts";
import { runLocal } from "../transport/local-exec.ts";
import type { Run } from "../transport/process-lookup.ts";
import { openTunnel } from "../transport/ssh-tunnel.ts";
import { promptOnTerminal } from "./prompt.ts";

/** Passphrases are asked for on the terminal. Rejects as `work`, and with DT_SSH_*, DT_HOSTKEY_*. */
export async function onHost<T>(host: HostConfig, work: (run: Run) => Promise<T>): Promise<T> {
  if (host.ssh === undefined) return await work(runLocal);
  const prompt = promptOnTerminal();
  const target = {
    name: host.name,
    destination: host.ssh,
    ...(host.sshConfig === undefined ? {} : { configFile: host.sshConfig }),
  };
  const tunnel = await openTunnel(target, prompt === undefined ? {} : { prompt });
  try {
    return await work(async (command, how) => await tunnel.exec(command, how));
  } finally {
    await tunnel.close();
  }
}
