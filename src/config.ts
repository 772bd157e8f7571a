// debugtap.yml as plain data with nothing left to resolve: absolute paths, milliseconds, every default filled in.
//
// Rules
// - All problems of a file are told at once, each with its place and, where one is near, what was meant.
// - Paths in the file are relative to the file, not to where debugtap was started; `~` is the home of the user.
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join, relative, resolve } from "node:path";
import { DebugtapError } from "../protocol/errors.ts";
import { checkConfig, localHost, loopback } from "./config-checks.ts";
import { configSchema, durationPattern, sshPattern } from "./config-schema.ts";
import type { ConfigInput } from "./config-schema.ts";
import { ConfigSource, maxConfigBytes, tooLarge } from "./config-source.ts";
import { describeIssue } from "./config-issues.ts";

export const configName = "debugtap.yml";

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** Sources in `local` on this machine are those in `remote` on the host. */
export interface SourceMap {
  readonly local: string;
  readonly remote: string;
}

/** What was written as `ssh`; `ssh -G` and the SSH configuration say the rest. */
export interface SshDestination {
  /** As written: `stack@192.168.56.101:2222`. */
  readonly destination: string;
  readonly user?: string;
  /** Host name, address or alias, without brackets. */
  readonly host: string;
  readonly port?: number;
  /** Absolute path for `ssh -F`. */
  readonly configFile?: string;
}

export interface HostConfig {
  readonly name: string;
  /** Absent: this machine. */
  readonly ssh?: SshDestination;
  readonly source: readonly SourceMap[];
}

/** Milliseconds, or without end, or not at all. */
export type Hold = number | "forever" | "never";

export interface ProcessMatch {
  readonly unit?: string;
  readonly argv?: string;
  readonly cwd?: string;
  readonly env?: string;
  readonly user?: string;
}

interface AnyService {
  readonly name: string;
  /** Name of a {@link HostConfig} of the same Config. */
  readonly host: string;
  /** The port on the service's host: debugtap opens it if `reach` is `dials`, and dials it if `reach` is `listens`. */
  readonly vm: Endpoint;
  /** The port on this machine: debugtap dials it if `reach` is `dials`, and opens it if `reach` is `listens`. */
  readonly ide: Endpoint;
  readonly match?: ProcessMatch;
}

/** The service dials, the IDE listens. */
export interface DialingService extends AnyService {
  readonly reach: "dials";
  readonly wire: "pydevd" | "raw";
  readonly hold: Hold;
}

/** The service listens, the IDE attaches. */
export interface ListeningService extends AnyService {
  readonly reach: "listens";
  readonly wire: "dap" | "raw";
}

export type ServiceConfig = DialingService | ListeningService;

export interface RecordConfig {
  readonly enabled: boolean;
  /** Absolute; each run of the relay makes one trace directory in it. */
  readonly dir: string;
  readonly depth: number;
  readonly items: number;
  readonly string: number;
  readonly frames: number;
}

export interface Config {
  /** Absolute path of the file; absent for a run without one. */
  readonly file?: string;
  /** In the order of the file; `local` is always among them. */
  readonly hosts: readonly HostConfig[];
  readonly services: readonly ServiceConfig[];
  readonly record: RecordConfig;
}

export const recordDefaults = {
  enabled: true,
  dir: ".debugtap",
  depth: 3,
  items: 50,
  string: 1024,
  frames: 20,
} as const;

/**
 * Reads `path`, or the nearest debugtap.yml in the working directory and above it.
 * Throws DT_CONFIG_MISSING, DT_CONFIG_SYNTAX or DT_CONFIG_INVALID.
 */
export async function loadConfig(path?: string): Promise<Config> {
  const file = path === undefined ? await findConfig(process.cwd()) : resolve(path);
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of createReadStream(file, { end: maxConfigBytes })) chunks.push(Buffer.from(chunk));
  } catch (cause) {
    throw new DebugtapError("DT_CONFIG_MISSING", `${shown(file)} cannot be read`, {
      why: cause instanceof Error ? cause.message : String(cause),
      fix: "debugtap up --config PATH/TO/debugtap.yml",
      cause,
    });
  }
  const bytes = Buffer.concat(chunks);
  if (bytes.length > maxConfigBytes) throw tooLarge(shown(file));
  return parseConfig(bytes.toString("utf8"), file);
}

