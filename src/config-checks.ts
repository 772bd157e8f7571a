// What must hold between the values of debugtap.yml: ports that two services would need at once, keys that contradict each
// other. Each problem names both sides.
//
// Rules
// - `dials` is a port that debugtap opens on the service's host, `listens` one that the service has opened there.
// - `ide` is opened by debugtap for a service that listens, and by the IDE for a service that dials.
// - Addresses are compared as text; a wildcard and a loopback address overlap.
import { checkRun } from "./config-inject.ts";
import type { ConfigInput } from "./config-schema.ts";
import type { Path, Problem } from "./config-source.ts";
import { suggest } from "./suggest.ts";

type Hosts = NonNullable<ConfigInput["hosts"]>;
type Service = ConfigInput["services"][string];
type Trigger = NonNullable<ConfigInput["triggers"]>[string];
type Locate = { offsetOf(path: Path): number; offsetOfKey(path: Path): number; lineAt(offset: number): number };

/** The name of this machine as a host; it needs no entry under `hosts`. */
export const localHost = "local";
export const loopback = "127.0.0.1";

/** Whether only this machine reaches `address`. */
function isLoopback(address: string): boolean {
  return address === "localhost" || address === "::1" || /^127(?:\.\d{1,3}){3}$/.test(address);
}

function isNear(address: string): boolean {
  return isLoopback(address) || address === "0.0.0.0" || address === "::";
}

function overlap(a: string, b: string): boolean {
  return a === b || (isNear(a) && isNear(b));
}

export function checkConfig(config: ConfigInput, at: Locate): Problem[] {
  const hosts = config.hosts ?? {};
  return [
    ...checkHosts(hosts, at),
    ...Object.entries(config.services).flatMap(([name, service]) => checkService(name, service, hosts, at)),
    ...Object.entries(config.triggers ?? {}).flatMap(([name, trigger]) => checkTrigger(name, trigger, config, at)),
    ...checkPorts(
      [
        ...Object.entries(config.services).flatMap(([name, service]) => portsOf(name, service)),
        ...Object.entries(config.triggers ?? {}).flatMap(([name, trigger]) => portsOfTrigger(name, trigger)),
      ],
      at,
    ),
  ];
}

function checkHosts(hosts: Hosts, at: Locate): Problem[] {
  const problems: Problem[] = [];
  for (const [name, host] of Object.entries(hosts)) {
    const ssh = ["hosts", name, "ssh"];
    if (name === localHost && host.ssh !== undefined)
      problems.push({
        offset: at.offsetOfKey(ssh),
        text: "`local` is this machine and takes no `ssh`",
        fix: `rename the host \`${localHost}\``,
      });
    if (host.ssh_config !== undefined && host.ssh === undefined)
      problems.push({ offset: at.offsetOfKey(["hosts", name, "ssh_config"]), text: "`ssh_config` needs `ssh`" });
    const port = /:(\d+)$/.exec(host.ssh?.replace(/^.*\]/, "") ?? "")?.[1];
    if (port !== undefined && (Number(port) < 1 || Number(port) > 65535))
      problems.push({ offset: at.offsetOf(ssh), text: `${port} is no port: a port is a whole number from 1 to 65535` });
    problems.push(...checkSources(host.source, ["hosts", name, "source"], at));
  }
  return problems;
}

function checkSources(source: Service["source"], path: Path, at: Locate): Problem[] {
  const problems: Problem[] = [];
  const seen = new Map<string, Path>();
  for (const [index, one] of [source ?? []].flat().entries()) {
    const here = Array.isArray(source) ? [...path, index] : path;
    for (const key of ["local", "remote"] as const)
      if (/\p{Cc}/u.test(one[key]))
        problems.push({ offset: at.offsetOf([...here, key]), text: `\`${key}\` has a control character in it` });
    const other = /^~[^/]+/.exec(one.local)?.[0];
    if (other !== undefined)
      problems.push({
        offset: at.offsetOf([...here, "local"]),
        text: `\`${other}\` is another user's home; only \`~\` itself is known`,
        fix: "local: the absolute path",
      });
    const directory = one.remote.replace(/(?<=.)[\\/]+$/, "");
    const earlier = seen.get(directory);
    if (earlier !== undefined)
      problems.push({
        offset: at.offsetOf([...here, "remote"]),
        text: `\`${directory}\` stands twice (line ${at.lineAt(at.offsetOf(earlier))}): a file there would have two names here`,
      });
    seen.set(directory, [...here, "remote"]);
  }
  return problems;
}

