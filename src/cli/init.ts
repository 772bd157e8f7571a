// `debugtap init HOST`: looks at what runs on a host and proposes debugtap.yml and the entries of the IDEs.
//
// Rules
// - On the host nothing is written and nothing is restarted; what is to be done there is printed.
// - Here nothing is written without --yes or a `y` on the terminal, and what will be is shown first.
// - Secrets of command lines there are masked before anything else is done with them.
// - What is there stays: services, entries and files of the same name are left alone, and it is said.
import { stat } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join, relative, resolve } from "node:path";
import { Command } from "commander";
import { DebugtapError } from "../../protocol/errors.ts";
import { findConfig, parseConfig, type Config, type HostConfig } from "../config.ts";
import type { SourcePair } from "../config-write.ts";
import { beginning, withProposal } from "../init/config-text.ts";
import { differenceLines, planned, textOf, write, type PlannedFile } from "../init/files.ts";
import { proposeServices, type Proposal } from "../init/proposal.ts";
import { maskedSurvey } from "../init/masked-command-lines.ts";
import { runConfiguration, runConfigurationFile } from "../init/pycharm.ts";
import { findServices } from "../init/services.ts";
import { matchSources, rootsOf } from "../init/sources.ts";
import { withLaunches } from "../init/vscode.ts";
import type { Run } from "../transport/process-lookup.ts";
import { portsHere, surveyHost, type Survey } from "../transport/survey.ts";
import { byHandLines, fileLines, proposalLines } from "./init-lines.ts";
import { onHost } from "./on-host.ts";
import { printJson, printLine } from "./output.ts";
import { clean } from "./paint.ts";
import { promptOnTerminal, type Prompt } from "./prompt.ts";

const examples = `
Examples:
  $ debugtap init stack@192.168.56.101               # show what would be written, ask on a terminal
  $ debugtap init devstack --yes                     # a host of debugtap.yml, or an alias of ~/.ssh/config
  $ debugtap init devstack --dry-run --json          # what was found and is proposed, as one line of JSON
  $ debugtap init devstack --local ~/src/openstack   # look there for the sources
  $ debugtap init devstack --pycharm                 # services that dial PyCharm, and its run configurations
  $ debugtap init devstack --only cinder-api cinder-volume
  $ debugtap init local                              # this machine, without SSH

On the host nothing is written, nothing is restarted and no sudo is used; what is to be done there by hand is printed.
--json prints one line: {host, survey, proposal: {services, kept, passedOver}, source, files: [{file, state, diff}], notes, written}.`;

interface Options {
  readonly yes?: true;
  readonly json?: true;
  readonly dryRun?: true;
  readonly config?: string;
  readonly sshConfig?: string;
  readonly local?: readonly string[];
  readonly pycharm?: true;
  readonly onePort?: true;
  readonly only?: readonly string[];
}

export function initCommand(): Command {
  return new Command("init")
    .summary("look at a host and write debugtap.yml for what runs there")
    .description(
      "Looks at what Python services run on a host (systemd, GNU screen, docker compose, plain processes), and proposes\n" +
        "debugtap.yml, VS Code's launch.json and PyCharm's run configurations for them.",
    )
    .argument("<host>", "a host of debugtap.yml, `[user@]host[:port]`, an alias of your SSH configuration, or `local`")
    .option("-y, --yes", "write without asking")
    .option("--dry-run", "write nothing, ask nothing")
    .option("-c, --config <file>", "configuration file; default: the nearest debugtap.yml, or a new one here")
    .option("-F, --ssh-config <file>", "another SSH configuration file")
    .option("-l, --local <dir...>", "directories here that may hold the sources; default: that of debugtap.yml")
    .option(
      "--pycharm",
      "services dial, by pydevd, and PyCharm gets run configurations where there is no .idea yet, too",
    )
    .option("--one-port", "services that dial share one port on the host, told apart by `match`")
    .option("--only <name...>", "only services of these names")
    .option("--json", "one line of JSON; written only with --yes")
    .addHelpText("after", examples)
    .action(async (host: string, options: Options) => await init(host, options));
}

