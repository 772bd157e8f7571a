// `debugtap inject [SERVICE…]`: puts a debugger into services of debugtap.yml without an edit of theirs.
//
// Rules
// - What will be written on the host is shown first; nothing is without --yes or a `y` on the terminal.
// - A service that runs is not touched: it is `debugtap restart` that brings the debugger into it.
import { resolve } from "node:path";
import { Command } from "commander";
import { DebugtapError } from "../../protocol/errors.ts";
import { shellQuote } from "../../protocol/shell.ts";
import { loadConfig, type Config, type HostConfig, type ServiceConfig } from "../config.ts";
import { runnable, type Runnable } from "../inject/carry.ts";
import type { Planned } from "../inject/change.ts";
import { apply, lookAndPlan } from "../inject/inject.ts";
import { lend, type Lent } from "../inject/lend.ts";
import { differenceLines } from "../init/files.ts";
import type { Run } from "../transport/process-lookup.ts";
import { injectedLines, plannedLines } from "./inject-lines.ts";
import { onHost } from "./on-host.ts";
import { printJson, printLine } from "./output.ts";
import { clean } from "./paint.ts";
import { defaultTimeout, restart } from "./restart.ts";
import { promptOnTerminal } from "./prompt.ts";

const examples = `
Examples:
  $ debugtap inject                       # every service with a \`run\`: show what is written where, ask on a terminal
  $ debugtap inject cinder-api --yes      # one, without asking
  $ debugtap inject --dry-run             # write nothing
  $ debugtap inject --lend debugpy-1.8.0-py2.py3-none-any.whl   # for hosts whose Python has no debugpy
  $ debugtap restart cinder-api           # then: the debugger comes into it
  $ debugtap inject --restart --yes       # both, with \`debugtap up\` running in another terminal
  $ debugtap eject                        # all as it was

Nothing is fetched from the network: a Python without a debugger is lent one of this machine's (a wheel, a directory with debugpy/ in it, or
/usr/lib/python3/dist-packages). --json prints one line: {hosts: [{host, folder, services, files: [{file, state, diff}], notes, changed, eject}], written},
with --restart a second one, that of \`debugtap restart\`.`;

interface Options {
  readonly yes?: true;
  readonly json?: true;
  readonly dryRun?: true;
  readonly restart?: true;
  readonly config?: string;
  readonly lend?: string;
}

/** How often it is planned anew when somebody else changes the host meanwhile. */
const tries = 5;

export function injectCommand(): Command {
  return new Command("inject")
    .summary("put a debugger into services without an edit")
    .description(
      "Puts a folder on the hosts of debugtap.yml from which a service's Python starts its debugger by itself, and the\n" +
        "environment for it into its systemd unit, screen tab, compose project or file of variables.",
    )
    .argument("[service...]", "services of debugtap.yml; default: all that have a `run`")
    .option("-y, --yes", "write without asking")
    .option("--restart", "then restart them, as `debugtap restart` does, and wait until they are debugged")
    .option("--dry-run", "write nothing, ask nothing")
    .option("-c, --config <file>", "configuration file; default: the nearest debugtap.yml")
    .option("--lend <path>", "a wheel of debugpy, or a directory that has `debugpy/`, for Pythons that have none")
    .option("--json", "one line of JSON; written only with --yes")
    .addHelpText("after", examples)
    .action(async (names: string[], options: Options) => await inject(names, options));
}

async function inject(names: readonly string[], options: Options): Promise<void> {
  const config = await loadConfig(options.config);
  const lent = await lend(options.lend);
  const groups = grouped(chosen(config, names), config);
  const results: object[] = [];
  const ready: string[] = [];
  let isWritten = false;
  for (const { host, services } of groups) {
    const result = await onHost(host, async (run) => await injectOn(run, host, services, config, lent, options));
    results.push(result);
    isWritten ||= result.written;
    if (result.written || !result.changed) ready.push(...services.map(({ name }) => name));
  }
  if (options.json === true) printJson({ hosts: results, written: isWritten });
  if (options.restart !== true || options.dryRun === true || ready.length === 0) return;
  await restart(ready, {
    timeout: defaultTimeout,
    wait: true,
    ...(options.config === undefined ? {} : { config: options.config }),
    ...(options.json === true ? { json: true } : {}),
  });
}