function checkService(name: string, service: Service, hosts: Hosts, at: Locate): Problem[] {
  const problems: Problem[] = [];
  const report = (key: keyof Service, text: string, fix?: string) => {
    const path = ["services", name, key];
    const offset = service[key] === undefined ? at.offsetOfKey(path) : at.offsetOf(path);
    problems.push(fix === undefined ? { offset, text } : { offset, text, fix });
  };
  const { host, wire, dials, listens } = service;
  const unknown = unknownHost(host, hosts);
  if (unknown !== undefined) report("host", unknown.text, unknown.fix);

  if (service.run !== undefined) problems.push(...checkRun(service.run, ["services", name, "run"], at));

  if (wire === "pydevd" && listens !== undefined)
    report("listens", `\`${name}\` is pydevd, which dials: it takes \`dials\`, not \`listens\``, `dials: ${listens}`);
  else if (wire === "pydevd" && dials === undefined)
    report("dials", `\`${name}\` is pydevd and needs \`dials\`, the port of its settrace()`, "dials: 5678");
  if (wire === "dap" && dials !== undefined)
    report("dials", `\`${name}\` is dap, which listens: it takes \`listens\`, not \`dials\``, `listens: ${dials}`);
  else if (wire === "dap" && listens === undefined)
    report("listens", `\`${name}\` is dap and needs \`listens\`, the port of its debugpy.listen()`, "listens: 5678");
  if (wire === "raw" && (dials === undefined) === (listens === undefined))
    report(
      dials === undefined ? "dials" : "listens",
      `\`${name}\` is raw and needs either \`dials\` or \`listens\``,
      "listens: 4444",
    );

  if (listens !== undefined && dials === undefined && service.hold !== undefined)
    report("hold", `only a service that dials can be held; \`${name}\` listens`, "remove `hold`");

  for (const key of ["correlate", "evaluate", "on_leave"] as const)
    if (wire === "raw" && service[key] !== undefined)
      report(key, `\`${name}\` is raw, whose stops debugtap cannot see: it takes no \`${key}\``, `remove \`${key}\``);

  if (wire !== "dap" && service.reattach !== undefined)
    report(
      "reattach",
      `only a service that is \`dap\` can be attached again; \`${name}\` is ${wire}`,
      "remove `reattach`",
    );

  if (service.match !== undefined && Object.keys(service.match).length === 0)
    report("match", "match names at least one of unit, argv, cwd, env, user");

  if (wire === "raw" && service.source !== undefined)
    report("source", `\`${name}\` is raw: its bytes are not read, so no path in them is mapped`, "remove `source`");
  problems.push(...checkSources(service.source, ["services", name, "source"], at));

  const opened = listens === undefined ? "address" : "bind";
  const address = service[opened] ?? loopback;
  if (!isLoopback(address) && service.expose === undefined)
    report(
      opened,
      `whoever reaches \`${address}\` could run code in \`${name}\`; a port beyond loopback must be wanted in words`,
      'add `expose: "yes, beyond loopback"` to the service, or use 127.0.0.1',
    );
  return problems;
}

/** What is wrong with the name of a host. */
function unknownHost(
  host: string | undefined,
  hosts: Hosts,
): { readonly text: string; readonly fix: string } | undefined {
  if (host === undefined || host === localHost || Object.hasOwn(hosts, host)) return undefined;
  const known = suggest(host, [...Object.keys(hosts), localHost]);
  const meant = known === undefined ? "" : `, did you mean \`${known}\`?`;
  return {
    text: `there is no host \`${host}\`${meant}`,
    fix: known === undefined ? `add \`${host}: { ssh: user@${host} }\` under hosts` : `host: ${known}`,
  };
}