async function init(destination: string, options: Options): Promise<void> {
  const file = resolve(options.config ?? (await nearestConfig()) ?? "debugtap.yml");
  const before = await textOf(file);
  const config = before.trim() === "" ? undefined : configIn(before, file);
  const host = hostOf(destination, options, config);
  const notes: string[] = [];
  const prompt = promptOnTerminal();
  const dirs = (options.local ?? [dirname(file)]).map((dir) => resolve(dir));
  const { survey, proposal, source } = await onHost(host, async (run) => {
    say(`looking at what runs on ${host.ssh ?? "this machine"}`);
    const survey = maskedSurvey(await surveyHost(run), config?.record.secrets);
    if (survey.dockerError !== undefined) notes.push(`docker did not answer: ${survey.dockerError.split("\n", 1)[0]}`);
    const found = findServices(survey);
    const services = found.services.filter(({ name }) => options.only?.includes(name) !== false);
    const passedOver = options.only === undefined ? found.passedOver : [];
    const proposed = proposeServices(services, {
      host: host.name,
      isLocal: host.ssh === undefined,
      config,
      portsThere: survey.ports,
      portsHere: await portsHere(),
      onePort: options.onePort === true,
      pycharm: options.pycharm === true,
      user: survey.user,
    });
    const proposal = { ...proposed, passedOver: [...passedOver, ...proposed.passedOver] };
    const source = await sourcesOf(run, host, rootsOf(services, survey.stack), dirs, notes);
    return { survey, proposal, source };
  });
  if (proposal.services.length === 0 && proposal.kept.length === 0) throw nothingFound(host, survey, proposal, options);
  const files = await filesOf(file, before, host, proposal, source, options.pycharm === true, notes);
  const changed = files.filter(({ state }) => state !== "same");

  if (options.json === true) {
    const written = options.yes === true && options.dryRun !== true;
    if (written) for (const each of changed) await write(each);
    const shown = files.map((each) => ({
      file: each.file,
      state: each.state,
      diff: each.state === "same" ? [] : differenceLines(each),
    }));
    const there = { name: host.name, ...(host.ssh === undefined ? {} : { ssh: host.ssh }) };
    printJson({ host: there, survey, proposal, source, files: shown, notes, written: written && changed.length > 0 });
    return;
  }
  for (const line of proposalLines(proposal)) printLine(line);
  for (const note of notes) printLine(`  note: ${clean(note)}`);
  if (changed.length === 0) {
    printLine("\nnothing is to be changed here");
    return;
  }
  for (const line of fileLines(changed)) printLine(line);
  if (await isWanted(options, prompt, changed)) {
    for (const each of changed) await write(each);
    printLine(`\nwritten: ${changed.map((each) => clean(shortly(each.file))).join(", ")}`);
  } else
    printLine(
      `\nnothing was written${options.dryRun === true ? "" : `; debugtap init ${destination} --yes writes it`}`,
    );
  for (const line of byHandLines(proposal)) printLine(line);
}

async function isWanted(
  options: Options,
  prompt: Prompt | undefined,
  changed: readonly PlannedFile[],
): Promise<boolean> {
  if (options.dryRun === true) return false;
  if (options.yes === true) return true;
  const files = changed.length === 1 ? "this file" : `these ${changed.length} files`;
  return /^y(?:es)?$/i.test((await prompt?.(`write ${files}? [y/N] `, { secret: false })) ?? "");
}

/** The nearest debugtap.yml. */
async function nearestConfig(): Promise<string | undefined> {
  try {
    return await findConfig(process.cwd());
  } catch (error) {
    if (error instanceof DebugtapError && error.code === "DT_CONFIG_MISSING") return undefined;
    throw error;
  }
}

/** A file without services yet is a beginning and no error. */
function configIn(text: string, file: string): Config | undefined {
  const begun = beginning(text);
  if (begun === undefined) return parseConfig(text, file);
  return begun === "" ? undefined : { ...parseConfig(begun, file), services: [] };
}

function hostOf(destination: string, { sshConfig }: Options, config: Config | undefined): HostConfig {
  if (destination === "local") return { name: "local", source: [] };
  const known = config?.hosts.find(({ name, ssh }) => name === destination || ssh === destination);
  if (known !== undefined) return known;
  const plain = destination.replace(/^.*@/, "").replace(/^\[(.*)\](?::\d+)?$/, "$1");
  const name = plain
    .replace(/:\d+$/, "")
    .replace(/[^A-Za-z0-9._-]+/g, "-")
    .replace(/^[^A-Za-z0-9]+|-+$/g, "");
  if (name === "" || /[\s]/.test(destination) || destination.startsWith("-")) {
    throw new DebugtapError("DT_USAGE", `\`${destination}\` is no host`, { fix: "debugtap init user@host" });
  }
  const taken = new Set(config?.hosts.map((host) => host.name));
  return {
    name: taken.has(name) || name === "local" ? `${name}-vm` : name,
    ssh: destination,
    ...(sshConfig === undefined ? {} : { sshConfig: resolve(sshConfig) }),
    source: [],
  };
}

