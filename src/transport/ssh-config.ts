// What `ssh` would do for a destination: where to connect, as whom, with which keys, trusting which hosts.
//
// Rules
// - `ssh -G` answers exactly, Include, Match and canonicalisation with it. Only a machine without ssh gets our small parser.
// - A destination that begins with `-` would be an option of ssh, so it is refused before anything runs.
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { homedir, hostname, userInfo } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { DebugtapError } from "../../protocol/errors.ts";
import { shellQuote } from "../../protocol/shell.ts";
import { readSshConfig } from "./ssh-config-file.ts";
import type { SshSettings } from "./ssh-config-file.ts";
import { errnoOf } from "./tcp.ts";

const run = promisify(execFile);
const settingsTimeoutMs = 10_000; // `Match exec` and canonicalisation may ask the network

export type StrictHostKeyChecking = "yes" | "ask" | "accept-new" | "no";

export interface SshTarget {
  /** As the user wrote it. */
  readonly destination: string;
  readonly configFile: string | undefined;
  /** The ssh program, undefined when there is none. */
  readonly ssh: string | undefined;
  /** Arguments after `ssh` that lead here. */
  readonly sshArguments: readonly string[];
  readonly hostname: string;
  readonly port: number;
  readonly user: string;
  /** In the order to try; they need not exist. */
  readonly identityFiles: readonly string[];
  readonly identitiesOnly: boolean;
  /** Path of the agent's socket. */
  readonly identityAgent: string | undefined;
  readonly userKnownHostsFiles: readonly string[];
  readonly globalKnownHostsFiles: readonly string[];
  readonly hashKnownHosts: boolean;
  readonly hostKeyAlias: string | undefined;
  readonly strictHostKeyChecking: StrictHostKeyChecking;
  /** `[user@]host[:port]`, more than one parted by commas: the first is dialled first. */
  readonly proxyJump: string | undefined;
  /** Tokens expanded. */
  readonly proxyCommand: string | undefined;
  readonly connectTimeoutMs: number | undefined;
}

export interface SshTargetRequest {
  /** `user@host[:port]`, `host[:port]` or a Host alias of the ssh_config; `ssh://` may stand before it. */
  readonly destination: string;
  /** Instead of ~/.ssh/config and /etc/ssh/ssh_config, as `ssh -F`. */
  readonly configFile?: string;
  /** The ssh program, `ssh` if not given. */
  readonly ssh?: string;
}

/** Rejects with DT_SSH_CONFIG. */
export async function resolveSshTarget(request: SshTargetRequest): Promise<SshTarget> {
  const { configFile, ssh = "ssh" } = request;
  const wanted = parseDestination(request.destination);
  if (configFile !== undefined && !existsSync(configFile)) {
    throw new DebugtapError("DT_SSH_CONFIG", `${configFile} does not exist`, { fix: "name an ssh_config that exists" });
  }
  const sshArguments = [
    ...(configFile === undefined ? [] : ["-F", configFile]),
    ...(wanted.port === undefined ? [] : ["-p", String(wanted.port)]),
    ...(wanted.user === undefined ? [] : ["-l", wanted.user]),
    wanted.host,
  ];
  const answer = await askSsh(ssh, sshArguments, request.destination);
  const settings = answer ?? readSshConfig(wanted, configFile);
  return toTarget(settings, wanted, {
    destination: request.destination,
    configFile,
    ssh: answer === undefined ? undefined : ssh,
    sshArguments,
  });
}

/** `ssh … DESTINATION REST` for the shell: the `fix` of many errors. */
export function sshLine(target: SshTarget, rest: string): string {
  return ["ssh", ...target.sshArguments.map(shellQuote), rest].join(" ");
}

export interface Destination {
  readonly host: string;
  readonly user: string | undefined;
  readonly port: number | undefined;
}

