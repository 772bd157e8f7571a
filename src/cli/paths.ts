// `debugtap paths SERVICE`: proposes the `source:` of a service, from the content of the files that it runs and of those here.
//
// Rules
// - Asks the relay that has the service open; without one it opens its own connection from the configuration.
// - What it does is said on stderr as it goes; stdout has the proposal. With --write the change is shown before it is made, and the
//   file is replaced as a whole, after the new text was read as a configuration.
import { constants } from "node:fs";
import { access, readFile, realpath, rename, stat, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, resolve } from "node:path";
import { Command } from "commander";
import { DebugtapError } from "../../protocol/errors.ts";
import { PathMap } from "../../protocol/path-map.ts";
import { maskedCommandLine } from "../init/masked-command-lines.ts";
import { loadConfig, parseConfig, type Config, type ServiceConfig } from "../config.ts";
import { sourceLine, withSource, type SourcePair } from "../config-write.ts";
import { askForSources, findRelays } from "../control/client.ts";
import { proposalsWithin, proposePaths, type ProposedSource } from "../path-check.ts";
import { suggest } from "../suggest.ts";
import { isWalked, questionOf, walkHere, walkSources } from "../transport/source-walk.ts";
import type { AskedSources, WalkedSources } from "../transport/source-walk.ts";
import { onHost } from "./on-host.ts";
import { printJson, printLine } from "./output.ts";
import { clean } from "./paint.ts";

const examples = `
Examples:
  $ debugtap paths cinder-api                        # look below the directory of debugtap.yml
  $ debugtap paths cinder-api --local ~/src          # look there
  $ debugtap paths cinder-api --write                # put it into debugtap.yml, the change is shown
  $ debugtap paths cinder-api --remote /opt/stack    # no process is needed then

The process of the service is found by an open session, by the port that it listens on, or by its name in the command line of a
Python (or \`match: { argv: … }\`); its directories are its own, its sys.path and its working directory. It is not touched.
--json prints one line: {service, how, pid?, roots, remoteFiles, localFiles, cut, proposals: [{local, remote, files}], source:
[{local, remote}], written?, diff?}; \`source\` is what the service has with what was proposed.`;

interface Options {
  readonly local?: readonly string[];
  readonly remote?: readonly string[];
  readonly pid?: string;
  readonly config?: string;
  readonly write?: true;
  readonly json?: true;
}

export function pathsCommand(): Command {
  return new Command("paths")
    .summary("propose which directories here hold a service's sources")
    .description("Proposes the `source:` of a service: compares the files that it runs with those here, by content.")
    .argument("<service>", "a service of debugtap.yml")
    .option("-l, --local <dir...>", "directories here to look in; default: that of debugtap.yml, and this one")
    .option("-r, --remote <dir...>", "directories on the host to look in, in place of those of the service's process")
    .option("--pid <pid>", "the service's process on its host")
    .option("-c, --config <file>", "this configuration, and not a running relay")
    .option("--write", "put it into debugtap.yml; the change is shown")
    .option("--json", "one line of JSON")
    .addHelpText("after", examples)
    .action(async (service: string, options: Options) => await paths(service, options));
}

async function paths(name: string, options: Options): Promise<void> {
  const asked = askedOf(options);
  const { walked, config } = await there(name, options, asked);
  const service = config?.services.find((each) => each.name === name);
  const dirs = await hereDirs(options, config, service);
  say(`${walked.files.length} source files there; looking at ${dirs.join(", ")}`);
  const here = await walkHere(dirs, walked.files);
  const proposals = worthwhile(proposalsWithin(proposePaths(walked.files, here.files), dirs));
  const present = service?.source ?? [];
  const added = missing(proposals, present);
  if (proposals.length === 0) throw nothingFound(name, walked, dirs);
  const ofHost = config?.hosts.find((host) => host.name === service?.host)?.source ?? [];
  const isOfHost = (pair: SourcePair): boolean =>
    ofHost.some(({ local, remote }) => local === pair.local && remote === pair.remote);
  const source = [...added, ...present.filter((pair) => !isOfHost(pair))];
  const change = options.write === true && added.length > 0 ? await changeOf(name, source, config) : undefined;
  const cut = walked.cut || here.cut;
  if (options.json === true) {
    const { how, pid, roots } = walked;
    const counts = { remoteFiles: walked.files.length, localFiles: here.files.length, cut };
    const written = change === undefined ? {} : { written: change.file, diff: change.diff };
    if (change !== undefined) await change.make();
    printJson({
      service: name,
      how,
      ...(pid === undefined ? {} : { pid }),
      roots,
      ...counts,
      proposals,
      source,
      ...written,
    });
    return;
  }
  const argv = maskedCommandLine(walked.argv, config?.record.secrets);
  for (const line of proposalLines(name, { ...walked, argv }, proposals, cut)) printLine(line);
  if (added.length === 0) printLine(`\n${name} has this in its source already.`);
  else if (change === undefined) {
    printLine(`\nPut this into ${name} in debugtap.yml (or: debugtap paths ${name} --write):`);
    printLine(`    ${clean(sourceLine(source.map(homely)))}`);
  } else {
    printLine(`\n${clean(change.file)}`);
    for (const line of change.diff) printLine(clean(line));
    await change.make();
    printLine("written; `debugtap up` reads it when it is started again");
  }
}

