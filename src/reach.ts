// How a host of the configuration is reached: by a connection of debugtap's own, and by a line that is pasted into a shell here.
//
// Rules
// - A pasted line goes the way that debugtap goes: `-F FILE` where the host has an `ssh_config`.
// - sudo that asks for a password needs a terminal there.
import { shellQuote } from "../protocol/shell.ts";
import type { HostConfig } from "./config.ts";

/** As openTunnel takes it. */
export interface TunnelTo {
  readonly name: string;
  readonly destination: string;
  readonly configFile?: string;
}

/** Undefined for this machine. */
export function tunnelTo({ name, ssh, sshConfig }: HostConfig): TunnelTo | undefined {
  if (ssh === undefined) return undefined;
  return { name, destination: ssh, ...(sshConfig === undefined ? {} : { configFile: sshConfig }) };
}

/** `ssh -F FILE vm`; "" for this machine. */
export function sshTo({ ssh, sshConfig }: HostConfig): string {
  if (ssh === undefined) return "";
  return `ssh ${sshConfig === undefined ? "" : `-F ${shellQuote(sshConfig)} `}${shellQuote(ssh)}`;
}

/** `ssh -F FILE vm 'COMMAND'`; `ssh` as {@link sshTo} gives it. */
export function lineOn(ssh: string, command: string, terminal = /\bsudo\b/.test(command)): string {
  if (ssh === "") return command;
  return `${terminal ? ssh.replace(/^ssh /, "ssh -t ") : ssh} ${shellQuote(command)}`;
}