function checkTrigger(
  name: string,
  { host, to }: Trigger,
  { hosts = {}, services }: ConfigInput,
  at: Locate,
): Problem[] {
  const problems: Problem[] = [];
  const path = ["triggers", name];
  const unknown = unknownHost(host, hosts);
  if (unknown !== undefined) problems.push({ offset: at.offsetOf([...path, "host"]), ...unknown });
  const { port } = parseTo(to);
  if (port < 1 || port > 65535)
    problems.push({
      offset: at.offsetOf([...path, "to"]),
      text: `${port} is no port: a port is a whole number from 1 to 65535`,
    });
  if (Object.hasOwn(services, name))
    problems.push({
      offset: at.offsetOfKey(path),
      text: `\`${name}\` is a service too (line ${at.lineAt(at.offsetOfKey(["services", name]))}); names are one's alone`,
      fix: `${name}-http`,
    });
  return problems;
}

/** `8776`, `127.0.0.1:8776`, `[::1]:8776`. */
export function parseTo(to: Trigger["to"]): { readonly host: string; readonly port: number } {
  const [, bracketed, host, port] = /^(?:(?:\[(.+)\]|([^:]+)):)?(\d+)$/.exec(String(to)) ?? [];
  return { host: bracketed ?? host ?? loopback, port: Number(port) };
}

/** A port that one service or trigger needs on one machine. `shared`: several may wait on it, told apart by `match`. */
interface PortUse {
  readonly under: "services" | "triggers";
  readonly name: string;
  readonly key: "ide" | "dials" | "listens" | "listen" | "to";
  readonly host: string;
  readonly address: string;
  readonly port: number;
  readonly shared: boolean;
}

function portsOf(
  name: string,
  { host = localHost, ide, bind, address = loopback, dials, listens, match }: Service,
): PortUse[] {
  const of = { under: "services", name } as const;
  const all: PortUse[] = [{ ...of, key: "ide", host: localHost, address: bind ?? loopback, port: ide, shared: false }];
  const shared = match !== undefined;
  if (dials !== undefined) all.push({ ...of, key: "dials", host, address, port: dials, shared });
  if (listens !== undefined) all.push({ ...of, key: "listens", host, address, port: listens, shared: false });
  return all;
}

/** What a trigger leads to may be led to by others too: only its own port must not be that. */
function portsOfTrigger(name: string, { host = localHost, to, listen }: Trigger): PortUse[] {
  const of = { under: "triggers", name, shared: false } as const;
  const there = parseTo(to);
  const own: PortUse = { ...of, key: "listen", host: localHost, address: loopback, port: listen };
  const dialsItself = host === localHost && there.port === listen && overlap(there.host, loopback);
  return dialsItself ? [{ ...of, key: "to", host, address: there.host, port: there.port }, own] : [own];
}

function checkPorts(uses: readonly PortUse[], at: Locate): Problem[] {
  const seen = new Map<number, PortUse[]>();
  const problems: Problem[] = [];
  for (const use of uses) {
    const before = seen.get(use.port) ?? [];
    const other = before.find((earlier) => clash(earlier, use));
    if (other !== undefined) problems.push(portProblem(other, use, at));
    seen.set(use.port, [...before.slice(-99), use]);
  }
  return problems;
}

function clash(a: PortUse, b: PortUse): boolean {
  return (
    a.host === b.host &&
    overlap(a.address, b.address) &&
    !(a.key === "dials" && b.key === "dials" && a.shared && b.shared)
  );
}

function portProblem(other: PortUse, use: PortUse, at: Locate): Problem {
  const path = [use.under, use.name, use.key];
  const line = at.lineAt(at.offsetOf([other.under, other.name, other.key]));
  const offset = at.offsetOf(path);
  if (other.under === use.under && other.name === use.name)
    return {
      offset,
      text: `\`${use.name}\` has ${use.port} as \`${other.key}\` and as \`${use.key}\` on this machine; debugtap would dial itself`,
      fix: `${other.key}: another port`,
    };
  if (use.key === "dials" && other.key === "dials") {
    const bare = [other, use].filter((one) => !one.shared).map((one) => `\`${one.name}\``);
    return {
      offset,
      text: `\`${use.name}\` and \`${other.name}\` (line ${line}) both dial ${use.port} on \`${use.host}\`; ${bare.join(" and ")} must say by \`match\` which processes are meant`,
      fix: `match: { argv: ${use.name} }`,
    };
  }
  const where = use.host === localHost ? "this machine" : `\`${use.host}\``;
  return {
    offset,
    text: `\`${use.name}\` (${use.key}) and \`${other.name}\` (${other.key}, line ${line}) both need port ${use.port} on ${where}`,
    fix: `${use.key}: another port for \`${use.name}\``,
  };
}