function askedOf({ pid, remote = [] }: Options): AskedSources {
  if (pid !== undefined && !/^[1-9]\d{0,9}$/.test(pid)) {
    throw new DebugtapError("DT_USAGE", `\`${pid}\` is no process id`, { fix: "debugtap paths SERVICE --pid 4711" });
  }
  return { ...(pid === undefined ? {} : { pids: [Number(pid)] }), ...(remote.length === 0 ? {} : { dirs: remote }) };
}

/** What the service runs, and the configuration that has it. */
async function there(
  name: string,
  options: Options,
  asked: AskedSources,
): Promise<{ readonly walked: WalkedSources; readonly config?: Config }> {
  const relays = options.config === undefined ? await findRelays() : [];
  const relay = relays.find(({ view }) => view?.services.some((service) => service.name === name));
  if (relay !== undefined) {
    say(`asking debugtap ${relay.pid} for the sources of ${name}`);
    const walked = await askForSources(relay, name, asked);
    if (!isWalked(walked)) {
      throw new DebugtapError("DT_RELAY_NOT_RUNNING", `debugtap ${relay.pid} gave no sources of ${name}`, {
        why: "it is of another version, or closes the service",
        fix: `debugtap paths ${name} --config debugtap.yml`,
      });
    }
    const file = relay.view?.config;
    return file === undefined ? { walked } : { walked, config: await loadConfig(file) };
  }
  const config = await loadConfig(options.config);
  const service = config.services.find((each) => each.name === name);
  if (service === undefined) throw unknown(name, config);
  return { walked: await walkAlone(config, service, asked), config };
}

async function walkAlone(config: Config, service: ServiceConfig, asked: AskedSources): Promise<WalkedSources> {
  const host = config.hosts.find((each) => each.name === service.host);
  const question = questionOf(service, asked);
  if (host?.ssh !== undefined) say(`connecting to ${host.ssh} for the sources of ${service.name}`);
  return await onHost(
    host ?? { name: service.host, source: [] },
    async (run) => await walkSources(run, service.name, question),
  );
}

async function hereDirs(
  { local }: Options,
  config: Config | undefined,
  service: ServiceConfig | undefined,
): Promise<readonly string[]> {
  const dirs = (local ?? [...(config?.file === undefined ? [] : [dirname(config.file)]), "."]).map((dir) =>
    resolve(dir),
  );
  for (const dir of local === undefined ? [] : dirs) {
    const facts = await stat(dir).catch(() => undefined);
    if (facts?.isDirectory() !== true) {
      throw new DebugtapError("DT_FILE_UNREADABLE", `${dir} is no directory`, {
        fix: "debugtap paths SERVICE --local ~/src",
      });
    }
  }
  const present = local === undefined ? (service?.source ?? []).map((each) => each.local) : [];
  return [...new Set([...dirs, ...present])];
}

/** Chance twins (a licence text, a setup.py) are no proposal, unless there is nothing else. */
function worthwhile(proposals: readonly ProposedSource[]): readonly ProposedSource[] {
  return proposals.filter(({ files }, index) => index === 0 || files > 1);
}

function missing(proposals: readonly ProposedSource[], present: readonly SourcePair[]): SourcePair[] {
  const map = new PathMap(present);
  return proposals
    .filter(({ local, remote }) => map.toLocal(remote) !== local)
    .map(({ local, remote }) => ({ local, remote }));
}

