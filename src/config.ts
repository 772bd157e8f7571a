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
import { captureLimits } from "../protocol/hit.ts";
import type { CaptureLimits } from "../protocol/hit.ts";
import { defaultRequestIdHeaders } from "../protocol/http.ts";
import { isWindowsPath } from "../protocol/path-map.ts";
import { defaultSecretRules } from "../protocol/redact.ts";
import type { SecretRules } from "../protocol/redact.ts";
import { checkConfig, localHost, loopback, parseTo } from "./config-checks.ts";
import { durationPattern, parseAmount } from "./config-amounts.ts";
import { configSchema } from "./config-schema.ts";
import type { ConfigInput } from "./config-schema.ts";
import { resolveRun, type InjectConfig, type RunConfig } from "./config-inject.ts";
import { ConfigSource, maxConfigBytes, tooLarge } from "./config-source.ts";
import { describeIssue } from "./config-issues.ts";

const configName = "debugtap.yml";

/** Sources in `local` (absolute) on this machine are those in `remote` on the host. */
interface SourceMap {
  readonly local: string;
  readonly remote: string;
}

export interface HostConfig {
  readonly name: string;
  /** The destination as `ssh` takes it: `[user@]host[:port]` or an alias. Absent: this machine. */
  readonly ssh?: string;
  /** Absolute path for `ssh -F`. */
  readonly sshConfig?: string;
  readonly source: readonly SourceMap[];
}

/** Which processes are a service; all that is named must hold. */
export interface ProcessMatch {
  readonly unit?: string;
  readonly argv?: string;
  readonly cwd?: string;
  readonly env?: string;
  readonly user?: string;
}

/** What happens to a program when its last IDE leaves. */
export type OnLeave = "keep" | "resume" | "end";

/** Which client of a session may let it run. */
export type Drive = "first" | "any" | "ask";

interface AnyService {
  readonly name: string;
  /** Name of a {@link HostConfig} of the same Config. */
  readonly host: string;
  /** Address on the host that goes with `dials` or `listens`. */
  readonly address: string;
  /** The IDE's port on this machine, and its address: debugtap dials it if the service dials, opens it if it listens. */
  readonly ide: number;
  readonly bind: string;
  /** How long a debuggee waits for an IDE, in ms; 0 = not at all, Infinity = for ever. Only a service that dials waits. */
  readonly hold: number;
  /** What is looked up in the values of each hit, in this order. */
  readonly correlate: readonly string[];
  /** Whether `correlate` may run code in the debuggee. */
  readonly evaluate: boolean;
  readonly onLeave: OnLeave;
  /** Whether a service whose connection was lost is attached again; only one that speaks DAP. */
  readonly reattach: boolean;
  /** Arguments of `attach` where there is no IDE that has its own. */
  readonly attach?: Readonly<Record<string, unknown>>;
  readonly match?: ProcessMatch;
  /** How it is run on its host, where the file says so. */
  readonly run?: RunConfig;
  readonly inject: InjectConfig;
  /** Those of the service and then its host's: of equal directories the first counts. */
  readonly source: readonly SourceMap[];
}

/** The service dials a port that debugtap opens on the host; the IDE listens. */
interface DialingService extends AnyService {
  readonly wire: "pydevd" | "raw";
  readonly dials: number;
  readonly listens?: undefined;
}

/** The service listens on its host; the IDE attaches to a port that debugtap opens here. */
interface ListeningService extends AnyService {
  readonly wire: "dap" | "raw";
  readonly listens: number;
  readonly dials?: undefined;
}

export type ServiceConfig = DialingService | ListeningService;

/** An HTTP port of a host at a port of 127.0.0.1 here. */
export interface TriggerConfig {
  readonly name: string;
  readonly host: string;
  /** On the host. */
  readonly to: { readonly host: string; readonly port: number };
  readonly listen: number;
  readonly requestIdHeaders: readonly string[];
  /** Milliseconds; Infinity: as long as it takes. */
  readonly timeout: number;
  /** Bytes of each body that are recorded. */
  readonly body: number;
}

interface RecordConfig extends CaptureLimits {
  readonly enabled: boolean;
  /** Absolute; each run of the relay makes one trace directory in it. Absent: where the recorder keeps them. */
  readonly dir?: string;
  /** Bytes of one trace directory; Infinity: no bound. */
  readonly maxSize: number;
  /** Milliseconds that records are kept; Infinity: for ever. */
  readonly maxAge: number;
  /** Whether stack and values are taken at each hit. */
  readonly capture: boolean;
  /** What is masked; `keep`: nothing is. */
  readonly secrets: SecretRules | "keep";
}

export interface Config {
  /** Absolute path of the file; absent for a configuration that was not read from one. */
  readonly file?: string;
  /** In the order of the file; `local` is among them if a service runs on it. */
  readonly hosts: readonly HostConfig[];
  readonly services: readonly ServiceConfig[];
  readonly triggers: readonly TriggerConfig[];
  readonly record: RecordConfig;
  readonly clients: { readonly drive: Drive };
  /** `port`: 0 is any. */
  readonly board: { readonly port: number };
}

type ServiceInput = ConfigInput["services"][string];
type SourceInput = ServiceInput["source"];
type SecretsInput = NonNullable<NonNullable<ConfigInput["record"]>["secrets"]>;

