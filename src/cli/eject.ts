// `debugtap eject [SERVICE…]`: takes back what `inject` has put on hosts; every file is byte for byte as it was.
//
// Rules
// - Nothing that is there is no error: the host may have been set up anew.
// - What cannot be put back is left, told, and the rest is done all the same (DT_EJECT_CHANGED).
// - Services are not restarted: which of them still have the debugger in them is said.
import { Command } from "commander";
import { DebugtapError } from "../../protocol/errors.ts";
import { loadConfig, type HostConfig } from "../config.ts";
import { eject, ejectedOf, planEject, type Ejected } from "../inject/eject.ts";
import { debugtapId } from "../inject/folder.ts";
import { apply } from "../inject/inject.ts";
import { readInjected } from "../inject/record.ts";
import { ejectedLines } from "./inject-lines.ts";
import { onHost } from "./on-host.ts";
import { printJson, printLine } from "./output.ts";
import { clean } from "./paint.ts";

const examples = `
Examples:
  $ debugtap eject                     # everything that \`inject\` has put on the hosts of debugtap.yml
  $ debugtap eject cinder-api          # of one service
  $ debugtap eject --host devstack
  $ debugtap eject --all               # of every debugtap.yml of this machine, by what it remembers
  $ debugtap restart cinder-api        # then: the debugger leaves what runs

--json prints one line: {hosts: [{host, folder, files: [{path, state}], running: [{service, pid}], notes}]}; \`state\` is restored, same, gone,
stripped (changed meanwhile, our lines taken out), foreign (nothing of ours in it) or kept (left as it is, with DT_EJECT_CHANGED).`;

interface Options {
  readonly json?: true;
  readonly config?: string;
  readonly host?: string;
  readonly all?: true;
}

interface Target {
  readonly id: string;
  readonly config: string;
  readonly host: HostConfig;
}

export function ejectCommand(): Command {
  return new Command("eject")
    .summary("take back what `inject` has put on hosts")
    .description(
      "Puts every file that `inject` has touched on the hosts back to what it was, byte for byte, and removes its folders.",
    )
    .argument("[service...]", "services; default: all")
    .option("-c, --config <file>", "configuration file; default: the nearest debugtap.yml")
    .option("--host <host>", "only on this host of debugtap.yml")
    .option("--all", "on every host that anything was injected on from this machine")
    .option("--json", "one line of JSON")
    .addHelpText("after", examples)
    .action(async (names: string[], options: Options) => await ejectAll(names, options));
}

async function ejectAll(names: readonly string[], options: Options): Promise<void> {
  if (options.all === true && names.length > 0)
    throw new DebugtapError("DT_USAGE", "--all is everything: no services go with it", { fix: "debugtap eject --all" });
  const targets = options.all === true ? await remembered() : await configured(names, options);
  const results: object[] = [];
  const failures: unknown[] = [];
  for (const target of targets) {
    process.stderr.write(`looking at ${clean(target.host.ssh ?? "this machine")}\n`);
    try {
      const ejected = await onHost(target.host, async (run) => await ejectOn(run, target, names));
      const { name, ssh } = target.host;
      results.push({ host: { name, ...(ssh === undefined ? {} : { ssh }) }, ...ejected });
      if (options.json !== true) for (const line of ejectedLines(target.host, ejected)) printLine(line);
    } catch (failure) {
      // The other hosts' turn comes all the same.
      failures.push(failure);
    }
  }
  if (failures.length > 0) throw failures[0];
  if (options.json === true) printJson({ hosts: results });
  else if (targets.length === 0) printLine("nothing to eject");
}

async function ejectOn(run: Parameters<typeof eject>[0], target: Target, names: readonly string[]): Promise<Ejected> {
  if (names.length === 0) return await eject(run, target);
  for (let left = 5; left > 0; left--) {
    const planned = await planEject(run, target, names);
    if (planned === undefined) return await eject(run, target);
    if (planned === "other") return { files: [], running: [], notes: [`${names.join(", ")}: nothing of it is there`] };
    const told = await apply(run, target, planned);
    if (told !== false) return { folder: planned.change.manifest.folder, ...ejectedOf(told) };
  }
  throw new DebugtapError("DT_INJECT_BUSY", `${target.host.name} was changed each time that it had been looked at`, {
    fix: "debugtap eject",
  });
}

async function remembered(): Promise<Target[]> {
  return (await readInjected()).map(({ id, config, host }) => ({ id, config, host: { ...host, source: [] } }));
}

/** Hosts of debugtap.yml, and those that it had when something was injected. */
async function configured(names: readonly string[], options: Options): Promise<Target[]> {
  const config = await loadConfig(options.config);
  const file = config.file ?? "";
  const id = debugtapId(file);
  const before = (await readInjected()).filter((each) => each.id === id);
  const hosts = [
    ...config.hosts,
    ...before
      .map(({ host }) => ({ ...host, source: [] }))
      .filter(({ name }) => !config.hosts.some((each) => each.name === name)),
  ];
  const known = new Set([...config.services.map(({ name }) => name), ...before.flatMap(({ services }) => services)]);
  for (const name of names.filter((each) => !known.has(each)))
    throw new DebugtapError("DT_SERVICE_UNKNOWN", `there is no service ${clean(name)} in debugtap.yml`, {
      why: `it has ${[...known].join(", ")}`,
      fix: "debugtap eject",
    });
  const isNamed = ({ name }: HostConfig): boolean =>
    names.length === 0 ||
    config.services.some((each) => each.host === name && names.includes(each.name)) ||
    before.some((each) => each.host.name === name && each.services.some((service) => names.includes(service)));
  const wanted = hosts.filter((host) => (options.host === undefined ? isNamed(host) : host.name === options.host));
  if (options.host !== undefined && wanted.length === 0)
    throw new DebugtapError("DT_USAGE", `there is no host ${clean(options.host)} in debugtap.yml`, {
      why: `it has ${hosts.map(({ name }) => name).join(", ")}`,
      fix: `debugtap eject --host ${hosts[0]?.name ?? "HOST"}`,
    });
  return wanted.map((host) => ({ id, config: file, host }));
}