export function parseDestination(destination: string): Destination {
  const text = destination.replace(/^ssh:\/\//, "").replace(/\/$/, "");
  const parts = /^(?:([^@]+)@)?(?:\[([^\]]+)\]|([^:@]+)|([^@]*:[^@]*:[^@]*))(?::(\d+))?$/.exec(text);
  const host = parts?.[2] ?? parts?.[3] ?? parts?.[4];
  const user = parts?.[1];
  const port = parts?.[5] === undefined ? undefined : Number(parts[5]);
  // oxlint-disable-next-line no-control-regex -- control characters are what this refuses
  const unsafe = /[\s\u0000-\u001f'"`$\\;&<>|(){}]/;
  const reason = text.startsWith("-")
    ? "it begins with `-`, which ssh would read as an option"
    : host === undefined || unsafe.test(text)
      ? "it is not user@host, user@host:port or a Host alias"
      : host.startsWith("-")
        ? "its host begins with `-`, which ssh would read as an option"
        : port !== undefined && (port < 1 || port > 65535)
          ? "its port is not between 1 and 65535"
          : undefined;
  if (reason !== undefined || host === undefined) {
    const what = `the SSH destination ${JSON.stringify(destination)} cannot be used`;
    throw new DebugtapError("DT_SSH_CONFIG", what, { why: reason ?? "it is empty", fix: "write it as user@host:port" });
  }
  return { host, user, port };
}

/** `ssh -G`: one `key value` a line, keys in lower case. Undefined when there is no such program. */
async function askSsh(ssh: string, sshArguments: readonly string[], name: string): Promise<SshSettings | undefined> {
  const output = await run(ssh, ["-G", ...sshArguments], { timeout: settingsTimeoutMs }).catch((error: unknown) => {
    if (errnoOf(error) === "ENOENT") return undefined;
    const said = error instanceof Error && "stderr" in error ? String(error.stderr).trim() : "";
    throw new DebugtapError("DT_SSH_CONFIG", `ssh cannot read its settings for ${name}`, {
      why: said || (error instanceof Error ? error.message : String(error)),
      fix: ["ssh", "-G", ...sshArguments.map(shellQuote)].join(" "),
      cause: error,
    });
  });
  if (output === undefined) return undefined;
  const settings = new Map<string, string[]>();
  for (const line of output.stdout.split("\n")) {
    const space = line.indexOf(" ");
    if (space < 0) continue;
    const key = line.slice(0, space);
    settings.set(key, [...(settings.get(key) ?? []), line.slice(space + 1)]);
  }
  return settings;
}

function toTarget(
  settings: SshSettings,
  wanted: Destination,
  base: Pick<SshTarget, "destination" | "configFile" | "ssh" | "sshArguments">,
): SshTarget {
  const one = (key: string): string | undefined => {
    const value = settings.get(key)?.[0];
    return value === undefined || value.toLowerCase() === "none" ? undefined : value;
  };
  const user = one("user") ?? wanted.user ?? userInfo().username;
  const port = Number(one("port") ?? wanted.port ?? 22);
  const name = (one("hostname") ?? wanted.host).replaceAll("%h", wanted.host);
  const tokens: Record<string, string> = {
    "%": "%",
    d: homedir(),
    h: name,
    i: String(process.getuid?.() ?? 0),
    l: hostname(),
    n: wanted.host,
    p: String(port),
    r: user,
    u: userInfo().username,
  };
  const expand = (text: string): string => text.replaceAll(/%(.)/g, (whole, key: string) => tokens[key] ?? whole);
  const path = (text: string): string => expand(text.startsWith("~/") ? join(homedir(), text.slice(2)) : text);
  const paths = (key: string, fallback: string): string[] =>
    (one(key) ?? (settings.has(key) ? "" : fallback)).split(" ").filter(Boolean).map(path);
  const identityFiles = settings.get("identityfile") ?? defaultIdentityFiles;
  const proxyCommand = one("proxycommand");
  const connectTimeout = Number(one("connecttimeout"));
  return {
    ...base,
    hostname: name,
    port,
    user,
    identityFiles: identityFiles.filter((file) => file !== "none").map(path),
    identitiesOnly: one("identitiesonly") === "yes",
    identityAgent: agentPath(settings.get("identityagent")?.[0], path),
    userKnownHostsFiles: paths("userknownhostsfile", "~/.ssh/known_hosts ~/.ssh/known_hosts2"),
    globalKnownHostsFiles: paths("globalknownhostsfile", "/etc/ssh/ssh_known_hosts /etc/ssh/ssh_known_hosts2"),
    hashKnownHosts: one("hashknownhosts") === "yes",
    hostKeyAlias: one("hostkeyalias"),
    strictHostKeyChecking: strictness(one("stricthostkeychecking")),
    proxyJump: one("proxyjump"),
    proxyCommand: proxyCommand === undefined ? undefined : expand(proxyCommand),
    connectTimeoutMs: connectTimeout > 0 ? connectTimeout * 1000 : undefined,
  };
}

const defaultIdentityFiles = ["rsa", "ecdsa", "ecdsa_sk", "ed25519", "ed25519_sk", "xmss", "dsa"].map(
  (type) => `~/.ssh/id_${type}`,
);

function agentPath(setting: string | undefined, path: (text: string) => string): string | undefined {
  if (setting === "none") return undefined;
  if (setting === undefined || setting === "SSH_AUTH_SOCK") return process.env["SSH_AUTH_SOCK"];
  const variable = /^\$\{?(\w+)\}?$/.exec(setting)?.[1];
  return variable === undefined ? path(setting) : process.env[variable];
}

/** `ssh -G` prints yes and no as true and false here. */
function strictness(value: string | undefined): StrictHostKeyChecking {
  switch (value) {
    case "yes":
    case "true":
      return "yes";
    case "no":
    case "off":
    case "false":
      return "no";
    case "accept-new":
      return "accept-new";
    default:
      return "ask";
  }
}