async function injectOn(
  run: Run,
  host: HostConfig,
  services: readonly Runnable[],
  config: Config,
  lent: Lent | undefined,
  options: Options,
): Promise<{ readonly written: boolean; readonly changed: boolean }> {
  const target = {
    config: config.file ?? resolve("debugtap.yml"),
    host,
    names: config.services.map(({ name }) => name),
  };
  const isQuiet = options.json === true;
  let isShown = false;
  for (let left = tries; left > 0; left--) {
    say(`looking at ${services.map(({ name }) => name).join(", ")} on ${host.ssh ?? "this machine"}`);
    const planned = await lookAndPlan(run, target, services, lent);
    if (!isQuiet && !isShown) for (const line of plannedLines(host, planned)) printLine(line);
    isShown = true;
    if (!planned.isNeeded) {
      if (!isQuiet) printLine("\nnothing is to be changed there");
      return described(host, planned, false);
    }
    if (!(await isWanted(options, host))) {
      if (!isQuiet)
        printLine(`\nnothing was written${options.dryRun === true ? "" : "; debugtap inject --yes writes it"}`);
      return described(host, planned, false);
    }
    if (Object.values(planned.change.manifest.services).some((each) => each.lent)) say("sending, with a debugger");
    const told = await apply(run, target, planned);
    if (told === false) continue;
    const notes = told.flatMap(([word, value]) => (word === "note" ? [value] : []));
    if (!isQuiet) for (const line of injectedLines(host, planned, services, notes)) printLine(line);
    return described(host, { ...planned, notes: [...planned.notes, ...notes] }, true);
  }
  throw new DebugtapError("DT_INJECT_BUSY", `${host.name} was changed each time that it had been looked at`, {
    why: `${tries} times another inject, or somebody, changed one of the files meanwhile`,
    fix: "debugtap inject --dry-run",
  });
}

async function isWanted({ yes, dryRun, json }: Options, host: HostConfig): Promise<boolean> {
  if (dryRun === true) return false;
  if (yes === true) return true;
  if (json === true) return false;
  const answer = await promptOnTerminal()?.(`write this on ${host.ssh ?? "this machine"}? [y/N] `, { secret: false });
  return /^y(?:es)?$/i.test(answer ?? "");
}

function described(host: HostConfig, { change, files, notes, isNeeded }: Planned, written: boolean) {
  const { folder, shared, services } = change.manifest;
  return {
    host: { name: host.name, ...(host.ssh === undefined ? {} : { ssh: host.ssh }) },
    folder,
    shared,
    services: Object.entries(services).map(([name, { kind, where, root, wire, python, lent, carry }]) => ({
      name,
      kind,
      where,
      root,
      wire,
      lent,
      ...(python === undefined ? {} : { python }),
      file: carry?.path ?? null,
    })),
    files: files.map((each) => ({ file: each.file, state: each.state, sudo: each.sudo, diff: differenceLines(each) })),
    restored: change.undo.map(({ path }) => path),
    notes,
    changed: isNeeded,
    eject: `sh ${shellQuote(`${folder}/eject.sh`)}`,
    written,
  };
}

/** Those that are named; else all that have a `run`. Throws DT_SERVICE_UNKNOWN and DT_INJECT_RUN. */
function chosen(config: Config, names: readonly string[]): Runnable[] {
  const named = names.map((name) => serviceOf(config, name));
  if (named.length > 0) return [...new Set(named)].map((service) => runnable(service));
  const all = config.services.filter(({ run }) => run !== undefined);
  const [first] = config.services;
  if (all.length === 0 && first !== undefined) return [runnable(first)];
  return all.map((service) => runnable(service));
}

function serviceOf({ services }: Config, name: string): ServiceConfig {
  const service = services.find((each) => each.name === name);
  if (service !== undefined) return service;
  throw new DebugtapError("DT_SERVICE_UNKNOWN", `there is no service ${clean(name)} in debugtap.yml`, {
    why: `it has ${services.map((each) => each.name).join(", ")}`,
    fix: `debugtap inject ${services[0]?.name ?? ""}`.trim(),
  });
}

function grouped(services: readonly Runnable[], { hosts }: Config): { host: HostConfig; services: Runnable[] }[] {
  return hosts.flatMap((host) => {
    const its = services.filter((service) => service.host === host.name);
    return its.length === 0 ? [] : [{ host, services: its }];
  });
}

/** Progress, for whoever waits. */
function say(text: string): void {
  process.stderr.write(`${clean(text)}\n`);
}