async function findConfig(from: string): Promise<string> {
  for (let dir = from; ; dir = dirname(dir)) {
    const file = join(dir, configName);
    const found = await stat(file).catch(() => undefined);
    if (found !== undefined && !found.isDirectory()) return file;
    if (dirname(dir) === dir) break;
  }
  throw new DebugtapError("DT_CONFIG_MISSING", `there is no ${configName} in ${from} or above it`, {
    why: "it says which services to debug, and where they run",
    fix: `printf 'services:\\n  api: { wire: dap, listens: 5678, ide: 5711 }\\n' > ${configName}`,
  });
}

/** Parses and checks the text of `file`. Throws DT_CONFIG_SYNTAX or DT_CONFIG_INVALID. */
export function parseConfig(text: string, file: string): Config {
  const source = new ConfigSource(text, shown(file));
  const parsed = configSchema.safeParse(source.value ?? {});
  if (!parsed.success) {
    throw source.error(
      "DT_CONFIG_INVALID",
      parsed.error.issues.flatMap((issue) => describeIssue(issue, [], source)),
    );
  }
  const problems = checkConfig(parsed.data, source);
  if (problems.length > 0) throw source.error("DT_CONFIG_INVALID", problems);
  return resolveConfig(parsed.data, resolve(file));
}

/** A path as the user would write it: relative to the working directory if it is below it. */
function shown(file: string): string {
  const short = relative(process.cwd(), resolve(file));
  return short === "" || short.startsWith("..") ? resolve(file) : short;
}

function resolveConfig(input: ConfigInput, file: string): Config {
  const base = dirname(file);
  const absolute = (path: string) => resolve(base, path.replace(/^~(?=\/|$)/, homedir()));
  const hosts: HostConfig[] = [];
  for (const [name, { ssh, ssh_config, source = [] }] of Object.entries(input.hosts ?? {})) {
    const sources = [source].flat().map(({ local, remote }) => ({ local: absolute(local), remote }));
    const configFile = ssh_config === undefined ? undefined : absolute(ssh_config);
    hosts.push({ name, ...(ssh === undefined ? {} : { ssh: destinationOf(ssh, configFile) }), source: sources });
  }
  if (!hosts.some((host) => host.name === localHost)) hosts.push({ name: localHost, source: [] });
  const record = { ...recordDefaults, ...input.record };
  return {
    file,
    hosts,
    services: Object.entries(input.services).map(([name, service]) => resolveService(name, service)),
    record: { ...record, dir: absolute(record.dir) },
  };
}

function resolveService(name: string, service: ConfigInput["services"][string]): ServiceConfig {
  const { host = localHost, wire, dials, listens, address = loopback, bind = loopback, match, hold } = service;
  const common = {
    name,
    host,
    ide: { host: bind, port: service.ide },
    ...(match === undefined ? {} : { match }),
  };
  if (dials !== undefined && wire !== "dap")
    return { ...common, reach: "dials", wire, vm: { host: address, port: dials }, hold: parseHold(hold ?? "forever") };
  if (listens !== undefined && wire !== "pydevd")
    return { ...common, reach: "listens", wire, vm: { host: address, port: listens } };
  throw new DebugtapError("DT_INTERNAL", `service ${name} passed the checks without a port`);
}

/** `forever`, `never` or a time such as `30s`, in milliseconds. Throws DT_USAGE. */
export function parseHold(text: string): Hold {
  if (text === "forever" || text === "never") return text;
  const [, count, unit] = durationPattern.exec(text) ?? [];
  const factor = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }[unit ?? ""];
  if (factor === undefined)
    throw new DebugtapError("DT_USAGE", `\`${text}\` is no time to hold`, {
      why: "it is `forever`, `never` or a time with its unit",
      fix: "--hold 30s",
    });
  return Number(count) * factor;
}

/** Splits `[user@]host[:port]`. Throws DT_USAGE. */
export function destinationOf(destination: string, configFile?: string): SshDestination {
  const [, user, ipv6, name, port] = sshPattern.exec(destination) ?? [];
  const host = ipv6 ?? name;
  if (host === undefined)
    throw new DebugtapError("DT_USAGE", `\`${destination}\` is no SSH destination`, { fix: "ssh: user@host:22" });
  return {
    destination,
    host,
    ...(user === undefined ? {} : { user }),
    ...(port === undefined ? {} : { port: Number(port) }),
    ...(configFile === undefined ? {} : { configFile }),
  };
}