function proposalLines(
  name: string,
  { how, pid, argv, roots, files }: WalkedSources,
  proposals: readonly ProposedSource[],
  cut: boolean,
): string[] {
  const who = pid === undefined ? how : `pid ${pid} ${argv.join(" ")}`;
  const width = Math.max(...proposals.map((each) => `${each.files}`.length));
  return [
    `${name}: ${clean(who)}`,
    `looked at ${files.length} files below ${clean(roots.join(", "))}${cut ? "; there are more" : ""}`,
    "",
    ...proposals.map(
      (each) => `${`${each.files}`.padStart(width)} files  ${clean(each.remote)}  are in  ${clean(each.local)}`,
    ),
  ];
}

/** With the home directory as a person would write it. */
function homely({ local, remote }: SourcePair): SourcePair {
  const home = `${homedir()}/`;
  return { local: local.startsWith(home) ? `~/${local.slice(home.length)}` : local, remote };
}

interface Change {
  readonly file: string;
  readonly diff: readonly string[];
  make(): Promise<void>;
}

async function changeOf(name: string, source: readonly SourcePair[], config: Config | undefined): Promise<Change> {
  if (config?.file === undefined) {
    throw new DebugtapError("DT_CONFIG_MISSING", `there is no debugtap.yml to put the source of ${name} into`, {
      why: "the service was opened without one",
      fix: `debugtap paths ${name}`,
    });
  }
  const file = await realpath(config.file);
  const before = await readFile(file, "utf8");
  const after = withSource(before, name, source.map(homely));
  parseConfig(after, file);
  return {
    file,
    diff: diffOf(before.split("\n"), after.split("\n")),
    make: async () => await replace(file, before, after),
  };
}

async function replace(file: string, before: string, after: string): Promise<void> {
  const next = `${file}.${process.pid}.new`;
  try {
    await access(file, constants.W_OK);
    if ((await readFile(file, "utf8")) !== before) throw new Error("it was changed meanwhile");
    await writeFile(next, after, { mode: (await stat(file)).mode & 0o777 });
    await rename(next, file);
  } catch (cause) {
    throw new DebugtapError("DT_FILE_UNREADABLE", `${file} was not written`, {
      why: cause instanceof Error ? cause.message : String(cause),
      fix: `ls -l ${file}`,
      cause,
    });
  }
}

/** The lines that were taken out and put in, with one around them on each side. One place is changed. */
function diffOf(before: readonly string[], after: readonly string[]): string[] {
  let start = 0;
  while (start < before.length && before[start] === after[start]) start++;
  let end = 0;
  const rest = Math.min(before.length, after.length) - start;
  while (end < rest && before[before.length - 1 - end] === after[after.length - 1 - end]) end++;
  const around = (at: number): string[] => (before[at] === undefined ? [] : [`  ${before[at]}`]);
  return [
    `@@ line ${start + 1} @@`,
    ...around(start - 1),
    ...before.slice(start, before.length - end).map((line) => `- ${line}`),
    ...after.slice(start, after.length - end).map((line) => `+ ${line}`),
    ...around(before.length - end),
  ];
}

function nothingFound(name: string, { files, roots }: WalkedSources, dirs: readonly string[]): DebugtapError {
  const what =
    files.length === 0
      ? `no source file of ${name} was found on its host`
      : `none of ${name}'s ${files.length} source files is here`;
  return new DebugtapError("DT_PATHS_NONE", what, {
    why:
      files.length === 0
        ? `looked below ${roots.join(", ")}`
        : `no file below ${dirs.join(", ")} has the name and the content of one of them, in another place`,
    fix:
      files.length === 0
        ? `debugtap paths ${name} --remote /DIRECTORY/OF/ITS/SOURCES`
        : `debugtap paths ${name} --local DIRECTORY/OF/ITS/SOURCES`,
  });
}

function unknown(name: string, config: Config): DebugtapError {
  const known = config.services.map((service) => service.name);
  const meant = suggest(name, known);
  return new DebugtapError(
    "DT_SERVICE_UNKNOWN",
    `there is no service ${name} in ${config.file ?? "the configuration"}`,
    {
      why: `its services are ${known.join(", ")}`,
      fix: meant === undefined ? "debugtap ps" : `debugtap paths ${meant}`,
    },
  );
}

/** Progress, for whoever waits. */
function say(text: string): void {
  process.stderr.write(`${clean(text)}\n`);
}