/** A proposal goes without them: they can be had later, by `debugtap paths`. */
async function sourcesOf(
  run: Run,
  host: HostConfig,
  roots: readonly string[],
  dirs: readonly string[],
  notes: string[],
): Promise<SourcePair[]> {
  if (host.ssh === undefined) return [];
  try {
    return await matchSources(run, host.name, roots, dirs, host.source);
  } catch (error) {
    if (!(error instanceof DebugtapError)) throw error;
    notes.push(`sources were not matched: ${error.message}${error.why === undefined ? "" : ` (${error.why})`}`);
    return [];
  }
}

async function filesOf(
  file: string,
  before: string,
  host: HostConfig,
  proposal: Proposal,
  source: readonly SourcePair[],
  pycharm: boolean,
  notes: string[],
): Promise<PlannedFile[]> {
  const dir = dirname(file);
  const { name, ssh, sshConfig } = host;
  const entry = { name, source: source.map((pair) => homely(pair, dir)) };
  const remote = { ...entry, ...(ssh === undefined ? {} : { ssh }), ...(sshConfig === undefined ? {} : { sshConfig }) };
  const isNothingNew = proposal.services.length === 0 && source.length === 0;
  const after = isNothingNew ? before : withProposal(before, remote, proposal);
  const { services } = parseConfig(after, file);
  const names = new Set([...proposal.services.map((each) => each.name), ...proposal.kept]);
  const attachable = services.filter((each) => names.has(each.name));
  const isNew = (service: string): boolean => proposal.services.some((each) => each.name === service);
  const files = [planned(file, before, after)];
  if (attachable.some(({ wire }) => wire === "dap")) {
    const launch = join(dir, ".vscode/launch.json");
    const text = await textOf(launch);
    const launches = withLaunches(text, attachable);
    if (launches === undefined) notes.push(`${launch} has no list of configurations: left alone`);
    else files.push(planned(launch, text, launches.text));
    for (const kept of (launches?.kept ?? []).filter(isNew))
      notes.push(`${launch} has \`debugtap: ${kept}\` already: left alone`);
  }
  const dialling = attachable.filter(({ wire }) => wire === "pydevd");
  if (pycharm || (await stat(join(dir, ".idea")).catch(() => undefined))?.isDirectory() === true) {
    for (const service of dialling) {
      const path = join(dir, runConfigurationFile(service.name));
      const text = await textOf(path);
      if (text === "") files.push(planned(path, "", runConfiguration(service)));
      else if (isNew(service.name)) notes.push(`${path} is there already: left alone`);
    }
  }
  return files;
}

/** As a person would write it: below the file relative to it, below the home directory with `~`. */
function homely({ local, remote }: SourcePair, dir: string): SourcePair {
  const home = `${homedir()}/`;
  const below = relative(dir, local);
  if (!below.startsWith("..")) return { local: below === "" ? "." : below, remote };
  return { local: local.startsWith(home) ? `~/${local.slice(home.length)}` : local, remote };
}

function shortly(file: string): string {
  const path = relative(process.cwd(), file);
  return path.startsWith("..") ? file : path;
}

function nothingFound(
  host: HostConfig,
  { processes }: Survey,
  { passedOver }: Proposal,
  { only }: Options,
): DebugtapError {
  const place = host.ssh ?? "this machine";
  if (only !== undefined && passedOver.length === 0) {
    return new DebugtapError("DT_INIT_NONE", `nothing that is called ${only.join(" or ")} runs on ${place}`, {
      fix: `debugtap init ${host.ssh ?? "local"} --dry-run`,
    });
  }
  return new DebugtapError("DT_INIT_NONE", `no Python service that can be debugged runs on ${place}`, {
    why:
      passedOver.length === 0
        ? processes.length === 0
          ? "no Python process was seen there"
          : "the Pythons that run there are prompts, or a debugger's own"
        : passedOver.slice(0, 5).join("; "),
    fix: `start the services on ${place}, then: debugtap init ${host.ssh ?? "local"}`,
  });
}

/** Progress, for whoever waits. */
function say(text: string): void {
  process.stderr.write(`${clean(text)}\n`);
}