/** Where the board is unless told otherwise. */
export const boardPort = 5700;

/**
 * A trace has a bound unless told otherwise: a relay that runs for weeks must not fill the home directory. 10 GB is some 50 GB of
 * traffic, far more than a person makes. Finished traces are somebody's work: none is removed unless the file says when.
 */
const recordDefaults = { enabled: true, capture: true, maxSize: 10e9, maxAge: Infinity, ...captureLimits } as const;

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

/** The nearest debugtap.yml in `from` and above it. Throws DT_CONFIG_MISSING. */
export async function findConfig(from: string): Promise<string> {
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
  // An IDE on Windows may have its relay in WSL: no path there begins with a drive.
  const sources = (source: SourceInput = []): SourceMap[] =>
    [source].flat().map(({ local, remote }) => ({ local: isWindowsPath(local) ? local : absolute(local), remote }));
  const hosts: HostConfig[] = [];
  for (const [name, { ssh, ssh_config, source }] of Object.entries(input.hosts ?? {})) {
    hosts.push({
      name,
      ...(ssh === undefined ? {} : { ssh }),
      ...(ssh_config === undefined ? {} : { sshConfig: absolute(ssh_config) }),
      source: sources(source),
    });
  }
  const services = Object.entries(input.services).map(([name, service]) => {
    const host = hosts.find((host) => host.name === (service.host ?? localHost));
    return resolveService(name, service, [...sources(service.source), ...(host?.source ?? [])], input);
  });
  const triggers = Object.entries(input.triggers ?? {}).map(([name, trigger]) => resolveTrigger(name, trigger, input));
  const needed =
    [...services, ...triggers].some(({ host }) => host === localHost) && !hosts.some((host) => host.name === localHost);
  if (needed) hosts.push({ name: localHost, source: [] });
  const { dir, time, max_size, max_age, secrets, ...record } = input.record ?? {};
  return {
    file,
    hosts,
    services,
    triggers,
    record: {
      ...recordDefaults,
      ...record,
      ...(time === undefined ? {} : { time: parseHold(time) }),
      ...(max_size === undefined ? {} : { maxSize: parseAmount(max_size) }),
      ...(max_age === undefined ? {} : { maxAge: parseAmount(max_age) }),
      ...(dir === undefined ? {} : { dir: absolute(dir) }),
      secrets: resolveSecrets(secrets),
    },
    clients: { drive: input.clients?.drive ?? "first" },
    board: { port: input.board?.port ?? boardPort },
  };
}

const bodyDefault = 64_000;

function resolveTrigger(
  name: string,
  trigger: NonNullable<ConfigInput["triggers"]>[string],
  top: ConfigInput,
): TriggerConfig {
  const { host = localHost, to, listen, timeout = "none", body } = trigger;
  return {
    name,
    host,
    to: parseTo(to),
    listen,
    requestIdHeaders: trigger.request_id_headers ?? top.request_id_headers ?? defaultRequestIdHeaders,
    timeout: timeout === "none" ? Infinity : parseHold(timeout),
    body: body === undefined ? bodyDefault : body === "none" ? 0 : parseAmount(body),
  };
}

function resolveSecrets({ mask = true, names = [], keep = [], types = {} }: SecretsInput = {}): SecretRules | "keep" {
  if (!mask) return "keep";
  const { mask: masked = [], keep: kept = [] } = types;
  return { names, keep, types: { mask: [...defaultSecretRules.types.mask, ...masked], keep: kept } };
}

/** What the service does not say holds as the top level says it. */
function resolveService(
  name: string,
  service: ServiceInput,
  source: readonly SourceMap[],
  top: ConfigInput,
): ServiceConfig {
  const { wire, dials, listens, ide, match } = service;
  const common = {
    name,
    host: service.host ?? localHost,
    address: service.address ?? loopback,
    ide,
    bind: service.bind ?? loopback,
    hold: parseHold(service.hold ?? "never"),
    correlate: service.correlate ?? top.correlate ?? [],
    evaluate: service.evaluate ?? top.evaluate ?? false,
    onLeave: service.on_leave ?? top.on_leave ?? "resume",
    reattach: service.reattach ?? false,
    ...(service.attach === undefined ? {} : { attach: service.attach }),
    ...(match === undefined ? {} : { match }),
    ...(service.run === undefined ? {} : { run: resolveRun(service.run) }),
    inject: { guard: [], ...service.inject },
    source,
  };
  if (dials !== undefined && wire !== "dap") return { ...common, wire, dials };
  if (listens !== undefined && wire !== "pydevd") return { ...common, wire, listens };
  throw new DebugtapError("DT_INTERNAL", `service ${name} passed the checks without a port`);
}

/** `forever`, `never` or a time such as `30s`, in milliseconds: Infinity, 0 or between. Throws DT_USAGE. */
export function parseHold(text: string): number {
  if (text === "forever") return Infinity;
  if (text === "never") return 0;
  const [, count, unit] = durationPattern.exec(text) ?? [];
  const factor = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }[unit ?? ""];
  if (factor === undefined) {
    throw new DebugtapError("DT_USAGE", `\`${text}\` is no time to hold`, {
      why: "it is `forever`, `never` or a time with its unit",
      fix: "--hold 30s",
    });
  }
  return Number(count) * factor;
}
